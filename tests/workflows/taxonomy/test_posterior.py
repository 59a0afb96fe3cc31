"""Probabilities of taxa beside a slow twin of dictionaries."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.evidence import NOTHING, SPECIES, Evidence
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.posterior import UNKNOWN, Posterior, answer_taxa, call, tally
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.ragged import spans

MEMBERS, ROWS = 3, 30


@pytest.fixture(scope="module")
def match(tiny: SimpleNamespace) -> Match:
    return Match(tiny.reference(tiny.random_rows(2, species=14, unknown=0.2)))


@pytest.fixture(scope="module")
def evidence(match: Match) -> Evidence:
    own = match.reference
    return match.evidence(*take_ragged(own.codes, own.offsets, own.haplotype.astype(np.int64)))


def random_posterior(evidence: Evidence, seed: int = 1) -> Posterior:
    rng = np.random.default_rng(seed)
    query = rng.integers(0, len(evidence), ROWS)
    answer, offsets = spans(evidence.offsets, query)
    row = np.repeat(np.arange(ROWS), np.diff(offsets))
    raw = rng.exponential(size=(MEMBERS, len(answer))) ** 4
    total = np.stack([np.bincount(row, own, ROWS)[row] for own in raw])
    return Posterior(query, offsets, answer, raw / total, np.zeros(len(answer)))


def slow_taxon(match: Match, evidence: Evidence, answer: int, rank: int) -> str:
    """The name of the taxon of an answer at a rank; empty where there is none."""
    taxonomy = match.reference.taxonomy
    kind, taxon = int(evidence.kind[answer]), int(evidence.taxon[answer])
    if kind == NOTHING or rank < kind:
        return ""
    name = taxonomy.taxa(RANKS[kind]).names[taxon]
    member = taxonomy.column(RANKS[kind]).index(name)
    return taxonomy.column(RANKS[rank])[member]


def slow_tally(
    match: Match, evidence: Evidence, found: Posterior, group: np.ndarray, weight: np.ndarray
) -> dict[tuple[int, int, str], list[tuple[float, float]]]:
    """Of each group, rank and taxon the probability by each network and row, and the weight of that."""
    out: dict[tuple[int, int, str], list[tuple[float, float]]] = {}
    for g in sorted(set(group.tolist())):
        rows = np.flatnonzero(group == g).tolist()
        total = sum(weight[rows])
        share = {r: weight[r] / total if total else 1 / len(rows) for r in rows}
        for rank in range(len(RANKS)):
            own: dict[str, dict[tuple[int, int], float]] = {}
            for r in rows:
                for i in range(found.offsets[r], found.offsets[r + 1]):
                    name = slow_taxon(match, evidence, int(found.answer[i]), rank)
                    for m in range(MEMBERS):
                        cell = own.setdefault(name, {})
                        cell[r, m] = cell.get((r, m), 0.0) + found.probability[m, i]
            for name, cells in own.items():
                if name:
                    out[g, rank, name] = [
                        (cells.get((r, m), 0.0), share[r] / MEMBERS) for r in rows for m in range(MEMBERS)
                    ]
    return out


def test_taxa_of_answers(match: Match, evidence: Evidence) -> None:
    taxa = answer_taxa(evidence, match.lineages)
    for answer in range(len(evidence.kind)):
        for rank, name in enumerate(RANKS):
            expected = slow_taxon(match, evidence, answer, rank)
            got = int(taxa[rank, answer])
            assert (match.reference.taxonomy.taxa(name).names[got] if got >= 0 else "") == expected


@pytest.mark.parametrize("weighted", ["no", "yes", "zero"])
def test_tally_is_that_of_the_slow_twin(weighted: str, match: Match, evidence: Evidence) -> None:
    found = random_posterior(evidence)
    rng = np.random.default_rng(2)
    group = np.sort(rng.integers(0, 10, ROWS))
    weight: np.ndarray = {
        "no": np.ones(ROWS),
        "yes": rng.integers(0, 4, ROWS).astype(np.float64),
        "zero": np.zeros(ROWS),
    }[weighted]
    got = tally(
        found, evidence, answer_taxa(evidence, match.lineages), group=group, groups=11,
        weight=None if weighted == "no" else weight,
    )  # fmt: skip
    expected = slow_tally(match, evidence, found, group, weight)
    met = set()
    for rank, own in enumerate(got.ranks):
        names = match.reference.taxonomy.taxa(RANKS[rank]).names
        for g, taxon, mean, spread in zip(own.group, own.taxon, own.mean, own.spread, strict=True):
            key = int(g), rank, names[taxon]
            cells = expected[key]
            middle = sum(p * w for p, w in cells)
            assert mean == pytest.approx(middle)
            assert spread == pytest.approx(sum((p - middle) ** 2 * w for p, w in cells) ** 0.5, abs=1e-7)
            met.add(key)
    assert met == set(expected)
    assert got.unknown[10] == 0


def test_probabilities_fit_together(match: Match, evidence: Evidence) -> None:
    found = random_posterior(evidence)
    got = tally(found, evidence, answer_taxa(evidence, match.lineages))
    assert len(found.mean) == len(found.answer)
    whole = np.bincount(found.row[evidence.kind[found.answer] == SPECIES], minlength=ROWS)
    assert whole.any()
    for own in got.ranks:
        assert (np.bincount(own.group, own.mean, ROWS) <= 1 + 1e-9).all()
    of = match.lineages.of
    for rank in range(1, len(RANKS)):
        higher = dict(
            zip(
                zip(*(x.tolist() for x in (got.ranks[rank].group, got.ranks[rank].taxon)), strict=True),
                got.ranks[rank].mean,
                strict=True,
            )
        )
        for g, s, p in zip(got.ranks[0].group.tolist(), got.ranks[0].taxon.tolist(), got.ranks[0].mean, strict=True):
            if of[rank][s] >= 0:
                assert higher[g, int(of[rank][s])] >= p - 1e-12
    everything = np.bincount(got.ranks[4].group, got.ranks[4].mean, ROWS) + got.unknown
    assert everything == pytest.approx(np.ones(ROWS))  # every class is known


def test_the_narrowest_rank_that_is_sure_enough_is_called(match: Match, evidence: Evidence) -> None:
    got = tally(random_posterior(evidence), evidence, answer_taxa(evidence, match.lineages))
    for threshold in (0.01, 0.4, 0.7, 0.99, 1.0):
        calls = call(got, threshold=threshold)
        for row in range(ROWS):
            best = []
            for rank, own in enumerate(got.ranks):
                mine = np.flatnonzero(own.group == row)
                if not len(mine):
                    best.append(0.0)
                    assert calls.taxon[rank, row] == -1
                    continue
                top = mine[np.argmax(own.mean[mine])]
                assert (calls.taxon[rank, row], calls.probability[rank, row]) == (own.taxon[top], own.mean[top])
                assert calls.spread[rank, row] == own.spread[top]
                best.append(own.mean[top])
            sure = [rank for rank, p in enumerate(best) if p >= threshold]
            assert calls.rank[row] == (sure[0] if sure else UNKNOWN)
    assert (np.diff(np.stack([call(got, threshold=x).rank for x in (0.01, 0.4, 0.7, 0.99)]), axis=0) >= 0).all()


def test_of_equal_taxa_the_first_is_named(match: Match, evidence: Evidence) -> None:
    found = random_posterior(evidence)
    even = np.ones_like(found.probability) / np.diff(found.offsets)[found.row]
    got = tally(
        Posterior(found.query, found.offsets, found.answer, even, found.place_score),
        evidence,
        answer_taxa(evidence, match.lineages),
    )
    calls = call(got, threshold=0.5)
    for row in range(ROWS):
        own = got.ranks[0].taxon[got.ranks[0].group == row]
        assert calls.taxon[0, row] == (own.min() if len(own) else -1)
