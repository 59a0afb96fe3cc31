"""Sequences with planted motifs whose best possible score is known: the generator of `strandloom simulate motifs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.data.ceiling import Ceiling, ceiling, prior_log_odds, write_note
from strandloom.data.mixture import LogRatios, MotifSimulation, log_ratios
from strandloom.data.ranks import auroc
from strandloom.io.write import TableWriter


class Drawn(NamedTuple):
    """Sequences as drawn, positives first."""

    codes: NDArray[np.uint8]
    """uint8 ``(N, L)``."""
    positive: NDArray[np.bool_]
    """bool ``(N,)``."""
    motif: NDArray[np.int64]
    """int64 ``(N,)``: number of the planted motif, -1 where none."""
    start: NDArray[np.int64]
    """int64 ``(N,)``: 0-based place of the motif, -1 where none."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated table and what is known about it.

    Parameters
    ----------
    frame
        ``id, sequence, label, motif, start, split``; ``motif`` is empty and ``start`` -1 where none was planted.
    codes
        uint8 ``(N, L)``, the sequences.
    ratios
        Exact log-likelihood ratios ``(N,)``.
    ceiling
        Scores of the best possible classifier on these rows.
    settings, seed
        What it was made with.
    """

    frame: pl.DataFrame
    codes: NDArray[np.uint8]
    ratios: LogRatios
    ceiling: Ceiling
    settings: MotifSimulation
    seed: int


def draw(settings: MotifSimulation, generator: np.random.Generator) -> Drawn:
    """Draw ``settings.n`` sequences, the positives first."""
    total, length, positives = settings.n, settings.length, settings.positives
    codes = _bases(settings.background(), (total, length), generator)
    positive = np.arange(total) < positives
    motif = np.full(total, -1, np.int64)
    start = np.full(total, -1, np.int64)
    carrying = np.flatnonzero(positive & (generator.random(total) < settings.planted_rate))
    motif[carrying] = generator.choice(len(settings.motifs), len(carrying), p=settings.rates())
    for number, matrix in enumerate(settings.matrices().values()):
        rows = np.flatnonzero(motif == number)
        start[rows] = generator.integers(0, length - len(matrix) + 1, len(rows))
        for offset, column in enumerate(matrix):
            codes[rows, start[rows] + offset] = _bases(column, (len(rows),), generator)
    rows = np.flatnonzero(~positive & (generator.random(total) < settings.homopolymer_rate))
    width = settings.homopolymer_length
    if len(rows):
        place = generator.integers(0, length - width + 1, len(rows))
        base = generator.integers(0, 4, len(rows), dtype=np.uint8)
        codes[rows[:, None], place[:, None] + np.arange(width)] = base[:, None]
    return Drawn(codes, positive, motif, start)


def simulate(settings: MotifSimulation, seed: int) -> Simulated:
    """Simulate a table: draw, shuffle the rows, and give each a part.

    Parameters
    ----------
    settings
        The generator.
    seed
        Same settings and seed, same table.
    """
    generator = np.random.default_rng(seed)
    drawn = draw(settings, generator)
    order = generator.permutation(settings.n)
    codes, positive = drawn.codes[order], drawn.positive[order]
    motif, start = drawn.motif[order], drawn.start[order]
    test, validation = round(settings.n * settings.test), round(settings.n * settings.validation)
    parts = np.full(settings.n, 0)
    parts[:test], parts[test : test + validation] = 2, 1
    parts = generator.permutation(parts)
    digits = len(str(settings.n))
    names = np.array([*settings.matrices(), ""])  # number -1 is the empty name
    text = DNA.decode_table[codes].reshape(-1).tobytes().decode("ascii")
    frame = pl.DataFrame(
        {
            "id": [f"sim{number:0{digits}d}" for number in range(1, settings.n + 1)],
            "sequence": [text[i : i + settings.length] for i in range(0, len(text), settings.length)],
            "label": positive.astype(np.int64),
            "motif": names[motif].tolist(),
            "start": start,
            "split": np.array(["train", "validation", "test"])[parts].tolist(),
        }
    )
    ratios = log_ratios(codes, settings)
    return Simulated(frame, codes, ratios, ceiling(ratios, positive, settings), settings, seed)


def write_simulation(simulated: Simulated, path: str | Path) -> Path:
    """Write the table (format by suffix) and its note, each atomically; returns the note's path.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with TableWriter(path) as writer:
        writer.write(simulated.frame)
    return write_note(path, simulated.settings, seed=simulated.seed, found=simulated.ceiling)


def generator_ceiling(settings: MotifSimulation, *, rows: int = 20_000, seed: int = 0) -> Ceiling:
    """The ceiling of the generator itself, by fresh samples.

    Accuracies are means of the better class's exact posterior (not of single hits), which lessens the noise; the AUROC
    is that of the samples.

    Parameters
    ----------
    settings
        The generator.
    rows
        Fresh sequences.
    seed
        Seed of the samples.
    """
    drawn = draw(settings.model_copy(update={"n": rows}), np.random.default_rng(seed))
    ratios = log_ratios(drawn.codes, settings)
    prior = prior_log_odds(settings)

    def expected(ratio: NDArray[np.float64]) -> float:
        return float(np.mean(1 / (1 + np.exp(-np.abs(ratio + prior)))))

    return Ceiling(
        accuracy=expected(ratios.one_strand),
        roc_auc=auroc(ratios.one_strand, drawn.positive),
        strand_symmetric_accuracy=expected(ratios.both_strands),
        rows=rows,
    )


def _bases(
    probabilities: NDArray[np.float64], shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Independent bases with the given probabilities ``(4,)``, uint8."""
    summed = np.cumsum(probabilities)
    edges = summed[:3] / summed[3]  # a last probability of 0 gives an edge of exactly 1
    return np.searchsorted(edges, generator.random(shape), side="right").astype(np.uint8)
