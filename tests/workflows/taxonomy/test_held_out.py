"""Figures of held-out records beside plain counting, and the card that shows them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.workflows.taxonomy.held_out import HeldOut, Rates, judge_held_out
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import Member, TaxonomyModel
from strandloom.workflows.taxonomy.posterior import call, tally
from strandloom.workflows.taxonomy.practice import practise
from strandloom.workflows.taxonomy.training_card import training_card


@pytest.fixture(scope="module")
def judged(trained: SimpleNamespace) -> tuple[TaxonomyModel, object, np.ndarray]:
    model = trained.model
    held = np.random.default_rng(1).random(len(model.match.reference)) < 0.5
    return model, practise(model.match, seed=1)[0], held


def test_figures_are_those_of_plain_counting(judged: tuple[TaxonomyModel, object, np.ndarray]) -> None:
    model, block, held = judged
    got = judge_held_out(model, block, held, seed=1)  # type: ignore[arg-type]
    evidence, taxonomy = block.evidence, model.match.reference.taxonomy  # type: ignore[attr-defined]
    calls = call(
        tally(model.posterior(evidence, model.sequence_scores(evidence)), evidence, model.taxa(evidence)), threshold=0.5
    )
    rows = [i for i, row in enumerate(block.row) if held[row]]  # type: ignore[attr-defined]
    truth = model.match.reference.species[block.row]  # type: ignore[attr-defined]
    assert got.sequence.queries == len(rows)
    for number, rank in enumerate(RANKS):
        names = taxonomy.taxa(rank).names
        right = [names[calls.taxon[number, i]] == taxonomy.column(rank)[truth[i]] for i in rows]
        assert got.sequence.right[rank] == pytest.approx(np.mean(right))
    bins: dict[int, list[float]] = {}
    for i in rows:
        p = calls.probability[0, i]
        bins.setdefault(min(max(int(np.ceil(p * 15)) - 1, 0), 14), []).append(p - (calls.taxon[0, i] == truth[i]))
    assert got.sequence.species_ece == pytest.approx(sum(abs(sum(x)) for x in bins.values()) / len(rows))
    assert got.sequence.species_confidence == pytest.approx(np.mean([calls.probability[0, i] for i in rows]))
    assert got.located is not None
    assert got.located.queries == len(rows)
    assert judge_held_out(model, block, held, seed=1) == got  # type: ignore[arg-type]


def test_without_ranges_nothing_is_said_of_places(judged: tuple[TaxonomyModel, object, np.ndarray]) -> None:
    model, block, held = judged
    plain = TaxonomyModel(model.match, None, tuple(Member(x.answers, None) for x in model.members))
    got = judge_held_out(plain, block, held, seed=1)  # type: ignore[arg-type]
    assert (got.located, got.located_sequence) == (None, None)
    assert "at a place" not in got.sentence()


def test_words_and_card(trained: SimpleNamespace) -> None:
    rates = Rates(1200, dict(zip(RANKS, (0.5, 0.75, 0.9, 1.0, 1.0), strict=True)), 0.6, 0.1)
    better = replace(rates, right=rates.right | {"species": 0.875})
    held = HeldOut(rates, rates, better)
    assert held.sentence() == (
        "50.0% of 1,200 held-out records got the right species, 75.0% the right genus, by sequence alone; "
        "at a place of their range 87.5% of 1,200 (without it 50.0%)"
    )
    assert held.to_json()["located"]["right"]["species"] == 0.875
    card = training_card(trained.model, held, trained.model.ranges.ranges)
    assert "| by sequence alone | 1,200 | 0.500 | 0.750 | 0.900 | 0.600 | 0.100 |" in card
    assert "| the same, at a place drawn from the range | 1,200 | 0.875 |" in card
    assert "24 species" in card
    assert "12S rRNA" in card
    alone = training_card(trained.model, HeldOut(rates), None)
    assert "drawn from the range" not in alone
    assert "No ranges: locations do not matter." in alone
