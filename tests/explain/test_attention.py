"""Attention weights as an attribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.attention import attention
from strandloom.explain.attribution import contributions
from strandloom.models import settings as s
from strandloom.models.build import build

LENGTH = 30


def random_codes(rows: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 4, (rows, LENGTH)).astype(np.uint8)


class Looking(nn.Module):
    """Two heads: one looks evenly at everything, one at A."""

    def attention_weights(self, x: Tensor) -> Tensor:
        seen = (x != 0).any(dim=1).float()
        return torch.stack([seen / seen.sum(dim=1, keepdim=True), x[:, 0] / x[:, 0].sum(dim=1, keepdim=True)], dim=1)


class FirstBase(nn.Module):
    """Looks at the first column only."""

    def attention_weights(self, x: Tensor) -> Tensor:
        weights = torch.zeros(len(x), 1, x.shape[-1])
        weights[..., 0] = 1
        return weights


def members(count: int, *, heads: int = 2) -> list[nn.Module]:
    settings = s.ResidualSettings(filters=8, channels=8, blocks=1, heads=heads, dense=8)
    return [build(settings, channels=4, length=LENGTH, outputs=2, seed=i) for i in range(count)]


def test_weights_stand_on_the_observed_bases() -> None:
    codes = random_codes(4)
    found = attention([Looking()], codes)
    is_a = codes == 0
    expected = (1 / LENGTH + is_a / is_a.sum(axis=1, keepdims=True)) / 2
    np.testing.assert_allclose(contributions(codes, found), expected, rtol=1e-5)
    assert (found * (1 - DNA.one_hot(codes)) == 0).all()


def test_members_and_heads_are_averaged_and_batches_do_not_matter() -> None:
    codes, modules = random_codes(7), members(3)
    found = attention(modules, codes)
    x = torch.from_numpy(DNA.one_hot(codes))
    with torch.no_grad():
        expected = torch.stack([m.eval().attention_weights(x).mean(dim=1) for m in modules]).mean(dim=0)  # type: ignore[operator]
    np.testing.assert_allclose(contributions(codes, found), expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(attention(modules, codes, batch_size=2), found, atol=1e-6)


def test_both_strands_are_averaged_in_the_order_of_the_sequence() -> None:
    codes = random_codes(3)
    codes[1:, 24:] = DNA.pad
    found = attention([FirstBase()], codes, strand="both").sum(axis=1)
    last = [LENGTH - 1, 23, 23]
    expected = np.zeros((3, LENGTH))
    expected[:, 0], expected[range(3), last] = 0.5, 0.5
    np.testing.assert_allclose(found, expected)


def test_the_reverse_complement_has_the_same_picture_turned() -> None:
    codes, modules = random_codes(5), members(2)
    found = attention(modules, codes, strand="both")
    other = attention(modules, DNA.reverse_complement(codes), strand="both")
    np.testing.assert_allclose(other[:, ::-1, ::-1], found, atol=1e-6)


def test_ambiguity_and_gaps() -> None:
    codes = random_codes(2)
    codes[:, 3], codes[:, 5] = DNA.any, DNA.gap
    found = attention([Looking()], codes)
    assert (found[:, :, 3] > 0).all()
    assert not found[:, :, 5].any()


@pytest.mark.parametrize("module", [nn.Flatten(), members(1, heads=0)[0]])
def test_networks_without_attention_are_told_so(module: nn.Module) -> None:
    with pytest.raises(UsageError, match="attention") as caught:
        attention([module], random_codes(1))
    assert "deeplift" in str(caught.value)
