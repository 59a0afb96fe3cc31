"""The record of a training, epoch by epoch: in memory, as lines of ``metrics.jsonl``, and what follows from it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from strandloom.errors import OutputError
from strandloom.training.checkpoint import replace_file
from strandloom.training.settings import Monitor, ScheduleSettings
from strandloom.words import plural


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: losses (natural units of the task), validation figures, learning rate of its last step, time."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation: dict[str, float]
    learning_rate: float
    seconds: float
    samples_per_second: float

    def monitored(self, monitor: Monitor) -> float:
        """The monitored figure, turned so that lower is better; infinite where it is undefined."""
        value = self.validation_loss if monitor == "loss" else -self.validation[monitor]
        return value if math.isfinite(value) else math.inf

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values; an undefined figure is null."""
        values = asdict(self)
        values["validation"] = {k: x if math.isfinite(x) else None for k, x in self.validation.items()}
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> EpochRecord:
        """The inverse of :meth:`to_json`."""
        validation = {k: math.nan if x is None else x for k, x in values["validation"].items()}
        return cls(**{**values, "validation": validation})


@dataclass(frozen=True)
class FitResult:
    """How a training went.

    Attributes
    ----------
    best_epoch
        The epoch (from 1) whose weights the model now has.
    epochs_run
        Epochs trained, over all resumed parts.
    history
        A record per epoch.
    monitor, best_value
        The figure that picked the best epoch, and its value there.
    stopped
        Why training ended, in one sentence.
    seconds
        Time spent in epochs, validation included, over all resumed parts.
    samples_per_second
        Training rows per second of training steps (median over epochs).
    """

    best_epoch: int
    epochs_run: int
    history: tuple[EpochRecord, ...]
    monitor: Monitor
    best_value: float
    stopped: str
    seconds: float
    samples_per_second: float

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**asdict(self), "history": [x.to_json() for x in self.history]}


def best_index(history: Sequence[EpochRecord], monitor: Monitor, *, first: int = 0) -> int:
    """Index of the best epoch, from index ``first`` on where that is reached; of equals that of the lowest loss."""
    start = first if len(history) > first else 0
    return min(range(start, len(history)), key=lambda i: (history[i].monitored(monitor), history[i].validation_loss))


def first_candidate(schedule: ScheduleSettings, monitor: Monitor, *, epochs: int) -> int:
    """Index of the first epoch that may be kept.

    A cosine schedule settles the weights in its second half. Ranking figures come near their top sooner, on easy tasks
    with noise that would pick an unsettled epoch, so under them only that half counts (if training gets there).
    """
    return 0 if monitor == "loss" or schedule.kind != "cosine" else epochs // 2


def why_stop(
    history: Sequence[EpochRecord], *, monitor: Monitor, patience: int | None, epochs: int, first: int = 0
) -> str | None:
    """The sentence that ends the training after these epochs, or None to go on.

    Patience counts from the best epoch of all; where that one comes before ``first``, the sentence says why another is kept.
    """
    if len(history) >= epochs:
        return "every epoch was trained" if epochs > 1 else "the only epoch was trained"
    if patience is None or not history:
        return None
    best = best_index(history, monitor)
    if len(history) - 1 - best < patience:
        return None
    figure = "loss" if monitor == "loss" else monitor
    words = (
        f"the validation {figure} had not improved for {plural(patience, 'epoch')} since epoch {history[best].epoch}"
    )
    if best < first < len(history):
        words += f"; kept is the best from epoch {history[first].epoch} on, as the learning rate was still high before"
    return words


def summarise(history: Sequence[EpochRecord], *, monitor: Monitor, stopped: str, first: int = 0) -> FitResult:
    """The result that follows from the records."""
    best = history[best_index(history, monitor, first=first)]
    speeds = sorted(x.samples_per_second for x in history)
    return FitResult(
        best_epoch=best.epoch,
        epochs_run=len(history),
        history=tuple(history),
        monitor=monitor,
        best_value=best.validation_loss if monitor == "loss" else best.validation[monitor],
        stopped=stopped,
        seconds=sum(x.seconds for x in history),
        samples_per_second=speeds[len(speeds) // 2],
    )


class MetricsFile:
    """``metrics.jsonl``: a line of JSON per epoch, on the disk as soon as it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: EpochRecord) -> None:
        """Add an epoch's line, flushed and synced."""
        line = json.dumps(record.to_json(), allow_nan=False) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write the metrics: {error.strerror}", where=self.path) from error

    def keep(self, history: Sequence[EpochRecord]) -> None:
        """Make the file say what the checkpoint says: drop later and broken lines, add missing ones, in one move."""
        kept = {record.epoch: json.dumps(record.to_json(), allow_nan=False) for record in history}
        text = "".join(line + "\n" for _, line in sorted(kept.items()))
        if not self.path.exists() or self.path.read_bytes() != text.encode():
            try:
                replace_file(self.path, lambda beside: beside.write_text(text, encoding="utf-8"))
            except OSError as error:
                raise OutputError(f"cannot write the metrics: {error.strerror}", where=self.path) from error
