"""A small data set with a planted motif, and a small network, shared by the training tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.training.arrays import Arrays

MOTIF = np.array([0, 0, 1, 2, 0, 1, 0, 0], np.uint8)  # AACGACAA, no palindrome


class Net(nn.Module):
    """Convolution, batch norm, dropout, maximum and a dense layer: float (B, 4, L) to (B, K)."""

    def __init__(self, outputs: int = 2, filters: int = 16) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(4, filters, 8, padding=4)
        self.norm = nn.BatchNorm1d(filters)
        self.dropout = nn.Dropout(0.1)
        self.dense = nn.Linear(filters, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.convolution(x))).amax(2)
        return self.dense(self.dropout(hidden))


def make_net(seed: int = 0, outputs: int = 2) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net(outputs)


def make_arrays(rows: int, *, seed: int, width: int = 40, strands: bool = False, short: bool = False) -> Arrays:
    """Rows of class 1 hold the motif (on either strand under ``strands``); ``short`` gives ragged lengths."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (rows, width), dtype=np.uint8)
    labels = rng.integers(0, 2, rows)
    lengths = rng.integers(20, width + 1, rows) if short else np.full(rows, width)
    for row in np.flatnonzero(labels):
        start = rng.integers(0, lengths[row] - len(MOTIF) + 1)
        motif = 3 - MOTIF[::-1] if strands and rng.random() < 0.5 else MOTIF
        codes[row, start : start + len(MOTIF)] = motif
    codes[np.arange(width) >= lengths[:, None]] = 16
    return Arrays(
        torch.from_numpy(codes), torch.from_numpy(lengths.astype(np.int32)), torch.from_numpy(labels.astype(np.int64))
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def arrays() -> Callable[..., Arrays]:
    return make_arrays


@pytest.fixture
def net() -> Callable[..., Net]:
    return make_net
