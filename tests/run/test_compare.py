"""Finished runs side by side."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import BundleError, InputError, UsageError
from strandloom.experiment import read_experiment
from strandloom.models.build import build, parameter_count
from strandloom.run import RunResult, compare_runs


def test_two_runs_as_values_and_page(full_run: RunResult, two_seeds: RunResult) -> None:
    found = compare_runs([full_run.folder, two_seeds.folder])
    values = json.loads(json.dumps(found.as_dict()))
    assert [run["folder"] for run in values["runs"]] == [str(full_run.folder), str(two_seeds.folder)]
    assert [run["name"] for run in values["runs"]] == ["full", "seeds"]
    for run, given in zip(values["runs"], (full_run, two_seeds), strict=True):
        stored = json.loads((given.folder / "evaluation.json").read_text())
        assert run["model"] == stored["model"]
        assert run["baselines"] == stored["baselines"]
        assert run["seeds"] == stored["seeds"]
    assert [d["setting"] for d in values["differences"]] == ["evaluation.baselines"]
    html = found.html()
    assert "<html" in html
    assert "full" in html
    assert "seeds" in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_network_and_inputs_are_those_of_the_run(full_run: RunResult, table: Path, tmp_path: Path) -> None:
    """The table of the runs says what the report of the run says."""
    found = compare_runs([full_run.folder, full_run.folder])
    run = found.runs[0]
    experiment = read_experiment(full_run.folder / "experiment.yaml")
    network = build(experiment.model, channels=4, length=40, outputs=2)
    assert (run.model.trainable, run.model.total) == parameter_count(network)
    assert (run.model.kind, run.model.length, run.model.anchor, run.model.strand) == ("layers", 40, "left", "one")
    (file,) = run.files
    assert (file.path, file.bytes) == (str(table), table.stat().st_size)
    assert file.sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    page, report = found.html(), full_run.folder.joinpath("report.html").read_text()
    assert f"<td>{run.model.trainable:,}</td>" in page
    assert f"<dd>{run.model.trainable:,}</dd>" in report
    assert f"<dd>{run.model.total:,}</dd>" in report
    assert file.sha256 in report
    assert file.sha256[:12] in page
    bare = Path(shutil.copytree(full_run.folder, tmp_path / "bare"))
    shutil.rmtree(bare / "bundle")
    assert compare_runs([full_run.folder, bare]).runs[1].model.kind == ""
    changed = Path(shutil.copytree(full_run.folder, tmp_path / "changed"))
    (changed / "bundle" / "card.md").write_text("other")
    with pytest.raises(BundleError, match="changed after the bundle was written"):
        compare_runs([full_run.folder, changed])


def test_other_inputs_are_remarked(full_run: RunResult, tmp_path: Path) -> None:
    other = Path(shutil.copytree(full_run.folder, tmp_path / "other"))
    path = other / "environment.json"
    environment = json.loads(path.read_text())
    environment["inputs"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(environment))
    notes = compare_runs([full_run.folder, other]).as_dict()["notes"]
    assert any("different input files" in note for note in notes)
    assert not any("different input files" in n for n in compare_runs([full_run.folder] * 2).as_dict()["notes"])


def test_test_rows_are_told_apart(full_run: RunResult, tmp_path: Path) -> None:
    other = Path(shutil.copytree(full_run.folder, tmp_path / "other"))
    path = other / "predictions.parquet"
    table = pl.read_parquet(path)
    table.reverse().write_parquet(path)
    first, second = compare_runs([full_run.folder, other]).runs
    assert first.test_rows == second.test_rows != ""
    changed = pl.when(pl.col("part") == "test").then(pl.lit("x") + pl.col("id").cast(pl.String)).otherwise("id")
    table.with_columns(changed.alias("id")).write_parquet(path)
    found = compare_runs([full_run.folder, other])
    assert any("judged on different test rows" in note for note in found.as_dict()["notes"])
    path.unlink()
    assert compare_runs([full_run.folder, other]).runs[1].test_rows == ""


def test_what_cannot_be_compared(full_run: RunResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two runs or more"):
        compare_runs([full_run.folder])
    with pytest.raises(InputError, match="no run here"):
        compare_runs([full_run.folder, tmp_path])
    half = Path(shutil.copytree(full_run.folder, tmp_path / "half"))
    (half / "verdict.txt").unlink()
    with pytest.raises(InputError, match="not finished") as caught:
        compare_runs([full_run.folder, half])
    assert "--resume" in (caught.value.hint or "")
    broken = Path(shutil.copytree(full_run.folder, tmp_path / "broken"))
    (broken / "metrics.jsonl").write_text("{")
    with pytest.raises(InputError, match="training history cannot be read") as caught:
        compare_runs([full_run.folder, broken])
    assert caught.value.where == str(broken / "metrics.jsonl")
