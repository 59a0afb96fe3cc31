"""The tour of a new user: init, train, evaluate, predict, compare; doctor, version, help; what goes to which stream."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from tiny_runs import Row, csv, listing, rows, strandloom

SOURCE = Path(__file__).parents[2] / "src"
VERBS = [
    ["init"],
    ["train"],
    ["evaluate"],
    ["export"],
    ["predict"],
    ["compare"],
    ["doctor"],
    ["data", "check"],
    ["simulate", "motifs"],
]
QUICK = [
    "training.epochs=1", "training.batch_size=16", "training.augmentation.shift=0", "data.strand=one",
    "evaluation.baselines=none", "evaluation.resamples=0",
    "model={kind: multiscale, filters: 4, widths: [3], heads: 1, dense: [4]}",
]  # fmt: skip
SETS = [x for text in QUICK for x in ("--set", text)]


def without_split(table: list[Row]) -> list[Row]:
    return [row[:3] for row in table]


@pytest.mark.parametrize("split", [True, False], ids=["split column", "no split column"])
def test_from_a_table_to_a_comparison(place: Path, split: bool) -> None:
    table, header = rows(120), ("id", "sequence", "label", "split")
    content = csv(table) if split else csv(without_split(table), header=header[:3])
    (place / "mine.csv.gz").write_bytes(gzip.compress(content))

    begun = strandloom("init", "mine.csv.gz", "--out", "study/start.yaml").good()
    assert begun.out == "experiment: study/start.yaml\n"
    assert "target: label (2 classes)" in begun.err
    assert ("split: the column 'split'" if split else "split: by homology") in begun.err
    settings = yaml.safe_load((place / "study" / "start.yaml").read_text())
    assert settings["data"]["table"] == "../mine.csv.gz"
    assert settings["split"]["kind"] == ("column" if split else "homology")

    run = strandloom("train", "study/start.yaml", "--out", "runs/a", *SETS).good()
    sentence, report, bundle = run.out.splitlines()
    assert sentence.endswith(".")
    assert report == "report: runs/a/report.html"
    assert bundle == "bundle: runs/a/bundle"
    assert "· training" in run.err
    assert "estimate: " in run.err
    assert (place / "runs" / "a" / "report.html").stat().st_size > 10_000
    assert not [name for name in listing(place) if name.endswith(".part")]

    judged = strandloom("evaluate", "runs/a/bundle", "mine.csv.gz", "--out", "runs/judged").good()
    assert "report: runs/judged/report.html" in judged.out
    measured = json.loads((place / "runs" / "judged" / "evaluation.json").read_text())
    assert measured["rows"] == 120

    strandloom("predict", "runs/a/bundle", "mine.csv.gz", "--out", "runs/p.tsv").good()
    assert pl.read_csv(place / "runs" / "p.tsv", separator="\t")["id"].to_list() == [row[0] for row in table]

    if split:
        second = strandloom("train", "study/start.yaml", "--out", "runs/b", "--seed", "2", "-q", *SETS).good()
        assert second.err == ""
        shown = strandloom("compare", "runs/a", "runs/b", "--out", "pages/compared.html").good()
        assert "training.seed" in shown.out
        assert (place / "pages" / "compared.html").is_file()
        found = json.loads(strandloom("compare", "runs/a", "runs/b", "--json").good().out)
        assert [one["name"] for one in found["runs"]] == ["a", "b"]
        again = strandloom("train", "study/start.yaml", "--out", "runs/b", "--seed", "2", "--resume", *SETS).good()
        assert again.out == second.out
        assert "is finished already" in again.err


def test_odd_but_good_table_trains_like_the_plain_one(place: Path, trained: Path) -> None:
    """Lower case, U for T, CRLF, a byte-order mark and gzip change nothing."""
    odd = [
        (i, s.lower().replace("t", "u") if k % 2 else s.replace("T", "U"), y, p)
        for k, (i, s, y, p) in enumerate(rows())
    ]
    (place / "odd.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + csv(odd, end="\r\n")))
    strandloom("train", "exp.yaml", "--out", "odd", "-q", "--set", "data.table=odd.csv.gz").good()
    weights = "bundle/weights.safetensors"
    assert (place / "odd" / weights).read_bytes() == (trained / "run" / weights).read_bytes()


def test_simulate_makes_folders_and_the_same_file(place: Path) -> None:
    first = strandloom("simulate", "motifs", "--out", "a/b/m.tsv", "--n", "40", "--length", "30", "--seed", "3").good()
    assert "exact Bayes ceiling" in first.out
    strandloom("simulate", "motifs", "--out", "m2.tsv", "--n", "40", "--length", "30", "--seed", "3").good()
    assert (place / "a" / "b" / "m.tsv").read_bytes() == (place / "m2.tsv").read_bytes()
    assert strandloom("data", "check", "m2.tsv").good().out.startswith("file ")


def test_check_as_json(place: Path) -> None:
    found = json.loads(strandloom("data", "check", "table.csv", "--json").good().out)
    assert found["recognised"]["target"] == "label"
    assert found["facts"]["rows"] == 60


def test_doctor_as_json() -> None:
    found = json.loads(strandloom("doctor", "--json", "--device", "cpu").good().out)
    assert set(found) >= {"strandloom", "packages", "machine", "device", "speed"}
    assert found["packages"]["torch"] != "MISSING"
    assert strandloom("doctor", "--device", "cpu").good().out.startswith("strandloom\n")


def test_version() -> None:
    from strandloom.version import VERSION

    assert strandloom("--version").good().out == f"strandloom {VERSION}\n"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_describes_every_option(verb: list[str]) -> None:
    done = strandloom(*verb, "--help").good()
    assert done.err == ""
    assert "Usage: strandloom" in " ".join(done.out.split())
    for line in done.out.splitlines():
        cells = line.strip("│ ").split()
        if cells and cells[0].startswith("--"):
            assert len([x for x in cells if not x.startswith(("-", "<", "["))]) >= 1, line


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colour_of_errors(monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool) -> None:
    """NO_COLOR wins even where colour would be used."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, "1")
    done = strandloom("compare", "one")
    assert done.code == 2
    assert ("\x1b[" in done.err) is coloured


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe")
def test_a_closed_pipe_is_no_error(place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = f"{sys.executable} -m strandloom.cli.main data check table.csv | true"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
