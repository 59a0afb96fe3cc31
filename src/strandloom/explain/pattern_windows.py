"""Windows of a map laid over each other: the members of a motif in the making, and what they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.explain.similarity import Windows

FLANK = 3
"""Bases on either side of a seqlet's core that are compared with it."""


class SignedMap(NamedTuple):
    """Contributions of one sign: what is looked for is positive."""

    codes: Codes
    values: NDArray[np.float32]


class Members(NamedTuple):
    """Windows laid over each other; ``start`` is a column of the map."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    low: NDArray[np.int64]
    """First column of the member's own core and its flank: what lies beyond may be another's."""
    high: NDArray[np.int64]
    """End of the same."""

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Members:
        """Some of the windows."""
        return Members._make(column[rows] for column in self)

    def moved(self, offset: NDArray[np.integer] | int, turned: NDArray[np.bool_] | bool) -> Members:
        """Laid over a template of which they matched an offset, turned or not."""
        reverse = self.reverse ^ turned
        step = np.asarray(offset, np.int64)
        return self._replace(start=self.start + np.where(reverse, step, -step), reverse=reverse)


def mean_of(view: SignedMap, members: Members, width: int, margin: int) -> NDArray[np.float32]:
    """Mean of aligned members ``(width + 2 * margin, 4)``, with a margin on either side."""
    return cut_out(view, members._replace(start=members.start - margin), width + 2 * margin).mean(axis=0)


def cut_out(view: SignedMap, members: Members, width: int, *, own: bool = False) -> Windows:
    """Contributions of the bases at each position of the members ``(S, width, 4)``.

    Zeros beyond the edges of the map and, with ``own``, beyond each member's own core and flank.
    """
    columns = members.start[:, None] + np.arange(width)
    length = view.codes.shape[1]
    inside = (columns >= 0) & (columns < length)
    if own:
        inside &= (columns >= members.low[:, None]) & (columns < members.high[:, None])
    columns = columns.clip(0, max(length - 1, 0))
    codes = np.where(inside, view.codes[members.row[:, None], columns], DNA.pad)
    cut = weighted(codes, view.values[members.row[:, None], columns])
    cut[members.reverse] = cut[members.reverse][:, ::-1, ::-1]
    return cut


def weighted(codes: Codes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One-hot ``(..., 4)`` of codes times the contribution of each."""
    return DNA.one_hot_table.astype(np.float32)[codes] * values[..., None]
