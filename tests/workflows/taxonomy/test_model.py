"""A model asked with and without places."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.workflows.taxonomy.evidence import NOTHING, SPECIES, Evidence
from strandloom.workflows.taxonomy.model import Member, TaxonomyModel
from strandloom.workflows.taxonomy.place_practice import Missing
from strandloom.workflows.taxonomy.places import Places


@pytest.fixture(scope="module")
def asked(trained: SimpleNamespace) -> tuple[TaxonomyModel, Evidence, np.ndarray, Places]:
    model = trained.model
    own = model.match.reference
    evidence = model.evidence(own.codes, own.offsets)
    places = model.ranges.places(np.array([60.25, -10.25, 5.0]), np.array([5.25, 179.75, 100.0]))
    return model, evidence, model.sequence_scores(evidence), places


def test_scores_are_log_probabilities(asked: tuple[TaxonomyModel, Evidence, np.ndarray, Places]) -> None:
    _, evidence, scores, _ = asked
    assert scores.shape == (1, len(evidence.kind))
    total = np.bincount(evidence.query, np.exp(scores[0]))
    assert total == pytest.approx(np.ones(len(evidence)), abs=1e-5)


def test_without_a_place_it_is_the_sequence_alone_bit_for_bit(
    asked: tuple[TaxonomyModel, Evidence, np.ndarray, Places],
) -> None:
    model, evidence, scores, places = asked
    alone = model.posterior(evidence, scores)
    assert alone.probability.sum() == pytest.approx(len(evidence))
    assert not alone.place_score.any()
    plain = TaxonomyModel(model.match, None, tuple(Member(x.answers, None) for x in model.members))
    assert np.array_equal(plain.posterior(evidence, scores).probability, alone.probability)
    query = np.arange(len(evidence))
    nowhere = model.posterior(evidence, scores, query=query, place=np.full(len(query), -1), places=places)
    assert np.array_equal(nowhere.probability, alone.probability)
    some = np.where(query % 2 == 0, query % 3, -1)
    mixed = model.posterior(evidence, scores, query=query, place=some, places=places)
    rows = some[mixed.row] < 0
    assert np.array_equal(mixed.probability[:, rows], alone.probability[:, rows])
    assert not mixed.place_score[rows].any()
    assert (mixed.place_score[~rows] != 0).any()


def test_rows_do_not_affect_each_other(asked: tuple[TaxonomyModel, Evidence, np.ndarray, Places]) -> None:
    model, evidence, scores, places = asked
    query, place = np.array([3, 0, 3, 5, 3]), np.array([0, 1, 2, -1, 0])
    whole = model.posterior(evidence, scores, query=query, place=place, places=places)
    for row in range(5):
        one = model.posterior(evidence, scores, query=query[[row]], place=place[[row]], places=places)
        own = slice(whole.offsets[row], whole.offsets[row + 1])
        np.testing.assert_allclose(one.probability, whole.probability[:, own], rtol=1e-4, atol=1e-9)
        assert np.array_equal(one.answer, whole.answer[own])
        assert one.probability.sum() == pytest.approx(1)


def test_what_is_not_seen_of_the_ranges(asked: tuple[TaxonomyModel, Evidence, np.ndarray, Places]) -> None:
    model, evidence, scores, places = asked
    query, place = np.arange(len(evidence)), np.zeros(len(evidence), np.int64)
    there = model.posterior(evidence, scores, query=query, place=place, places=places)
    number = int((evidence.kind[there.answer] == SPECIES).sum())
    none = Missing(np.full(number, -1, np.int32), np.zeros(number, np.bool_), np.zeros(number))
    same = model.posterior(evidence, scores, query=query, place=place, places=places, missing=none)
    assert np.array_equal(same.probability, there.probability)
    home = Missing(np.full(number, places.home[0], np.int32), np.zeros(number, np.bool_), np.full(number, 300.0))
    less = model.posterior(evidence, scores, query=query, place=place, places=places, missing=home)
    assert not np.allclose(less.place_score, there.place_score)


def test_nothing_asked_and_what_is_no_sequence(asked: tuple[TaxonomyModel, Evidence, np.ndarray, Places]) -> None:
    model = asked[0]
    none = model.evidence(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    assert len(model.posterior(none, model.sequence_scores(none))) == 0
    odd = model.evidence(np.full(60, 14, np.uint8), np.array([0, 60]))
    found = model.posterior(odd, model.sequence_scores(odd))
    assert odd.kind.tolist() == [NOTHING]
    assert found.probability.tolist() == [[1.0]]


def test_names(trained: SimpleNamespace) -> None:
    taxonomy = trained.model.match.reference.taxonomy
    assert trained.model.names[0] == taxonomy.species
    assert trained.model.names[1] == ("Alpha", "Beta", "Delta", "Gamma")
