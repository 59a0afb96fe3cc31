"""What speaks for each environment in a read: its composition, and the long words that it shares."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.workflows.sources.tables import (
    LONG_DNA,
    LONG_PROTEIN,
    SHORT,
    LineageCounts,
    Tables,
    smoothing_total,
)

RESIDUES = 20
FEATURES = (
    *(
        f"log likelihood of its {k}-mers, less the mean over environments, by the square root of their number"
        for k in SHORT
    ),
    f"log of 1 + {LONG_DNA}-mers in its best lineage",
    f"log of 1 + {LONG_PROTEIN}-residue words in its best lineage",
    f"log of 1 + {LONG_PROTEIN}-residue words in any lineage, less the mean over environments",
)
"""Names of the features of an environment, in order; bundles store them."""
_PART = 2048


class ReadBlock(NamedTuple):
    """N reads in one array."""

    codes: Codes
    """uint8 ``(T,)``."""
    starts: NDArray[np.int64]
    """int64 ``(N,)``."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``."""

    @staticmethod
    def rectangle(codes: Codes, lengths: NDArray[np.integer]) -> ReadBlock:
        """Reads of a rectangle uint8 ``(N, L)``, padded on the right."""
        starts = np.arange(len(codes), dtype=np.int64) * codes.shape[1]
        return ReadBlock(np.ascontiguousarray(codes).reshape(-1), starts, np.asarray(lengths, np.int32))

    @staticmethod
    def ragged(codes: Codes, offsets: NDArray[np.int64]) -> ReadBlock:
        """Reads one after the other; offsets int64 ``(N + 1,)``."""
        return ReadBlock(np.ascontiguousarray(codes), offsets[:-1], np.diff(offsets).astype(np.int32))

    def part(self, rows: slice) -> ReadBlock:
        """Some of the reads."""
        return ReadBlock(self.codes, self.starts[rows], self.lengths[rows])


def gather(tables: Tables, reads: ReadBlock, *, threads: int = 1) -> NDArray[np.float32]:
    """Evidence of reads that see the whole collection, float32 ``(N, E, F)``."""
    return _in_parts(lambda part, _: _evidence(tables, part, None, None), reads, None, threads)


def gather_without(
    tables: Tables, counts: LineageCounts, reads: ReadBlock, visible: NDArray[np.uint64], *, threads: int = 1
) -> NDArray[np.float32]:
    """Evidence of reads that see only some lineages, float32 ``(N, E, F)``.

    Parameters
    ----------
    visible
        uint64 ``(N,)``: the lineages that each read sees, a bit each.
    """
    return _in_parts(lambda part, own: _evidence(tables, part, counts, own), reads, visible, threads)


def _in_parts(
    work: Callable[[ReadBlock, NDArray[np.uint64] | None], NDArray[np.float32]],
    reads: ReadBlock,
    visible: NDArray[np.uint64] | None,
    threads: int,
) -> NDArray[np.float32]:
    parts = [slice(i, i + _PART) for i in range(0, len(reads.starts), _PART)] or [slice(0, 0)]

    def one(rows: slice) -> NDArray[np.float32]:
        return work(reads.part(rows), None if visible is None else visible[rows])

    if threads == 1 or len(parts) == 1:
        return np.concatenate([one(rows) for rows in parts])
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(one, parts)))


def _evidence(
    tables: Tables, reads: ReadBlock, counts: LineageCounts | None, visible: NDArray[np.uint64] | None
) -> NDArray[np.float32]:
    from strandloom.workflows.sources import word_kernels as kernels

    lineages = tables.lineages
    rows, environments = len(reads.starts), lineages.environments
    out = np.empty((rows, environments, len(FEATURES)), np.float32)
    summed = np.empty((rows, environments), np.float32)
    at = 0
    for number, k in enumerate(SHORT):
        if counts is None or visible is None:
            kernels.composition(*reads, k, tables.logs[number], summed)
        else:
            kernels.composition_without(
                *reads, k, counts.counts[number], lineages.environment, visible, counts.logs, counts.totals[number],
                smoothing_total(k), summed,
            )  # fmt: skip
        words = np.maximum(reads.lengths - k + 1, 1).astype(np.float32)
        out[:, :, at] = (summed - summed.mean(1, keepdims=True)) / np.sqrt(words)[:, None]
        at += 1
    every = visible is None
    view = np.zeros(1, np.uint64) if visible is None else visible
    best, union = (np.empty((rows, environments), np.uint16) for _ in range(2))
    tally = np.zeros(len(lineages), np.int64)
    kernels.dna_hits(
        *reads, LONG_DNA, tables.dna.keep, tables.dna.prints, tables.dna.numbers, tables.dna.sets,
        lineages.environment, lineages.within, view, every, best, union, tally,
    )  # fmt: skip
    out[:, :, at] = np.log1p(best.astype(np.float32) * np.float32(256 / tables.dna.keep))
    residues = np.empty(int(reads.lengths.max(initial=0)) // 3 + 2, np.uint8)
    kernels.protein_hits(
        *reads, tables.code, RESIDUES, LONG_PROTEIN, tables.protein.keep, tables.protein.prints, tables.protein.numbers,
        tables.protein.sets, lineages.environment, lineages.within, view, every, best, union, tally, residues,
    )  # fmt: skip
    scale = np.float32(256 / tables.protein.keep)
    out[:, :, at + 1] = np.log1p(best.astype(np.float32) * scale)
    any_ = np.log1p(union.astype(np.float32) * scale)
    out[:, :, at + 2] = any_ - any_.mean(1, keepdims=True)
    return out
