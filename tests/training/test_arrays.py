from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from strandloom.training.arrays import Arrays, from_dataset, to_device


def dataset(kind: str, values: np.ndarray) -> Any:
    codes = np.zeros((len(values), 6), np.uint8)
    codes.flags.writeable = False
    return SimpleNamespace(
        codes=codes,
        lengths=np.full(len(values), 6, np.int32),
        target=SimpleNamespace(kind=kind, values=values),
        weights=np.ones(len(values), np.float32),
        window=SimpleNamespace(anchor="right"),
    )


def test_from_dataset_types_and_rows() -> None:
    found = from_dataset(dataset("classes", np.array([0, 1, 1])), np.array([2, 0]))
    assert found.targets.tolist() == [1, 0]
    assert found.targets.dtype == torch.int64
    assert found.anchor == "right"
    assert found.plain
    assert found.full
    whole = from_dataset(dataset("value", np.array([0.5, 1, 2], np.float32)))
    assert whole.targets.shape == (3, 1)
    assert whole.weights is not None
    assert to_device(whole, torch.device("cpu")) is whole


def test_fingerprint_sees_targets_and_codes() -> None:
    rows = Arrays(torch.zeros((4, 5), dtype=torch.uint8), torch.full((4,), 5), torch.arange(4))
    marks = {
        rows.fingerprint(),
        rows.take(torch.tensor([0, 1])).fingerprint(),
        Arrays(rows.codes + 1, rows.lengths, rows.targets).fingerprint(),
        Arrays(rows.codes, rows.lengths, rows.targets + 1).fingerprint(),
    }
    assert len(marks) == 4
