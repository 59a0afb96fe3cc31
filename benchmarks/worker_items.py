"""The peer that most notebooks are: plain torch modules fed by a DataLoader that encodes each sequence in Python.

Commands as in ``worker_ours.py``: ``train source fp32`` or ``train source bf16``: samples/s of an epoch. ``resident`` instead of
``train``: the same modules fed from one-hot tensors that lie on the device whole.

Usage: worker_items.py [DEVICE]; on a card four processes encode.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from published import NETWORKS, rows_on

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"


class _LSTM(nn.Module):
    """Both directions' states: ``(B, 320, P)`` to ``(B, P * 640)``."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(320, 320, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Flat states."""
        return self.dropout(self.lstm(x.transpose(1, 2))[0]).flatten(1)


class _Scale(nn.Module):
    """One width of the multi-scale network: ``(B, 4, L)`` to ``(B, 64)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 64, width, padding=width // 2)
        self.norm, self.dropout, self.score = nn.BatchNorm1d(64), nn.Dropout(0.2), nn.Conv1d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The largest scaled value of each filter."""
        h = self.dropout(self.norm(torch.relu(self.conv(x))))
        return (h * torch.tanh(self.score(h)).softmax(dim=-1)).amax(dim=-1)


class _Scales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_Scale(width) for width in (3, 7, 15, 25))
        self.head = nn.Sequential(
            nn.Linear(256, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Dropout(0.5),
            nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.3), nn.Linear(128, 2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 4, L)`` to ``(B, 2)``."""
        return self.head(torch.cat([scale(x) for scale in self.scales], dim=1))


def _conv(channels: int) -> list[nn.Module]:
    return [nn.Conv1d(channels, 128, 13), nn.ReLU(), nn.Dropout(0.15)]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "source": lambda: nn.Sequential(
        nn.Conv1d(4, 512, 20, padding="same"), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(20480, 256), nn.ReLU(), nn.Dropout(0.1), nn.Linear(256, 4),
    ),
    "multiscale": _Scales,
    "utr": lambda: nn.Sequential(
        *_conv(4), *_conv(128), *_conv(128), nn.Flatten(), nn.Linear(34 * 128, 64), nn.ReLU(), nn.Linear(64, 1)
    ),
    "danq": lambda: nn.Sequential(
        nn.Conv1d(4, 320, 26), nn.ReLU(), nn.MaxPool1d(13), nn.Dropout(0.2), _LSTM(),
        nn.Linear(75 * 640, 925), nn.ReLU(), nn.Linear(925, 919),
    ),
}  # fmt: skip
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": nn.functional.cross_entropy,
    "labels": nn.functional.binary_cross_entropy_with_logits,
    "value": nn.functional.mse_loss,
}


class _Items(Dataset[tuple[Tensor, Tensor]]):
    """One sequence at a time, one-hot by a look-up in Python."""

    def __init__(self, name: str) -> None:
        spec, rows = NETWORKS[name], rows_on(DEVICE, name)
        rng = np.random.default_rng(0)
        letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, (rows, spec.length))]
        self.texts = [row.tobytes().decode() for row in letters]
        self.table = {letter: np.eye(4, dtype=np.float32)[i] for i, letter in enumerate("ACGT")}
        if spec.task == "classes":
            self.targets = torch.from_numpy(rng.integers(0, spec.outputs, rows))
        else:
            self.targets = torch.from_numpy((rng.random((rows, spec.outputs)) < 0.5).astype(np.float32))

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        hot = np.stack([self.table[letter] for letter in self.texts[index]], axis=1)
        return torch.from_numpy(hot), self.targets[index]


@cache
def _items(name: str) -> _Items:
    return _Items(name)


@cache
def _resident(name: str) -> tuple[Tensor, Tensor]:
    """One-hot ``(N, 4, L)`` and targets on the device."""
    items = _items(name)
    hot = torch.stack([items[i][0] for i in range(len(items))])
    return hot.to(DEVICE), items.targets.to(DEVICE)


@cache
def _loader(name: str) -> DataLoader[tuple[Tensor, Tensor]]:
    """Its processes, on a card, start in the round that is thrown away and stay."""
    card = DEVICE != "cpu"
    return DataLoader(
        _items(name), batch_size=NETWORKS[name].batch, shuffle=True, num_workers=4 if card else 0, pin_memory=card,
        persistent_workers=card,
    )  # fmt: skip


def _batches(name: str, way: str) -> Iterator[tuple[Tensor, Tensor]]:
    if way == "resident":
        x, y = _resident(name)
        for rows in torch.randperm(len(x), device=DEVICE).split(NETWORKS[name].batch):
            yield x[rows], y[rows]
        return
    for x, y in _loader(name):
        yield x.to(DEVICE, non_blocking=True), y.to(DEVICE, non_blocking=True)


def train(name: str, precision: str, way: str) -> float:
    """Samples/s of an epoch with Adam as torch has it by default."""
    spec = NETWORKS[name]
    model = MODELS[name]().train().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = LOSSES[spec.task]
    if way == "resident":
        _resident(name)
    started = time.perf_counter()
    for x, y in _batches(name, way):
        optimizer.zero_grad()
        with torch.autocast(torch.device(DEVICE).type, torch.bfloat16, enabled=precision == "bf16"):
            scores = model(x)
        loss(scores.float(), y).backward()
        optimizer.step()
    float(scores.detach().sum())  # waits for the card
    return len(_items(name)) / (time.perf_counter() - started)


def main() -> None:
    """Answer until stdin ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        way, name, precision = line.split()
        print(train(name, precision, way), flush=True)


if __name__ == "__main__":
    main()
