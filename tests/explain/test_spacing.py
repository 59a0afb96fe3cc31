"""Interactions against models of which they are known: additive, a product at one spacing, a maximum; and against tangermeme."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.explain.attribution import Output
from strandloom.explain.effects import marginal_effect
from strandloom.explain.score import Explained
from strandloom.explain.spacing import spacing_curve

L, A, B = 60, "GCATTACG", "TTGACAAC"


def explained(module: nn.Module) -> Explained:
    return Explained([module], Output(0, "y"), against="none")


def bases(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (rows, L), dtype=np.uint8)


def found(x: torch.Tensor, text: str) -> torch.Tensor:
    """Whether a text stands at each place, (B, L - w + 1)."""
    kernel = torch.from_numpy(DNA.one_hot(DNA.encode(text)))[None]
    return (nn.functional.conv1d(x, kernel)[:, 0] > len(text) - 0.5).float()


class Sum(nn.Module):
    """1 for each A and 2 for each B, weighted by the place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        place = torch.arange(L - 7) / L
        return ((found(x, A) + 2 * found(x, B)) * place).sum(dim=1)[:, None]


class Product(nn.Module):
    """1 for each A, and 3 more for each pair of A and B with ``gap`` bases between them."""

    def __init__(self, gap: int, first: str = A, second: str = B) -> None:
        super().__init__()
        self.gap, self.first, self.second = gap, first, second

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two, step = found(x, self.first), found(x, self.second), len(self.first) + self.gap
        return (found(x, A).sum(dim=1) + 3 * (one[:, :-step] * two[:, step:]).sum(dim=1))[:, None]


class Either(nn.Module):
    """1 where A or B or both stand in the sequence."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.maximum(found(x, A).amax(dim=1), found(x, B).amax(dim=1))[:, None]


def cnn() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Conv1d(4, 8, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Flatten(),
        nn.Linear(120, 8),
        nn.ReLU(),
        nn.Linear(8, 1),
    )
    for weight in net.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return net


def test_what_adds_up_has_no_interaction() -> None:
    (curve,) = spacing_curve(explained(Sum()), A, B, bases(40), spacings=[0, 3, 20])
    np.testing.assert_allclose(curve.interaction.values, 0, atol=1e-6)
    np.testing.assert_allclose(curve.interaction.highs - curve.interaction.lows, 0, atol=1e-6)
    assert (curve.joint.values > 0.5).all()


def test_a_linear_model_has_no_interaction_either() -> None:
    weights = torch.randn((4, L), generator=torch.Generator().manual_seed(1))

    class Linear(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * weights).sum(dim=(1, 2))[:, None]

    for curve in spacing_curve(
        explained(Linear()), "TATAWA", B, bases(40), spacings=[0, 9], strands=("++", "+-", "-+")
    ):
        np.testing.assert_allclose(curve.interaction.values, 0, atol=1e-5)


def test_a_product_shows_at_its_spacing_only() -> None:
    (curve,) = spacing_curve(explained(Product(5)), A, B, bases(40), spacings=range(12))
    expected = np.where(np.arange(12) == 5, 3.0, 0.0)
    np.testing.assert_allclose(curve.interaction.values, expected, atol=1e-6)
    np.testing.assert_allclose(curve.joint.values, expected + 1, atol=1e-6)
    np.testing.assert_array_equal(curve.interaction.places, np.arange(12))
    assert curve.interaction.n == 40


def test_either_is_less_than_the_sum() -> None:
    (curve,) = spacing_curve(explained(Either()), A, B, bases(40), spacings=[2])
    assert curve.joint.values[0] == pytest.approx(1)
    assert curve.interaction.values[0] == pytest.approx(-1)


def test_strands_name_the_motif_that_is_turned() -> None:
    turned = DNA.decode(DNA.reverse_complement(DNA.encode(B)))
    curves = spacing_curve(
        explained(Product(4, A, turned)), A, B, bases(30), spacings=[3, 4], strands=("++", "+-", "-+", "--")
    )
    assert [curve.strands for curve in curves] == ["++", "+-", "-+", "--"]
    expected = {"++": [0, 0], "+-": [0, 3], "-+": [0, 0], "--": [0, 0]}
    for curve in curves:
        np.testing.assert_allclose(curve.interaction.values, expected[curve.strands], atol=1e-6)


def test_the_first_keeps_its_place_and_the_widest_is_centred() -> None:
    class Places(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            place = torch.arange(L - 7).float()
            return (found(x, A) * place + 1000 * found(x, B) * place).sum(dim=1)[:, None]

    (curve,) = spacing_curve(explained(Places()), A, B, bases(5), spacings=[0, 4])
    start = (L - 20) // 2
    np.testing.assert_allclose(curve.joint.values, [start + 1000 * (start + 8), start + 1000 * (start + 12)])
    (given,) = spacing_curve(explained(Places()), A, B, bases(5), spacings=[0, 4], place=1)
    np.testing.assert_allclose(given.joint.values, [1 + 9000, 1 + 13000])


def test_seed_and_batch() -> None:
    score, codes = explained(cnn()), bases(21)
    curves = [
        spacing_curve(score, "TATNNA", B, codes, spacings=[0, 7], seed=seed, batch_size=size)[0].interaction.values
        for seed, size in ((1, 256), (1, 256), (1, 3), (2, 256))
    ]
    np.testing.assert_array_equal(curves[0], curves[1])
    np.testing.assert_allclose(curves[2], curves[0], atol=1e-5)
    assert (curves[3] != curves[0]).any()


def test_parts_are_marginal_effects() -> None:
    score, codes = explained(cnn()), bases(21)
    (curve,) = spacing_curve(score, A, B, codes, spacings=[6], place=10)
    single = marginal_effect(score, A, codes, place=10).value + marginal_effect(score, B, codes, place=24).value
    assert curve.interaction.values[0] == pytest.approx(curve.joint.values[0] - single, abs=1e-5)


def test_joint_effects_are_tangermemes() -> None:
    space = pytest.importorskip("tangermeme.space").space
    net, codes = cnn(), bases(32)
    (curve,) = spacing_curve(explained(net), A, B, codes, spacings=[0, 5, 11], place=9)
    before, after = space(net, torch.from_numpy(DNA.one_hot(codes)), [A, B], [[0], [5], [11]], start=9, device="cpu")
    np.testing.assert_allclose(curve.joint.values, (after - before[:, None]).mean(dim=(0, 2)), atol=1e-5)


def test_bad_arrangements_are_refused() -> None:
    score, codes = explained(Sum()), bases(4)
    for spacings in ([], [-1, 2]):
        with pytest.raises(UsageError, match="spacings"):
            spacing_curve(score, A, B, codes, spacings=spacings)
    with pytest.raises(UsageError, match="does not fit"):
        spacing_curve(score, A, B, codes, spacings=[L - 15])
    with pytest.raises(UsageError, match="orientation"):
        spacing_curve(score, A, B, codes, spacings=[1], strands=())
