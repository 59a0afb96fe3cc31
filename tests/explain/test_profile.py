"""Profiles and enrichment against counts by hand and scipy's Fisher test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from strandloom.errors import UsageError
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.profile import enrichment, middles, profile


def sites(row: list[int], start: list[int], width: int = 1) -> Sites:
    first = np.array(start, np.int64)
    none = np.zeros(len(row), np.bool_)
    return Sites(np.array(row, np.int64), first, first + width, none, np.ones(len(row)))


def motif(rows: list[int], name: str = "m") -> Motif:
    return Motif(name, np.full((1, 4), 0.25), sites(rows, [0] * len(rows)))


def test_counts_are_of_middles_and_the_best_place_has_most() -> None:
    found = profile(sites([0, 1, 2, 2], [10, 10, 11, 40], width=5), np.full(3, 50), bases=1)
    assert found.counts.sum() == 4
    assert found.counts[12] == 2  # bases 10 … 14 have their middle at 12
    assert found.place == (12, 12)
    assert found.share == 0.5
    assert len(found.counts) == 50


def test_density_is_by_the_sequences_that_reach_a_place() -> None:
    lengths = np.array([100, 10, 10, 10, 10, 10, 10, 10, 10, 10])
    found = profile(sites([0, 1, 2], [95, 5, 15]), lengths.clip(20), bases=10)
    np.testing.assert_allclose(found.density[[0, 1, 5, 9]], [1 / 100, 1 / 100, 0, 1 / 10])
    assert found.place == (90, 99)  # among equals the densest
    assert np.isnan(profile(sites([0], [0]), np.array([15]), anchor=np.array([20]), bases=1).density).sum() == 0


@pytest.mark.parametrize("anchor", ["start", "centre", "end", "given"])
def test_anchors(anchor: str) -> None:
    lengths = np.array([30, 41, 52])
    zero = {"start": lengths * 0, "centre": lengths // 2, "end": lengths - 1, "given": np.array([3, 9, 27])}[anchor]
    placed = sites([0, 1, 2], (zero + (-2 if anchor == "end" else 2)).tolist())
    found = profile(placed, lengths, anchor=zero if anchor == "given" else anchor, bases=1)  # type: ignore[arg-type]
    expected = placed.start - zero
    for distance in set(expected.tolist()):
        at = int(np.flatnonzero(found.edges == distance)[0])
        assert found.counts[at] == np.count_nonzero(expected == distance)
    assert found.edges[0] == (-zero).min()
    assert found.edges[-1] == (lengths - 1 - zero).max() + 1


def test_bins_by_default_are_at_most_fifty_and_one_begins_at_the_anchor() -> None:
    found = profile(sites([0], [500]), np.array([1000]), anchor="centre")
    assert len(found.counts) <= 51
    assert 0 in found.edges


def test_no_sites_no_place() -> None:
    found = profile(sites([], []), np.array([10, 20]))
    assert found.place is None
    assert found.share == 0
    assert profile(sites([], []), np.array([0])).place is None


def test_enrichment_agrees_with_fisher() -> None:
    classes = np.repeat([0, 1, 2], [30, 40, 50])
    first, second = motif([0, 0, 1, 2, 3, 4, 5, 31, 100], "a"), motif([35, 36, 80, 81, 82], "b")
    found = enrichment([first, second], classes, ["x", "y", "z"])
    assert [(e.motif, e.label) for e in found] == [(m, c) for m in "ab" for c in "xyz"]
    carriers = {"a": {0, 1, 2, 3, 4, 5, 31, 100}, "b": {35, 36, 80, 81, 82}}
    for e in found:
        member = classes == "xyz".index(e.label)
        has = np.isin(np.arange(120), list(carriers[e.motif]))
        table = [[(has & member).sum(), (~has & member).sum()], [(has & ~member).sum(), (~has & ~member).sum()]]
        assert [[e.carriers, e.size - e.carriers], [e.other_carriers, e.other_size - e.other_carriers]] == table
        smaller = min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
        np.testing.assert_allclose(e.p, min(1, 2 * smaller), rtol=1e-9)
        raised = np.array(table) + 0.5
        np.testing.assert_allclose(e.log2_odds, np.log2(raised[0, 0] * raised[1, 1] / raised[0, 1] / raised[1, 0]))
        assert e.low < e.log2_odds < e.high
    np.testing.assert_allclose([e.q for e in found], false_discovery_control([e.p for e in found]))
    assert found[0].share == 6 / 30
    assert found[0].other_share == 2 / 90


def test_sequences_of_no_known_class_are_left_out() -> None:
    classes = np.array([0, 0, 1, 1, 1, -1, -1])
    found = enrichment([motif([0, 2, 5])], classes, ["x", "y"])
    kept = enrichment([motif([0, 2])], classes[:5], ["x", "y"])
    assert found == kept


def test_the_middle_is_the_left_of_two() -> None:
    assert middles(sites([0, 0], [10, 20], width=5)).tolist() == [12, 22]
    assert middles(sites([0], [10], width=4)).tolist() == [11]


def test_an_anchor_may_lie_before_the_sequence() -> None:
    found = profile(sites([0, 1], [5, 15]), np.array([20, 20]), anchor=np.array([-30, -20]), bases=5)
    assert found.edges.tolist() == list(range(20, 51, 5))
    assert found.place == (35, 39)
    assert found.share == 1
    np.testing.assert_allclose(found.density, [0, 0, 0, 2 / 10, 0, 0][: len(found.density)])


def test_labels_may_overlap() -> None:
    labels = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], bool)
    one, other = enrichment([motif([0, 1])], labels, ["p", "q"])
    assert (one.carriers, one.other_carriers) == (2, 0)
    assert (other.carriers, other.other_carriers) == (1, 1)


def test_mistakes() -> None:
    with pytest.raises(UsageError, match="0 to 1, not from 0 to 2"):
        enrichment([motif([0])], np.array([0, 1, 2]), ["a", "b"])
    with pytest.raises(UsageError, match="do not fit"):
        enrichment([motif([0])], np.zeros((3, 2), bool), ["a"])
    with pytest.raises(UsageError, match="anchors"):
        profile(sites([0], [0]), np.array([5, 5]), anchor=np.array([1]))
    with pytest.raises(UsageError, match="at least 1 base"):
        profile(sites([0], [0]), np.array([5]), bases=0)
