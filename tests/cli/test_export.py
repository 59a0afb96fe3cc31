"""``export`` and ``predict --engine``: what is not there is said with what to do, and a stored engine answers as fp32."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tiny_runs import strandloom

ONNX = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")),
    reason="needs onnx and onnxruntime: pip install strandloom[fast]",
)


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run's folder: experiment, table and ``run/``."""
    return Path(shutil.copytree(trained, tmp_path / "own"))


def test_an_engine_that_the_bundle_lacks(bundle: Path, place: Path) -> None:
    done = strandloom("predict", bundle, "table.csv", "--out", "p.tsv", "--engine", "onnx")
    done.fails(2, "holds no engine onnx (it holds torch)", "hint: make it with: strandloom export", "--onnx")
    assert not (place / "p.tsv").exists()


def test_a_missing_library(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.engines.settings.importlib.util.find_spec", lambda _name: None)
    done = strandloom("export", own / "run" / "bundle", "--onnx")
    done.fails(2, "needs onnx and onnxruntime, not installed here", "hint: pip install strandloom[fast]")


def test_no_run_around_the_bundle(own: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(own / "run" / "bundle", tmp_path / "alone" / "bundle"))
    strandloom("export", alone).fails(1, "no finished run stands around the bundle", "--rows TABLE")


def test_changed_data_is_not_used(own: Path) -> None:
    with (own / "table.csv").open("a") as handle:
        handle.write("r99,ACGT,0,train\n")
    strandloom("export", own / "run" / "bundle").fails(1, "was changed since it was trained", "--rows TABLE")


def test_an_engine_that_answers_worse_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.run.export.LARGEST_DROP", -1.0)  # no engine can gain so much
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    done = strandloom("export", own / "run" / "bundle")
    assert done.code == 1
    assert "torch-bf16: refused, accuracy falls by" in done.err
    assert "largest logit difference" in done.err
    assert json.loads((own / "run" / "bundle" / "bundle.json").read_text())["engines"] == []


@ONNX
def test_a_stored_engine(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    bundle, table = own / "run" / "bundle", own / "table.csv"
    done = strandloom("export", bundle, "--onnx", "--rows", table).good()
    assert "onnx-fp32: kept" in done.err
    about = json.loads((bundle / "bundle.json").read_text())
    stored = next(one for one in about["engines"] if one["name"] == "onnx-fp32")
    assert stored["logit_difference"] < 1e-4
    assert stored["metrics"] == pytest.approx(stored["fp32_metrics"])
    assert "engines/onnx-fp32/0.onnx" in about["files"]
    strandloom("predict", bundle, table, "--out", own / "a.parquet", "--device", "cpu").good()
    strandloom("predict", bundle, table, "--out", own / "b.parquet", "--engine", "onnx-fp32").good()
    plain, other = pl.read_parquet(own / "a.parquet"), pl.read_parquet(own / "b.parquet")
    assert plain["prediction"].equals(other["prediction"])
    assert (plain["p_1"] - other["p_1"]).abs().max() < 1e-4
    strandloom("predict", bundle, table, "--out", own / "c.tsv", "--engine", "onnx", "--device", "cuda").fails(
        2, "computes on the CPU"
    )
    path = bundle / "engines" / "onnx-fp32" / "0.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    strandloom("predict", bundle, table, "--out", own / "d.tsv").fails(1, "was changed after the bundle was written")
