"""Outputs that cannot be written, exist already, or are interrupted: one message, and nothing half-made."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import SETTINGS, csv, listing, rows, strandloom

SOURCE = Path(__file__).parents[2] / "src"
TABLES = ["p.tsv", "p.csv", "p.ndjson", "p.parquet", "p.tsv.gz"]


def test_run_folder_exists(place: Path, trained: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("ten years of work")
    before = listing(trained)
    strandloom("train", "exp.yaml", "--out", trained / "run").fails(
        1, "the run folder exists already", "--resume", "--force"
    )
    strandloom("train", "exp.yaml", "--out", "mine").fails(
        1, "mine: the folder exists already and holds no run", "hint: "
    )
    strandloom("train", "exp.yaml", "--out", "mine", "--force").fails(1, "not a run, so --force does not remove it")
    strandloom("train", "exp.yaml", "--out", "mine", "--resume").fails(1, "mine: ")
    strandloom("train", "exp.yaml", "--out", "table.csv").fails(1, "table.csv: a file stands where the run folder")
    assert (place / "mine" / "thesis.txt").read_text() == "ten years of work"
    assert listing(trained) == before


def test_a_project_folder_is_no_run(place: Path) -> None:
    """A folder that holds the user's own experiment.yaml is never taken for a run to replace."""
    (place / "experiment.yaml").write_text(SETTINGS)
    before = listing(place)
    strandloom("train", "exp.yaml", "--out", ".").fails(1, "the run folder exists already")
    strandloom("train", "exp.yaml", "--out", ".", "--force").fails(1, "not a run, so --force does not remove it")
    assert listing(place) == before


def test_resume_with_other_settings(place: Path, trained: Path) -> None:
    strandloom("train", "exp.yaml", "--out", trained / "run", "--resume", "--set", "training.epochs=9").fails(
        2, "the run was started with other settings: ", "training.epochs", "hint: resume with the same experiment"
    )


def test_evaluation_folder_exists(place: Path, bundle: Path, trained: Path) -> None:
    judged = ("evaluate", bundle, "table.csv", "--out")
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("ten years of work")
    strandloom(*judged, "mine").fails(1, "mine: the folder exists already", "hint: ")
    strandloom(*judged, "mine", "--force").fails(1, "mine: the folder exists already", "--force does not remove it")
    strandloom(*judged, "table.csv", "--force").fails(1, "table.csv: the folder exists already")
    strandloom(*judged, trained / "run", "--force").fails(1, "the folder exists already")
    assert (place / "mine" / "thesis.txt").read_text() == "ten years of work"


def test_a_failed_evaluation_keeps_the_one_that_stands(place: Path, bundle: Path) -> None:
    strandloom("evaluate", bundle, "table.csv", "--out", "judged").good()
    before = listing(place)
    strandloom("evaluate", bundle, "nosuch.csv", "--out", "judged", "--force").fails(1, "nosuch.csv")
    strandloom("evaluate", place, "table.csv", "--out", "judged", "--force").fails(1, "no bundle here")
    assert listing(place) == before


def test_experiment_file_exists(place: Path) -> None:
    strandloom("init", "table.csv", "--out", "exp.yaml").fails(1, "exp.yaml: the file exists already", "--force")
    strandloom("init", "table.csv", "--out", "table.csv", "--force").fails(1, "table.csv: this is the input file")
    assert (place / "exp.yaml").read_text() == SETTINGS
    assert (place / "table.csv").read_bytes() == csv(rows())


def test_the_input_is_never_overwritten(place: Path, bundle: Path) -> None:
    (place / "link.csv").symlink_to(place / "table.csv")
    for name in ("table.csv", "link.csv"):
        strandloom("predict", bundle, "table.csv", "--out", name).fails(1, f"{name}: this is the input file", "hint: ")
    assert (place / "table.csv").read_bytes() == csv(rows())


@pytest.mark.parametrize("name", ["p.xlsx", "p", "p.parquet.gz"])
def test_unknown_output_format(place: Path, bundle: Path, name: str) -> None:
    strandloom("predict", bundle, "table.csv", "--out", f"new/{name}").fails(
        1, "no suffix of a table format", ".ndjson"
    )
    assert not (place / "new").exists()


@pytest.mark.parametrize("name", TABLES)
def test_output_below_a_file_or_onto_a_folder(place: Path, bundle: Path, name: str) -> None:
    (place / name).mkdir()
    before = listing(place)
    strandloom("predict", bundle, "table.csv", "--out", f"exp.yaml/{name}").fails(1, "a part of the path is a file")
    strandloom("predict", bundle, "table.csv", "--out", name).fails(1, "cannot be written: this is a folder")
    assert listing(place) == before


def test_folders_below_a_file(place: Path, bundle: Path, trained: Path) -> None:
    before = listing(place)
    for command in (
        ("train", "exp.yaml", "-q"),
        ("evaluate", bundle, "table.csv"),
        ("init", "table.csv"),
        ("compare", trained / "run", trained / "run"),
    ):
        strandloom(*command, "--out", "exp.yaml/x/y").fails(1, "a part of the path is a file", "hint: ")
    strandloom("simulate", "motifs", "--n", "20", "--out", "exp.yaml/x/m.tsv").fails(1, "a part of the path is a file")
    assert listing(place) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["p.tsv", "p.ndjson", "p.csv.gz"])
def test_full_device(place: Path, bundle: Path, name: str) -> None:
    (place / name).symlink_to("/dev/full")
    strandloom("predict", bundle, "table.csv", "--out", name).fails(1, "cannot be written: the disk is full", "hint: ")


FAULTS = {
    "full": (errno.ENOSPC, "the disk is full"),
    "quota": (errno.EDQUOT, "the disk quota is used up"),
    "read-only": (errno.EROFS, "the folder is read-only"),
}


@pytest.mark.parametrize(("number", "said"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("at", ["open", "fsync"])
def test_full_or_read_only_disk(
    place: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str, at: str
) -> None:
    before = listing(place)
    real: Any = getattr(os, at)

    def fault(path: Any, *arguments: Any, **named: Any) -> Any:
        writing = at == "fsync" or (arguments and arguments[0] & os.O_CREAT)
        if writing:
            raise OSError(number, os.strerror(number))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, at, fault)
    for name in TABLES:
        strandloom("predict", bundle, "table.csv", "--out", f"new/{name}").fails(
            1, f"{name}: cannot be written: {said}"
        )
    strandloom("evaluate", bundle, "table.csv", "--out", "new/judged").fails(1, said) if at == "open" else None
    strandloom("init", "table.csv", "--out", "new/exp.yaml").fails(1, f"exp.yaml: cannot be written: {said}")
    strandloom("simulate", "motifs", "--n", "20", "--out", "new/m.tsv").fails(1, f"m.tsv: cannot be written: {said}")
    strandloom("train", "exp.yaml", "--out", "new/run", "-q").fails(1, said)
    monkeypatch.undo()
    assert [x for x in listing(place) if not x.startswith("new")] == before
    assert not (place / "new").exists()


def test_disk_full_during_training_can_be_resumed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def fault(source: Any, target: Any) -> None:
        if Path(target).name == "evaluation.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", fault)
    strandloom("train", "exp.yaml", "--out", "run", "-q").fails(
        1, "evaluation.json: cannot be written: the disk is full"
    )
    assert not (place / "run" / "bundle").exists()
    monkeypatch.undo()
    strandloom("train", "exp.yaml", "--out", "run", "-q", "--resume").good()
    assert (place / "run" / "bundle" / "bundle.json").is_file()


def test_interrupted_prediction(place: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strandloom.predict import Predictor

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = listing(place)
    monkeypatch.setattr(Predictor, "scores", stopped)
    for name in TABLES:
        strandloom("predict", bundle, "table.csv", "--out", f"new/{name}").fails(130, "interrupted")
    strandloom("evaluate", bundle, "table.csv", "--out", "new/judged")
    assert listing(place) == before


@pytest.mark.skipif(os.name != "posix", reason="needs SIGINT")
def test_interrupted_training_is_resumable(place: Path) -> None:
    command = [
        sys.executable, "-m", "strandloom.cli.main", "train", "exp.yaml", "--out", "run",
        "--set", "training.epochs=100000", "--set", "training.patience=null",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        metrics, patience = place / "run" / "metrics.jsonl", time.monotonic() + 120
        while not (metrics.is_file() and metrics.read_text().count("\n") >= 2):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < patience
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-2:] == [
        "error: interrupted",
        "hint: the same command with --resume goes on where it stopped",
    ]
    strandloom("train", "exp.yaml", "--out", "run").fails(1, "the run folder exists already", "--resume")
    assert (place / "run" / "checkpoint").is_dir()
