"""The best any classifier can do on simulated sequences, and the note beside a simulated table that lets a run find it.

`strandloom simulate` writes ``TABLE.simulation.json`` beside its table: the generator's settings, its seed and the
table's SHA-256. A run on that table computes the exact ceiling of its own test rows from it; a note that fits another
table is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from strandloom.data.mixture import LogRatios, MotifSimulation, log_ratios
from strandloom.data.ranks import auroc
from strandloom.errors import InputError
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import sha256

if TYPE_CHECKING:
    from strandloom.data.dataset import Dataset

FORMAT = "strandloom simulation"
VERSION = 1


@dataclass(frozen=True)
class Ceiling:
    """Scores of the best possible classifier."""

    accuracy: float
    roc_auc: float
    strand_symmetric_accuracy: float
    """Best accuracy of a classifier that gives a sequence and its reverse complement the same score."""
    rows: int
    """Sequences it was computed on."""


class KnownCeiling(NamedTuple):
    """The ceiling of a data set where one is known, and a sentence on it (why not, where a note cannot be used)."""

    ceiling: Ceiling | None
    note: str


def ceiling(ratios: LogRatios, positive: ArrayLike, settings: MotifSimulation) -> Ceiling:
    """Scores of the exact likelihood-ratio classifier on given rows.

    Parameters
    ----------
    ratios
        Log-likelihood ratios ``(N,)``.
    positive
        The true classes, bool ``(N,)``.
    settings
        The generator, for the class fraction.
    """
    truth = np.asarray(positive, bool)
    prior = prior_log_odds(settings)
    return Ceiling(
        accuracy=float(np.mean((ratios.one_strand + prior > 0) == truth)),
        roc_auc=auroc(ratios.one_strand, truth),
        strand_symmetric_accuracy=float(np.mean((ratios.both_strands + prior > 0) == truth)),
        rows=len(truth),
    )


def prior_log_odds(settings: MotifSimulation) -> float:
    """log P(positive) − log P(negative) before seeing a sequence."""
    return float(np.log(settings.positive_fraction) - np.log1p(-settings.positive_fraction))


def note_path(table: str | Path) -> Path:
    """The note beside a simulated table."""
    return Path(f"{table}.simulation.json")


def write_note(table: str | Path, settings: MotifSimulation, *, seed: int, found: Ceiling) -> Path:
    """Write the note of a table that is already in place (atomically).

    Parameters
    ----------
    table
        The simulated table.
    settings, seed
        What it was made with.
    found
        The ceiling of its rows.
    """
    about = {
        "format": FORMAT,
        "version": VERSION,
        "table_sha256": sha256(Path(table)),
        "seed": seed,
        "settings": settings.model_dump(mode="json"),
        "ceiling": {name: getattr(found, name) for name in Ceiling.__dataclass_fields__},
    }
    path = note_path(table)
    write_json(path, about)
    return path


def ceiling_for(dataset: Dataset, rows: ArrayLike | None = None) -> KnownCeiling:
    """The exact ceiling of rows of a data set that was simulated, found by the note beside its table.

    Parameters
    ----------
    dataset
        A data set of one file.
    rows
        Row numbers ``(M,)``, the test part usually; None: every row.

    Returns
    -------
    KnownCeiling
        Without a ceiling where there is no note, or it cannot be used (then ``note`` says why).
    """
    if len(dataset.source) != 1 or not note_path(dataset.source[0]).is_file():
        return KnownCeiling(None, "")
    table = Path(dataset.source[0])
    read = _read_note(table)
    if isinstance(read, str):
        return KnownCeiling(None, f"{note_path(table).name}: {read}; the ceiling is not shown")
    chosen = np.arange(len(dataset)) if rows is None else np.asarray(rows, np.int64)
    positive = _positive(dataset, chosen)
    if positive is None:
        return KnownCeiling(None, "the ceiling is known for the simulated column label (0/1) only")
    if len(chosen) == 0:
        return KnownCeiling(None, "no row to compute the ceiling of")
    try:
        ratios = log_ratios(np.asarray(dataset.codes[chosen]), read)
    except ValueError as error:
        return KnownCeiling(None, f"the ceiling is not shown: {error}")
    return KnownCeiling(
        ceiling(ratios, positive, read), f"exact, by the likelihood ratio of the generator, on {len(chosen):,} rows"
    )


def _read_note(table: Path) -> MotifSimulation | str:
    """The generator's settings, or why the note cannot be used."""
    try:
        about = read_json(note_path(table))
    except InputError:
        return "it cannot be read"
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        return "it is no note of a simulation"
    if about.get("version") != VERSION:
        return f"its version {about.get('version')} is not {VERSION}"
    if about.get("table_sha256") != sha256(table):
        return "the table was changed after the simulation (SHA-256 differs)"
    try:
        return MotifSimulation.model_validate(about.get("settings"))
    except ValidationError as error:
        return f"its settings are damaged ({error.error_count()} mistakes)"


def _positive(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    target = dataset.target
    if target is None or target.column != "label":
        return None
    if target.kind == "classes" and set(target.names) <= {"0", "1"} and "1" in target.names:
        return np.asarray(target.values[rows] == target.names.index("1"))
    if target.kind in ("labels", "value") and target.num_outputs == 1:
        return np.asarray(target.values[rows, 0] == 1)
    return None
