"""Killed at any moment and resumed = never interrupted, bit for bit; what would not be the same is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

import strandloom
from strandloom.bundle import read_bundle
from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import simulate
from strandloom.errors import OutputError
from strandloom.experiment import Experiment, check_experiment
from strandloom.run import RunResult, run_experiment
from strandloom.run.folder import HeldError, held, open_run

Make = Callable[..., Experiment]
EPOCHS = 12


class Killed(Exception):
    """Stands for the end of a process, between two steps."""


@pytest.fixture
def table_copy(table: Path, tmp_path: Path) -> Path:
    """A table that a test may change."""
    return Path(shutil.copy(table, tmp_path / "sim.tsv"))


def interrupted(asked: Experiment, out: Path, monkeypatch: pytest.MonkeyPatch, *, at: str) -> None:
    """A run that dies when it calls ``at`` of :mod:`strandloom.run.train`."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"strandloom.run.train.{at}", die)
        with pytest.raises(Killed):
            run_experiment(asked, out=out, device="cpu")


@pytest.fixture(scope="module")
def short(experiment: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, RunResult]:
    """An experiment of one epoch and its uninterrupted run."""
    asked = experiment(training={"epochs": 1}, evaluation={"baselines": ["majority"]})
    return asked, run_experiment(asked, out=tmp_path_factory.mktemp("runs") / "straight", device="cpu")


@pytest.mark.parametrize("at", ["load", "judge_baselines", "judge", "write_bundle", "render"])
def test_a_run_that_died_between_its_stages(
    short: tuple[Experiment, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    asked, straight = short
    interrupted(asked, tmp_path / "run", monkeypatch, at=at)
    assert not (tmp_path / "run" / "verdict.txt").exists()
    run = run_experiment(asked, out=tmp_path / "run", device="cpu", resume=True)
    assert run.verdict == straight.verdict
    assert (run.bundle / "weights.safetensors").read_bytes() == (straight.bundle / "weights.safetensors").read_bytes()
    assert run.evaluation.model == straight.evaluation.model


def test_work_is_never_thrown_away_unasked(
    short: tuple[Experiment, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it has trained, an interrupted run goes on with ``resume`` or goes with ``force``; before, it is replaced."""
    asked, straight = short
    interrupted(asked, tmp_path / "run", monkeypatch, at="load")
    interrupted(asked, tmp_path / "run", monkeypatch, at="judge")
    with pytest.raises(OutputError, match="exists already"):
        run_experiment(asked, out=tmp_path / "run", device="cpu")
    run = run_experiment(asked, out=tmp_path / "run", device="cpu", force=True)
    assert run.verdict == straight.verdict


def test_a_changed_input_is_refused(
    experiment: Make, table_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = experiment(data={"table": str(table_copy)})
    interrupted(asked, tmp_path / "run", monkeypatch, at="judge")
    before = table_copy.read_text()
    table_copy.write_text(before.replace("\tTATAAA\t", "\tTATAAT\t", 1))
    with pytest.raises(OutputError, match="was changed since the run began") as caught:
        run_experiment(asked, out=tmp_path / "run", device="cpu", resume=True)
    assert "put the old file back" in (caught.value.hint or "")
    table_copy.write_text(before)
    assert run_experiment(asked, out=tmp_path / "run", device="cpu", resume=True).verdict


def test_a_folder_killed_at_its_first_write(experiment: Make, tmp_path: Path) -> None:
    """Between plan.json and experiment.yaml: --resume starts the run; a folder with anything else is left alone."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "plan.json").write_text('{"seeds": 1}\n')
    (run / ".experiment.yaml.0a1b2c3d.part").write_text("name: sma")
    with pytest.raises(OutputError, match="exists already"):
        open_run(run, experiment(), seeds=1, resume=False, force=False)
    opened = open_run(run, experiment(), seeds=1, resume=True, force=False)
    assert opened.experiment.is_file()
    assert not list(run.glob(".*"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "plan.json").write_text("{}")
    (other / "thesis.txt").write_text("all of it")
    for resume, force in ((True, False), (False, True)):
        with pytest.raises(OutputError):
            open_run(other, experiment(), seeds=1, resume=resume, force=force)
    assert (other / "thesis.txt").is_file()


@pytest.mark.skipif(os.name != "posix", reason="the lock is the system's")
def test_two_trainings_never_share_a_folder(experiment: Make, tmp_path: Path) -> None:
    """While one process trains, or has only begun to, another is refused and touches nothing."""
    asked = experiment(training={"epochs": 1})
    begun = open_run(tmp_path / "begun", asked, seeds=1, resume=False, force=False)
    first = run_experiment(asked, out=tmp_path / "run", device="cpu")
    for folder in (begun.path, first.folder):
        before = sorted(folder.iterdir())
        with held(folder):
            for how in ({}, {"resume": True}, {"force": True}):
                with pytest.raises(HeldError, match="another process"):
                    run_experiment(asked, out=folder, device="cpu", **how)
        assert sorted(folder.iterdir()) == before
    assert run_experiment(asked, out=first.folder, device="cpu", resume=True).verdict == first.verdict


def test_half_written_files_are_swept(experiment: Make, tmp_path: Path) -> None:
    open_run(tmp_path / "run", experiment(), seeds=1, resume=True, force=False)
    left = tmp_path / "run" / "bundle" / "parts" / ".experiment.json.00ff00ff.part"
    left.parent.mkdir(parents=True)
    left.write_text("{")
    open_run(tmp_path / "run", experiment(), seeds=1, resume=True, force=False)
    assert not left.exists()


@pytest.mark.slow
def test_kill_9_and_resume(tmp_path: Path) -> None:
    """The command line, really killed twice at random moments, then resumed to the end."""
    made = simulate(MotifSimulation(n=2400, length=60, motifs=("TATAAA",)), seed=5)
    made.frame.write_csv(tmp_path / "table.tsv", separator="\t")
    raw = {
        "name": "killed",
        "data": {"table": str(tmp_path / "table.tsv"), "target": "label", "strand": "both"},
        "split": {"kind": "column"},
        "model": {"kind": "multiscale", "filters": 12, "heads": 1, "dense": [16]},
        "training": {"epochs": EPOCHS, "batch_size": 32, "augmentation": {"shift": 2, "mutation": 0.02}},
        "evaluation": {"resamples": 0, "baselines": "none"},
    }
    (tmp_path / "exp.yaml").write_text(yaml.safe_dump(raw))
    straight = run_experiment(check_experiment(raw), out=tmp_path / "straight", device="cpu")

    environment = {**os.environ, "PYTHONPATH": str(Path(strandloom.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "strandloom.cli.main", "train", str(tmp_path / "exp.yaml")]
    command += ["--out", str(tmp_path / "run"), "--device", "cpu", "--quiet", "--resume"]
    metrics, log = tmp_path / "run" / "metrics.jsonl", tmp_path / "log.txt"
    chance, moments = random.Random(), []

    def lines() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    for at_least in (0, 4):  # epochs written down before the kill, and then a random part of the next
        with log.open("wb") as said:
            process = subprocess.Popen(command, env=environment, stderr=said, preexec_fn=_one_core)
        while lines() < at_least + 1 and not (at_least == 0 and (tmp_path / "run" / "plan.json").exists()):
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        moments.append(chance.uniform(0, 1.0))
        time.sleep(moments[-1])
        process.kill()
        assert process.wait() == -9, f"the run ended before it was killed: {moments}"
    assert not (tmp_path / "run" / "verdict.txt").exists()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, preexec_fn=_one_core, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == straight.verdict
    ours, theirs = read_bundle(tmp_path / "run" / "bundle"), read_bundle(straight.bundle)
    for name, expected in theirs.weights[0].items():
        assert ours.weights[0][name].tobytes() == expected.tobytes(), f"{name} differs; killed at {moments}"
    assert ours.manifest.model_copy(update={"files": {}}) == theirs.manifest.model_copy(update={"files": {}})
    timeless = [
        [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in path.read_text().splitlines()]
        for path in (metrics, straight.folder / "metrics.jsonl")
    ]
    assert timeless[0] == timeless[1]
    said, expected = (pl.read_parquet(x / "predictions.parquet") for x in (tmp_path / "run", straight.folder))
    assert said.equals(expected)
    assert not list((tmp_path / "run").rglob("*.part"))


def _one_core() -> None:
    """As many threads as the straight run of this test had (see conftest.py)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
