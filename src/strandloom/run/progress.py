"""What a caller can follow of a run."""

from __future__ import annotations

from typing import Protocol

from strandloom.training.progress import Progress, Silent


class RunProgress(Protocol):
    """Called by :func:`strandloom.run.run_experiment`."""

    def stage(self, title: str) -> None:
        """A stage of the run begins."""

    def say(self, text: str) -> None:
        """Something the user should know, a line."""

    def member(self, name: str, number: int, total: int) -> Progress:
        """One of ``total`` networks is about to be trained; what follows its steps and epochs."""


class Quiet:
    """A run that nobody follows."""

    def stage(self, title: str) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def member(self, name: str, number: int, total: int) -> Progress:
        """Say nothing."""
        return Silent()
