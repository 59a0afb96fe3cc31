"""The run folder: where each file of a run stands, and the rules for making, resuming and replacing it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.errors import OutputError, SettingsError
from strandloom.experiment import Experiment, check_experiment, to_yaml
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import replacing


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
    def verdict(self) -> Path:
        """Written last: the sentence of the report; its presence says that the run is finished."""
        return self.path / "verdict.txt"

    def member(self, name: str, *, alone: bool) -> Path:
        """Folder of one trained copy (metrics.jsonl, checkpoint/): the run itself when it is the only one."""
        return self.path if alone else self.path / "members" / name

    @property
    def finished(self) -> bool:
        """Whether every file of the run stands."""
        return self.verdict.is_file()


def open_run(path: Path, experiment: Experiment, *, seeds: int, resume: bool, force: bool) -> RunFolder:
    """Make the folder of a run, or open it again to resume.

    Raises
    ------
    OutputError
        It exists and neither resume nor force was asked for, or it cannot be written.
    SettingsError
        A run to resume was started with other settings.
    """
    run = RunFolder(path)
    plan = {"seeds": seeds}
    if path.exists() and not path.is_dir():
        raise OutputError("a file stands where the run folder should be", where=path, hint="choose another --out")
    if path.is_dir() and any(path.iterdir()):
        if resume and run.experiment.is_file():
            _same_settings(run, experiment, plan)
            return run
        if not force:
            hint = "choose another --out, or add --resume to go on with it, or --force to replace it"
            raise OutputError("the run folder exists already", where=path, hint=hint)
        if not run.experiment.is_file():
            raise OutputError(
                "the folder is not a run, so --force does not remove it", where=path, hint="choose another --out"
            )
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "plan.json", plan)
    with replacing(run.experiment, text=True) as handle:
        handle.write(to_yaml(experiment))
    return run


def _same_settings(run: RunFolder, experiment: Experiment, plan: dict[str, Any]) -> None:
    import yaml

    old = check_experiment(yaml.safe_load(run.experiment.read_text()), where=str(run.experiment))
    different = _differences(old.model_dump(mode="json"), experiment.model_dump(mode="json"))
    plan_file = run.path / "plan.json"
    if plan_file.is_file() and read_json(plan_file) != plan:
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
