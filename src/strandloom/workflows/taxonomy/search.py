"""Nearest reference sequences: shared k-mers choose, an alignment with free ends counts the differences. No binary is needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.kmers import kmer_ids

K = 8
ALIGNED = 160
MARGIN = 8
MOST = 64
SLACK = 12
COMMON = 0.2
_BLOCK = 512

MASKS = np.array(
    [sum(1 << DNA.bases.index(base) for base in DNA.members[letter]) for letter in DNA.letters] + [0], np.uint8
)
"""Code to the bases it may stand for, a bit each, uint8 ``(17,)``; gap and pad stand for none."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The nearest reference sequences of N queries, ragged; of one query by rising differences.

    Parameters
    ----------
    offsets
        int64 ``(N + 1,)``: query i owns ``offsets[i]:offsets[i + 1]`` of the other arrays.
    haplotype
        int32 ``(total,)``: the reference sequence.
    differences
        int16 ``(total,)``: mismatches and gaps of the best alignment; bases that overhang at an end count as none.
    columns
        int16 ``(total,)``: bases of the shorter of the two sequences; identity is ``1 - differences / columns``.
    """

    offsets: NDArray[np.int64]
    haplotype: NDArray[np.int32]
    differences: NDArray[np.int16]
    columns: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def query(self) -> NDArray[np.int64]:
        """The query of each hit, int64 ``(total,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @staticmethod
    def concat(parts: Sequence[Hits]) -> Hits:
        """Hits of one block of queries after the other."""
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        return Hits(
            np.concatenate([[0], np.cumsum(counts)]),
            np.concatenate([part.haplotype for part in parts]),
            np.concatenate([part.differences for part in parts]),
            np.concatenate([part.columns for part in parts]),
        )


class Index:
    """Reference sequences made ready to be searched.

    Parameters
    ----------
    codes, offsets
        H distinct sequences one after the other, uint8 ``(total,)``, and where each begins, int64 ``(H + 1,)``.
    k
        Length of the k-mers that choose which sequences are aligned.
    """

    def __init__(self, codes: Codes, offsets: NDArray[np.int64], *, k: int = K) -> None:
        self.codes, self.offsets, self.k = codes, offsets, k
        self.masks = MASKS[codes]
        ids = kmer_ids(codes[None], k)[0].astype(np.int64) if len(codes) >= k else np.zeros(0, np.int64)
        starts = np.arange(len(ids))
        owner = np.searchsorted(offsets, starts, side="right") - 1
        inside = (ids >= 0) & (starts + k <= offsets[owner + 1])
        pairs = np.unique((ids[inside] << 32) | owner[inside])
        commonest = max(COMMON * len(self), 256)
        size = np.diff(np.searchsorted(pairs >> 32, np.arange(4**k + 1)))
        self.common = size > commonest  # what most sequences have chooses none of them
        pairs = pairs[~self.common[pairs >> 32]]
        self.postings = (pairs & 0xFFFFFFFF).astype(np.int32)
        self.posting_offsets = np.searchsorted(pairs >> 32, np.arange(4**k + 1)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def search(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        *,
        key: NDArray[np.int32] | None = None,
        banned: NDArray[np.int32] | None = None,
        aligned: int = ALIGNED,
        margin: int = MARGIN,
        most: int = MOST,
        threads: int = 1,
    ) -> Hits:
        """The nearest reference sequences of each query.

        The ``aligned`` sequences that share most k-mers with the query are aligned, unless their k-mers say already that they
        differ too much; kept are those with at most ``margin`` differences more than the best one. Queries do not affect each other.

        Parameters
        ----------
        codes, offsets
            N queries one after the other, in the orientation of the reference.
        key, banned
            A number for each reference sequence, int32 ``(H,)``, and one for each query, int32 ``(N,)``: sequences whose number
            is that of the query are passed over (-1: none), as if they were not in the reference.
        aligned, margin, most
            Sequences aligned, differences beyond the best, and hits kept per query.
        threads
            Blocks of queries searched side by side; the result does not depend on it.
        """
        number = len(offsets) - 1
        key = np.full(len(self), -1, np.int32) if key is None else key
        banned = np.full(number, -1, np.int32) if banned is None else banned
        bounds = [(start, min(start + _BLOCK, number)) for start in range(0, number, _BLOCK)]

        def work(bound: tuple[int, int]) -> Hits:
            first, last = bound
            own = codes[offsets[first] : offsets[last]]
            return self._block(
                own, offsets[first : last + 1] - offsets[first], key, banned[first:last], aligned, margin, most
            )

        if not bounds:
            return Hits(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.int16))
        if threads == 1 or len(bounds) == 1:
            return Hits.concat([work(bound) for bound in bounds])
        with ThreadPoolExecutor(threads) as pool:
            return Hits.concat(list(pool.map(work, bounds)))

    def _block(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        key: NDArray[np.int32],
        banned: NDArray[np.int32],
        aligned: int,
        margin: int,
        most: int,
    ) -> Hits:
        from strandloom.workflows.taxonomy.search_kernels import search

        number = len(offsets) - 1
        found = np.zeros(number, np.int64)
        shape = (number, most)
        hits, differences, columns = np.zeros(shape, np.int32), np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        search(
            codes, offsets, MASKS[codes], self.masks, self.offsets, self.posting_offsets, self.postings,
            self.common, self.k, aligned, margin, most, SLACK, key, banned, found, hits, differences, columns,
        )  # fmt: skip
        filled = np.arange(most)[None] < found[:, None]
        return Hits(np.concatenate([[0], np.cumsum(found)]), hits[filled], differences[filled], columns[filled])
