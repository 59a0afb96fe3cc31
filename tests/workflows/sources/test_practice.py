"""What is hidden from practice reads."""

from __future__ import annotations

import numpy as np

from strandloom.alphabet import DNA
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.practice import (
    NOTHING,
    RELATED,
    SEEN,
    STRANGE,
    kinds_of_nothing,
    practice_views,
    reads_like_nothing,
)

LINEAGES = Lineages(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 2, 2, 3]), 3)


def views(asked: int, lineage: int, count: int = 400):  # type: ignore[no-untyped-def]
    rows = np.full(count, lineage)
    return practice_views(rows, np.full(count, asked), LINEAGES, generator=np.random.default_rng(1))


def seen(visible: np.ndarray) -> np.ndarray:
    """bool ``(N, G)``."""
    return (visible[:, None] >> np.arange(6, dtype=np.uint64)) & np.uint64(1) == 1


def test_nothing_is_hidden_of_what_is_seen() -> None:
    found = views(SEEN, 0)
    assert seen(found.visible).all()
    assert (found.regime == SEEN).all()


def test_its_own_lineage_is_hidden_and_one_of_every_other_environment() -> None:
    found = views(RELATED, 0)
    shown = seen(found.visible)
    assert not shown[:, 0].any()
    assert shown[:, 1:3].all()
    assert (shown[:, 3:5].sum(1) == 1).all()
    assert 0.3 < shown[:, 3].mean() < 0.7
    assert not shown[:, 5].any()
    assert (found.regime == RELATED).all()


def test_the_whole_group_is_hidden() -> None:
    found = views(STRANGE, 0)
    shown = seen(found.visible)
    assert not shown[:, :2].any()
    assert shown[:, 2].all()
    assert not shown[:, 3:5].any()
    assert (found.regime == STRANGE).all()


def test_what_is_left_is_what_counts() -> None:
    assert (views(RELATED, 2).regime == STRANGE).all()  # no other of its group
    assert (views(RELATED, 5).regime == NOTHING).all()  # its environment is gone with it


def test_reads_like_nothing_keep_their_lengths() -> None:
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 4, (200, 61)).astype(np.uint8)
    lengths = generator.integers(41, 62, 200)
    codes[np.arange(61) >= lengths[:, None]] = DNA.pad
    found = reads_like_nothing(codes, generator=generator)
    assert ((found == DNA.pad) == (codes == DNA.pad)).all()
    assert (found != codes).any(1).all()
    kind = kinds_of_nothing(200)
    assert np.bincount(kind).tolist() == [66, 68, 66]
    for i in np.flatnonzero(kind > 0):
        assert np.bincount(found[i]).tolist() == np.bincount(codes[i]).tolist()  # shuffled or turned round
    for i in np.flatnonzero(kind == 2):
        assert found[i, : lengths[i]].tolist() == codes[i, : lengths[i]][::-1].tolist()
