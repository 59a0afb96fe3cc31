"""Known motifs: what finds what, where it lies, and what the p- and q-values mean."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kstest

from strandloom.errors import UsageError
from strandloom.explain.match import WIDEST, Match, benjamini_hochberg, jaspar, match_motifs
from strandloom.explain.motif import Motif, Sites
from strandloom.io.motifs import read_motifs
from strandloom.pwm import Matrix, reverse_complement

NONE = Sites(*(np.zeros(0, kind) for kind in (np.int64, np.int64, np.int64, np.bool_, np.float64)))


def library(count: int = 80, *, seed: int = 0, concentration: float = 0.15) -> dict[str, Matrix]:
    """Random motifs of 6 to 15 positions."""
    rng = np.random.default_rng(seed)
    return {f"T{i}": rng.dirichlet([concentration] * 4, rng.integers(6, 16)) for i in range(count)}


def noisy(matrix: Matrix, *, seed: int = 0, share: float = 0.15) -> Matrix:
    noise = np.random.default_rng(seed).dirichlet([1] * 4, len(matrix))
    return (1 - share) * matrix + share * noise


def best(matches: list[Match]) -> dict[str, Match]:
    """The first match of each query."""
    return {match.query: match for match in reversed(matches)}


TARGETS = library()


def test_offset_overlap_and_orientation() -> None:
    target = TARGETS["T3"]
    w = len(target)
    outside = np.random.default_rng(1).dirichlet([0.5] * 4, 2)
    queries = {
        "same": target,
        "turned": reverse_complement(target),
        "cut left": target[2:],
        "cut right, turned": reverse_complement(target[:-3]),
        "stands out": np.concatenate([outside, target]),
    }
    found = best(match_motifs(queries, TARGETS))
    assert {name: match[1:2] + match[4:] for name, match in found.items()} == {
        "same": ("T3", 0, w, False),
        "turned": ("T3", 0, w, True),
        "cut left": ("T3", 2, w - 2, False),
        "cut right, turned": ("T3", 3, w - 3, True),
        "stands out": ("T3", -2, w, False),
    }


def test_offset_says_where_the_columns_lie() -> None:
    """Laid at the offset, the overlapping columns of query and target agree."""
    for name, target in list(TARGETS.items())[:20]:
        query = reverse_complement(noisy(target))[1:]
        match = best(match_motifs({"q": query}, TARGETS))["q"]
        assert match.target == name
        turned = reverse_complement(target) if match.reverse else target
        first = max(match.offset, 0)
        theirs = turned[first : first + match.overlap]
        ours = query[first - match.offset :][: match.overlap]
        assert len(theirs) == len(ours) == match.overlap
        assert np.abs(theirs - ours).mean() < 0.15


def test_ranked_with_monotone_q() -> None:
    queries = {"a": noisy(TARGETS["T5"]), "b": TARGETS["T9"]}
    found = match_motifs(queries, TARGETS, q=1)
    assert len(found) == 2 * len(TARGETS)
    assert [match.query for match in found] == ["a"] * 80 + ["b"] * 80
    for name in queries:
        mine = [match for match in found if match.query == name]
        p, q = (np.array([match[i] for match in mine]) for i in (2, 3))
        assert (np.diff(p) >= 0).all()
        assert (np.diff(q) >= 0).all()
        np.testing.assert_allclose(q, false_discovery_control(p))
        assert (q >= p).all()
        assert q.max() <= 1
    few = match_motifs(queries, TARGETS, q=0.01)
    assert few == [match for match in found if match.q_value <= 0.01]
    assert {match.query: match.target for match in few[::-1]} == {"a": "T5", "b": "T9"}


def test_a_query_does_not_depend_on_the_others() -> None:
    alone = match_motifs({"a": TARGETS["T5"]}, TARGETS, q=1)
    together = match_motifs({"b": TARGETS["T9"][:6], "a": TARGETS["T5"]}, TARGETS, q=1)
    assert [m for m in together if m.query == "a"] == alone


def test_ties_stand_in_the_order_of_the_targets() -> None:
    twins = {"Z": TARGETS["T3"], **TARGETS, "A": TARGETS["T3"]}
    assert [m.target for m in match_motifs({"q": TARGETS["T3"]}, twins)][:3] == ["Z", "T3", "A"]


def test_a_palindrome_is_forward() -> None:
    half = np.eye(4)[[0, 1, 2, 2]] * 0.91 + 0.0225
    palindrome = np.concatenate([half, reverse_complement(half)])
    assert not best(match_motifs({"q": palindrome}, {**TARGETS, "P": palindrome}))["q"].reverse


def test_one_strand() -> None:
    query = {"q": reverse_complement(TARGETS["T3"])}
    assert best(match_motifs(query, TARGETS))["q"].target == "T3"
    assert "T3" not in [match.target for match in match_motifs(query, TARGETS, q=1e-3, both_strands=False)]


def test_p_values_of_random_queries_are_uniform() -> None:
    """Of columns drawn from those of the targets, which is TOMTOM's model of chance; p-values are conservative where they stray."""
    targets = library(150, seed=2)
    columns = np.concatenate(list(targets.values()))
    rng = np.random.default_rng(3)
    queries = {f"q{i}": columns[rng.integers(0, len(columns), 9)] for i in range(100)}
    p = np.array([match.p_value for match in match_motifs(queries, targets, q=1)])
    for level in (0.5, 0.1, 0.01, 0.001):
        assert (p <= level).mean() == pytest.approx(level, rel=0.35)
    assert kstest(p, "uniform").statistic < 0.1
    low = sum(match.q_value <= 0.05 for match in best(match_motifs(queries, targets, q=1)).values())
    assert low <= 12  # 5 of 100 expected


def test_benjamini_hochberg_against_scipy_and_by_hand() -> None:
    p = np.random.default_rng(0).random((5, 40)) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, axis=1))
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, 0.04, 0.03, 1.0])), [0.04, 4 / 75, 4 / 75, 1.0])


def test_motifs_and_mappings_are_asked_alike() -> None:
    motif = Motif("found", TARGETS["T7"], NONE)
    assert match_motifs([motif], TARGETS) == match_motifs({"found": TARGETS["T7"]}, TARGETS)
    with pytest.raises(UsageError, match="two motifs are called 'found'"):
        match_motifs([motif, motif], TARGETS)


def test_a_query_that_says_nothing_matches_nothing() -> None:
    assert match_motifs({"flat": np.full((8, 4), 0.25)}, TARGETS, q=1) == []
    assert match_motifs([], TARGETS) == []


def test_a_very_wide_query() -> None:
    """Its offset counts from its own first position, though only its richest part is compared."""
    wide = np.full((300, 4), 0.25)
    wide[200 : 200 + len(TARGETS["T8"])] = TARGETS["T8"]
    match = best(match_motifs({"q": wide}, TARGETS))["q"]
    assert (match.target, match.offset, match.overlap) == ("T8", -200, len(TARGETS["T8"]))
    assert WIDEST < 300


def test_few_targets_are_quiet_and_threads_are_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    import numba

    before = numba.get_num_threads()
    found = match_motifs({"q": TARGETS["T0"]}, {"T0": TARGETS["T0"], "T1": TARGETS["T1"]})
    assert isinstance(found[0], Match)
    assert found[0].target == "T0"
    assert numba.get_num_threads() == before
    assert capfd.readouterr() == ("", "")


def test_wrong_matrices_and_no_targets() -> None:
    with pytest.raises(UsageError, match="no known motif"):
        match_motifs({"q": TARGETS["T0"]}, {})
    with pytest.raises(UsageError, match=r"q: a matrix \(w, 4\) is needed, not \(4, 8\)"):
        match_motifs({"q": np.full((4, 8), 0.25)}, TARGETS)
    with pytest.raises(UsageError, match="T: the rows of the matrix are not probabilities"):
        match_motifs({"q": TARGETS["T0"]}, {"T": np.ones((5, 4))})


def test_missing_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, call in (("memelite", lambda: match_motifs(TARGETS, TARGETS)), ("pyjaspar", jaspar)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(UsageError) as caught:
            call()
        assert name in str(caught.value)
        assert caught.value.hint == "pip install 'strandloom[motifs]'"


def test_jaspar_of_pyjaspar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyjaspar")
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = jaspar(tax_group="nematodes", release="JASPAR2022")
    assert 30 < len(found) < 60
    assert all(np.allclose(matrix.sum(axis=1), 1) for matrix in found.values())
    assert list(found) == sorted(found, key=lambda name: name.split()[0])
    assert all(name.startswith("MA") and len(name.split()) == 2 for name in found)
    with pytest.raises(UsageError) as caught:
        jaspar(release="JASPAR2023")
    assert "did you mean JASPAR202" in str(caught.value)
    with pytest.raises(UsageError, match="no motif of dragons"):
        jaspar(tax_group="dragons")


@pytest.mark.realdata
def test_jaspar_matrices_find_themselves(real_data: Path) -> None:
    known = read_motifs(real_data / "jaspar2022" / "JASPAR2022_CORE_vertebrates.meme.gz")
    rng = np.random.default_rng(0)
    chosen = [str(name) for name in rng.permutation([n for n, m in known.items() if len(m) >= 9])[:100]]
    queries = {name: known[name] for name in chosen}
    # one of the database's near copies may come first, but what comes first is as like
    plain = best(match_motifs(queries, known))
    assert all(plain[name].target == name and plain[name].q_value < 1e-4 for name in chosen)
    assert sum(match.reverse for match in plain.values()) <= 2  # of near palindromes either strand may be the liker
    changed = {
        "noise": ({n: noisy(m, share=0.05) for n, m in queries.items()}, 0.9),
        "trimmed": ({n: m[1:-1] for n, m in queries.items()}, 0.9),
        "turned": ({n: reverse_complement(m) for n, m in queries.items()}, 0.98),
    }
    for label, (asked, least) in changed.items():
        found = match_motifs(asked, known)
        first = np.mean([match.target == name for name, match in best(found).items()])
        assert first >= least, label
        ranks = [[m.target for m in found if m.query == name].index(name) for name in chosen]
        assert max(ranks) < 10, label


@pytest.mark.realdata
def test_pyjaspar_agrees_with_the_files(real_data: Path) -> None:
    pytest.importorskip("pyjaspar")
    file = read_motifs(real_data / "jaspar2022" / "JASPAR2022_CORE_nematodes.jaspar.gz")
    brought = jaspar(tax_group="nematodes", release="JASPAR2022")
    assert {name.split()[0] for name in file} == {name.split()[0] for name in brought}
    theirs = {name.split()[0]: matrix for name, matrix in brought.items()}
    for name, matrix in file.items():
        np.testing.assert_allclose(matrix, theirs[name.split()[0]], atol=1e-6)
