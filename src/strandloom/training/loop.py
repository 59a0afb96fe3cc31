"""The training loop: epochs of steps, validated, written down, saved, and stopped in time.

Nothing random is carried from epoch to epoch: the order of the rows, dropout and augmentation are seeded by
``(seed, epoch, step)``. So a training stopped at any moment and resumed takes the same steps as one that ran through.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from strandloom.errors import DivergedError, OutputError, TrainingError
from strandloom.training.arrays import Arrays, to_device
from strandloom.training.batches import batch_bounds, epoch_order
from strandloom.training.checkpoint import Checkpoints, restore_tensors, training_tensors
from strandloom.training.history import (
    EpochRecord,
    FitResult,
    MetricsFile,
    best_index,
    first_candidate,
    summarise,
    why_stop,
)
from strandloom.training.monitor import choose_monitor, validate
from strandloom.training.pinning import pinned
from strandloom.training.prevalence import begin_at_prevalence
from strandloom.training.progress import Plan, Progress, Silent
from strandloom.training.runtime import choose_precision
from strandloom.training.schedule import learning_rate_factor
from strandloom.training.seeds import DROPOUT, derive_seed, private_rng, seed_torch
from strandloom.training.settings import Monitor, Precision, Strand, TrainingSettings
from strandloom.training.step import Stepper
from strandloom.training.task import TaskHead

STEPS_BETWEEN_CHECKS = 50
"""On an accelerator the loss is looked at this often, since a look waits for it; on the CPU, at every step."""


def fit(
    model: nn.Module,
    train: Arrays,
    validation: Arrays,
    *,
    settings: TrainingSettings,
    task: TaskHead,
    strand: Strand,
    device: str = "cpu",
    precision: Precision | None = None,
    folder: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> FitResult:
    """Train a model; it ends with the (averaged) weights of its best epoch, in evaluation mode, on the device.

    Parameters
    ----------
    model
        Float one-hot (B, C, L) to raw scores (B, K). To resume bit for bit, build it with the same seed.
    train, validation
        The rows; the validation rows pick the best epoch.
    settings
        With ``augmentation.shift: auto`` undecided, there is no shift.
    task
        Loss and link, of :func:`strandloom.training.task.task_head`.
    strand
        ``both``: random reverse complements in training, scores averaged over both strands in validation.
    device, precision
        Of a :class:`strandloom.training.runtime.Runtime`; precision None follows the settings and the rule.
    folder
        Where ``metrics.jsonl`` and ``checkpoint/`` go; None keeps everything in memory. What an earlier training left
        in these two is replaced unless ``resume``.
    resume
        Go on from the folder's checkpoint, where there is one.
    progress
        Told about steps and epochs.

    Raises
    ------
    DivergedError
        The loss or a weight became NaN or infinite; the checkpoint of the last good epoch is kept.
    TrainingError
        Too few rows, or a checkpoint of other settings, rows or model.
    OutputError
        The folder cannot be written.
    """
    if len(train) < 2 or len(validation) < 1:
        raise TrainingError(
            f"{len(train)} training and {len(validation)} validation rows; needed are at least 2 and 1",
            hint="use more data or another split",
        )
    if train.weights is not None and not bool(train.weights.any()):
        raise TrainingError("every training row has weight 0", hint="choose another data.weight or another split")
    monitor = choose_monitor(settings.monitor, task, validation)
    if task.kind == "labels":
        begin_at_prevalence(model, train.targets)
    where = torch.device(device)
    model.to(where)
    if precision is None:
        weights = sum(x.numel() for x in model.parameters() if x.requires_grad)
        asked = settings.precision
        precision = choose_precision(where, parameters=weights).precision if asked == "auto" else asked
    with private_rng(where):
        stepper = Stepper(
            model,
            to_device(train, where),
            settings=settings,
            task=task,
            strand=strand,
            device=where,
            precision=precision,
        )
        work = _Training(stepper, validation, monitor, progress or Silent(), folder)
        if folder is not None:
            guard = {
                "settings": settings.model_dump(mode="json"),
                "task": task.to_json(),
                "strand": strand,
                "precision": precision,
                "train": train.fingerprint(),
                "validation": validation.fingerprint(),
            }
            work.open(guard, resume=resume)
        result = work.run()
    model.eval()
    return result


@dataclass(frozen=True)
class _Store:
    """Where a training is kept: checkpoints, the metrics file, and what a checkpoint must agree with."""

    checkpoints: Checkpoints
    metrics: MetricsFile
    guard: dict[str, Any]


class _Training:
    """One call of :func:`fit`."""

    def __init__(
        self, stepper: Stepper, validation: Arrays, monitor: Monitor, progress: Progress, folder: Path | None
    ) -> None:
        self.stepper = stepper
        self.validation = validation
        self.monitor: Monitor = monitor
        self.progress = progress
        self.folder = folder
        self.settings = stepper.settings
        rows = len(stepper.train)
        self.epochs = self.settings.epochs_for(rows)
        self.bounds = batch_bounds(rows, self.settings.batch_for(rows))
        self.first = first_candidate(self.settings.schedule, monitor, epochs=self.epochs)
        self.history: list[EpochRecord] = []
        self.best: dict[str, Tensor] = {}
        self.store: _Store | None = None

    def open(self, guard: dict[str, Any], *, resume: bool) -> None:
        """Make the folder ready and take up its checkpoint under ``resume``."""
        assert self.folder is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder: {error.strerror}", where=self.folder) from error
        self.store = _Store(Checkpoints(self.folder / "checkpoint"), MetricsFile(self.folder / "metrics.jsonl"), guard)
        saved = self.store.checkpoints.load() if resume else None
        if saved is None:
            self.store.checkpoints.clear()
        else:
            _agree(saved.facts["guard"], guard, self.store.checkpoints.last)
            stepper = self.stepper
            restore_tensors(saved.tensors, stepper.model, stepper.average.state(), stepper.optimizer)
            self.best = saved.best
            self.history = [EpochRecord.from_json(x) for x in saved.facts["history"]]
        self.store.metrics.keep(self.history)

    def run(self) -> FitResult:
        """Epochs until a reason to stop; then the best weights go into the model."""
        patience = self.settings.patience
        self.progress.start(Plan(self.epochs, len(self.history), len(self.bounds), len(self.stepper.train)))
        while True:
            stopped = why_stop(
                self.history, monitor=self.monitor, patience=patience, epochs=self.epochs, first=self.first
            )
            if stopped is not None:
                break
            self.epoch(len(self.history) + 1)
        self.stepper.model.load_state_dict(self.best)
        result = summarise(self.history, monitor=self.monitor, stopped=stopped, first=self.first)
        self.progress.finish(result)
        return result

    def epoch(self, epoch: int) -> None:
        """Train, validate, write down and save one epoch (from 1)."""
        started = time.perf_counter()
        with pinned() if self.stepper.device.type == "cpu" else nullcontext():
            train_loss, rate, speed = self.steps(epoch)
        checked = validate(
            self.stepper.average.model,
            self.validation,
            task=self.stepper.task,
            strand=self.stepper.strand,
            device=self.stepper.device,
        )
        if not math.isfinite(checked.loss):
            raise self.diverged("the validation loss", checked.loss, epoch=epoch, step=len(self.bounds), rate=rate)
        record = EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=checked.loss,
            validation=checked.figures,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
            samples_per_second=speed,
        )
        self.history.append(record)
        if best_index(self.history, self.monitor, first=self.first) == len(self.history) - 1:
            self.best = {name: x.detach().clone() for name, x in self.stepper.average.state().items()}
        if self.store is not None:
            self.save(self.store)
        self.progress.epoch(record)

    def steps(self, epoch: int) -> tuple[float, float, float]:
        """All steps of an epoch: mean training loss, last learning rate, rows per second."""
        stepper, settings, device = self.stepper, self.settings, self.stepper.device
        seed_torch(derive_seed(DROPOUT, settings.seed, epoch), device)
        order = epoch_order(len(stepper.train), seed=settings.seed, epoch=epoch, device=stepper.train.codes.device)
        losses = [x.validation_loss for x in self.history]
        every = 1 if device.type == "cpu" else STEPS_BETWEEN_CHECKS
        total = len(self.bounds) * self.epochs
        summed = torch.zeros((), device=device)
        rate = 0.0
        stepper.model.train()
        started = time.perf_counter()
        for step, (start, stop) in enumerate(self.bounds):
            number = (epoch - 1) * len(self.bounds) + step
            factor = learning_rate_factor(settings.schedule, number, total=total, losses=losses)
            rate = factor * settings.optimizer.learning_rate
            summed += stepper.step(order[start:stop], epoch=epoch, step=step, number=number, rate=rate)
            if step % every == 0 and not torch.isfinite(summed):
                raise self.diverged("the loss", float(summed), epoch=epoch, step=step + 1, rate=rate)
            self.progress.step(epoch=epoch, step=step + 1, rows=stop - start)
        loss = float(summed) / len(stepper.train)
        seconds = time.perf_counter() - started
        if not math.isfinite(loss):
            raise self.diverged("the loss", loss, epoch=epoch, step=len(self.bounds), rate=rate)
        if not stepper.weights_finite():
            raise self.diverged("a weight", math.nan, epoch=epoch, step=len(self.bounds), rate=rate)
        return loss, rate, len(stepper.train) / seconds

    def save(self, store: _Store) -> None:
        """Write down the last epoch: its line first, then the checkpoint that makes it count."""
        store.metrics.append(self.history[-1])
        stepper = self.stepper
        best = self.history[best_index(self.history, self.monitor, first=self.first)].epoch
        store.checkpoints.save(
            training_tensors(stepper.model, stepper.average.state(), stepper.optimizer),
            {"epoch": len(self.history), "history": [x.to_json() for x in self.history], "guard": store.guard},
            best=self.best,
            best_epoch=best,
        )

    def diverged(self, what: str, value: float, *, epoch: int, step: int, rate: float) -> DivergedError:
        """The error for a loss or weight that is no longer a number; the last good checkpoint stays where it is."""
        kept = None if self.store is None or not self.history else self.store.checkpoints.last
        lower = f"a lower training.optimizer.learning_rate ({self.settings.optimizer.learning_rate / 10:g})"
        also = ", or training.precision: fp32" if self.stepper.precision == "bf16" else ""
        state = f"; the checkpoint of epoch {len(self.history)} is kept in {kept}" if kept else ""
        known = "NaN" if math.isnan(value) else "infinite"
        return DivergedError(
            f"training diverged: {what} became {known} in epoch {epoch} at step {step} of {len(self.bounds)} "
            f"(learning rate {rate:.3g}){state}",
            where=self.folder,
            hint=f"try {lower}{also}, and check the targets and row weights for extreme values",
        )


def _agree(saved: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Refuse to resume a training under other settings or rows, and name what differs."""
    before, after = _flat(saved), _flat(json.loads(json.dumps(now)))
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if changed:
        raise TrainingError(
            f"the checkpoint was made with other {', '.join(changed)}",
            where=path,
            hint="resume with the same file, data and device, or start anew without --resume",
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat
