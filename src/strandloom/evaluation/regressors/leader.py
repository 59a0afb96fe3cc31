"""What is known to matter in a 5′UTR: start codons upstream of the main one, and what their reading frames run into.

An upstream open reading frame keeps ribosomes from the start codon behind the sequence; it is the strongest single feature of the yeast
5′UTR library (Cuperus et al., Genome Research 27:2015, 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.ranking import Floats

LEADER_FEATURES = (
    "upstream open reading frames",
    "upstream start codons out of frame that run past the start",
    "upstream start codons in frame that run into the start",
    "any upstream start codon",
    "share of C and G",
    "share of A",
    "bases",
)
_START = (0, 3, 2)
_STOPS = ((3, 0, 0), (3, 0, 2), (3, 2, 0))


def leader_features(codes: Codes, lengths: NDArray[np.integer]) -> Floats:
    """Features of sequences that end at a start codon, float64 ``(N, 7)``: see :data:`LEADER_FEATURES`.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``; the last column is the base before the start codon.
    lengths
        int ``(N,)``.
    """
    rows, width = codes.shape
    size = np.maximum(np.asarray(lengths, np.float64), 1)
    starts = _codon(codes, _START)  # (N, L - 2)
    stops = np.zeros_like(starts)
    for stop in _STOPS:
        stops |= _codon(codes, stop)
    ended = np.zeros_like(starts)  # a stop in the frame of this codon, here or later
    for at in range(starts.shape[1] - 1, -1, -1):
        ended[:, at] = stops[:, at]
        if at + 3 < starts.shape[1]:
            ended[:, at] |= ended[:, at + 3]
    in_frame = (width - np.arange(starts.shape[1])) % 3 == 0
    closed, open_ = starts & ended, starts & ~ended
    strong = ((codes == 1) | (codes == 2)).sum(1) / size
    return np.column_stack(
        [
            closed.sum(1),
            (open_ & ~in_frame).sum(1),
            (open_ & in_frame).sum(1),
            starts.any(1) if starts.shape[1] else np.zeros(rows),
            strong,
            (codes == 0).sum(1) / size,
            np.log(size),
        ]
    ).astype(np.float64)


def _codon(codes: Codes, bases: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Where a codon begins, bool ``(N, L - 2)``."""
    width = max(0, codes.shape[1] - 2)
    found = np.ones((len(codes), width), np.bool_)
    for step, base in enumerate(bases):
        found &= codes[:, step : step + width] == base
    return found
