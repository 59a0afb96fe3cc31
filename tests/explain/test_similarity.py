"""Similarities against a slow twin; groups against planted ones."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.explain.similarity import best_matches, chance_similarity, groups, relative, unit


def slow(a: np.ndarray, b: np.ndarray, shift: int, both: bool) -> tuple[float, int, bool]:
    """The obvious way: every base of the overlap, one by one."""
    best = (-2.0, 0, False)
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    for reverse in (False, True)[: 1 + both]:
        turned = b[::-1, ::-1] if reverse else b
        for offset in sorted(range(-shift, shift + 1), key=abs):
            total = sum(float(a[i + offset] @ turned[i]) for i in range(len(b)) if 0 <= i + offset < len(a))
            if total / norm > best[0] + 1e-6:
                best = (total / norm, offset, reverse)
    return best


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("shift", [0, 3, 20])
def test_equals_its_slow_twin(both: bool, shift: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(7, 9, 4)), rng.normal(size=(5, 9, 4))
    found = best_matches(a, b, shift=shift, both_strands=both)
    for i in range(7):
        for j in range(5):
            value, offset, reverse = slow(a[i], b[j], min(shift, 8), both)
            np.testing.assert_allclose(found.similarity[i, j], value, atol=1e-5)
            assert (found.offset[i, j], found.reverse[i, j]) == (offset, reverse)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(2).normal(size=(50, 12, 4))
    whole = best_matches(x, x, shift=6, both_strands=True)
    monkeypatch.setattr("strandloom.explain.similarity._BLOCK", 7)
    parts = best_matches(x, x, shift=6, both_strands=True)
    np.testing.assert_allclose(whole.similarity, parts.similarity, atol=1e-6)
    np.testing.assert_array_equal(whole.offset, parts.offset)


def test_a_moved_and_turned_copy_is_found() -> None:
    x = np.zeros((20, 4))
    x[5:11] = np.random.default_rng(3).normal(size=(6, 4))
    moved = np.roll(x, 4, axis=0)
    found = best_matches(x[None], np.stack([moved, moved[::-1, ::-1]]), shift=8, both_strands=True)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-5)
    assert found.offset.tolist() == [[-4, -4]]
    assert found.reverse.tolist() == [[False, True]]


def test_zeros_are_like_nothing() -> None:
    assert (unit(np.zeros((2, 5, 4))) == 0).all()
    assert best_matches(np.zeros((1, 5, 4)), np.ones((1, 5, 4)), shift=2, both_strands=True).similarity[0, 0] == 0


def test_groups_are_found_through_noise_and_the_rest_is_left() -> None:
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(3, 60))
    truth = np.repeat([0, 1, 2, -1], [40, 25, 12, 30])
    x = rng.normal(size=(len(truth), 60)) * 1.0
    x[truth >= 0] += directions[truth[truth >= 0]]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    order = rng.permutation(len(truth))
    labels = groups((x @ x.T)[np.ix_(order, order)], floor=0.3, same=0.8, least=8)
    back = np.empty_like(labels)
    back[order] = labels
    for group, count in enumerate((40, 25, 12)):
        inside = back[truth == group]
        assert (inside == group).mean() > 0.9, (group, count)
    assert (back[truth == -1] == -1).mean() > 0.9


def test_a_mixed_branch_above_the_floor_is_split() -> None:
    one, other = np.array([1.0, 0.0]), np.array([0.6, 0.8])  # cosine .6
    x = np.concatenate([np.tile(one, (10, 1)), np.tile(other, (10, 1))])
    labels = groups(x @ x.T, floor=0.5, same=0.8, least=3)
    assert sorted(np.bincount(labels)) == [10, 10]
    assert (groups(x @ x.T, floor=0.5, same=0.5, least=3) == 0).all()


def test_too_few_make_no_group() -> None:
    assert (groups(np.ones((3, 3)), floor=0.5, same=0.8, least=4) == -1).all()
    assert groups(np.ones((0, 0)), floor=0.5, same=0.8, least=4).shape == (0,)


def test_relative_similarity_does_not_fall_with_noise() -> None:
    rng = np.random.default_rng(5)
    for noise in (0.5, 1.0, 2.0):
        x = rng.normal(size=50) + noise * rng.normal(size=(200, 50))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        assert 0.9 < relative(x @ x.T, np.arange(100), np.arange(100, 200)) < 1.1


def test_chance_similarity_is_seeded_and_below_that_of_copies() -> None:
    rng = np.random.default_rng(6)
    x = np.tile(rng.normal(size=(1, 24, 4)), (30, 1, 1))
    chance = [chance_similarity(x, np.random.default_rng(0), shift=12, both_strands=False) for _ in range(2)]
    assert chance[0] == chance[1] < 0.8
