"""Effects against closed forms (linear models, a maximum over windows), their intervals against truth, insertion against tangermeme."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.alphabet import DNA
from strandloom.data.shuffle import dinucleotide_shuffle
from strandloom.errors import UsageError
from strandloom.explain.attribution import Output
from strandloom.explain.effects import Effect, estimate, marginal_effect, orientation, position_curve, spread
from strandloom.explain.score import Explained

L = 40


def explained(module: nn.Module) -> Explained:
    return Explained([module], Output(0, "y"), against="none")


class Linear(nn.Module):
    """Σ weight · one-hot."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weights).sum(dim=(1, 2))[:, None]


class Best(nn.Module):
    """The best match of a text to any window: matching letters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.from_numpy(DNA.one_hot(DNA.encode(text)))[None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv1d(x, self.kernel).amax(dim=2)


def cnn(seed: int = 0, length: int = L) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv1d(4, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(8 * (length // 4), 1)
    )
    for weight in net.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return net


def bases(rows: int, seed: int = 0, length: int = L) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (rows, length), dtype=np.uint8)


def test_linear_model_by_hand() -> None:
    weights = np.random.default_rng(1).normal(size=(4, L))
    codes = bases(50)
    found = marginal_effect(explained(Linear(weights)), "TATAAA", codes, place=5)
    motif = DNA.encode("TATAAA")
    each = [
        weights[motif, np.arange(5, 11)].sum() - weights[row[5:11], np.arange(5, 11)].sum() for row in codes.astype(int)
    ]
    assert found.value == pytest.approx(np.mean(each), abs=1e-5)
    assert found.n == 50
    half = 2.0096 * np.std(each, ddof=1) / np.sqrt(50)  # t of 49 degrees of freedom
    assert found.low == pytest.approx(found.value - half, abs=1e-4)
    assert found.high == pytest.approx(found.value + half, abs=1e-4)
    assert found.notes == ()


def test_matrix_of_a_linear_model_has_its_expected_effect() -> None:
    weights = np.random.default_rng(1).normal(size=(4, L))
    matrix = np.random.default_rng(2).dirichlet(np.full(4, 0.5), 6)
    codes = bases(400)
    found = marginal_effect(explained(Linear(weights)), matrix, codes, place=5, draws=20)
    written = (matrix * weights[:, 5:11].T).sum()
    before = np.mean([weights[row[5:11], np.arange(5, 11)].sum() for row in codes.astype(int)])
    assert found.value == pytest.approx(written - before, abs=0.06)  # 8,000 draws: a standard error of about 0.02


def test_composition_alone_is_not_taken_for_a_motif() -> None:
    """A model that counts A: the control has the whole effect and nothing is left. A model of the order: the reverse."""
    counts = np.zeros((4, L))
    counts[0] = 1
    found = marginal_effect(explained(Linear(counts)), "TATAAA", bases(100))
    assert found.value == pytest.approx(found.control.value, abs=1e-6)
    assert found.value > 1.5  # 4 of A instead of the 1.5 of chance
    assert found.excess.value == pytest.approx(0, abs=1e-6)
    ordered = marginal_effect(explained(Best("GCATTACG")), "GCATTACG", bases(100))
    assert ordered.excess.low > 1
    same = marginal_effect(explained(Linear(counts)), "AAAAAA", bases(20))
    assert same.excess.value == 0
    assert "no other order" in same.notes[0]


def test_best_window_by_hand() -> None:
    """A maximum over windows: with the whole motif the score is its width whatever the background is."""
    codes = bases(60)
    model = Best("GCATTACG")
    found = marginal_effect(explained(model), "GCATTACG", codes)
    with torch.no_grad():
        without = model(torch.from_numpy(DNA.one_hot(codes)))[:, 0].numpy()
    assert found.value == pytest.approx(8 - without.mean(), abs=1e-6)


def test_interval_covers_the_truth() -> None:
    """A motif whose effect is 1 + 2 · (a T stands behind it): 1.5 on even backgrounds."""

    class Behind(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, 0, 10:13].prod(dim=1) * (1 + 2 * x[:, 3, 13]))[:, None]

    chance, covered = 0.25**3 * 1.5, []
    for seed in range(300):
        found = marginal_effect(explained(Behind()), "AAA", bases(30, seed=seed, length=16), place=10, batch_size=32)
        covered.append(found.low <= 1.5 - chance <= found.high)
    assert 0.91 <= np.mean(covered) <= 0.98
    draws = np.random.default_rng(0).normal(1.0, 2.0, (4000, 12))
    own = estimate(draws)
    assert np.mean((own.lows <= 1) & (own.highs >= 1)) == pytest.approx(0.95, abs=0.012)


def test_copies_of_a_sequence_are_averaged_first() -> None:
    differences = np.random.default_rng(0).normal(size=(2, 24))
    slow = [estimate(x.reshape(6, 4).mean(axis=1)) for x in differences]
    found = estimate(differences, copies=4)
    assert found.n == 6
    np.testing.assert_allclose(found.lows, [x.lows for x in slow])
    single = estimate(differences[:, :4], copies=4)  # one sequence: its copies are all there is
    assert single.n == 4
    assert np.isfinite(single.lows).all()
    lonely = estimate(differences[:, :1])
    assert lonely.n == 1
    assert np.isnan(lonely.lows).all()


def test_shuffled_backgrounds_go_in_as_they_are_made() -> None:
    backgrounds = dinucleotide_shuffle(bases(9), copies=4, seed=1)
    found = marginal_effect(explained(cnn()), "TATAAA", backgrounds)
    assert found.n == 9
    rows = marginal_effect(explained(cnn()), "TATAAA", backgrounds.reshape(-1, L))
    assert rows.n == 36
    assert rows.value == pytest.approx(found.value, abs=1e-6)


def test_same_seed_same_bits_whatever_the_batch() -> None:
    score, codes = explained(cnn()), bases(33)
    matrix = np.random.default_rng(2).dirichlet(np.ones(4), 6)
    found = marginal_effect(score, matrix, codes, seed=3, draws=2)
    assert found == marginal_effect(score, matrix, codes, seed=3, draws=2)
    assert found != marginal_effect(score, matrix, codes, seed=4, draws=2)
    for batch_size in (1, 50):
        other = marginal_effect(score, matrix, codes, seed=3, draws=2, batch_size=batch_size)
        np.testing.assert_allclose(numbers(other), numbers(found), atol=1e-5)
    curve = position_curve(score, matrix, codes, places=[3, 9], seed=3)
    np.testing.assert_array_equal(curve.values, position_curve(score, matrix, codes, places=[3, 9], seed=3).values)


def numbers(found: Effect) -> list[float]:
    return [found.value, found.low, found.high, *found.control, *found.excess]


def test_padding_is_left_alone() -> None:
    """A model that counts bases in every column: rows anchored left and right have the same effect at the same place."""
    codes = np.full((20, L), DNA.pad, np.uint8)
    codes[:10, :30] = bases(10, length=30)
    codes[10:, 10:] = bases(10, length=30)
    score = explained(Linear(np.ones((4, L))))
    for place in (0, 24, None):
        found = marginal_effect(score, "TATAAA", codes, place=place)
        assert found.value == 0  # nothing is lengthened
    with pytest.raises(UsageError, match="at place 25"):
        marginal_effect(score, "TATAAA", codes, place=25)
    with pytest.raises(UsageError, match="does not fit"):
        marginal_effect(score, "A" * 31, codes)


def test_orientation_of_symmetric_and_of_one_sided_models() -> None:
    codes = bases(80)
    one = orientation(explained(Best("GCATTACG")), "GCATTACG", codes)
    assert one.difference.low > 0
    assert one.difference.value == pytest.approx(one.forward.value - one.reverse.value)
    assert one.forward.value == marginal_effect(explained(Best("GCATTACG")), "GCATTACG", codes).value
    both = Explained([Best("GCATTACG")], Output(0, "y"), against="none", strand="both")
    found = orientation(both, "GCATTACG", codes)
    assert found.forward.value > 1
    assert found.difference.value == pytest.approx(0, abs=0.15)
    assert orientation(both, "GAATTC", codes).difference.value == 0  # its own reverse complement


def test_position_curve_is_a_marginal_effect_at_each_place() -> None:
    score, codes = explained(cnn()), bases(30)
    curve = position_curve(score, "TATAWA", codes, places=[0, 7, 34], seed=2, control=True)
    np.testing.assert_array_equal(curve.places, [0, 7, 34])
    assert curve.control is not None
    for number, place in enumerate((0, 7, 34)):
        single = marginal_effect(score, "TATAWA", codes, place=place, seed=2)
        assert curve.values[number] == pytest.approx(single.value, abs=1e-6)
        assert curve.lows[number] == pytest.approx(single.low, abs=1e-6)
        assert curve.highs[number] == pytest.approx(single.high, abs=1e-6)
        assert curve.control.values[number] == pytest.approx(single.control.value, abs=1e-6)


def test_position_curve_finds_the_place_of_a_linear_model() -> None:
    weights = np.zeros((4, L))
    weights[DNA.encode("TATAAA").astype(int), np.arange(20, 26)] = 1
    curve = position_curve(explained(Linear(weights)), "TATAAA", bases(200), places=100)
    np.testing.assert_array_equal(curve.places, np.arange(L - 5))
    assert curve.places[curve.values.argmax()] == 20
    assert curve.values[20] == pytest.approx(4.5, abs=0.2)
    far = np.abs(curve.places - 20) > 5
    np.testing.assert_allclose(curve.values[far], 0, atol=1e-6)


def test_places_are_spread_evenly() -> None:
    np.testing.assert_array_equal(spread(100, 5), [0, 25, 50, 75, 100])
    np.testing.assert_array_equal(spread(3, 50), [0, 1, 2, 3])
    np.testing.assert_array_equal(spread(9, 1), [0])
    with pytest.raises(UsageError):
        spread(9, 0)
    with pytest.raises(UsageError, match="no place"):
        position_curve(explained(cnn()), "TATA", bases(3), places=[])


@pytest.mark.parametrize(("motif", "place"), [("TATAAA", 5), ("GCATTACG", None)])
def test_insertion_is_tangermemes(motif: str, place: int | None) -> None:
    marginalize = pytest.importorskip("tangermeme.marginalize").marginalize
    net, codes = cnn(), bases(64)
    found = marginal_effect(explained(net), motif, codes, place=place)
    before, after = marginalize(net, torch.from_numpy(DNA.one_hot(codes)), motif, start=place, device="cpu")
    assert found.value == pytest.approx(float((after - before).mean()), abs=1e-5)
