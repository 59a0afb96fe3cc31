"""Which rows a step sees."""

from __future__ import annotations

import torch
from torch import Tensor

from strandloom.training.seeds import ORDER, derive_seed


def epoch_order(rows: int, *, seed: int, epoch: int, device: torch.device | str = "cpu") -> Tensor:
    """The row numbers of an epoch in their random order, int64 (N,); the same for every device.

    Data-parallel training shards here: each of ``n`` processes takes every n-th number of this same order.
    """
    generator = torch.Generator().manual_seed(derive_seed(ORDER, seed, epoch))
    return torch.randperm(rows, generator=generator).to(device)


def batch_bounds(rows: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each batch begins and ends in the order (the end is not in it).

    The last batch may be smaller; a single row left over joins the batch before it: batch norm has no variance there.
    """
    starts = list(range(0, rows, batch_size))
    if len(starts) > 1 and rows - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], rows], strict=True))
