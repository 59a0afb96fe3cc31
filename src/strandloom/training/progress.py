"""What a caller can follow of a training: a protocol, and the one that says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from strandloom.training.history import EpochRecord, FitResult


@dataclass(frozen=True)
class Plan:
    """What is ahead when training starts: epochs (all, and done before a resume), steps of an epoch, training rows."""

    epochs: int
    epochs_done: int
    steps_per_epoch: int
    rows: int


class Progress(Protocol):
    """Called by :func:`strandloom.training.loop.fit`; no call waits for the accelerator."""

    def start(self, plan: Plan) -> None:
        """Training begins or goes on."""

    def step(self, *, epoch: int, step: int, rows: int) -> None:
        """A step (from 1) of an epoch (from 1) over so many rows was sent on its way."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch was validated, written down and saved."""

    def finish(self, result: FitResult) -> None:
        """Training is over."""


class Silent:
    """Progress that nobody follows."""

    def start(self, plan: Plan) -> None:
        """Say nothing."""

    def step(self, *, epoch: int, step: int, rows: int) -> None:
        """Say nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Say nothing."""

    def finish(self, result: FitResult) -> None:
        """Say nothing."""
