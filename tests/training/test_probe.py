from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from strandloom.training.arrays import Arrays
from strandloom.training.onehot import reverse_complement
from strandloom.training.probe import Arm, Decision, decide, judge_shift, judge_strand, kept_share, plan, unseen
from strandloom.training.settings import AugmentationSettings, OptimizerSettings, TrainingSettings
from strandloom.training.task import TaskHead

SETTINGS = TrainingSettings(
    epochs=12,
    batch_size=32,
    optimizer=OptimizerSettings(learning_rate=0.02),
    augmentation=AugmentationSettings(shift=0),
)
HEAD = TaskHead("classes", 2)


@pytest.mark.parametrize("strands", [False, True])
def test_finds_the_strand_of_a_planted_motif(
    arrays: Callable[..., Arrays], net: Callable[[], nn.Module], strands: bool
) -> None:
    train, validation = arrays(700, seed=1, strands=strands), arrays(400, seed=2, strands=strands)
    found = decide(net, train, validation, settings=SETTINGS, task=HEAD, strand="auto")
    assert found.strand == ("both" if strands else "one")
    assert found.shift == 0
    assert len(found.why) == 1
    assert Decision.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_shift_stays_off_without_a_gain(arrays: Callable[..., Arrays], net: Callable[[], nn.Module]) -> None:
    settings = SETTINGS.model_copy(update={"augmentation": AugmentationSettings()})
    found = decide(net, arrays(300, seed=1), arrays(200, seed=2), settings=settings, task=HEAD, strand="one")
    assert [x.shift for x in found.evidence] == [0, 3]
    assert found.shift in (0, 3)
    assert ("did not lower" in found.why[0] or "too little" in found.why[0] or "less than" in found.why[0]) == (
        found.shift == 0
    )
    assert found.settle(settings).augmentation.shift == found.shift


@pytest.mark.parametrize(
    ("gain", "learned", "shifts", "why"),
    [
        (0.05, 0.4, True, "lowered the validation loss by more than its standard error"),
        (0.009, 0.4, False, "did not lower"),
        (0.011, 2.0, False, "by less than 1% of what is learned"),
        (0.05, 0.02, False, "too little was learned"),
        (-0.05, 0.4, False, "did not lower"),
    ],
)
def test_what_a_shift_must_gain(gain: float, learned: float, shifts: bool, why: str) -> None:
    moved, before = Arm("", "one", 3, 0.5, gain, 0.01), Arm("", "one", 0, 0.5, learned, 0.01)
    found, sentence = judge_shift(moved, before)
    assert found is shifts
    assert why in sentence
    assert f"{abs(gain):.4f} ± 0.0100" in sentence


def test_nothing_to_decide_costs_nothing(arrays: Callable[..., Arrays]) -> None:
    def never() -> nn.Module:
        raise AssertionError

    rows = arrays(10, seed=1)
    assert decide(never, rows, rows, settings=SETTINGS, task=HEAD, strand="both") == Decision("both", 0)


def test_validation_rows_seen_in_training_are_left_out(arrays: Callable[..., Arrays]) -> None:
    train = arrays(50, seed=1, short=True)
    other = arrays(30, seed=2, short=True)
    turned = reverse_complement(train.codes[:7], train.lengths[:7])
    mixed = Arrays(
        torch.cat([train.codes[:5], other.codes, turned]),
        torch.cat([train.lengths[:5], other.lengths, train.lengths[:7]]),
        torch.cat([train.targets[:5], other.targets, train.targets[:7]]),
    )
    assert torch.equal(unseen(mixed, train).codes, other.codes)
    assert len(unseen(train, train)) == 50


def test_budget() -> None:
    for rows, epochs in ((30_000, 12), (200_000, 10), (50_000, 20)):
        used, passes = plan(rows, epochs, probes=3)
        assert 3 * used * passes <= 0.2 * rows * epochs * 1.1
    assert plan(500, 10, probes=3) == (500, 10)
    assert plan(2, 1, probes=3) == (2, 1)


def test_judgement() -> None:
    def arm(gain: float, error: float = 0.01) -> Arm:
        return Arm("", "both", 0, 0.5, gain, error)

    for gain, kept, expected in (
        (0.02, math.nan, "both"),
        (0.005, math.nan, "one"),
        (0.005, 0.95, "both"),
        (-0.015, 0.95, "both"),
        (-0.03, 0.95, "one"),
        (0.005, 0.8, "one"),
        (0.02, 0.8, "both"),
    ):
        assert judge_strand(arm(gain), kept=kept, learned=0.2)[0] == expected
    assert kept_share(arm(-0.05), arm(0.2)) == pytest.approx(0.75)
    assert math.isnan(kept_share(arm(-0.05), arm(0.02)))
