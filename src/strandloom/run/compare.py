"""Finished runs, read back from their folders and laid side by side."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from strandloom.bundle import MANIFEST, read_bundle
from strandloom.errors import InputError, UsageError
from strandloom.io.plain import read_json
from strandloom.report.compare import render_comparison, setting_differences, summary, unique_names
from strandloom.report.inputs import Member, ModelFacts, ReportInputs, as_mapping, input_files
from strandloom.report.numbers import MISSING
from strandloom.run.folder import RunFolder


@dataclass(frozen=True, eq=False)
class RunComparison:
    """Runs side by side.

    Parameters
    ----------
    runs
        The report inputs of each.
    folders
        Where they are.
    """

    runs: tuple[ReportInputs, ...]
    folders: tuple[Path, ...]

    def html(self) -> str:
        """The comparison page."""
        return render_comparison(self.runs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: runs with their metrics, the settings that differ, remarks."""
        names = unique_names(self.runs)
        found = []
        for name, folder, run in zip(names, self.folders, self.runs, strict=True):
            evaluation = as_mapping(run.evaluation)
            kept = {key: evaluation[key] for key in ("rows", "model", "baselines", "seeds")}
            found.append({"name": name, "folder": str(folder), **kept})
        different = setting_differences([run.experiment_yaml for run in self.runs])
        notes = [summary(self.runs, names)]
        hashes = {tuple(sorted(file.sha256 for file in run.files)) for run in self.runs}
        if len(hashes) > 1:
            notes.append(
                "The runs read different input files: their scores are not comparable unless the test rows are the same."
            )
        return {
            "runs": found,
            "differences": [
                {"setting": d.name, "values": [MISSING if v is None else v for v in d.values]} for d in different
            ],
            "notes": notes,
        }


def compare_runs(folders: Sequence[str | Path]) -> RunComparison:
    """Read finished runs.

    Raises
    ------
    UsageError
        Fewer than two were named.
    InputError
        One is no run, or is not finished.
    """
    if len(folders) < 2:
        raise UsageError("a comparison needs two runs or more", hint="strandloom compare RUN1 RUN2")
    paths = tuple(Path(folder) for folder in folders)
    return RunComparison(tuple(read_run(path) for path in paths), paths)


def read_run(path: Path) -> ReportInputs:
    """What a finished run folder holds, as a report takes it.

    Raises
    ------
    InputError
        The folder is no run, or the run is not finished.
    """
    folder = RunFolder(path)
    if not folder.experiment.is_file():
        raise InputError(
            "no run here: experiment.yaml is missing", where=path, hint="name a folder made by `strandloom train`"
        )
    if not folder.finished:
        hint = "finish it with `strandloom train … --resume`"
        raise InputError("the run is not finished", where=path, hint=hint)
    about, environment = read_json(folder.data), read_json(folder.environment)
    return ReportInputs(
        name=path.name,
        evaluation=read_json(folder.evaluation),
        facts=about["facts"],
        leakage=about["leakage"],
        members=tuple(_members(folder)),
        model=_model(folder),
        environment=environment,
        times=environment.get("seconds", {}),
        experiment_yaml=folder.experiment.read_text(encoding="utf-8"),
        command=str(environment.get("command", "")),
        files=input_files(environment),
        version=str(environment.get("strandloom", "")),
        test_rows=_test_rows(folder),
    )


def _test_rows(folder: RunFolder) -> str:
    """A hash of the ids and truths of the test rows, in whatever order they stand; empty where they were taken away."""
    if not folder.predictions.is_file():
        return ""
    try:
        table = pl.scan_parquet(folder.predictions)
        known = [x for x in table.collect_schema().names() if x == "id" or x.startswith("truth")]
        rows = table.filter(pl.col("part") == "test").select(pl.col(known).cast(pl.String)).sort(known).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"the predictions cannot be read: {error}", where=folder.predictions) from error
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()


def _model(folder: RunFolder) -> ModelFacts:
    """The network in the bundle of a run; nothing where the bundle was taken away."""
    if not (folder.bundle / MANIFEST).is_file():
        return ModelFacts()
    bundle = read_bundle(folder.bundle)
    known = bundle.manifest
    return ModelFacts.of(
        bundle.weights[0], kind=known.model.kind, length=known.length, anchor=known.anchor, strand=known.strand
    )


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Sorts fold-2 before fold-10."""
    return [(int(word), "") if word.isdigit() else (0, word) for word in re.split(r"(\d+)", path.name)]


def _members(folder: RunFolder) -> list[Member]:
    """The training history of each network of a run."""
    files = {"seed": folder.metrics} if folder.metrics.is_file() else {}
    if (folder.path / "members").is_dir():
        files = {
            one.name.replace("-", " "): one / "metrics.jsonl"
            for one in sorted((folder.path / "members").iterdir(), key=_by_number)
        }
    found = []
    for name, path in files.items():
        try:
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise InputError(f"the training history cannot be read: {error}", where=path) from error
        found.append(Member(name, tuple(lines)))
    return found
