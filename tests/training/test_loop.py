from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.errors import DivergedError, SettingsError, TrainingError
from strandloom.training.arrays import Arrays
from strandloom.training.history import EpochRecord, FitResult, best_index, first_candidate, why_stop
from strandloom.training.infer import logits
from strandloom.training.loop import fit
from strandloom.training.monitor import choose_monitor, validate
from strandloom.training.progress import Plan
from strandloom.training.settings import ConstantSettings, CosineSettings, OptimizerSettings, TrainingSettings
from strandloom.training.task import TaskHead, task_head

HEAD = TaskHead("classes", 2)
QUICK = TrainingSettings(epochs=6, batch_size=32, optimizer=OptimizerSettings(learning_rate=0.02))


class Notes:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.steps: list[tuple[int, int, int]] = []
        self.records: list[EpochRecord] = []
        self.result: FitResult | None = None

    def start(self, plan: Plan) -> None:
        self.plan = plan

    def step(self, *, epoch: int, step: int, rows: int) -> None:
        self.steps.append((epoch, step, rows))

    def epoch(self, record: EpochRecord) -> None:
        self.records.append(record)

    def finish(self, result: FitResult) -> None:
        self.result = result


def test_learns_reports_and_keeps_the_best(
    tmp_path: Path, arrays: Callable[..., Arrays], net: Callable[[], nn.Module]
) -> None:
    train, validation = arrays(513, seed=1), arrays(256, seed=2)
    model, notes = net(), Notes()
    result = fit(model, train, validation, settings=QUICK, task=HEAD, strand="one", folder=tmp_path, progress=notes)
    assert result.history[-1].validation["roc_auc"] > 0.95
    assert result == notes.result
    assert notes.plan == Plan(6, 0, 16, 513)
    assert notes.steps[15] == (1, 16, 33)
    assert result.stopped == "every epoch was trained"
    best = max(result.history[3:], key=lambda x: (x.validation["roc_auc"], -x.validation_loss))
    assert result.best_epoch == best.epoch
    assert not model.training
    checked = validate(model, validation, task=HEAD, strand="one", device="cpu")
    assert checked.loss == best.validation_loss
    assert result.monitor == "roc_auc"
    assert result.best_value == best.validation["roc_auc"]
    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [EpochRecord.from_json(x) for x in lines] == notes.records == list(result.history)
    assert result.seconds == sum(x.seconds for x in result.history)


def test_same_seed_same_bits_other_seed_others_and_global_rng_untouched(
    arrays: Callable[..., Arrays], net: Callable[[], nn.Module]
) -> None:
    train, validation = arrays(128, seed=1, short=True), arrays(64, seed=2)

    def weights(seed: int, noise: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        model = net()
        settings = QUICK.model_copy(update={"seed": seed, "epochs": 2})
        fit(model, train, validation, settings=settings, task=HEAD, strand="both")
        assert torch.equal(torch.get_rng_state(), before)
        return model.state_dict()

    first, second, third = weights(1, 10), weights(1, 20), weights(2, 10)
    assert all(torch.equal(second[name], x) for name, x in first.items())
    assert not torch.equal(third["dense.weight"], first["dense.weight"])


def test_resume_of_a_finished_run_only_restores(
    tmp_path: Path, arrays: Callable[..., Arrays], net: Callable[[], nn.Module]
) -> None:
    train, validation = arrays(64, seed=1), arrays(32, seed=2)
    first, second = net(), net()
    whole = fit(first, train, validation, settings=QUICK, task=HEAD, strand="one", folder=tmp_path)
    notes = Notes()
    again = fit(
        second, train, validation, settings=QUICK, task=HEAD, strand="one", folder=tmp_path, resume=True, progress=notes
    )
    assert again == whole
    assert notes.steps == []
    assert all(torch.equal(second.state_dict()[name], x) for name, x in first.state_dict().items())
    with pytest.raises(TrainingError, match=r"made with other settings\.batch_size, settings\.seed, train"):
        fit(
            net(),
            arrays(64, seed=3),
            validation,
            settings=QUICK.model_copy(update={"seed": 2, "batch_size": 16}),
            task=HEAD,
            strand="one",
            folder=tmp_path,
            resume=True,
        )


@pytest.mark.parametrize("saved", [False, True])
def test_divergence_stops_with_the_place_and_the_last_good_checkpoint(
    tmp_path: Path, arrays: Callable[..., Arrays], net: Callable[[], nn.Module], saved: bool
) -> None:
    train, validation = arrays(64, seed=1), arrays(32, seed=2)

    class Breaks:
        def __init__(self, model: nn.Module) -> None:
            self.model = model

        def start(self, plan: Plan) -> None: ...

        def step(self, *, epoch: int, step: int, rows: int) -> None:
            if (epoch, step) == (3, 1):
                with torch.no_grad():
                    next(self.model.parameters()).fill_(math.nan)

        def epoch(self, record: EpochRecord) -> None: ...

        def finish(self, result: FitResult) -> None: ...

    model = net()
    with pytest.raises(DivergedError) as caught:
        fit(
            model,
            train,
            validation,
            settings=QUICK,
            task=HEAD,
            strand="one",
            folder=tmp_path if saved else None,
            progress=Breaks(model),
        )
    text = str(caught.value)
    assert "the loss became NaN in epoch 3 at step 2 of 2 (learning rate 0.0" in text
    assert "hint: try a lower training.optimizer.learning_rate (0.002)" in text
    assert ("the checkpoint of epoch 2 is kept" in text) == saved
    if saved:
        result = fit(net(), train, validation, settings=QUICK, task=HEAD, strand="one", folder=tmp_path, resume=True)
        assert result.epochs_run == 6


def record(epoch: int, loss: float, auc: float = 0.5) -> EpochRecord:
    return EpochRecord(epoch, loss, loss, {"roc_auc": auc}, 0.1, 1.0, 10.0)


def test_patience_counts_from_the_best_epoch() -> None:
    history = [record(i + 1, x) for i, x in enumerate([3.0, 2.0, 2.5, 2.0, 2.1])]
    assert why_stop(history[:4], monitor="loss", patience=3, epochs=9) is None
    reason = why_stop(history, monitor="loss", patience=3, epochs=9)
    assert reason == "the validation loss had not improved for 3 epochs since epoch 2"
    assert why_stop(history, monitor="loss", patience=None, epochs=9) is None
    assert why_stop(history, monitor="loss", patience=None, epochs=5) == "every epoch was trained"
    rising = [record(i + 1, 1.0, x) for i, x in enumerate([0.7, math.nan, 0.6])]
    assert why_stop(rising, monitor="roc_auc", patience=2, epochs=9) is not None
    assert why_stop(rising[:2], monitor="roc_auc", patience=2, epochs=9) is None


def test_the_reason_to_stop_says_why_the_highest_epoch_is_not_kept() -> None:
    history = [record(i + 1, 1.0, x) for i, x in enumerate([0.7, 0.9, 0.8, 0.85, 0.84])]
    why = partial(why_stop, monitor="roc_auc", patience=3, epochs=6)
    words = "the validation roc_auc had not improved for 3 epochs since epoch 2"
    assert why(history, first=0) == words
    assert why(history, first=5) == words  # not reached: epoch 2 is kept
    told = why(history, first=3)
    assert told == words + "; kept is the best from epoch 4 on, as the learning rate was still high before"
    assert history[best_index(history, "roc_auc", first=3)].epoch == 4


def test_best_epoch_of_a_ranking_is_of_the_settled_half() -> None:
    history = [record(i + 1, 1 - 0.1 * i, x) for i, x in enumerate([0.9, 1.0, 0.95, 0.97, 0.97, 0.96])]
    first = first_candidate(CosineSettings(), "roc_auc", epochs=6)
    assert first == 3
    assert best_index(history, "roc_auc", first=first) == 4
    assert best_index(history[:3], "roc_auc", first=first) == 1
    assert first_candidate(CosineSettings(), "loss", epochs=6) == 0
    assert first_candidate(ConstantSettings(), "roc_auc", epochs=6) == 0


def test_undefined_figures_are_null_in_json() -> None:
    values = record(1, 1.0, math.nan).to_json()
    assert values["validation"] == {"roc_auc": None}
    assert math.isnan(EpochRecord.from_json(values).validation["roc_auc"])


def test_values_with_row_weights_without_average(arrays: Callable[..., Arrays], net: Callable[..., nn.Module]) -> None:
    base = arrays(400, seed=1)
    targets = base.targets[:, None].float() * 4 + 10
    noise = torch.arange(400) % 4 == 0
    wrong = torch.where(noise[:, None], torch.full_like(targets, 500.0), targets)
    weights = torch.where(noise, 0.0, 2.0)
    train = Arrays(base.codes, base.lengths, wrong, weights)
    settings = QUICK.model_copy(update={"average": None, "monitor": "pearson", "epochs": 8})
    head = TaskHead("value", 1, centre=(12.0,), scale=(2.0,))
    model = net(outputs=1)
    result = fit(model, train, Arrays(base.codes, base.lengths, targets), settings=settings, task=head, strand="one")
    assert result.best_value > 0.8
    predicted = head.link(logits(model, base.codes))
    assert np.abs(predicted - 12).max() < 20


def test_labels_task(arrays: Callable[..., Arrays], net: Callable[..., nn.Module]) -> None:
    base = arrays(400, seed=1)
    both = torch.stack([base.targets, 1 - base.targets], 1).float()
    train = Arrays(base.codes, base.lengths, both)
    head = task_head("labels", train, outputs=2, settings=QUICK)
    result = fit(net(), train, train, settings=QUICK, task=head, strand="one")
    assert result.history[-1].validation["roc_auc"] > 0.95


def test_a_wrong_monitor_and_too_few_rows_are_errors(
    arrays: Callable[..., Arrays], net: Callable[[], nn.Module]
) -> None:
    rows = arrays(8, seed=1)
    with pytest.raises(SettingsError, match=r"'pearson' cannot be .*: loss, matthews_corrcoef, roc_auc"):
        fit(net(), rows, rows, settings=TrainingSettings(monitor="pearson"), task=HEAD, strand="one")
    same = rows.take(torch.nonzero(rows.targets == 1).flatten())
    with pytest.raises(SettingsError, match="'roc_auc' is undefined"):
        fit(net(), rows, same, settings=TrainingSettings(monitor="roc_auc"), task=HEAD, strand="one")
    assert choose_monitor("auto", HEAD, same) == "loss"
    assert choose_monitor("auto", HEAD, rows) == "roc_auc"
    assert choose_monitor("auto", TaskHead("value", 1), rows) == "loss"
    one = rows.take(torch.tensor([0]))
    with pytest.raises(TrainingError, match="1 training and 8 validation rows"):
        fit(net(), one, rows, settings=QUICK, task=HEAD, strand="one")


def test_bf16_trains_and_weights_stay_fp32(arrays: Callable[..., Arrays], net: Callable[[], nn.Module]) -> None:
    train = arrays(256, seed=1)
    model = net()
    result = fit(model, train, train, settings=QUICK, task=HEAD, strand="one", precision="bf16")
    assert {x.dtype for x in model.parameters()} == {torch.float32}
    assert result.history[-1].train_loss < result.history[0].train_loss
