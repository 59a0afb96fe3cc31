"""What speaks for each environment in a read, its composition and the long words that it shares; and what the read is like by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
READ_FEATURES = (
    *(
        f"log likelihood of its {k}-mers by their number, {of}"
        for k in SHORT
        for of in ("mean over environments", "in the best")
    ),
    "share of C and G",
    "difference of the shares of A and T",
    "difference of the shares of C and G",
    "frames of six with an open stretch",
)
"""Names of the features of the read itself: how much it is like the genomes of a collection at all. Left-out genera keep their kind of
words, shuffled reads and reads of other kingdoms do not."""
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


class Evidence(NamedTuple):
    """Evidence of N reads."""

    environments: NDArray[np.float32]
    """float32 ``(N, E, F)``: :data:`FEATURES` of each environment."""
    read: NDArray[np.float32]
    """float32 ``(N, R)``: :data:`READ_FEATURES`."""

    def rows(self, which: slice | NDArray[np.integer]) -> Evidence:
        """Of some of the reads."""
        return Evidence(self.environments[which], self.read[which])

    @staticmethod
    def concat(parts: Sequence[Evidence]) -> Evidence:
        """One after the other."""
        return Evidence(np.concatenate([x.environments for x in parts]), np.concatenate([x.read for x in parts]))


def gather(tables: Tables, reads: ReadBlock, *, threads: int = 1) -> Evidence:
    """Evidence of reads that see the whole collection."""
    return _in_parts(lambda part, _: _evidence(tables, part, None, None), reads, None, threads)


def gather_without(
    tables: Tables, counts: LineageCounts, reads: ReadBlock, visible: NDArray[np.uint64], *, threads: int = 1
) -> Evidence:
    """Evidence of reads that see only some lineages.

    Parameters
    ----------
    visible
        uint64 ``(N,)``: the lineages that each read sees, a bit each.
    """
    return _in_parts(lambda part, own: _evidence(tables, part, counts, own), reads, visible, threads)


def _in_parts(
    work: Callable[[ReadBlock, NDArray[np.uint64] | None], Evidence],
    reads: ReadBlock,
    visible: NDArray[np.uint64] | None,
    threads: int,
) -> Evidence:
    parts = [slice(i, i + _PART) for i in range(0, len(reads.starts), _PART)] or [slice(0, 0)]

    def one(rows: slice) -> Evidence:
        return work(reads.part(rows), None if visible is None else visible[rows])

    if threads == 1 or len(parts) == 1:
        return Evidence.concat([one(rows) for rows in parts])
    with ThreadPoolExecutor(threads) as pool:
        return Evidence.concat(list(pool.map(one, parts)))


def _evidence(
    tables: Tables, reads: ReadBlock, counts: LineageCounts | None, visible: NDArray[np.uint64] | None
) -> Evidence:
    from strandloom.workflows.sources import word_kernels as kernels

    lineages = tables.lineages
    rows, environments = len(reads.starts), lineages.environments
    out = np.empty((rows, environments, len(FEATURES)), np.float32)
    alone = np.empty((rows, len(READ_FEATURES)), np.float32)
    summed, summed_words = np.empty((rows, environments), np.float32), np.empty(rows, np.int32)
    at = 0
    for number, k in enumerate(SHORT):
        if counts is None or visible is None:
            kernels.composition(*reads, k, tables.logs[number], summed, summed_words)
        else:
            kernels.composition_without(
                *reads, k, counts.counts[number], lineages.environment, visible, counts.logs, counts.totals[number],
                smoothing_total(k), summed, summed_words,
            )  # fmt: skip
        count = np.maximum(summed_words, 1).astype(np.float32)
        mean = summed.mean(1)
        out[:, :, at] = (summed - mean[:, None]) / np.sqrt(count)[:, None]
        alone[:, 2 * at] = mean / count
        alone[:, 2 * at + 1] = summed.max(1) / count
        at += 1
    kernels.base_shares(*reads, alone[:, 2 * at : 2 * at + 3])
    every = visible is None
    view = np.zeros(1, np.uint64) if visible is None else visible
    best, union = (np.empty((rows, environments), np.uint16) for _ in range(2))
    tally = np.zeros(len(lineages), np.int64)
    longest = int(reads.lengths.max(initial=0))
    words, residues = np.empty(2 * longest + 1, np.uint64), np.empty((2, max(longest, 3)), np.uint8)
    kernels.dna_hits(
        *reads, LONG_DNA, tables.dna.keep, tables.dna.prints, tables.dna.numbers, tables.dna.sets,
        lineages.environment, lineages.within, view, every, best, union, tally, words,
    )  # fmt: skip
    out[:, :, at] = np.log1p(best.astype(np.float32) * np.float32(256 / tables.dna.keep))
    kernels.protein_hits(
        *reads, tables.code, RESIDUES, LONG_PROTEIN, tables.protein.keep, tables.protein.prints, tables.protein.numbers,
        tables.protein.sets, lineages.environment, lineages.within, view, every, best, union, tally, words, residues, alone[:, -1],
    )  # fmt: skip
    scale = np.float32(256 / tables.protein.keep)
    out[:, :, at + 1] = np.log1p(best.astype(np.float32) * scale)
    any_ = np.log1p(union.astype(np.float32) * scale)
    out[:, :, at + 2] = any_ - any_.mean(1, keepdims=True)
    return Evidence(out, alone)
