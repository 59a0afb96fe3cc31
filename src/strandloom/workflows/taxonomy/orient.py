"""Which strand of a sequence runs as the reference does: the one whose 8-mers are commoner there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.kmers import kmer_ids, reverse_complement_ids
from strandloom.workflows.taxonomy.ragged import Offsets

K = 8
CLEAR = 2.0
"""How many times as common the k-mers of one strand must be."""
LEAST = 1.0
"""k-mers that a sequence must share with the average reference sequence before its strand is told."""


class Orientation:
    """The k-mers of a reference, ready to tell strands.

    Parameters
    ----------
    codes, offsets
        H sequences one after the other, uint8 ``(total,)`` and int64 ``(H + 1,)``, all in one orientation.
    """

    def __init__(self, codes: Codes, offsets: Offsets) -> None:
        ids, owner = windows(codes, offsets)
        pairs = np.unique((ids << 32) | owner)  # a k-mer counts once per sequence
        self.weights = np.bincount(pairs >> 32, minlength=4**K) / max(len(offsets) - 1, 1)

    def strands(self, codes: Codes, offsets: Offsets) -> NDArray[np.int8]:
        """The strand of each of N sequences, int8 ``(N,)``: 1 as the reference, -1 the other one, 0 where it is not clear.

        A sequence is judged by itself: the others beside it do not matter.
        """
        number = len(offsets) - 1
        ids, owner = windows(codes, offsets)
        own = np.bincount(owner, self.weights[ids], number)
        other = np.bincount(owner, self.weights[reverse_complement_ids(ids, K)], number)
        forward, backward = (own >= LEAST) & (own > CLEAR * other), (other >= LEAST) & (other > CLEAR * own)
        return forward.astype(np.int8) - backward.astype(np.int8)


def windows(codes: Codes, offsets: Offsets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k-mers that lie inside a sequence and hold A, C, G, T only, and the sequence of each; int64."""
    if len(codes) < K:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ids = kmer_ids(codes[None], K)[0]
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[: len(ids)]
    inside = (ids >= 0) & (np.arange(len(ids)) + K <= offsets[owner + 1])
    return ids[inside].astype(np.int64), owner[inside]
