"""The data set every floor above works on: arrays of codes and targets, never an object per sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from strandloom.data.targets import Target
from strandloom.data.window import Window
from strandloom.io.records import LetterCounts


@dataclass(frozen=True, eq=False)
class Dataset:
    """N sequences in one window, with what is to be learned and every other column of the table.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, padded; a read-only memory map for a large set.
    lengths
        int32 ``(N,)``: bases inside the window, per row.
    ids
        Row names, String ``(N,)``.
    columns
        ``N`` rows: every column of the table but the sequence and the id.
    target
        What is to be learned; None for a table without labels.
    weights
        float32 ``(N,)``, finite and not negative; None: every row counts the same.
    variance
        float32 ``(N,)``, above 0: variance of each measured value by the noise of its measurement; None where it is not known.
    window
        How sequences were placed.
    letters
        What was met while reading (of the whole table, before ``take``).
    source
        The files, in reading order.
    whole
        int32 ``(N,)``: bases of each whole sequence, so that ``window.shift(whole)`` tells what was cropped; None where no sequence was
        longer than the window (they are ``lengths``).
    """

    codes: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    ids: pl.Series
    columns: pl.DataFrame
    target: Target | None
    weights: NDArray[np.float32] | None
    window: Window
    letters: LetterCounts
    source: tuple[str, ...] = ()
    whole: NDArray[np.int32] | None = None
    variance: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        rows = {"codes": len(self.codes), "lengths": len(self.lengths), "ids": len(self.ids)}
        if self.columns.width:
            rows["columns"] = self.columns.height
        if self.target is not None:
            rows["target"] = len(self.target.values)
        if self.weights is not None:
            rows["weights"] = len(self.weights)
        if self.variance is not None:
            rows["variance"] = len(self.variance)
        if self.whole is not None:
            rows["whole"] = len(self.whole)
        if len(set(rows.values())) != 1:
            raise ValueError(f"parts of a Dataset have different numbers of rows: {rows}")
        if self.codes.ndim != 2 or self.codes.shape[1] != self.window.length:
            raise ValueError(f"codes of shape {self.codes.shape} do not fit a window of {self.window.length} columns")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def length(self) -> int:
        """Columns of the window, L."""
        return self.window.length

    def take(self, rows: ArrayLike) -> Dataset:
        """The rows ``(M,)`` (indices or a bool mask ``(N,)``), in that order, in memory."""
        chosen = np.asarray(rows)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return replace(
            self,
            codes=np.asarray(self.codes[chosen]),
            lengths=self.lengths[chosen],
            ids=self.ids.gather(chosen),
            columns=self.columns[chosen] if self.columns.width else self.columns,
            target=None if self.target is None else self.target.take(chosen),
            weights=None if self.weights is None else self.weights[chosen],
            whole=None if self.whole is None else self.whole[chosen],
            variance=None if self.variance is None else self.variance[chosen],
        )
