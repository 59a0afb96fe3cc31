"""Figures of training."""

from __future__ import annotations

from dataclasses import replace

from strandloom.report import history
from strandloom.report.inputs import Member
from strandloom.training.history import EpochRecord, FitResult


def fitted() -> FitResult:
    records = tuple(
        EpochRecord(
            i, 1 / i, 0.5 + 0.1 * abs(i - 3), {"accuracy": 0.5 + 0.05 * i, "roc_auc": float("nan")}, 1e-3, 2.0, 900.0
        )
        for i in range(1, 6)
    )
    return FitResult(3, 5, records, "loss", 0.5, "all 5 epochs were trained", 10.0, 900.0)


def test_a_member_of_a_fit_result():
    for source in (fitted(), fitted().to_json()):
        member = Member.of("seed 1", source)
        assert member.best_epoch == 3
        assert member.last_epoch == 5
        assert member.recorded == {"accuracy"}
        assert member.series("validation_accuracy")[0] == 0.55
        assert member.series("train_loss")[1] == 0.5
        assert not member.stopped_early


def test_metric_choice():
    member = Member.of("seed 1", fitted())
    assert history.metric_key([member]) == "validation_accuracy"
    assert history.metric_key([replace(member, monitor="roc_auc")]) == "validation_accuracy"
    assert history.metric_key([Member("x")]) is None


def test_best_epoch_is_marked_once_per_network():
    member = Member.of("seed 1", fitted())
    one = history.loss([member])
    assert one is not None
    assert "best epoch 3" in one.svg
    many = history.loss([member, member, member])
    assert many is not None
    assert many.svg.count("<circle") == 3


def test_nothing_to_draw():
    assert history.loss([]) is None
    assert history.loss([Member("x")]) is None
    assert history.metric([Member("x", ({"epoch": 1},))]) is None


def test_one_epoch_and_many_members():
    member = Member("x", ({"epoch": 1, "train_loss": 0.5, "validation_loss": 0.6},), 1)
    assert history.loss([member]) is not None
    figure = history.loss([member] * 40)
    assert figure is not None
    assert "and 10 more" in figure.caption
