from __future__ import annotations

from itertools import pairwise

import pytest

from strandloom.training.schedule import falls, learning_rate_factor
from strandloom.training.settings import ConstantSettings, CosineSettings, PlateauSettings


def test_cosine_rises_then_falls_to_the_final_share() -> None:
    settings = CosineSettings(warm_up=0.1, final=0.01)
    values = [learning_rate_factor(settings, step, total=1000) for step in range(1001)]
    assert values[0] == pytest.approx(0.01)
    assert max(values) == values[99] == values[100] == 1.0
    assert all(a < b for a, b in pairwise(values[:100]))
    assert all(a > b for a, b in pairwise(values[100:]))
    assert values[550] == pytest.approx(0.01 + 0.99 / 2)
    assert values[1000] == pytest.approx(0.01)


def test_constant_and_no_warm_up() -> None:
    assert {learning_rate_factor(ConstantSettings(), step, total=10) for step in range(10)} == {1.0}
    assert learning_rate_factor(CosineSettings(warm_up=0.0), 0, total=10) == 1.0


def test_plateau_follows_the_losses() -> None:
    settings = PlateauSettings(factor=0.5, patience=2)
    assert falls([3, 2, 1], patience=2) == 0
    assert falls([3, 4, 2, 3, 3], patience=2) == 1
    assert falls([1, 2, 2, 2, 2], patience=2) == 2
    assert learning_rate_factor(settings, 50, total=100, losses=[1, 2, 2, 2, 2]) == 0.25
