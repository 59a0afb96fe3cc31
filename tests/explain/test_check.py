"""The check of a map: gaps, agreement and the words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strandloom.alphabet import Codes
from strandloom.explain.attribution import Output, contributions
from strandloom.explain.check import DOUBTFUL, GAP, GOOD, agreement, agreement_words, check, completeness_gap, gap_words
from strandloom.explain.score import Explained

LENGTH = 20
WEIGHT = torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(1))


class Linear(nn.Module):
    """Fixed weights."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * WEIGHT).sum(dim=(1, 2))[:, None]


class Constant(nn.Module):
    """The same score for all."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=(1, 2))[:, None] * 0


def random_codes(rows: int) -> Codes:
    return np.random.default_rng(0).integers(0, 4, (rows, LENGTH)).astype(np.uint8)


def score(module: nn.Module) -> Explained:
    return Explained([module], Output(0, "x"))


def exact(rows: int) -> np.ndarray:
    weight = WEIGHT.numpy() - WEIGHT.numpy().mean(axis=0)
    return np.broadcast_to(weight, (rows, 4, LENGTH)).copy()


def test_the_gap_is_the_median_miss_in_standard_deviations() -> None:
    predicted = np.array([1, 2, 3, 6], np.float32)
    baseline = np.full(4, 0.5, np.float32)
    observed = np.zeros((4, 2), np.float32)
    observed[:, 0] = predicted - baseline
    assert completeness_gap(observed, predicted=predicted, baseline=baseline) == pytest.approx(0, abs=1e-7)
    observed[:, 1] = [0.1, -0.2, 0.3, 4]
    expected = 0.25 / predicted.std()
    assert completeness_gap(observed, predicted=predicted, baseline=baseline) == pytest.approx(expected, rel=1e-5)


def test_the_gap_of_one_sequence_is_in_its_own_difference() -> None:
    observed = np.array([[1.0, 0.5]], np.float32)
    found = completeness_gap(observed, predicted=np.array([3], np.float32), baseline=np.array([1], np.float32))
    assert found == pytest.approx(0.25)
    nothing = np.zeros(1, np.float32)
    assert completeness_gap(observed, predicted=nothing, baseline=nothing) is None
    assert completeness_gap(observed[:0], predicted=nothing[:0], baseline=nothing[:0]) is None


def test_a_linear_model_agrees_with_mutagenesis_fully() -> None:
    codes = random_codes(30)
    found, sampled = agreement(score(Linear()), codes, contributions(codes, exact(30)))
    assert found == pytest.approx(1, abs=1e-5)
    assert sampled == 16
    assert agreement(score(Linear()), codes[:5], -contributions(codes[:5], exact(5)))[0] == pytest.approx(-1, abs=1e-5)
    assert agreement(score(Constant()), codes, contributions(codes, exact(30))) == (None, 0)


def test_letters_that_are_no_base_are_left_out() -> None:
    codes = random_codes(4)
    codes[:, 3], codes[:, 15:] = 14, 16
    scores = exact(4)
    scores[:, :, 3] += 50
    scores[:, :, 15:] = 90
    assert agreement(score(Linear()), codes, contributions(codes, scores))[0] == pytest.approx(1, abs=1e-5)


def test_the_sample_follows_from_the_seed() -> None:
    codes = random_codes(40)
    noisy = contributions(codes, exact(40)) + np.random.default_rng(1).normal(size=(40, LENGTH)).astype(np.float32)
    first, again, other = (agreement(score(Linear()), codes, noisy, seed=seed)[0] for seed in (1, 1, 2))
    assert first == again != other


def test_a_good_map_has_no_cautions() -> None:
    codes = random_codes(8)
    found = check(score(Linear()), codes, exact(8), method="gradient", predicted=np.zeros(8, np.float32))
    assert found.gap is None
    assert found.agreement == pytest.approx(1, abs=1e-5)
    assert (found.sampled, found.cautions) == (8, ())


def test_a_bad_map_is_told_in_words() -> None:
    codes = random_codes(8)
    noise = np.random.default_rng(3).normal(size=(8, 4, LENGTH)).astype(np.float32)
    predicted, baseline = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    found = check(score(Linear()), codes, noise, method="deeplift", predicted=predicted, baseline=baseline)
    assert found.gap is not None
    assert found.gap > GAP
    assert found.agreement is not None
    assert found.agreement < DOUBTFUL
    words = " ".join(found.cautions)
    assert "standard deviations" in words
    assert "only by r =" in words
    assert "mutagenesis" in words


def test_between_good_and_doubtful_a_milder_word() -> None:
    codes = random_codes(8)
    mixed = exact(8) + 1.3 * np.random.default_rng(3).normal(size=(8, 4, LENGTH)).astype(np.float32)
    found = check(score(Linear()), codes, mixed, method="gradient", predicted=np.zeros(8, np.float32))
    assert found.agreement is not None
    assert 0.5 < found.agreement < 0.7
    assert "large features" in found.cautions[0]


def test_words_begin_at_the_limits() -> None:
    assert agreement_words(None) == agreement_words(GOOD) == ""
    assert "large features" in agreement_words(DOUBTFUL)
    assert "with doubt" in agreement_words(DOUBTFUL - 0.01)
    assert gap_words(None, "gradient") == gap_words(GAP, "deeplift") == ""
    assert "more steps" in gap_words(0.2, "integrated_gradients")
    assert "use the method mutagenesis" in gap_words(0.2, "deeplift")


def test_the_limits_are_read_without_torch() -> None:
    code = "import sys, strandloom.explain.check; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_at_all_is_told() -> None:
    codes = random_codes(3)
    found = check(
        score(Constant()),
        codes,
        np.zeros((3, 4, LENGTH), np.float32),
        method="gradient",
        predicted=np.zeros(3, np.float32),
    )
    assert found.agreement is None
    assert found.sampled == 0
    assert "exactly 0" in found.cautions[0]


def test_mutagenesis_is_not_compared_with_itself_and_no_rows_are_no_check() -> None:
    codes = random_codes(3)
    zeros = np.zeros(3, np.float32)
    assert check(score(Linear()), codes, exact(3), method="mutagenesis", predicted=zeros).sampled == 0
    assert check(score(Linear()), codes, exact(3), method="gradient", predicted=zeros, rows=0).agreement is None
