"""Possible answers and their features beside a slow twin of dictionaries."""

from __future__ import annotations

from collections import Counter
from math import log, log1p
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.candidates import Left
from strandloom.workflows.taxonomy.evidence import CLASS, FEATURES, GENUS, NOTHING, SPECIES, Evidence
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.reference import Reference

Answers = dict[tuple[int, str], tuple[int, list[float]]]
WORDS = tuple(i for i, name in enumerate(FEATURES) if "words" in name)
"""What they are compared with, words at large, is that of the whole reference whatever is left out."""
SIZE = FEATURES.index("log species of the taxon")


def answers(evidence: Evidence, reference: Reference) -> list[Answers]:
    """Differences and features of the answers to each query, by kind and name."""
    names = [reference.taxonomy.taxa(rank).names for rank in RANKS]
    told = [
        ((int(k), "" if k == NOTHING else names[k][t]), (int(d), x.tolist()))
        for k, t, d, x in zip(evidence.kind, evidence.taxon, evidence.differences, evidence.features, strict=True)
    ]
    return [dict(told[a:b]) for a, b in zip(evidence.offsets[:-1], evidence.offsets[1:], strict=True)]


def slow_answers(reference: Reference, evidence: Evidence, words: list[float]) -> list[Answers]:
    """The answers to queries, from the candidates and how well the words fit each of them."""
    taxonomy, found = reference.taxonomy, evidence.candidates
    own = Counter(zip(reference.haplotype.tolist(), reference.species.tolist(), strict=True))
    lineage = [taxonomy.column(rank) for rank in RANKS]
    out = []
    for a, b in zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True):
        rows = range(a, b)
        d, n, near, s = found.differences, found.nearest_records, found.near_records, found.species
        best = min((int(d[i]) for i in rows), default=99)
        best_records = sum(int(n[i]) for i in rows if d[i] == best)
        near_all = max(sum(int(near[i]) for i in rows), 1)
        told: Answers = {}
        for i in rows:
            genus = lineage[GENUS][s[i]]
            equals = [j for j in rows if d[j] == d[i]]
            congeners = [j for j in rows if lineage[GENUS][s[j]] == genus and d[j] - best <= 2]
            share = n[i] / sum(int(n[j]) for j in equals)
            told[SPECIES, taxonomy.species[s[i]]] = int(d[i]), [
                (d[i] - best) / 4, d[i] == best, log1p(best), d[i] == 0, log1p(n[i]),
                log1p(sum(own[x] for x in own if x[1] == s[i])), log1p(sum(x[1] == s[i] for x in own)), log(max(share, 1e-3)),
                log1p(len(equals)), log1p(near[i]), log1p(len(congeners) if genus else 0),
                log1p(lineage[GENUS].count(genus) if genus else 1),
                log1p(best_records), near[i] / near_all,
                *behind(words[i], words[a:b]),
            ]  # fmt: skip
        for rank in range(GENUS, CLASS + 1):
            for taxon in {lineage[rank][s[i]] for i in rows} - {""}:
                members = [i for i in rows if lineage[rank][s[i]] == taxon]
                nearest = min(int(d[i]) for i in members)
                here = sum(int(n[i]) for i in members if d[i] == nearest)
                records = sum(own[x] for x in own if x[1] in {int(s[i]) for i in members})
                children = {lineage[rank - 1][s[i]] for i in members if d[i] - best <= 2}
                size = sum(x == taxon for x in lineage[rank])
                told[rank, taxon] = nearest, [
                    (nearest - best) / 4, nearest == best, log1p(best), nearest == 0, log1p(here), log1p(records),
                    log1p(len(members)), log(max(here / best_records, 1e-3)), log1p(len(children)),
                    log1p(sum(int(near[i]) for i in members)), log1p(len(members)), log1p(size), log1p(best_records),
                    sum(int(near[i]) for i in members) / near_all, *[0] * 3,
                ]  # fmt: skip
        told[NOTHING, ""] = (
            best,
            [0, 1, log1p(best), best == 0, 0, 0, 0, 0, log1p(b - a), 0, 0, 0, log1p(best_records), *[0] * 4],
        )
        out.append(told)
    return out


def behind(own: float, every: list[float]) -> tuple[float, bool, float]:
    """How far words are behind the best ones, whether they are these, and how many are better."""
    far = max(every) - own
    return min(far / 30, 10), far < 1e-6, log1p(sum(x > own + 1e-6 for x in every))


def same(got: Answers, expected: Answers, *, without: tuple[int, ...] = ()) -> None:
    assert got.keys() == expected.keys()
    kept = [i for i in range(len(FEATURES)) if i not in without]
    for answer, (differences, features) in expected.items():
        assert got[answer][0] == differences, answer
        for i in kept:
            assert got[answer][1][i] == pytest.approx(float(features[i]), abs=1e-5), (answer, FEATURES[i])


def queries(reference: Reference, tiny: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """The records with some bases changed, and a sequence of nothing."""
    rng = np.random.default_rng(4)
    codes, offsets = take_ragged(reference.codes, reference.offsets, reference.haplotype.astype(np.int64))
    codes = codes.copy()
    hit = rng.random(len(codes)) < np.repeat(rng.choice([0, 0.02, 0.08], len(reference)), np.diff(offsets))
    codes[hit] = (codes[hit] + 1) % 4
    return np.concatenate([codes, np.full(40, 14, np.uint8)]), np.append(offsets, offsets[-1] + 40)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_and_features_are_those_of_the_slow_twin(seed: int, tiny: SimpleNamespace) -> None:
    reference = tiny.reference(tiny.random_rows(seed, unknown=0.3))
    match = Match(reference)
    codes, offsets = queries(reference, tiny)
    evidence = match.evidence(codes, offsets)
    left = Left.nothing(len(evidence), len(reference.taxonomy))
    words = match.words.scores(codes, offsets, evidence.candidates, left).tolist()
    assert evidence.features.dtype == np.float32
    for got, expected in zip(answers(evidence, reference), slow_answers(reference, evidence, words), strict=True):
        same(got, expected)


def test_one_answer_is_nothing_and_it_is_the_last(tiny: SimpleNamespace) -> None:
    reference = tiny.reference(tiny.random_rows(5, unknown=0.3))
    evidence = Match(reference).evidence(*queries(reference, tiny))
    assert (np.bincount(evidence.query[evidence.kind == NOTHING]) == 1).all()
    assert (evidence.kind[evidence.offsets[1:] - 1] == NOTHING).all()
    assert np.diff(evidence.offsets)[-1] == 1  # nothing shares a word with what has no bases
    assert evidence.differences[-1] == 99
    assert np.array_equal(evidence.taxon[evidence.species_rows], evidence.candidates.species)
    assert np.array_equal(evidence.query[evidence.species_rows], evidence.candidates.query)


def test_taxa_of_the_candidates_are_answers_and_unknown_ones_are_not(tiny: SimpleNamespace) -> None:
    rows = tiny.random_rows(6, unknown=0.5)
    reference = tiny.reference(rows)
    evidence = Match(reference).evidence(*queries(reference, tiny))
    names = [reference.taxonomy.column(rank) for rank in RANKS]
    for told, (a, b) in zip(
        answers(evidence, reference), zip(evidence.candidates.offsets[:-1], evidence.candidates.offsets[1:], strict=True), strict=True
    ):  # fmt: skip
        species = evidence.candidates.species[a:b]
        for rank in range(GENUS, CLASS + 1):
            assert {name for kind, name in told if kind == rank} == {names[rank][s] for s in species} - {""}


def test_a_species_of_unknown_genus_has_nothing_to_do_with_other_genera(tiny: SimpleNamespace) -> None:
    rng = np.random.default_rng(1)
    text = tiny.bases(rng, 90)
    far = [(f"Aaa sp{i}", "Aaa", "Aaaidae", "Aaaformes", "Actinopteri", tiny.bases(rng, 90)) for i in range(5)]
    alone = [("Bbb one", "", "", "", "Actinopteri", text), ("Bbb one", "", "", "", "Actinopteri", text)]
    few, many = (tiny.reference([*alone, *others]) for others in (far[:1], far))
    got = [answers(Match(x).evidence(x.codes[:90], np.array([0, 90])), x)[0][SPECIES, "Bbb one"] for x in (few, many)]
    assert got[0] == got[1]


def test_species_alike_have_answers_alike(tiny: SimpleNamespace) -> None:
    text = tiny.bases(np.random.default_rng(2), 90)
    taxa = ("Aaa", "Aaaidae", "Aaaformes", "Actinopteri")
    reference = tiny.reference([(f"Aaa sp{i}", *taxa, text) for i in (0, 0, 1, 1)])
    told = answers(Match(reference).evidence(reference.codes, reference.offsets), reference)[0]
    assert told[SPECIES, "Aaa sp0"] == told[SPECIES, "Aaa sp1"]


def left_out(tiny: SimpleNamespace, rows: list[tuple[str, ...]], gone: list[int]) -> Match:
    return Match(tiny.reference([row for i, row in enumerate(rows) if i not in gone]))


@pytest.fixture(scope="module", params=[1, 2, 3])
def without_records(request: pytest.FixtureRequest, tiny: SimpleNamespace) -> list[tuple[Answers, Answers]]:
    """For each record whose species has another: the answers without it, and those of a reference built without it."""
    rows = tiny.random_rows(request.param)
    whole = Match(tiny.reference(rows))
    own = np.flatnonzero(np.bincount(whole.reference.species)[whole.reference.species] > 1)
    codes, offsets = take_ragged(
        whole.reference.codes, whole.reference.offsets, whole.reference.haplotype[own].astype(np.int64)
    )
    got = answers(whole.without_record(own, codes, offsets), whole.reference)
    pairs = []
    for number, row in enumerate(own.tolist()):
        less = left_out(tiny, rows, [row])
        part = slice(int(offsets[number]), int(offsets[number + 1]))
        evidence = less.evidence(codes[part], offsets[number : number + 2] - offsets[number])
        pairs.append((got[number], answers(evidence, less.reference)[0]))
    return pairs


def test_a_record_left_out_is_as_if_it_were_not_there(without_records: list[tuple[Answers, Answers]]) -> None:
    for got, expected in without_records:
        same(got, expected, without=WORDS)


@pytest.fixture(scope="module")
def without_taxa(tiny: SimpleNamespace) -> list[tuple[Answers, Answers]]:
    """For each record: the answers without its species, genus, family or order, and those of a reference built without that."""
    pairs = []
    rows = tiny.random_rows(4, species=14)
    whole = Match(tiny.reference(rows))
    reference = whole.reference
    for rank in range(4):
        taxon = whole.lineages.of[rank][reference.species]
        some = np.arange(rank, len(reference), 4)
        codes, offsets = take_ragged(reference.codes, reference.offsets, reference.haplotype[some].astype(np.int64))
        got = answers(whole.without_taxon(rank, taxon[some], codes, offsets), reference)
        for number, row in enumerate(some.tolist()):
            less = left_out(tiny, rows, np.flatnonzero(taxon == taxon[row]).tolist())
            part = slice(int(offsets[number]), int(offsets[number + 1]))
            evidence = less.evidence(codes[part], offsets[number : number + 2] - offsets[number])
            pairs.append((got[number], answers(evidence, less.reference)[0]))
    return pairs


def test_a_taxon_left_out_is_as_if_it_were_not_there(without_taxa: list[tuple[Answers, Answers]]) -> None:
    for got, expected in without_taxa:
        same(got, expected, without=(*WORDS, SIZE))


def test_species_left_out_do_not_count_among_those_of_their_taxa(without_taxa: list[tuple[Answers, Answers]]) -> None:
    others = tuple(i for i in range(len(FEATURES)) if i != SIZE)
    for got, expected in without_taxa:
        same(got, expected, without=others)


def test_no_query(tiny: SimpleNamespace) -> None:
    evidence = Match(tiny.reference(tiny.random_rows(1))).evidence(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    assert (len(evidence), evidence.features.shape) == (0, (0, len(FEATURES)))
