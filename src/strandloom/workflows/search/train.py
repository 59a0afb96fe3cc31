"""The trainings of a search: data and split are read once, and no test row is ever looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from strandloom.data.dataset import Dataset
from strandloom.data.load import load
from strandloom.data.split.core import TRAIN, VALIDATION, make_splits
from strandloom.errors import DivergedError, SettingsError
from strandloom.experiment import Experiment
from strandloom.models.build import build
from strandloom.run.judge_values import weighed
from strandloom.training.arrays import Arrays, from_dataset
from strandloom.training.history import EpochRecord, best_index, first_candidate
from strandloom.training.loop import fit
from strandloom.training.monitor import choose_monitor
from strandloom.training.progress import Silent
from strandloom.training.runtime import Runtime, apply, choose_runtime
from strandloom.training.settings import Monitor
from strandloom.training.task import task_head

GAUSSIAN = ("auto", "gaussian")
"""Losses that count rows by how well they are measured."""
Report = Callable[[int, float], bool]
"""Epoch and figure; true: stop here."""


class Stopped(Exception):
    """A trial was stopped because it does worse than the others."""


@dataclass
class Trainer:
    """What every trial shares.

    Parameters
    ----------
    dataset
        All rows.
    train_rows, plain_rows
        Rows to learn from, with weights by how well they are measured where that is known, and without.
    validation_rows
        Rows that every trial is judged on.
    monitor
        The figure that trials are compared by.
    strand
        Whether both strands are trained on.
    runtime
        Device and threads; each network has the precision that its size asks for.
    """

    dataset: Dataset
    train_rows: Arrays
    plain_rows: Arrays
    validation_rows: Arrays
    monitor: Monitor
    strand: Literal["one", "both"]
    runtime: Runtime
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(
        cls, experiment: Experiment, *, resolve: Callable[[str], Path], cache: Path, device: str, threads: int | None
    ) -> Trainer:
        """Read and split the data of an experiment.

        Raises
        ------
        InputError, SettingsError
            The data cannot be used, or the figure does not belong to the task.
        """
        assert experiment.search is not None
        dataset = load(experiment.data, task=experiment.task, resolve=resolve, cache=cache)
        assert dataset.target is not None
        splits = make_splits(dataset, experiment.split)
        if len(splits) > 1:
            raise SettingsError(
                f"with {experiment.split.kind} every row is a test row once, so none is left to select on",
                where="split.kind",
                hint="search with one split (homology, group, column …), then train the winner with folds",
            )
        rows = splits[0].rows(TRAIN), splits[0].rows(VALIDATION)
        plain = from_dataset(dataset, rows[0])
        told = dataset if dataset.variance is None else weighed(dataset, rows[0])
        train = from_dataset(told, rows[0])
        counted = experiment.training.loss in GAUSSIAN or "training.loss" in experiment.search.space
        validation = from_dataset(told if counted else dataset, rows[1])
        task = task_head(experiment.task, train, outputs=dataset.target.num_outputs, settings=experiment.training)
        asked = experiment.search.metric or ("loss" if experiment.task == "value" else experiment.training.monitor)
        monitor = choose_monitor(asked, task, validation)
        searched = {"training.loss", "training.class_weights", "training.quantile"} & set(experiment.search.space)
        if monitor == "loss" and searched:
            raise SettingsError(
                f"losses of different {', '.join(sorted(searched))} cannot be compared",
                where="search.metric",
                hint="set search.metric: pearson" if experiment.task == "value" else "set search.metric: roc_auc",
            )
        notes = []
        strand = experiment.data.strand
        if strand == "auto":
            strand = "one"
            notes.append("data.strand is auto: trials are trained on one strand; the winner's run decides by its probe")
        runtime = apply(choose_runtime(device, precision="fp32", parameters=0, threads=threads))
        if experiment.training.augmentation.shift == "auto":
            notes.append(
                "training.augmentation.shift is auto: trials do not shift; the winner's run decides by its probe"
            )
        return cls(dataset, train, plain, validation, monitor, strand, runtime, tuple(notes))

    @property
    def lower(self) -> bool:
        """Whether a lower figure is better."""
        return self.monitor == "loss"

    def train(self, experiment: Experiment, *, report: Report) -> float:
        """Train one network and return its figure on the validation rows.

        Raises
        ------
        Stopped
            ``report`` said so.
        StrandloomError
            The settings make no network, or training diverged.
        """
        settings = experiment.training
        assert self.dataset.target is not None
        outputs = self.dataset.target.num_outputs
        train = self.train_rows if settings.loss in GAUSSIAN else self.plain_rows
        validation = self.validation_rows
        task = task_head(experiment.task, train, outputs=outputs, settings=settings)
        model = build(experiment.model, channels=4, length=self.dataset.length, outputs=outputs, seed=settings.seed)
        first = first_candidate(settings.schedule, self.monitor, epochs=settings.epochs_for(len(train)))
        follower = _Follower(self.monitor, report, first)
        result = fit(
            model, train, validation, settings=settings.model_copy(update={"monitor": self.monitor}), task=task, strand=self.strand,
            device=self.runtime.device, progress=follower,
        )  # fmt: skip
        if not math.isfinite(result.best_value):
            raise DivergedError("the validation figure is no number")
        return result.best_value


class _Follower(Silent):
    """Tells of the best figure after each epoch, and stops the training when it is told to."""

    def __init__(self, monitor: Monitor, report: Report, first: int) -> None:
        self.monitor: Monitor = monitor
        self.report = report
        self.first = first
        self.history: list[EpochRecord] = []

    def epoch(self, record: EpochRecord) -> None:
        """Tell."""
        self.history.append(record)
        if len(self.history) <= self.first:
            return  # no epoch that may be kept yet
        best = self.history[best_index(self.history, self.monitor, first=self.first)]
        value = best.monitored(self.monitor)
        if self.report(record.epoch, value if self.monitor == "loss" else -value):
            raise Stopped
