from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.data.split.share import share_groups, share_rows

FRACTIONS = (0.7, 0.1, 0.2)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300), st.integers(0, 99))
def test_rows_are_shared_evenly_overall_and_in_every_stratum(strata, seed):
    layers = np.array(strata, np.int64)
    part = share_rows(layers, FRACTIONS, seed=seed)
    assert np.array_equal(part, share_rows(layers, FRACTIONS, seed=seed))
    for number, fraction in enumerate(FRACTIONS):
        assert abs((part == number).sum() - fraction * len(layers)) <= 2
        for layer in np.unique(layers):
            inside = layers == layer
            assert abs((part[inside] == number).sum() - fraction * inside.sum()) <= 3


def test_every_row_is_as_likely_as_any_other():
    layers = np.repeat([0, 1, 2], [50, 30, 20])
    share = np.mean([share_rows(layers, FRACTIONS, seed=s) == 2 for s in range(600)], axis=0)
    assert share.mean() == pytest.approx(0.2, abs=0.01)
    assert 0.12 < share.min() < share.max() < 0.28


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=3, max_size=60), st.integers(1, 4), st.integers(0, 99))
def test_groups_stay_whole_and_no_part_is_empty(sizes, classes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    strata = np.random.default_rng(seed).integers(0, classes, len(groups))
    part = share_groups(groups, strata, FRACTIONS, seed=seed)
    assert all(len(np.unique(part[groups == g])) == 1 for g in range(len(sizes)))
    assert set(part.tolist()) == {0, 1, 2}


def test_many_small_groups_reach_the_asked_shares_in_every_class():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(4000), generator.integers(1, 6, 4000))
    strata = (generator.random(4000)[groups] < 0.1).astype(np.int64)  # a rare class, whole groups of it
    part = share_groups(groups, strata, FRACTIONS, seed=1)
    for layer in (0, 1):
        got = np.bincount(part[strata == layer], minlength=3) / (strata == layer).sum()
        assert got == pytest.approx(FRACTIONS, abs=0.005)


def test_keys_make_the_result_free_of_row_order():
    generator = np.random.default_rng(3)
    groups = np.sort(generator.integers(0, 100, 500))
    _, groups = np.unique(groups, return_inverse=True)
    strata = generator.integers(0, 3, 500)
    keys = generator.integers(0, 1 << 60, groups.max() + 1).astype(np.uint64)
    part = share_groups(groups, strata, FRACTIONS, seed=5, keys=keys)
    order = generator.permutation(500)
    names, first, renumbered = np.unique(groups[order], return_index=True, return_inverse=True)
    again = share_groups(renumbered, strata[order], FRACTIONS, seed=5, keys=keys[names])
    assert np.array_equal(part[order], again)
    assert len(first) == len(names)


def test_no_rows():
    empty = np.zeros(0, np.int64)
    assert len(share_rows(empty, FRACTIONS, seed=0)) == len(share_groups(empty, empty, FRACTIONS, seed=0)) == 0
