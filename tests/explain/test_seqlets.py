"""Seqlets of maps whose right answer is planted."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import SettingsError, UsageError
from strandloom.explain.attribution import AttributionMap, Check, Output
from strandloom.explain.seqlets import apart, find_seqlets


def as_map(values: np.ndarray, codes: np.ndarray | None = None, seed: int = 0) -> AttributionMap:
    """A map of N sequences with given contributions ``(N, L)``."""
    if codes is None:
        codes = np.random.default_rng(seed).integers(0, 4, values.shape, dtype=np.uint8)
    scores = (DNA.one_hot_table[codes] * values[..., None]).transpose(0, 2, 1).astype(np.float32)
    return AttributionMap(codes, scores, Output(0, "x"), "gradient", scores.sum(axis=(1, 2)), Check())


def noise(rows: int = 300, length: int = 150, seed: int = 0, kind: str = "normal") -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(rows, length)) if kind == "normal" else rng.laplace(size=(rows, length))) * 0.2


@pytest.mark.parametrize("kind", ["normal", "laplace"])
def test_noise_has_next_to_none(kind: str) -> None:
    found = [len(find_seqlets(as_map(noise(seed=seed, kind=kind)))) for seed in range(5)]
    assert sum(found) <= 3


def test_planted_windows_are_found_once_each_with_their_sign_and_width() -> None:
    values = noise()
    places = []
    for row in range(100):
        width, sign = (6, 1) if row % 2 else (16, -1)
        start = 20 + row % 60
        values[row, start : start + width] += sign
        places.append((row, start, start + width, sign))
    found = find_seqlets(as_map(values))
    sites = found.sites
    hit = 0
    for row, start, end, sign in places:
        own = np.flatnonzero((sites.row == row) & (sites.start < end) & (sites.end > start))
        if len(own):
            assert np.sign(sites.score[own[0]]) == sign
            hit += min(end, sites.end[own[0]]) - max(start, sites.start[own[0]]) >= 0.6 * (end - start)
    assert hit >= 97
    assert len(found) <= 100 / 0.8  # the false discovery rate
    assert found.null.positive.found + found.null.negative.found == len(found)
    assert found.null.positive.false <= 0.2 * found.null.positive.found
    assert (np.diff(found.p) >= 0).all()


def test_seqlets_of_one_sign_do_not_overlap() -> None:
    values = noise()
    values[:, 40:60] += 1
    sites = find_seqlets(as_map(values)).sites
    cover = np.zeros(values.shape, int)
    for row, start, end in zip(sites.row, sites.start, sites.end, strict=True):
        cover[row, start:end] += 1
    assert cover.max() == 1


def test_a_shuffled_map_sets_the_bar() -> None:
    values = noise()
    values[:50, 70:76] += 0.6
    calm, wild = as_map(noise(seed=1)), as_map(noise(seed=1) * 5)
    assert find_seqlets(as_map(values), calm).null.kind == "shuffled"
    assert len(find_seqlets(as_map(values), calm)) >= 40
    assert len(find_seqlets(as_map(values), wild)) == 0


def test_padding_and_starts() -> None:
    values = noise(length=80)
    codes = np.random.default_rng(0).integers(0, 4, values.shape, dtype=np.uint8)
    codes[:, :10] = DNA.pad
    codes[:, 70:] = DNA.pad
    values[:, :10] = values[:, 70:] = 0
    values[:80, 10:16] += 1
    values[80:160, 64:70] += 1
    found = find_seqlets(as_map(values, codes), starts=np.full(300, 10))
    assert found.sites.start.min() == 0
    assert found.sites.end.max() == 60
    assert len(found) >= 155
    assert found.null.windows == 300 * 57  # places of a window of 4 in 60 bases


def test_rows_may_be_permuted() -> None:
    values = noise()
    values[::3, 50:58] += 0.8
    made = as_map(values)
    order = np.random.default_rng(3).permutation(len(values))
    one, other = find_seqlets(made), find_seqlets(as_map(values[order], made.codes[order]))
    keys = [
        sorted(zip(row.tolist(), s.start.tolist(), s.end.tolist(), s.score.round(6).tolist(), strict=True))
        for s, row in ((one.sites, one.sites.row), (other.sites, order[other.sites.row]))
    ]
    assert keys[0] == keys[1]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = noise()
    values[::3, 50:58] += 0.8
    whole = find_seqlets(as_map(values))
    monkeypatch.setattr("strandloom.explain.seqlets._BLOCK_CELLS", 1000)
    parts = find_seqlets(as_map(values))
    for one, other in zip(whole.sites, parts.sites, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_map_without_noise_keeps_what_there_is() -> None:
    values = np.zeros((50, 100))
    values[:30, 40:48] = 1
    sites = find_seqlets(as_map(values)).sites
    assert set(sites.row.tolist()) == set(range(30))
    assert set(zip(sites.start.tolist(), sites.end.tolist(), strict=True)) == {(40, 48)}
    assert len(find_seqlets(as_map(np.zeros((50, 100))))) == 0


def test_short_and_empty_maps() -> None:
    assert len(find_seqlets(as_map(noise(length=3)))) == 0
    assert len(find_seqlets(as_map(noise(rows=0)))) == 0


def test_apart_keeps_the_first_of_those_that_overlap() -> None:
    row = np.array([0, 0, 0, 1])
    start, end = np.array([5, 8, 10, 8]), np.array([10, 12, 14, 12])
    assert apart(row, start, end).tolist() == [True, False, True, True]
    assert apart(row, start, end, share=0.5).tolist() == [True, True, True, True]


def test_mistakes() -> None:
    made = as_map(noise(rows=4))
    with pytest.raises(SettingsError, match="between 0 and 1"):
        find_seqlets(made, rate=0)
    with pytest.raises(SettingsError, match="at least 1 base"):
        find_seqlets(made, widths=(0, 4))
    with pytest.raises(UsageError, match="4 sequences"):
        find_seqlets(made, starts=np.zeros(3, int))


def test_the_quiet_side_has_a_null_of_its_own() -> None:
    """Motifs that fill much of the positive side do not hide those of the negative one."""
    generator = np.random.default_rng(5)
    codes = generator.integers(0, 4, (400, 100), dtype=np.uint8)
    values = generator.normal(0, 0.1, (400, 100)).astype(np.float32)
    for start in (10, 50):
        values[:, start : start + 7] += 1.0
    lowered = np.arange(0, 400, 4)
    values[lowered, 85:91] -= 0.35
    scores = np.zeros((400, 4, 100), np.float32)
    np.put_along_axis(scores, codes[:, None].astype(np.int64), values[:, None], 1)
    found = AttributionMap(codes, scores, Output(1, "x"), "gradient", np.zeros(400, np.float32), Check())
    seqlets = find_seqlets(found, rate=0.05)
    negative = seqlets.sites.row[seqlets.sites.score < 0]
    assert np.isin(lowered, negative).mean() > 0.9
    assert seqlets.null.negative.found < 130
    assert seqlets.null.positive.found >= 400
