"""A bundle meets sequences: which bases matter, which motifs it has learned, what they are called and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strandloom.data.cautions import share
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TEST, Split
from strandloom.errors import UsageError
from strandloom.explain.score import Explained
from strandloom.explain.settings import ExplainSettings
from strandloom.io.motifs import read_motifs
from strandloom.predict import Predictor, load
from strandloom.pwm import Matrix
from strandloom.run.explain_output import LONG_SECONDS, OutputExplained, OutputJob
from strandloom.run.explain_question import questions
from strandloom.run.explain_rows import Rows, read_rows, rows_of_dataset
from strandloom.run.explain_write import SUMMARY, Explanation, write_explanation
from strandloom.run.output_folder import check_free, new_folder
from strandloom.run.seen import seen_rows

if TYPE_CHECKING:
    from torch import nn

MOST_OUTPUTS = 12
"""Classes or labels that are explained without being asked for: those most often predicted."""
CANDIDATES, RARE_CANDIDATES = 5, 20
"""Rows that are drawn from the input, and predicted, for each row that is explained; the second of labels."""


def explain_bundle(
    bundle: str | Path,
    source: str | Path,
    *,
    out: str | Path,
    settings: ExplainSettings | None = None,
    sequence: str | None = None,
    target: str | None = None,
    ids: Sequence[str] = (),
    genome: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    long: bool = False,
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] | None = None,
    model: nn.Module | None = None,
) -> Explanation:
    """Explain a trained model on sequences and write the pages.

    Parameters
    ----------
    bundle, source
        The bundle folder and any supported file of sequences; labels in it are shown, but not needed.
    out
        The folder to make.
    settings
        What is explained and how.
    sequence, target
        Columns, where they are not named as in training.
    ids
        Sequences that get a page, by id, besides those with the clearest scores.
    genome
        FASTA on which the file names places (``chrom``, ``start``, ``end``).
    device, threads, model
        As for :func:`strandloom.predict.load`.
    long
        Begin even what is estimated to take over an hour.
    force
        Replace an earlier explanation.
    command
        What to write down as the way to do it again.
    say
        Hears remarks.

    Raises
    ------
    InputError
        A sequence cannot be read, has no base at all, or an id is not there; the file of motifs is broken.
    UsageError
        The model has no such output, the method does not work for it, or it would take hours.
    OutputError
        The folder exists.
    """
    asked = settings or ExplainSettings()
    check_free(out, mark=SUMMARY, what="an explanation", force=force)
    known = read_motifs(asked.motifs) if asked.motifs else {}
    predictor = load(bundle, device=device, threads=threads, model=model)
    check_settings(asked, predictor.manifest.labels, predictor.modules)
    rows = read_rows(
        predictor,
        source,
        most=candidates(predictor, asked),
        seed=asked.seed,
        sequence=sequence,
        target=target,
        ids=ids,
        genome=genome,
    )
    if known_rows := seen_rows(predictor.bundle, rows.codes):
        note = (
            f"{share(known_rows, len(rows))} were among the rows this model was trained on or chosen by: its answers to them look better "
            "than to new ones"
        )
        rows = replace(rows, notes=(*rows.notes, note))
    found = explain_rows(predictor, rows, settings=asked, known=known, ids=ids, long=long, say=say)
    with new_folder(out, mark=SUMMARY, what="an explanation", force=force) as folder:
        return write_explanation(folder, found, predictor=predictor, pages=asked.pages, ids=ids, command=command)


def explain_rows(
    predictor: Predictor,
    rows: Rows,
    *,
    settings: ExplainSettings,
    known: Mapping[str, Matrix],
    ids: Sequence[str] = (),
    long: bool = False,
    say: Callable[[str], None] | None = None,
) -> list[OutputExplained]:
    """Explain the answers to rows that are in memory, output by output; errors as of :func:`explain_bundle`."""
    told = say or (lambda _: None)
    wanted = np.flatnonzero(np.isin(rows.ids, list(ids)))
    rng = np.random.default_rng((settings.seed, 1))
    for note in rows.notes:
        told(f"careful: {note}")
    jobs = []
    for question in questions(predictor, rows, asked=settings.output, most=MOST_OUTPUTS, say=told):
        chosen = np.union1d(draw_rows(question.is_own, settings.rows, rng), wanted)
        score = Explained(
            predictor.modules, question.output, against=question.against, strand=predictor.manifest.strand
        )
        jobs.append(OutputJob(predictor, score, rows.take(chosen), question.take(chosen), settings, known, told))
    _check_time(jobs, long=long, say=told)
    found = []
    for job in jobs:
        told(f"{job.score.output.label}: {len(job.rows):,} sequences by {job.method}")
        found.append(job.explain())
    return found


def explain_test_rows(
    predictor: Predictor,
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    out: Path,
    settings: ExplainSettings,
    known: Mapping[str, Matrix],
    command: str,
    say: Callable[[str], None],
) -> Explanation:
    """Explain a run's own test rows into a folder of it, replacing what stands there; errors as of :func:`explain_bundle`."""
    test = np.unique(np.concatenate([split.rows(TEST) for split in splits]))
    rng = np.random.default_rng(settings.seed)
    drawn = np.sort(rng.permutation(test)[: candidates(predictor, settings)])
    rows = rows_of_dataset(predictor, dataset, drawn, words=f"{len(test):,} test rows")
    if len(splits) > 1:
        note = (
            f"The networks of {len(splits)} splits are averaged here, and most of them were trained on these rows: their answers look "
            "better than on new sequences"
        )
        rows = replace(rows, notes=(*rows.notes, note))
    found = explain_rows(predictor, rows, settings=settings, known=known, long=True, say=say)
    with new_folder(out, mark=SUMMARY, what="an explanation", force=True) as folder:
        return write_explanation(folder, found, predictor=predictor, pages=settings.pages, command=command)


def check_settings(settings: ExplainSettings, labels: Sequence[str], modules: Sequence[nn.Module]) -> None:
    """What cannot work is said before anything is computed.

    Raises
    ------
    UsageError
        The model has no such output, its networks have no attention weights to show, or names are asked for and memelite is missing.
    """
    asked = (settings.output,) if isinstance(settings.output, str) else settings.output or ()
    for name in asked:
        if name not in labels:
            listed = ", ".join(labels[:30]) + (" …" if len(labels) > 30 else "")
            raise UsageError(f"the model has no output '{name}'", where="--output", hint=f"its outputs: {listed}")
    if settings.method == "attention" and not all(hasattr(module, "attention_weights") for module in modules):
        raise UsageError("the network has no attention weights", where="--method", hint="use deeplift, or mutagenesis")
    if settings.motifs is not None and find_spec("memelite") is None:
        raise UsageError(
            "naming motifs needs memelite, not installed here",
            where="--motifs",
            hint="pip install 'strandloom[motifs]'",
        )


def candidates(predictor: Predictor, settings: ExplainSettings) -> int:
    """Rows that are drawn and predicted before those to explain are chosen: more of labels, which are rare."""
    return settings.rows * (RARE_CANDIDATES if predictor.manifest.task == "labels" else CANDIDATES)


def draw_rows(own: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows ``(M,)`` in order: as many that are predicted as the class (``own``, bool ``(N,)``) as others, where there are so many."""
    if len(own) <= count:
        return np.arange(len(own))
    ours, others = (rng.permutation(np.flatnonzero(x)) for x in (own, ~own))
    half = min(len(ours), max(count - count // 2, count - len(others)))
    return np.sort(np.concatenate([ours[:half], others[: count - half]]))


def _check_time(jobs: Sequence[OutputJob], *, long: bool, say: Callable[[str], None]) -> None:
    """Say how long it will take; stop where that is hours."""
    seconds = sum(job.seconds() for job in jobs)
    say(f"about {_duration(seconds)}")
    if seconds > LONG_SECONDS and not long:
        raise UsageError(
            f"this would take about {_duration(seconds)}",
            hint="fewer --rows, --method gradient, one --output, or --long to begin anyway",
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
