"""Finished runs side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from strandloom.errors import InputError, UsageError
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


def test_other_inputs_are_remarked(full_run: RunResult, tmp_path: Path) -> None:
    other = Path(shutil.copytree(full_run.folder, tmp_path / "other"))
    path = other / "environment.json"
    environment = json.loads(path.read_text())
    environment["inputs"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(environment))
    notes = compare_runs([full_run.folder, other]).as_dict()["notes"]
    assert any("different input files" in note for note in notes)
    assert not any("different input files" in n for n in compare_runs([full_run.folder] * 2).as_dict()["notes"])


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
