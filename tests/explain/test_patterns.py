"""Patterns of maps whose motifs are planted: each found once, with its letters, its sites and its sign."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from strandloom import pwm
from strandloom.alphabet import DNA
from strandloom.explain.attribution import AttributionMap, Check, Output
from strandloom.explain.pattern_sites import _core
from strandloom.explain.patterns import Patterns, find_patterns
from strandloom.explain.seqlets import find_seqlets
from strandloom.explain.similarity import best_matches

WORDS = ("TATAAA", "GGGCGG", "TTGACA", "CAAT")
# a 19-bp motif like CTCF's: counts of A, C, G, T out of 100
CTCF = np.array([
    [10, 35, 10, 45], [20, 20, 45, 15], [35, 10, 50, 5], [5, 90, 2, 3], [1, 97, 1, 1], [80, 5, 10, 5], [5, 50, 40, 5],
    [10, 60, 5, 25], [95, 1, 3, 1], [2, 1, 95, 2], [55, 5, 38, 2], [5, 2, 60, 33], [2, 1, 95, 2], [3, 2, 94, 1],
    [8, 80, 6, 6], [45, 5, 45, 5], [10, 60, 25, 5], [10, 35, 15, 40], [45, 10, 35, 10],
]) / 100  # fmt: skip


def as_map(codes: np.ndarray, values: np.ndarray) -> AttributionMap:
    scores = (DNA.one_hot_table[codes] * values[..., None]).transpose(0, 2, 1).astype(np.float32)
    return AttributionMap(codes, scores, Output(0, "x"), "gradient", scores.sum(axis=(1, 2)), Check())


@cache
def planted(
    *,
    motifs: tuple[str, ...] = WORDS,
    per: int = 120,
    rows: int = 800,
    length: int = 150,
    noise: float = 0.2,
    seed: int = 0,
    turned: bool = False,
    lowering: tuple[str, ...] = (),
) -> tuple[AttributionMap, tuple[tuple[str, int, int, bool], ...]]:
    """Noise with motifs at places that do not touch, and the truth: motif, row, start, reverse."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (rows, length), dtype=np.uint8)
    values = rng.normal(size=codes.shape) * noise
    free = np.ones(codes.shape, bool)
    truth = []
    for motif in motifs:
        matrix = CTCF if motif == "CTCF" else DNA.one_hot_table[DNA.encode(motif)].astype(float)
        odds, width = pwm.log_odds(matrix, pseudocount=0.05), len(matrix)
        for _ in range(per):
            while True:
                row, start = int(rng.integers(rows)), int(rng.integers(length - width + 1))
                if free[row, max(start - 3, 0) : start + width + 3].all():
                    break
            free[row, start : start + width] = False
            bases = np.array([rng.choice(4, p=p / p.sum()) for p in matrix])
            effect = odds[np.arange(width), bases] / 2 * rng.uniform(0.7, 1.3) * (-1 if motif in lowering else 1)
            reverse = turned and bool(rng.random() < 0.5)
            codes[row, start : start + width] = 3 - bases[::-1] if reverse else bases
            values[row, start : start + width] += effect[::-1] if reverse else effect
            truth.append((motif, row, start, reverse))
    return as_map(codes, values), tuple(truth)


def solve(made: AttributionMap, *, strand: str = "one", **options: int) -> Patterns:
    return find_patterns(made, find_seqlets(made), strand=strand, **options)  # type: ignore[arg-type]


def names(found: Patterns) -> list[str]:
    """Consensus of each motif, the strand that comes first in the alphabet."""
    both = [(pwm.consensus(m.matrix), pwm.consensus(pwm.reverse_complement(m.matrix))) for m in found.motifs]
    return [min(x) for x in both]


def canonical(words: tuple[str, ...]) -> list[str]:
    table = str.maketrans("ACGT", "TGCA")
    return sorted(min(x, x.translate(table)[::-1]) for x in words)


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.35])
def test_each_planted_word_is_one_pattern(noise: float) -> None:
    made, truth = planted(noise=noise)
    found = solve(made)
    assert sorted(pwm.consensus(m.matrix) for m in found.motifs) == sorted(WORDS)
    for motif in found.motifs:
        word = pwm.consensus(motif.matrix)
        places = {(row, start) for name, row, start, _ in truth if name == word}
        own = set(zip(motif.sites.row.tolist(), motif.sites.start.tolist(), strict=True))
        assert abs(len(own) - len(places)) <= 12, word
        assert len(own & places) >= 0.9 * len(own), word
    assert found.reason is None
    assert 400 <= found.used <= found.found


def test_what_a_motif_holds() -> None:
    made, _ = planted()
    found = solve(made)
    totals = [abs(float(motif.sites.score.sum())) for motif in found.motifs]
    assert totals == sorted(totals, reverse=True)
    assert [motif.name for motif in found.motifs] == ["pattern-1", "pattern-2", "pattern-3", "pattern-4"]
    for motif in found.motifs:
        sites = motif.sites
        columns = sites.start[:, None] + np.arange(motif.width)
        letters = DNA.one_hot_table[made.codes[sites.row[:, None], columns]]
        np.testing.assert_allclose(motif.matrix, letters.mean(axis=0), atol=1e-6)
        values = made.contributions[sites.row[:, None], columns]
        np.testing.assert_allclose(sites.score, values.sum(axis=1), rtol=1e-5)
        assert motif.contributions is not None
        np.testing.assert_allclose(motif.contributions, (letters * values[..., None]).mean(axis=0), atol=1e-5)
        assert (sites.end - sites.start == motif.width).all()


def test_motifs_that_lower_the_score_are_found_apart() -> None:
    made, _ = planted(lowering=("GGGCGG", "CAAT"))
    found = solve(made)
    sign = {pwm.consensus(m.matrix): np.sign(m.sites.score).mean() for m in found.motifs}
    assert sign == {"TATAAA": 1, "TTGACA": 1, "GGGCGG": -1, "CAAT": -1}


def test_strands_are_joined_where_they_are_equal_and_apart_where_not() -> None:
    made, truth = planted(turned=True, per=160)
    joined = solve(made, strand="both")
    assert sorted(names(joined)) == canonical(WORDS)
    for motif in joined.motifs:
        assert abs(len(motif.sites) - 160) <= 16
        share = motif.sites.reverse.mean()
        assert 0.3 < share <= 0.5
        name = names(joined)[joined.motifs.index(motif)]
        turned = {(r, s): rev for n, r, s, rev in truth if canonical((n,))[0] == name}
        own = [turned.get(place) for place in zip(motif.sites.row.tolist(), motif.sites.start.tolist(), strict=True)]
        known = np.array([x is not None for x in own])
        agree = np.array([x for x in own if x is not None]) == motif.sites.reverse[known]
        assert agree.mean() in (0, 1)  # one orientation or the other, for all
    alone = solve(made)
    assert len(alone.motifs) == 8
    assert not any(motif.sites.reverse.any() for motif in alone.motifs)


def test_a_long_motif_is_one_pattern() -> None:
    made, _ = planted(motifs=("CTCF", "TATAAA"), turned=True, per=200, rows=500)
    found = solve(made, strand="both")
    assert len(found.motifs) == 2
    first = found.motifs[0]
    assert 13 <= first.width <= 19
    assert abs(len(first.sites) - 200) <= 20
    known, own = np.zeros((2, 1, 25, 4))
    known[0, :19], own[0, : first.width] = CTCF - 0.25, first.matrix - 0.25
    assert best_matches(known, own, shift=12, both_strands=True).similarity[0, 0] > 0.95
    assert names(found)[1] == "TATAAA"


@pytest.mark.parametrize("word", ["TCATNNNNNACGA", "CTCGGNNNNNNNNNNNCCG"])
def test_both_halves_of_a_dyad_are_one_pattern(word: str) -> None:
    """Abf1's halves stand five bases apart, Gal4's eleven: a half alone would be too short for a name."""
    made, _ = planted(motifs=(word,), per=240, noise=0.2, turned=True)
    found = solve(made, strand="both")
    assert len(found.motifs) == 1
    matrix = found.motifs[0].matrix
    both = {pwm.consensus(matrix), pwm.consensus(pwm.reverse_complement(matrix))}
    assert word in both
    assert len(found.motifs[0].sites) > 200


def test_motifs_that_are_often_neighbours_stay_two() -> None:
    """Four in ten sites of one have the other at the same distance: not the halves of a dyad."""
    made, _ = planted(motifs=("TATAAANNNNNNNNGGGCGG", "TATAAA", "GGGCGG"), per=130, noise=0.2)
    found = solve(made)
    assert sorted(names(found)) == canonical(("TATAAA", "GGGCGG"))
    assert [len(motif.sites) for motif in found.motifs] == [260, 260]


def core_of(columns: dict[int, float]) -> tuple[int, int]:
    """The core of 50 equal members that weigh so much at some columns of 60."""
    mean = np.zeros((60, 4), np.float32)
    for column, weight in columns.items():
        mean[column, 0] = weight
    return _core(mean, np.array(sorted(columns)), np.repeat(mean[None], 50, axis=0), most=24)


@pytest.mark.parametrize(
    ("columns", "core"),
    [
        ([10, 11, 12, 13, 25, 26, 27], (10, 28)),  # eleven silent positions
        ([10, 11, 12, 13, 26, 27, 28], (10, 14)),  # twelve
        ([10, 11, 12, 13, 20, 21], (10, 14)),  # two bases are no half
        (
            [1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 25, 26, 27, 28],
            (10, 29),
        ),  # the heavier neighbour, not both: they span over 24
    ],
)
def test_the_core_of_a_motif(columns: list[int], core: tuple[int, int]) -> None:
    assert core_of(dict.fromkeys(columns, 1.0)) == core


def test_noise_has_no_patterns_and_says_so() -> None:
    made, _ = planted(per=0)
    found = solve(made)
    assert found.motifs == ()
    assert found.reason is not None
    assert found.reason.startswith(f"{found.found} seqlets at a false discovery rate of 0.2; 20 are needed")


def test_windows_that_are_not_alike_make_none() -> None:
    made, _ = planted(per=0, noise=0.1)
    values = made.contributions.copy()
    for row in range(60):
        values[row, row : row + 8] += 1.0  # strong, but of other letters each time
    found = solve(as_map(made.codes, values))
    assert found.motifs == ()
    assert found.found >= 60
    assert (
        found.reason
        == f"{found.found} seqlets at a false discovery rate of 0.2, but no 20 of them are alike in 4 bases or more"
    )


def test_too_few_sites_are_no_pattern() -> None:
    made, _ = planted(motifs=("TATAAA",), per=15)
    assert solve(made).motifs == ()
    assert len(solve(made, least=10).motifs) == 1


def test_rows_may_be_permuted() -> None:
    made, _ = planted(turned=True, per=160)
    order = np.random.default_rng(5).permutation(len(made))
    mixed = as_map(made.codes[order], made.contributions[order])
    one, other = solve(made, strand="both"), solve(mixed, strand="both")
    assert sorted(names(one)) == sorted(names(other))
    counts = [{name: len(m.sites) for name, m in zip(names(x), x.motifs, strict=True)} for x in (one, other)]
    assert all(abs(counts[0][name] - counts[1][name]) <= 3 for name in counts[0])


def test_the_seed_fixes_everything() -> None:
    made, _ = planted()
    one, other = (solve(made, limit=200, seed=3) for _ in range(2))
    assert len(one.motifs) == len(other.motifs) == 4
    for a, b in zip(one.motifs, other.motifs, strict=True):
        np.testing.assert_array_equal(a.matrix, b.matrix)
        np.testing.assert_array_equal(a.sites.start, b.sites.start)


def test_a_sample_finds_what_all_do() -> None:
    made, _ = planted()
    assert sorted(names(solve(made, limit=150))) == canonical(WORDS)


def test_sites_count_from_the_start_of_the_sequence() -> None:
    made, _ = planted(motifs=("TATAAA",))
    pad = np.full((len(made), 9), DNA.pad, np.uint8)
    codes = np.concatenate([pad, made.codes], axis=1)
    values = np.concatenate([np.zeros(pad.shape), made.contributions], axis=1)
    moved = as_map(codes, values)
    found = find_patterns(moved, find_seqlets(moved, starts=np.full(len(made), 9)), strand="one")
    plain = solve(made)
    np.testing.assert_array_equal(found.motifs[0].sites.start, plain.motifs[0].sites.start)
    np.testing.assert_array_equal(found.motifs[0].sites.row, plain.motifs[0].sites.row)


def test_motifs_at_the_edges_are_found() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (300, 60), dtype=np.uint8)
    values = rng.normal(size=codes.shape) * 0.1
    word = DNA.encode("GGGCGG")
    codes[:60, :6] = codes[60:120, -6:] = word
    values[:60, :6] += 1
    values[60:120, -6:] += 1
    found = solve(as_map(codes, values))
    assert [pwm.consensus(m.matrix) for m in found.motifs] == ["GGGCGG"]
    assert len(found.motifs[0].sites) == 120
