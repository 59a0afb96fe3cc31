from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.alphabet import DNA
from strandloom.training.arrays import Arrays
from strandloom.training.infer import batch_rows, logits


@pytest.mark.parametrize("strand", ["one", "both"])
def test_batch_size_does_not_matter(arrays: Callable[..., Arrays], net: Callable[[], nn.Module], strand: str) -> None:
    rows = arrays(75, seed=1, short=True)
    model = net()
    each = [logits(model, rows.codes, rows.lengths, strand=strand, batch_size=size) for size in (1, 7, 512)]
    assert each[0].shape == (75, 2)
    assert each[0].dtype == np.float32
    for found in each[1:]:
        np.testing.assert_allclose(found, each[0], atol=1e-6)


def test_same_bits_whoever_the_neighbours_are(arrays: Callable[..., Arrays], net: Callable[[], nn.Module]) -> None:
    rows = arrays(100, seed=1)
    model = net()
    whole = logits(model, rows.codes, batch_size=32)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(logits(model, rows.codes[order], batch_size=32), whole[order.numpy()])
    np.testing.assert_array_equal(logits(model, rows.codes[40:45], batch_size=32), whole[40:45])


@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
def test_both_strands_are_symmetric(arrays: Callable[..., Arrays], net: Callable[[], nn.Module], anchor: str) -> None:
    from strandloom.training.onehot import reverse_complement

    rows = arrays(40, seed=1)
    model = net()
    one = logits(model, rows.codes, anchor=anchor)
    turned = reverse_complement(rows.codes)
    other = logits(model, turned, anchor=anchor)
    both = logits(model, rows.codes, rows.lengths, strand="both", anchor=anchor)
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-6)
    np.testing.assert_allclose(logits(model, turned, strand="both"), both, atol=1e-6)


def test_mode_is_put_back_arrays_may_be_read_only_and_empty(net: Callable[[], nn.Module]) -> None:
    model = net().train()
    codes = np.random.default_rng(0).integers(0, DNA.size, (10, 40), dtype=np.uint8)
    codes.flags.writeable = False
    assert logits(model, codes).shape == (10, 2)
    assert logits(model, codes[:0]).shape == (0, 2)
    assert model.training


def test_long_sequences_go_in_smaller_passes() -> None:
    assert [batch_rows(length) for length in (0, 70, 1000, 3000, 10_000, 300_000)] == [256, 256, 256, 85, 25, 1]
