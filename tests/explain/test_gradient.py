"""Gradients: closed forms, completeness, and that batches do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.data.shuffle import dinucleotide_shuffle
from strandloom.errors import UsageError
from strandloom.explain.attribution import Output, contributions
from strandloom.explain.gradient import gradient, integrated_gradients, scored
from strandloom.explain.score import Explained

LENGTH = 24


def random_codes(rows: int, length: int = LENGTH, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 4, (rows, length)).astype(np.uint8)


class Linear(nn.Module):
    """A weight for each base at each position."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(1)))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(dim=(1, 2))[:, None]


class Smooth(nn.Module):
    """A convolution, a tanh, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.filters = nn.Parameter(torch.randn(6, 4, 5, generator=generator) / 3)
        self.weight = nn.Parameter(torch.randn(6 * (LENGTH - 4), 2, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(nn.functional.conv1d(x, self.filters)).flatten(1) @ self.weight


class Rounding(nn.Module):
    """No gradient reaches the input."""

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(dim=1).sum(dim=1, keepdim=True).float()


def explained(module: nn.Module) -> Explained:
    return Explained([module], Output(0, "x"))


def linear_weights(module: Linear) -> NDArray[np.float32]:
    return module.weight.detach().numpy()


def test_the_gradient_of_a_linear_model_is_its_weights_without_their_means() -> None:
    model, codes = Linear(), random_codes(5)
    found = gradient(explained(model), codes)
    expected = linear_weights(model) - linear_weights(model).mean(axis=0)
    np.testing.assert_allclose(found.scores, np.broadcast_to(expected, found.scores.shape), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.predicted, contributions(codes, linear_weights(model)[None]).sum(1), rtol=1e-4)
    assert found.baseline is None


def test_integrated_gradients_of_a_linear_model_are_its_weights_against_the_references() -> None:
    model, codes = Linear(), random_codes(5)
    references = dinucleotide_shuffle(codes, copies=3, seed=1)
    found = integrated_gradients(explained(model), codes, references=references, steps=1)
    weights = linear_weights(model)
    of_references = np.stack([contributions(r, np.broadcast_to(weights, (3, 4, LENGTH))) for r in references])
    expected = weights[None] - of_references.mean(axis=1)[:, None, :]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_equals_finite_differences() -> None:
    score, codes = explained(Smooth().double()), random_codes(1)
    x = torch.from_numpy(DNA.one_hot(codes)).double()
    numeric = np.zeros((4, LENGTH))
    for b in range(4):
        for p in range(LENGTH):
            step = torch.zeros_like(x)
            step[0, b, p] = 1e-5
            numeric[b, p] = float(score(x + step) - score(x - step)) / 2e-5
    found = gradient(explained(Smooth()), codes).scores[0]
    np.testing.assert_allclose(found, numeric - numeric.mean(axis=0), atol=1e-4)


def test_integrated_gradients_sum_to_the_difference_and_converge_with_steps() -> None:
    score, codes = explained(Smooth()), random_codes(6)
    references = dinucleotide_shuffle(codes, copies=4, seed=1)
    gaps = []
    for steps in (1, 6, 36):
        found = integrated_gradients(score, codes, references=references, steps=steps)
        assert found.baseline is not None
        promised = found.predicted - found.baseline
        gaps.append(np.abs(contributions(codes, found.scores).sum(axis=1) - promised).max() / promised.std())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-2
    flat = scored(score, references.reshape(-1, LENGTH), batch_size=7, device="cpu").reshape(6, 4)
    np.testing.assert_allclose(found.baseline, flat.mean(axis=1), rtol=1e-4, atol=1e-5)


def test_batches_do_not_matter() -> None:
    score, codes = explained(Smooth()), random_codes(7)
    references = dinucleotide_shuffle(codes, copies=3, seed=1)
    whole = gradient(score, codes).scores
    ways = integrated_gradients(score, codes, references=references, steps=4).scores
    for batch_size in (1, 5, 16):
        np.testing.assert_allclose(gradient(score, codes, batch_size=batch_size).scores, whole, atol=1e-5)
        found = integrated_gradients(score, codes, references=references, steps=4, batch_size=batch_size)
        np.testing.assert_allclose(found.scores, ways, atol=1e-5)


def test_nothing_is_attributed_to_gaps_and_padding() -> None:
    codes = random_codes(3)
    codes[:, 20:], codes[:, 4] = DNA.pad, DNA.gap
    references = dinucleotide_shuffle(codes, copies=2, seed=1)
    for found in (
        gradient(explained(Smooth()), codes),
        integrated_gradients(explained(Smooth()), codes, references=references),
    ):
        assert not found.scores[:, :, 20:].any()
        assert not found.scores[:, :, 4].any()
        assert found.scores[:, :, 5:20].any()


def test_a_network_without_gradients_is_told_from_others() -> None:
    with pytest.raises(UsageError, match="only mutagenesis"):
        gradient(explained(Rounding()), random_codes(1))


def test_works_where_the_caller_asks_for_no_gradients() -> None:
    score, codes = explained(Smooth()), random_codes(2)
    whole = gradient(score, codes).scores
    with torch.no_grad():
        np.testing.assert_array_equal(gradient(score, codes).scores, whole)
    with torch.inference_mode():
        np.testing.assert_array_equal(gradient(score, codes).scores, whole)


def test_bad_calls() -> None:
    score, codes = explained(Smooth()), random_codes(2)
    with pytest.raises(UsageError, match="references"):
        integrated_gradients(score, codes, references=codes[:, None, :-1])
    with pytest.raises(UsageError, match="step"):
        integrated_gradients(score, codes, references=codes[:, None], steps=0)


def test_no_sequences_and_progress() -> None:
    none = random_codes(0)
    assert gradient(explained(Smooth()), none).scores.shape == (0, 4, LENGTH)
    seen: list[int] = []
    gradient(explained(Smooth()), random_codes(5), batch_size=2, progress=seen.append)
    assert seen == [2, 4, 5]
