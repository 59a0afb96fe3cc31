"""Training of the networks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from strandloom.errors import DivergedError
from strandloom.workflows.taxonomy.evidence import SPECIES
from strandloom.workflows.taxonomy.learn import Epoch, Questions, answer_questions, learn_answers, learn_places
from strandloom.workflows.taxonomy.practice import Match, Practice, practise


@pytest.fixture(scope="module")
def blocks(tiny: SimpleNamespace) -> list[Practice]:
    return practise(Match(tiny.reference(tiny.random_rows(3, species=14))), seed=1)


@pytest.fixture(scope="module")
def questions(blocks: list[Practice]) -> Questions:
    held = np.random.default_rng(1).random(1 + max(int(block.row.max()) for block in blocks)) < 0.3
    return answer_questions(blocks, held)


def places(questions: Questions) -> Questions:
    """What the first feature of a species says is where it lives."""
    species = torch.nonzero(questions.kind == SPECIES)[:, 0]
    right = torch.isin(species, questions.truth).float()
    rng = torch.Generator().manual_seed(1)
    features = torch.stack([right, torch.randn(len(species), generator=rng)], dim=1)
    base = torch.zeros(len(questions.kind))
    return replace(questions, features=features, species=species, base=base)


def test_blocks_become_questions(blocks: list[Practice], questions: Questions) -> None:
    assert len(questions) == sum(len(block.row) for block in blocks)
    first = 0
    for number, block in enumerate(blocks):
        start = sum(len(x.evidence.kind) for x in blocks[:number])
        own = slice(first, first + len(block.row))
        assert torch.equal(questions.truth[own], torch.from_numpy(block.truth + start))
        assert torch.equal(questions.offsets[own], torch.from_numpy(block.evidence.offsets[:-1] + start))
        first += len(block.row)
    assert ((questions.truth >= questions.offsets[:-1]) & (questions.truth < questions.offsets[1:])).all()
    assert float(questions.weight.mean()) == pytest.approx(1)


@pytest.mark.parametrize("learn", [learn_answers, learn_places])
def test_the_loss_falls_and_the_best_epoch_is_kept(learn: object, questions: Questions) -> None:
    asked = places(questions) if learn is learn_places else questions
    epochs: list[Epoch] = []
    network = learn(asked, seed=1, epochs=25, on_epoch=epochs.append)  # type: ignore[operator]
    assert [x.epoch for x in epochs] == list(range(1, 26))
    assert min(x.validation for x in epochs) < 0.8 * epochs[0].validation
    assert epochs[-1].train < 0.8 * epochs[0].train
    assert not network.training


@pytest.mark.parametrize("learn", [learn_answers, learn_places])
def test_same_seed_same_weights_and_nothing_else_is_touched(learn: object, questions: Questions) -> None:
    asked = places(questions) if learn is learn_places else questions
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = learn(asked, seed=4, epochs=3).state_dict()  # type: ignore[operator]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    np.random.default_rng().random()
    two, three = (learn(asked, seed=x, epochs=3).state_dict() for x in (4, 5))  # type: ignore[operator]
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], three[name]) for name in one)


def test_what_is_held_out_teaches_nothing(questions: Questions) -> None:
    """Other answers to the queries held out choose another epoch, but the path is the same."""
    losses: list[list[float]] = [[], []]
    changed = replace(questions, truth=torch.where(questions.held, questions.offsets[1:] - 1, questions.truth))
    for asked, own in zip((questions, changed), losses, strict=True):
        learn_answers(asked, seed=1, epochs=4, on_epoch=lambda x, own=own: own.append(x.train))  # type: ignore[misc]
    assert losses[0] == losses[1]


def test_nothing_held_out_is_judged_by_what_is_learned(questions: Questions) -> None:
    epochs: list[Epoch] = []
    none = replace(questions, held=torch.zeros(len(questions), dtype=torch.bool))
    learn_answers(none, seed=1, epochs=2, on_epoch=epochs.append)
    assert all(np.isfinite(x.validation) for x in epochs)


def test_a_loss_that_is_no_number(questions: Questions) -> None:
    broken = replace(questions, weight=torch.full((len(questions),), torch.inf))
    with pytest.raises(DivergedError, match="training diverged in epoch 1"):
        learn_answers(broken, seed=1, epochs=2)
