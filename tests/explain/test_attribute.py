"""The front door: every method, its errors, batches, strands and seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.errors import InputError, UsageError
from strandloom.explain.attribute import attribute, estimate_passes, shuffled_references
from strandloom.explain.attribution import METHODS, Method, Output
from strandloom.models import settings as s
from strandloom.models.build import build

LENGTH = 24
SHARED = {"references": 3, "steps": 4, "check_rows": 0}


def random_codes(rows: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 4, (rows, LENGTH)).astype(np.uint8)


def members(count: int = 1, *, outputs: int = 2) -> list[nn.Module]:
    settings = s.ResidualSettings(filters=8, channels=8, blocks=1, heads=2, dense=8)
    return [build(settings, channels=4, length=LENGTH, outputs=outputs, seed=i) for i in range(count)]


class Linear(nn.Module):
    """A weight for each base at each position."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(1)))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(dim=(1, 2))[:, None]


class Rounding(nn.Module):
    """No gradient reaches the input."""

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(dim=1).sum(dim=1, keepdim=True).float()


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "deeplift", "mutagenesis"])
def test_a_linear_model_s_map_is_its_weights(method: Method) -> None:
    model, codes = Linear(), random_codes(4)
    found = attribute([model], codes, output=Output(0, "x"), method=method, references=3, steps=2)
    weight = model.weight.detach().numpy()
    centred = found.scores - found.scores.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred, np.broadcast_to(weight - weight.mean(axis=0), centred.shape), atol=1e-5)
    expected = weight[None] - np.take_along_axis(weight.T[None], codes[..., None].astype(int), 2).transpose(0, 2, 1)
    np.testing.assert_allclose(found.effects, expected, atol=1e-4)
    assert found.check.cautions == ()


@pytest.mark.parametrize("method", METHODS)
def test_the_map_is_whole(method: Method) -> None:
    codes, modules = random_codes(5), members(2)
    found = attribute(modules, codes, output=Output(1, "yes"), method=method, references=3, steps=4)
    assert found.scores.shape == (5, 4, LENGTH)
    assert found.scores.dtype == found.predicted.dtype == np.float32
    assert (found.method, found.output.label) == (method, "yes")
    with torch.no_grad():
        logits = torch.stack([m(torch.from_numpy(DNA.one_hot(codes))) for m in modules]).mean(dim=0)
    np.testing.assert_allclose(found.predicted, logits[:, 1] - logits[:, 0], atol=1e-5)
    assert (found.check.gap is not None) == (method in ("deeplift", "integrated_gradients"))
    assert (found.check.agreement is not None) == (method != "mutagenesis")


@pytest.mark.parametrize("method", METHODS)
def test_batches_and_other_rows_do_not_matter(method: Method) -> None:
    codes, modules = random_codes(70), members()
    codes[::3, 20:] = DNA.pad
    call = {"output": Output(1, "yes"), "method": method, **SHARED}
    whole = attribute(modules, codes, **call)  # type: ignore[arg-type]
    few = attribute(modules, codes[62:], batch_size=3, **call)  # type: ignore[arg-type]
    np.testing.assert_allclose(few.scores, whole.scores[62:], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_under_both_strands_the_reverse_complement_has_the_same_picture_turned(method: Method) -> None:
    codes, modules = random_codes(6), members()
    call = {"output": Output(1, "yes"), "method": method, "strand": "both", **SHARED}
    found = attribute(modules, codes, **call)  # type: ignore[arg-type]
    other = attribute(modules, DNA.reverse_complement(codes), **call)  # type: ignore[arg-type]
    np.testing.assert_allclose(other.scores[:, ::-1, ::-1], found.scores, atol=1e-5)
    np.testing.assert_allclose(other.predicted, found.predicted, atol=1e-5)


def test_references_of_padded_reverse_complements_are_turned_too() -> None:
    codes = random_codes(20)
    codes[:, 18:] = DNA.pad
    codes[3:, 7] = DNA.any
    turned = codes.copy()
    turned[:, :18] = DNA.reverse_complement(codes[:, :18])
    made = shuffled_references(codes, copies=3, seed=1, strand="both")
    other = shuffled_references(turned, copies=3, seed=1, strand="both")
    np.testing.assert_array_equal(other[:, :, :18], DNA.reverse_complement(made[:, :, :18]))
    assert (made[:, :, 18:] == DNA.pad).all()


def test_the_map_follows_from_the_seed() -> None:
    codes, modules = random_codes(3), members()
    first, again, other = (
        attribute(modules, codes, output=Output(1, "yes"), references=3, check_rows=0, seed=seed).scores
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_progress_counts_sequences_over_blocks() -> None:
    seen: list[int] = []
    attribute(
        members(),
        random_codes(70),
        output=Output(0, "x"),
        method="gradient",
        batch_size=32,
        check_rows=0,
        progress=seen.append,
    )
    assert seen == [32, 64, 70]


def test_no_sequences() -> None:
    for method in METHODS:
        found = attribute(members(), random_codes(0), output=Output(0, "x"), method=method)
        assert found.scores.shape == (0, 4, LENGTH)


def test_an_output_out_of_range_lists_the_labels() -> None:
    with pytest.raises(UsageError, match=r"0 to 1 \(0 no, 1 yes\), not 2"):
        attribute(members(), random_codes(1), output=Output(2, "x"), labels=["no", "yes"])
    with pytest.raises(UsageError, match="0 to 1, not -1"):
        attribute(members(), random_codes(1), output=Output(-1, "x"))


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "deeplift"])
def test_a_network_without_gradients_is_offered_mutagenesis(method: Method) -> None:
    codes = random_codes(2)
    with pytest.raises(UsageError, match="only mutagenesis"):
        attribute([Rounding()], codes, output=Output(0, "x"), method=method)
    found = attribute([Rounding()], codes, output=Output(0, "x"), method="mutagenesis")
    expected = np.arange(4)[None, :, None] - codes[:, None].astype(int)
    np.testing.assert_array_equal(found.effects, expected)


def test_a_sequence_without_bases_is_named() -> None:
    codes = random_codes(4)
    codes[2] = DNA.any
    with pytest.raises(InputError, match="'chr7' has none"):
        attribute(members(), codes, output=Output(0, "x"), names=["a", "b", "chr7", "d"])
    codes[3] = DNA.pad
    with pytest.raises(InputError, match=r"row 3 has none .* 1 others"):
        attribute(members(), codes, output=Output(0, "x"))


def test_a_length_that_the_network_does_not_take() -> None:
    with pytest.raises(InputError, match="does not take sequences of 40 bases") as caught:
        attribute(members(), np.zeros((1, 40), np.uint8), output=Output(0, "x"))
    assert "24 bases" in str(caught.value)


def test_bad_calls() -> None:
    codes = random_codes(1)
    with pytest.raises(UsageError, match="no method 'magic'"):
        attribute(members(), codes, output=Output(0, "x"), method="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no network"):
        attribute([], codes, output=Output(0, "x"))
    with pytest.raises(UsageError, match="references"):
        attribute(members(), codes, output=Output(0, "x"), references=0)
    with pytest.raises(UsageError, match="uint8"):
        attribute(members(), codes.astype(int), output=Output(0, "x"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="attention"):
        attribute([Linear()], codes, output=Output(0, "x"), method="attention")


def test_the_estimate_counts_what_is_done() -> None:
    assert estimate_passes("mutagenesis", 10, 200) == 10 * 601
    assert estimate_passes("gradient", 100, 200, check_rows=0) == 400
    assert estimate_passes("deeplift", 100, 200, 20) > estimate_passes("deeplift", 100, 200, 5)
    assert estimate_passes("integrated_gradients", 1, 200, 20, steps=8, check_rows=0) == 4 * 160 + 21
    assert estimate_passes("gradient", 100, 200) - estimate_passes("gradient", 100, 200, check_rows=0) == 16 * 601
    assert estimate_passes("mutagenesis", 10, 200, local=True) == 10 * 201
    assert estimate_passes("gradient", 100, 200, local=True) == 400 + 16 * 201
