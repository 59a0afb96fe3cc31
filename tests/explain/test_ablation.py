"""Ablation against closed forms and tangermeme; the places of its control; what the three ways of destroying keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.explain.ablation import HOWS, ablate, random_places, shuffled_inside, stretches
from strandloom.explain.attribution import Output
from strandloom.explain.insertion import layout
from strandloom.explain.motif import Sites
from strandloom.explain.score import Explained

L, TEXT = 60, "GCATTACG"


def explained(module: nn.Module) -> Explained:
    return Explained([module], Output(0, "y"), against="none")


def bases(rows: int, seed: int = 0, length: int = L) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (rows, length), dtype=np.uint8)


def sites(*places: tuple[int, int, int]) -> Sites:
    """(row, start, end) each."""
    row, start, end = np.array(places, np.int64).T
    return Sites(row, start, end, np.zeros(len(row), bool), np.ones(len(row)))


class Count(nn.Module):
    """How often the text stands in the sequence."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = torch.from_numpy(DNA.one_hot(DNA.encode(TEXT)))[None]
        return (nn.functional.conv1d(x, kernel)[:, 0] > 7.5).float().sum(dim=1)[:, None]


class Linear(nn.Module):
    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weights).sum(dim=(1, 2))[:, None]


def planted(rows: int, *places: int, seed: int = 0) -> tuple[np.ndarray, Sites]:
    codes = bases(rows, seed)
    for place in places:
        codes[:, place : place + 8] = DNA.encode(TEXT)
    return codes, sites(*((row, place, place + 8) for row in range(rows) for place in places))


@pytest.mark.parametrize("how", HOWS)
def test_a_counted_motif_is_worth_its_count(how: str) -> None:
    codes, found = planted(40, 5, 30)
    effect = ablate(explained(Count()), codes, found, how=how)
    assert effect.n == 40
    assert effect.value == pytest.approx(2, abs=0.01)
    assert effect.control.value == pytest.approx(0, abs=0.01)
    assert effect.excess.low > 1.9
    assert effect.notes == ()


def test_sequences_without_sites_are_left_out() -> None:
    codes, _ = planted(6, 20)
    effect = ablate(explained(Count()), codes, sites((1, 20, 28), (4, 20, 28)))
    assert effect.n == 2
    assert effect.value == pytest.approx(1)


def test_shuffled_sites_of_a_linear_model_have_their_expected_effect() -> None:
    """A site's score minus that of its mean base in every column (orders equal to the site are drawn again: few of 8!)."""
    weights = np.random.default_rng(1).normal(size=(4, L))
    codes = bases(20)
    found = sites(*((row, 10 + row, 22 + row) for row in range(20)))
    effect = ablate(explained(Linear(weights)), codes, found, how="shuffle", copies=400)
    expected = []
    for row, start in zip(found.row, found.start, strict=True):
        columns = np.arange(start, start + 12)
        piece = codes[row, columns].astype(int)
        expected.append(weights[piece, columns].sum() - weights[piece][:, columns].mean(axis=0).sum())
    assert effect.value == pytest.approx(np.mean(expected), abs=0.1)  # a standard error of about 0.03


def test_background_bases_come_as_often_as_the_sequence_has_them() -> None:
    weights = np.zeros((4, L))
    weights[2] = 1  # counts G
    codes = np.random.default_rng(0).choice(4, size=(30, L), p=[0.1, 0.2, 0.6, 0.1]).astype(np.uint8)
    codes[:, 20:30] = 0
    effect = ablate(
        explained(Linear(weights)), codes, sites(*((row, 20, 30) for row in range(30))), how="background", copies=100
    )
    assert effect.value == pytest.approx(-10 * (codes == 2).mean(), abs=0.15)


def test_shuffles_stay_inside_their_stretch() -> None:
    codes = bases(200)
    mask = np.zeros((200, L), bool)
    mask[:, 5:13], mask[:, 20:22], mask[:100, 50:], mask[:, 40] = True, True, True, True
    out = shuffled_inside(codes, mask, np.random.default_rng(0))
    np.testing.assert_array_equal(out[~mask], codes[~mask])
    for start, end in ((5, 13), (20, 22), (50, 60)):
        np.testing.assert_array_equal(np.sort(out[:, start:end]), np.sort(codes[:, start:end]))
    assert (out != codes).any(axis=1).all()
    np.testing.assert_array_equal(shuffled_inside(codes, mask & False, np.random.default_rng(0)), codes)


def test_shuffles_are_uniform() -> None:
    codes = np.tile(np.array([[0, 1, 2, 3]], np.uint8), (23_000, 1))
    out = shuffled_inside(codes, codes < 4, np.random.default_rng(0))
    counts = np.unique(out, axis=0, return_counts=True)[1]
    assert len(counts) == 23  # all orders but the given one
    assert ((counts - 1000) ** 2 / 1000).sum() < 48  # chi-squared of 22 degrees of freedom: p = .001


def test_random_places_have_the_widths_and_avoid_the_sites() -> None:
    codes = np.full((500, L), DNA.pad, np.uint8)
    codes[:250, :50] = bases(250, length=50)
    codes[250:, 15:] = bases(250, length=45)
    mask = np.zeros(codes.shape, bool)
    mask[:, 20:28], mask[:, 31:36], mask[::2, 44:47] = True, True, True
    drawn, squeezed = random_places(mask, layout(codes), np.random.default_rng(0))
    assert not squeezed.any()
    assert not (drawn & mask).any()
    assert not (drawn & (codes == DNA.pad)).any()
    np.testing.assert_array_equal(drawn.sum(axis=1), mask.sum(axis=1))
    # Every free base is reached.
    assert drawn[:250].any(axis=0)[:20].all()


def test_random_places_are_uniform() -> None:
    mask = np.zeros((12_000, 20), bool)
    mask[:, 5:9] = True  # free starts of 4 bases: 0, 1 and 9 to 16
    drawn, _ = random_places(mask, layout(bases(12_000, length=20)), np.random.default_rng(0))
    start = stretches(drawn)[1]
    values, counts = np.unique(start, return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, *range(9, 17)])
    assert ((counts - 1200) ** 2 / 1200).sum() < 28  # 9 degrees of freedom: p = .001


def test_crowded_sequences_are_said() -> None:
    codes = bases(5, length=20)
    effect = ablate(explained(Linear(np.ones((4, 20)))), codes, sites(*((row, 4, 16) for row in range(5))))
    assert "5 of 5 sequences" in effect.notes[0]
    assert effect.value == 0  # no base is lost
    padded = np.full((300, 24), DNA.pad, np.uint8)
    padded[:, 2:22] = bases(300, length=20)
    mask = np.zeros(padded.shape, bool)
    mask[:, 6:18] = True
    drawn, squeezed = random_places(mask, layout(padded), np.random.default_rng(0))
    assert squeezed.all()
    assert (drawn.sum(axis=1) == 12).all()
    assert set(stretches(drawn)[1]) == set(range(2, 11))  # anywhere inside the sequence


def test_overlapping_sites_and_padded_rows() -> None:
    codes = np.full((2, L), DNA.pad, np.uint8)
    codes[0, :40], codes[1, 20:] = bases(1, length=40)[0], bases(1, length=40)[0]
    score = explained(Linear(np.tile(np.arange(4.0)[:, None], (1, L))))  # blind to places
    one = ablate(score, codes[:1], sites((0, 3, 10), (0, 6, 14)), how="dinucleotide", copies=5)
    other = ablate(score, codes[1:], sites((0, 3, 14)), how="dinucleotide", copies=5)
    assert one.value == pytest.approx(other.value)
    assert one.n == 5  # one sequence: the interval is over its copies


def test_seed_batch_and_untouched_input() -> None:
    codes, found = planted(70, 12)
    before = codes.copy()
    score = explained(cnn())
    first = ablate(score, codes, found, seed=1)
    assert first == ablate(score, codes, found, seed=1)
    assert first != ablate(score, codes, found, seed=2)
    other = ablate(score, codes, found, seed=1, batch_size=33)
    assert (other.value, other.low, *other.control) == pytest.approx((first.value, first.low, *first.control), abs=1e-5)
    np.testing.assert_array_equal(codes, before)
    order = np.random.default_rng(0).permutation(len(found))
    assert ablate(score, codes, found.take(order), seed=1) == first


def cnn() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Conv1d(4, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(120, 1))
    for weight in net.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return net


def test_shuffled_sites_of_a_network_agree_with_tangermeme() -> None:
    tangermeme = pytest.importorskip("tangermeme.ablate")
    net, (codes, found) = cnn(), planted(16, 12)
    effect = ablate(explained(net), codes, found, how="shuffle", copies=200)
    before, after = tangermeme.ablate(
        net, torch.from_numpy(DNA.one_hot(codes)), 12, 20, n=200, random_state=0, device="cpu", batch_size=256
    )
    other = (before[:, None] - after)[..., 0]  # (16, 200)
    noise = float((other.var(dim=1) / 200).mean() / 16) ** 0.5
    # tangermeme shuffles all rows alike, so its 200 orders are 200 draws in all.
    shared = float(other.mean(dim=0).std() / 200**0.5)
    assert effect.value == pytest.approx(float(other.mean()), abs=4 * (noise**2 + shared**2) ** 0.5)


def test_bad_sites_are_refused() -> None:
    codes, found = planted(3, 12)
    score = explained(Count())
    with pytest.raises(UsageError, match="no site"):
        ablate(score, codes, found.take(np.zeros(0, np.int64)))
    with pytest.raises(UsageError, match="in sequence 3, but there are 3"):
        ablate(score, codes, sites((3, 1, 5)))
    with pytest.raises(UsageError, match="not inside sequence 2 of 60"):
        ablate(score, codes, sites((0, 1, 5), (2, 55, 63)))
    with pytest.raises(UsageError, match="copies"):
        ablate(score, codes, found, copies=0)
