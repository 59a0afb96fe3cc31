"""The run folder: where each file of a run stands, and the rules for making, resuming and replacing it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.errors import OutputError, SettingsError, StrandloomError
from strandloom.experiment import Experiment, read_experiment, to_yaml
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import make_folder, output_error, remove_empty, replacing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class HeldError(OutputError):
    """Another process works in the folder, so nothing in it may be touched."""


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: the only source of truth about it.

    Parameters
    ----------
    path
        The folder.
    """

    path: Path

    @property
    def experiment(self) -> Path:
        """The resolved experiment."""
        return self.path / "experiment.yaml"

    @property
    def environment(self) -> Path:
        """Versions, device, precision, threads, command and hashes of the inputs."""
        return self.path / "environment.json"

    @property
    def split(self) -> Path:
        """Which row went to which part."""
        return self.path / "split.parquet"

    @property
    def metrics(self) -> Path:
        """One line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def predictions(self) -> Path:
        """What the model said of validation and test rows."""
        return self.path / "predictions.parquet"

    @property
    def evaluation(self) -> Path:
        """The metrics on the test part."""
        return self.path / "evaluation.json"

    @property
    def report(self) -> Path:
        """The page to read."""
        return self.path / "report.html"

    @property
    def bundle(self) -> Path:
        """The trained model."""
        return self.path / "bundle"

    @property
    def data(self) -> Path:
        """Facts of the data and the leakage report."""
        return self.path / "data.json"

    @property
    def decision(self) -> Path:
        """How strand and shift were decided, with the evidence."""
        return self.path / "decision.json"

    @property
    def explanation(self) -> Path:
        """Motifs and pages, where the experiment asks for them."""
        return self.path / "explanation"

    @property
    def verdict(self) -> Path:
        """Written last: the sentence of the report; its presence says that the run is finished."""
        return self.path / "verdict.txt"

    def member(self, name: str, *, alone: bool) -> Path:
        """Folder of one trained copy (metrics.jsonl, checkpoint/): the run itself when it is the only one.

        A name may hold the name of a group of the table, that is, anything.
        """
        return self.path if alone else self.path / "members" / _folder_name(name)

    @property
    def plan(self) -> Path:
        """How many seeds."""
        return self.path / "plan.json"

    @property
    def untrained(self) -> bool:
        """Whether the folder holds nothing but what a run writes before it trains."""
        known = {x.name for x in (self.experiment, self.plan, self.environment, self.data, self.split)} | {"store"}
        return self.path.is_dir() and all(one.name in known or _unfinished(one) for one in self.path.iterdir())

    @property
    def idle(self) -> bool:
        """Whether the folder is a run that stopped before training: no work is lost with it."""
        return self.experiment.is_file() and self.plan.is_file() and self.untrained

    @property
    def finished(self) -> bool:
        """Whether every file of the run stands."""
        return self.verdict.is_file()


@contextmanager
def nothing_left(path: Path) -> Iterator[None]:
    """A run that fails before training leaves no folder, nor the empty ones made above it; Ctrl-C leaves it to be resumed."""
    absent = [folder for folder in path.parents if not folder.exists()]
    run, fresh = RunFolder(path), not path.exists()
    try:
        yield
    except HeldError:
        raise
    except (StrandloomError, OSError):
        if run.idle or (fresh and run.untrained):
            shutil.rmtree(path, ignore_errors=True)
        remove_empty(absent)
        raise


@contextmanager
def held(
    path: Path,
    *,
    what: str = "another process is training into this folder",
    hint: str = "wait for it, or choose another --out",
) -> Iterator[None]:
    """The folder is this process's alone: two trainings in one folder would mix their checkpoints.

    The lock is the system's and ends with the process, however it ends; where the system or the disk has none, nothing is locked.

    Raises
    ------
    HeldError
        Another process holds it.
    """
    handle = _lock(path, what, hint)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(path: Path, what: str, hint: str) -> int | None:
    if fcntl is None:
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise HeldError(what, where=path, hint=hint) from None
    except OSError:
        os.close(handle)
        return None
    return handle


def open_run(path: Path, experiment: Experiment, *, seeds: int, resume: bool, force: bool) -> RunFolder:
    """Make the folder of a run, or open it again to resume.

    Raises
    ------
    OutputError
        It exists and neither resume nor force was asked for, or it cannot be written. A run that stopped before
        training is replaced unasked.
    SettingsError
        A run to resume was started with other settings.
    """
    run = RunFolder(path)
    plan = {"seeds": seeds}
    if path.exists() and not path.is_dir():
        raise OutputError("a file stands where the run folder should be", where=path, hint="choose another --out")
    if path.is_dir() and any(path.iterdir()):
        with held(path):
            pass
        if resume and run.experiment.is_file():
            _same_settings(run, experiment, plan)
            _sweep(path)
            return run
        barely = all(one.name == "plan.json" or _unfinished(one) for one in path.iterdir())  # killed at its first write
        if not force and not run.idle and not (resume and barely):
            if not run.experiment.is_file():
                raise OutputError("the folder exists already and holds no run", where=path, hint="choose another --out")
            hint = "choose another --out, or add --resume to go on with it, or --force to replace it"
            raise OutputError("the run folder exists already", where=path, hint=hint)
        if not (run.experiment.is_file() and run.plan.is_file()) and not barely:
            raise OutputError(
                "the folder is not a run, so --force does not remove it", where=path, hint="choose another --out"
            )
        _attempt(lambda: shutil.rmtree(path.resolve()), path)  # a link to a folder stays a link
    _attempt(lambda: make_folder(path.resolve()), path)
    write_json(run.plan, plan)
    with replacing(run.experiment, text=True) as handle:
        handle.write(to_yaml(experiment))
    return run


def _folder_name(name: str) -> str:
    """``fold 3`` as ``fold-3``; a name that spaces alone do not tell from others, or no folder can have, gets a hash."""
    plain = re.sub(r"[^A-Za-z0-9.=]+", "-", name)[:80].strip("-.")
    return plain if plain.replace("-", " ") == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _unfinished(path: Path) -> bool:
    """Whether a file was being written when the process was killed (see :func:`strandloom.io.write.replacing`)."""
    return path.name.startswith(".") and path.name.endswith(".part") and path.is_file()


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written; the store of sequences looks after itself."""
    for path in folder.rglob(".*.part"):
        if _unfinished(path):
            path.unlink(missing_ok=True)


def _attempt(work: Callable[[], object], path: Path) -> None:
    try:
        work()
    except OSError as error:
        raise output_error(error, path) from error


def _same_settings(run: RunFolder, experiment: Experiment, plan: dict[str, Any]) -> None:
    old = read_experiment(run.experiment)
    after = {"explain"}  # comes when everything else is done
    different = _differences(
        old.model_dump(mode="json", exclude=after), experiment.model_dump(mode="json", exclude=after)
    )
    if not run.plan.is_file():
        raise OutputError(
            "the run to resume holds no plan.json",
            where=run.path,
            hint="add --force to begin anew, or choose another --out",
        )
    if read_json(run.plan) != plan:
        different.append("--seeds")
    if different:
        raise SettingsError(
            "the run was started with other settings: " + ", ".join(different[:8]),
            where=run.path,
            hint="resume with the same experiment, or train into another folder",
        )


def _differences(old: Any, new: Any, place: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        return [d for key in keys for d in _differences(old.get(key), new.get(key), f"{place}.{key}" if place else key)]
    return [] if old == new else [place]
