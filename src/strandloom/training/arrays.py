"""The rows to train on or to validate, as tensors."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.errors import TrainingError
from strandloom.training.onehot import is_plain

if TYPE_CHECKING:
    from strandloom.data.dataset import Dataset

SHARE_OF_MEMORY = 0.4
"""Codes move to the accelerator whole when they take at most this share of its free memory."""


def tensor(array: NDArray[Any]) -> Tensor:
    """A tensor over the memory of an array, also of a read-only one (a memory map), which nothing here writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


@dataclass(frozen=True, eq=False)
class Arrays:
    """N rows as tensors.

    Attributes
    ----------
    codes
        uint8 (N, L), possibly memory-mapped.
    lengths
        Bases per row, int32 (N,).
    targets
        Class numbers, int64 (N,), or labels or values, float32 (N, K).
    weights
        Row weights, float32 (N,), or None.
    anchor
        Where rows shorter than L stand: ``left``, ``right`` or ``centre``.
    """

    codes: Tensor
    lengths: Tensor
    targets: Tensor
    weights: Tensor | None = None
    anchor: str = "left"

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def width(self) -> int:
        """L."""
        return self.codes.shape[1]

    @cached_property
    def plain(self) -> bool:
        """No ambiguity codes anywhere."""
        return is_plain(self.codes)

    @cached_property
    def full(self) -> bool:
        """Every row fills all L columns."""
        return bool((self.lengths >= self.width).all())

    def take(self, rows: Tensor) -> Arrays:
        """Some rows, by their numbers, int64 (M,)."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(
            self, codes=self.codes[rows], lengths=self.lengths[rows], targets=self.targets[rows], weights=weights
        )

    def fingerprint(self) -> str:
        """A short text that changes with the shape, the targets or the first MiB of codes: guards a resumed run."""
        head = self.codes[: max(1, (1 << 20) // max(self.width, 1))]
        mark = zlib.crc32(self.targets.contiguous().numpy().tobytes(), zlib.crc32(head.contiguous().numpy().tobytes()))
        return f"{len(self)}x{self.width}-{mark:08x}"


def from_dataset(dataset: Dataset, rows: NDArray[np.int64] | None = None) -> Arrays:
    """Tensors of a data set, or of some of its rows, int64 (M,).

    Raises
    ------
    TrainingError
        The data set has no target.
    """
    if dataset.target is None:
        raise TrainingError("there is no target to train on", hint="name a column in data.target")
    index: Any = slice(None) if rows is None else rows
    values = np.asarray(dataset.target.values[index])
    kind = np.int64 if dataset.target.kind == "classes" else np.float32
    values = np.ascontiguousarray(values, dtype=kind)
    if dataset.target.kind != "classes" and values.ndim == 1:
        values = values[:, None]  # (N,) -> (N, 1)
    weights = None
    if dataset.weights is not None:
        weights = tensor(np.ascontiguousarray(dataset.weights[index], dtype=np.float32))
    return Arrays(
        codes=tensor(np.ascontiguousarray(dataset.codes[index])),
        lengths=tensor(np.ascontiguousarray(dataset.lengths[index], dtype=np.int32)),
        targets=tensor(values),
        weights=weights,
        anchor=dataset.window.anchor,
    )


def to_device(arrays: Arrays, device: torch.device) -> Arrays:
    """The rows on the device when they fit there, else where they are (each batch then travels)."""
    if device.type == "cpu":
        return arrays
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        if arrays.codes.numel() > SHARE_OF_MEMORY * free:
            return arrays
    moved = replace(
        arrays,
        codes=arrays.codes.to(device),
        lengths=arrays.lengths.to(device),
        targets=arrays.targets.to(device),
        weights=None if arrays.weights is None else arrays.weights.to(device),
    )
    moved.__dict__.update(plain=arrays.plain, full=arrays.full)  # known already: spare the device the search
    return moved
