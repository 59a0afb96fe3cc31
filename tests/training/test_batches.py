from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from strandloom.training.batches import batch_bounds, epoch_order


@given(rows=st.integers(2, 500), batch_size=st.integers(2, 100))
def test_every_row_once_and_no_batch_of_one(rows: int, batch_size: int) -> None:
    bounds = batch_bounds(rows, batch_size)
    assert [x for a, b in bounds for x in range(a, b)] == list(range(rows))
    assert all(2 <= b - a <= batch_size + 1 for a, b in bounds)


def test_order_is_a_permutation_of_the_seed_and_epoch() -> None:
    first = epoch_order(100, seed=1, epoch=1)
    assert torch.equal(first.sort().values, torch.arange(100))
    assert torch.equal(first, epoch_order(100, seed=1, epoch=1))
    assert not torch.equal(first, epoch_order(100, seed=1, epoch=2))
    assert not torch.equal(first, epoch_order(100, seed=2, epoch=1))
