"""k-mer sets of rows and their inverted index: the one measure of sequence similarity of splits and leakage.

**Similarity** of two rows is k-mer containment, the share of the smaller row's k-mers that the other row has too::

    containment = shared / max(min(|A|, |B|), 32)
    similarity  = containment                                          where containment ≥ 0.5
                  min(shared, 2 × shared rare) / max(min(|A|, |B|), 32)  elsewhere

A and B are the sets of distinct canonical k-mers (both strands at once) of the two rows. Windows with a letter other
than A, C, G, T don't count, nor do low-complexity k-mers (few distinct triplets: homopolymers, short tandem repeats). A
k-mer found in more rows than the hub cap (repeats such as Alu, conserved primers) is a *hub*; the others are *rare*:
below 0.5 hubs count for at most half, so that rows with nothing but a frequent repeat in common stay apart.
The floor of 32 asks short or repetitive rows for as much evidence as a row of 32 k-mers. Rows that are equal, or each
other's reverse complement, have similarity 1 by definition (they are found by hash, letters other than ACGT included).

Pairs that share rare k-mers are found exactly. Pairs alike through hubs alone (a family of more rows than the cap) are
sought by 16 MinHash functions of their hub k-mers, each row against a few of its bucket: a member without any close
relative may be missed, a family is not. Such a family joins at about 92 % identity (containment 0.5), not at 82 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import SettingsError
from strandloom.kmers import num_canonical

SMALLEST_K, LARGEST_K = 6, 12
FLOOR = 32
WHOLE = 0.5
IDENTITY = 0.82
_HUB_FUNCTIONS = 16
_MOST_WORK = 4_000_000_000
_LEAST_HUB = 100
_HUB_FACTOR = 4
_FULLEST_POSTING = 160
_MOST_CHANCE = 0.02
_BLOCK_ROWS = 65_536


class StrandHashes(NamedTuple):
    """64-bit hashes of rows, pads left out.

    Parameters
    ----------
    forward, backward
        uint64 ``(N,)``: the row as read, and on the other strand. Equal rows have equal ``forward``; reverse
        complements have ``forward`` equal to the other's ``backward``.
    """

    forward: NDArray[np.uint64]
    backward: NDArray[np.uint64]

    @property
    def canonical(self) -> NDArray[np.uint64]:
        """One hash for both strands, uint64 ``(N,)``."""
        return np.minimum(self.forward, self.backward)


class Nearest(NamedTuple):
    """The most similar indexed row of each query row.

    Parameters
    ----------
    similarity
        float32 ``(Nq,)``, 0 to 1.
    row
        int64 ``(Nq,)``: its number in the index, -1 where nothing is shared.
    """

    similarity: NDArray[np.float32]
    row: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class KmerSets:
    """Distinct canonical k-mers of each row, low-complexity ones left out.

    Parameters
    ----------
    kmers
        uint32 ``(total,)``, rising within each row.
    offsets
        int64 ``(N + 1,)``.
    k
        k-mer length.
    """

    kmers: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    k: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: NDArray[np.integer]) -> KmerSets:
        """The sets of some rows ``(M,)``, in that order."""
        sizes = self.sizes[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        at = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][rows] - offsets[:-1], sizes)
        return KmerSets(self.kmers[at], offsets, self.k)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of k-mers of each row, int64 ``(N,)``."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True, eq=False)
class KmerIndex:
    """Inverted index of k-mer sets.

    Parameters
    ----------
    sets
        The indexed rows.
    starts
        int64 ``(4**k + 1,)``: k-mer m is in ``rows[starts[m]:starts[m + 1]]``.
    rows
        int32, rising within a k-mer.
    hub
        bool ``(4**k,)``.
    """

    sets: KmerSets
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    hub: NDArray[np.bool_]

    def nearest(self, query: KmerSets) -> Nearest:
        """The most similar indexed row of each query row (see the module's definition); ties go to the first row.

        Exact up to four billion look-ups (about 10,000 query rows against a million); beyond, the most frequent hubs
        are passed over and the similarity is a lower bound.
        """
        from strandloom.data.split import kernels

        best = np.zeros(len(query), np.float32)
        row = np.full(len(query), -1, np.int64)
        kernels.nearest_rows(
            query.kmers,
            query.offsets,
            self.sets.offsets,
            self.hub,
            self.starts,
            self.rows,
            self._scratch(),
            self._scratch(),
            self._longest_hub(query),
            FLOOR,
            best,
            row,
        )
        return Nearest(best, row)

    def join(self, threshold: float) -> NDArray[np.int64]:
        """First row of the near-duplicate component of each row, int64 ``(N,)``: single linkage at ``threshold``.

        Depends on the order of rows (through the buckets of hub-only pairs) unless they come in an order of their own,
        such as by hash.
        """
        from strandloom.data.split import kernels

        kmers, offsets = self.sets.kmers, self.sets.offsets
        parent = np.arange(len(self.sets), dtype=np.int64)
        kernels.join_rows(kmers, offsets, self.hub, self.starts, self.rows, self._scratch(), threshold, FLOOR, parent)
        if self.hub.any():
            hashes = np.empty((len(self.sets), _HUB_FUNCTIONS), np.uint64)
            kernels.hub_hashes(kmers, offsets, self.hub, math.ceil(WHOLE * FLOOR / 2), hashes)
            for number in range(_HUB_FUNCTIONS):
                keys = np.ascontiguousarray(hashes[:, number])
                order = np.lexsort((hashes[:, (number + 1) % _HUB_FUNCTIONS], keys))
                kernels.join_buckets(kmers, offsets, order, keys, max(threshold, WHOLE), FLOOR, parent)
        kernels.flatten(parent)
        return parent

    def _scratch(self) -> NDArray[Any]:
        """Zeroed counters, one per row, just wide enough for the fullest row."""
        fullest = int(self.sets.sizes.max(initial=0))
        return np.zeros(len(self.sets), np.uint16 if fullest < 2**16 else np.uint32)

    def _longest_hub(self, query: KmerSets) -> int:
        """The longest row list of a hub that the budget of look-ups allows for this query."""
        lengths = np.diff(self.starts)
        work = np.bincount(query.kmers, minlength=len(lengths)) * lengths
        order = np.argsort(lengths[self.hub], kind="stable")
        total = work[~self.hub].sum() + np.cumsum(work[self.hub][order])
        allowed = int(np.searchsorted(total, _MOST_WORK, side="right"))
        if allowed == len(order):
            return len(self.sets)
        return int(lengths[self.hub][order][allowed]) - 1


def hash_rows(codes: Codes) -> StrandHashes:
    """Hash the rows of codes uint8 ``(N, L)`` on both strands; the side and amount of padding don't matter."""
    from strandloom.data.split import kernels

    forward = np.empty(len(codes), np.uint64)
    backward = np.empty(len(codes), np.uint64)
    for start in range(0, len(codes), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        kernels.strand_hashes(np.ascontiguousarray(codes[rows]), forward[rows], backward[rows])
    return StrandHashes(forward, backward)


def choose_k(lengths: NDArray[np.integer]) -> int:
    """k for rows of these lengths ``(N,)``: the smallest of 8 to 12 that chance and the size of the data allow.

    The longest row may share at most 2 % of its k-mers with a random row, and a k-mer may occur in at most 160 rows by
    chance (so that the work stays linear): 8 up to about 600 bp and 50,000 rows of 101 bp, 11 for a million such rows.
    """
    longest = int(lengths.max(initial=0))
    total = int(lengths.sum())
    k = 8
    while k < LARGEST_K and (longest > _MOST_CHANCE * num_canonical(k) or total > _FULLEST_POSTING * num_canonical(k)):
        k += 1
    return k


def default_threshold(k: int) -> float:
    """Similarity expected at 82 % identity by substitutions alone: ``0.82 ** k`` (k-mer survival, as in Mash)."""
    return IDENTITY**k


def build_sets(codes: Codes, *, k: int) -> KmerSets:
    """k-mer sets of codes uint8 ``(N, L)``.

    Raises
    ------
    SettingsError
        ``k`` is not 6 to 12.
    """
    from strandloom.data.split import kernels

    if not SMALLEST_K <= k <= LARGEST_K:
        raise SettingsError(f"k for homology must be from {SMALLEST_K} to {LARGEST_K}, not {k}", where="k")
    most_plain = max(2, (k - 2) // 2)
    sizes = np.zeros(len(codes), np.int64)
    parts = []
    width = max(codes.shape[1] - k + 1, 0)
    for start in range(0, len(codes), _BLOCK_ROWS):
        block = np.ascontiguousarray(codes[start : start + _BLOCK_ROWS])
        out = np.empty(len(block) * width, np.uint32)
        total = kernels.row_kmers(block, k, most_plain, out, sizes[start : start + _BLOCK_ROWS])
        parts.append(out[:total].copy())
    offsets = np.zeros(len(codes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return KmerSets(np.concatenate(parts) if parts else np.empty(0, np.uint32), offsets, k)


def find_hubs(sets: KmerSets, *, hub_rows: int | None = None) -> NDArray[np.bool_]:
    """k-mers that too many rows have to mean anything, bool ``(4**k,)``.

    Parameters
    ----------
    sets
        All rows.
    hub_rows
        A k-mer in more rows than this is a hub. None: 100, or 4 × the rows a k-mer has on average, whichever is more.
    """
    if hub_rows is None:
        hub_rows = max(_LEAST_HUB, _HUB_FACTOR * len(sets.kmers) // num_canonical(sets.k))
    return np.bincount(sets.kmers, minlength=4**sets.k) > hub_rows


def build_index(sets: KmerSets, hub: NDArray[np.bool_]) -> KmerIndex:
    """Invert k-mer sets; ``hub`` bool ``(4**k,)`` comes from ``find_hubs``, of these or of more rows."""
    from strandloom.data.split import kernels

    starts = np.zeros(4**sets.k + 1, np.int64)
    np.cumsum(np.bincount(sets.kmers, minlength=4**sets.k), out=starts[1:])
    rows = np.empty(starts[-1], np.int32)
    kernels.postings(sets.kmers, sets.offsets, starts, rows)
    return KmerIndex(sets, starts, rows, hub)
