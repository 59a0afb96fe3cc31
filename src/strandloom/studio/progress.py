"""How far a training is, read from its run folder: curves, the best epoch, speed, time left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.io.plain import read_json
from strandloom.run.folder import RunFolder


@dataclass(frozen=True, eq=False)
class Curve:
    """The epochs of one network.

    Parameters
    ----------
    name
        Of the network; empty where it is the only one.
    epochs
        Lines of ``metrics.jsonl``.
    """

    name: str
    epochs: list[dict[str, Any]]

    @property
    def metrics(self) -> list[str]:
        """Names of the validation figures."""
        return list(self.epochs[0]["validation"]) if self.epochs else []

    def values(self, metric: str) -> list[float | None]:
        """A figure by epoch: ``train_loss``, ``validation_loss`` or a validation metric."""
        return [x.get(metric, x["validation"].get(metric)) for x in self.epochs]

    @property
    def best(self) -> int | None:
        """The epoch with the lowest validation loss, from 1."""
        losses = [(x["validation_loss"], x["epoch"]) for x in self.epochs if x.get("validation_loss") is not None]
        return min(losses)[1] if losses else None


@dataclass(frozen=True, eq=False)
class Progress:
    """A training so far.

    Parameters
    ----------
    curves
        One a network.
    planned
        Epochs of a network, at most; None: not known yet.
    per_second
        Rows a second in the last epoch.
    left
        Seconds until the last epoch of the last network, at most.
    device
        What computes it, in words.
    """

    curves: list[Curve]
    planned: int | None
    per_second: float | None
    left: float | None
    device: str


def progress_of(folder: RunFolder, *, epochs: int | str, rows: int | None = None) -> Progress:
    """Read how far a run is; what is not there yet is left out.

    Parameters
    ----------
    epochs
        As the experiment has it: a number, or ``auto``.
    rows
        Training rows, which ``auto`` depends on.
    """
    from strandloom.training.settings import TrainingSettings

    curves = read_curves(folder.path)
    planned = TrainingSettings(epochs=epochs).epochs_for(rows or 0) if epochs != "auto" or rows else None
    last = curves[-1].epochs[-1] if curves and curves[-1].epochs else None
    environment = _read(folder.environment)
    networks = max(int(environment.get("seeds", 1)), len(curves), 1)
    left = None
    if planned and last is not None and not folder.finished:
        done = sum(len(curve.epochs) for curve in curves)
        each = sum(x["seconds"] for curve in curves for x in curve.epochs) / max(done, 1)
        left = each * max(planned * networks - done, 0)
    runtime = environment.get("runtime", {})
    device = ", ".join(str(runtime[key]) for key in ("device", "precision") if key in runtime)
    if "threads" in runtime:
        device += f", {runtime['threads']} thread{'s' if runtime['threads'] != 1 else ''}"
    return Progress(curves, planned, None if last is None else last.get("samples_per_second"), left, device)


def read_curves(path: Path) -> list[Curve]:
    """The curves of a run folder, in the order of its networks; a line that is being written is left for later."""
    files: Sequence[Path] = sorted(path.glob("members/*/metrics.jsonl")) or [path / "metrics.jsonl"]
    found = []
    for file in files:
        epochs = []
        with contextlib.suppress(OSError):
            for line in file.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    epochs.append(json.loads(line))
        if epochs:
            found.append(Curve(file.parent.name if file.parent != path else "", epochs))
    return found


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = read_json(path)
    return found if isinstance(found, dict) else {}
