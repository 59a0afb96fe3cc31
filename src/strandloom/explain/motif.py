"""Motifs as they are found: a matrix, where its sites are, and what it is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.pwm import Matrix


class Sites(NamedTuple):
    """S places in a set of sequences, as columns of equal length."""

    row: NDArray[np.int64]
    """Sequence, 0 … N - 1."""
    start: NDArray[np.int64]
    """0-based first base in the sequence (not in the padded window)."""
    end: NDArray[np.int64]
    """One past the last base."""
    reverse: NDArray[np.bool_]
    """Whether the motif stands on the other strand."""
    score: NDArray[np.float64]
    """Contribution to the explained score, or activation of the filter, or match to the matrix: the maker says which."""

    def __len__(self) -> int:
        """Number of sites S."""
        return len(self.row)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Sites:
        """Some of the sites."""
        return Sites(self.row[rows], self.start[rows], self.end[rows], self.reverse[rows], self.score[rows])


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif that was found.

    Parameters
    ----------
    name
        ``pattern-1``, ``filter-17`` …
    matrix
        Base probabilities ``(w, 4)`` of its sites, in its own orientation.
    sites
        Where it stands.
    contributions
        Mean contribution of each base at each position ``(w, 4)``; None where the maker knows none (filters).
    """

    name: str
    matrix: Matrix
    sites: Sites
    contributions: Matrix | None = None

    @property
    def width(self) -> int:
        """Positions w."""
        return len(self.matrix)
