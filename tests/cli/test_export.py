"""``export`` and ``predict --engine``: what is not there is said with what to do, and a stored engine answers as fp32."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tiny_runs import strandloom
from torch import Tensor, nn

from strandloom.bundle import Bundle, Manifest, write_bundle
from strandloom.engines.onnx_runtime import OnnxNetwork
from strandloom.models.settings import ModuleSettings
from strandloom.predict import load
from strandloom.run.export import export_engines

FIXTURES = Path(__file__).parents[1] / "fixtures"


def extra(*names: str) -> pytest.MarkDecorator:
    """Skips where packages of the extra are missing."""
    gone = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(gone), reason=f"needs {' and '.join(gone)}: pip install strandloom[fast]")


ONNX = extra("onnx", "onnxruntime")


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run's folder, as if it had been trained there: experiment, table and ``run/``."""
    folder = Path(shutil.copytree(trained, tmp_path / "own"))
    about = folder / "run" / "environment.json"
    noted = json.loads(about.read_text())
    assert Path(noted["inputs"][0]["resolved"]) == (trained / "table.csv").resolve()
    noted["inputs"][0]["resolved"] = str(folder / "table.csv")
    about.write_text(json.dumps(noted))
    return folder


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
    assert "largest difference of a raw score" in done.err
    assert json.loads((own / "run" / "bundle" / "bundle.json").read_text())["engines"] == []


def test_the_place_of_the_data_is_noted(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run elsewhere finds the table it was trained on; without the note, as older runs have none, it says what it looked for."""
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    noted = json.loads((own / "run" / "environment.json").read_text())
    (one,) = noted["inputs"]
    away = Path(shutil.move(own / "run", tmp_path / "away"))
    done = strandloom("export", away / "bundle")
    assert f"rows of the run {away}, read from {one['resolved']}" in done.err
    assert "torch-bf16: kept" in done.err
    shutil.copy(own / "table.csv", away / "table.csv")  # what lies beside the experiment comes first
    assert f"read from {away / 'table.csv'}" in strandloom("export", away / "bundle").err
    (away / "table.csv").write_text("another")  # but only if it is what it was
    assert f"read from {one['resolved']}" in strandloom("export", away / "bundle").err
    (away / "table.csv").unlink()
    del one["resolved"]
    (away / "environment.json").write_text(json.dumps(noted))
    strandloom("export", away / "bundle").fails(1, "the run's data is not there: table.csv", "--rows TABLE")


@ONNX
def test_a_network_that_a_library_cannot_express(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out with the reason, the others are made."""
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)

    def failing(*_arguments: object, **_settings: object) -> None:
        raise ValueError("Exporting the operator 'aten::odd' is not supported\nand more")

    monkeypatch.setattr(torch.onnx, "export", failing)
    done = strandloom("export", own / "run" / "bundle", "--onnx").good()
    assert (
        "onnx-fp32: left out: it cannot be made of this network (ValueError: Exporting the operator 'aten::odd' is not supported)"
        in done.err
    )
    assert done.out.strip() == f"engines in {own / 'run' / 'bundle'}: torch-bf16"


@ONNX
def test_an_engine_that_breaks_the_answers_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong answers, scores that hang on the batch and no numbers are each named; what the bundle held of them leaves it."""
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    bundle = own / "run" / "bundle"
    export = ("export", bundle, "--onnx", "--rows", own / "table.csv")
    assert "onnx-fp32" in strandloom(*export).good().out
    right = OnnxNetwork.forward
    wrongs = {
        "refused, accuracy falls by": lambda x: -x,
        "left out: its scores change with the batch size, by up to": lambda x: x * (1 if len(x) > 8 else 5),
        "left out: its scores are not finite": lambda x: x / 0,
    }
    for words, wrong in wrongs.items():
        monkeypatch.setattr(OnnxNetwork, "forward", lambda self, x, wrong=wrong: wrong(right(self, x)))
        done = strandloom(*export)
        for name in ("onnx-fp32", "onnx-int8", "onnx-int8-dynamic"):
            assert f"{name}: {words}" in done.err, done.err
    assert "less than 0.002 is allowed" not in done.err
    assert not (bundle / "engines" / "onnx-fp32").exists()
    monkeypatch.setattr(OnnxNetwork, "forward", right)
    strandloom("predict", bundle, own / "table.csv", "--out", own / "p.tsv", "--engine", "onnx").fails(
        2, "no engine onnx"
    )


@extra("onnx", "onnxruntime", "openvino", "nncf")
def test_members_and_blends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two networks, both strands, a baseline blended into one: every engine of every library predicts what fp32 does."""
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    bundle = Path(shutil.copytree(FIXTURES / "bundle-format-2", tmp_path / "bundle"))
    draw = random.Random(1)
    texts = ["".join(draw.choices("ACGT", k=draw.randint(40, 70))) for _ in range(120)]
    plain = load(bundle, device="cpu").predict(texts)
    table = tmp_path / "rows.csv"
    pl.DataFrame({"sequence": texts, "species": plain["prediction"]}).write_csv(table)
    monkeypatch.setattr("strandloom.run.export.LARGEST_DROP", 0.06)  # of 60 rows
    done = strandloom("export", bundle, "--onnx", "--openvino", "--rows", table, "--batch-size", 16).good()
    assert f"calibrating on 60 rows, comparing on 60: drawn from {table}, shuffled" in done.err
    about = json.loads((bundle / "bundle.json").read_text())
    kept = {one["name"]: one for one in about["engines"]}
    assert set(kept) >= {"torch-bf16", "onnx-fp32", "openvino-fp32", "openvino-bf16"}, done.err
    assert {one["batch_size"] for one in kept.values()} == {16}
    asked = ("predict", bundle, table, "--out", tmp_path / "p.tsv", "--engine", "openvino", "--device", "cuda")
    strandloom(*asked).fails(2, "computes on the CPU, not on cuda")
    for name, one in kept.items():
        assert name == "torch-bf16" or sum(path.startswith(f"engines/{name}/") for path in about["files"]) in (2, 4)
        out = tmp_path / f"{name}.parquet"
        strandloom("predict", bundle, table, "--out", out, "--engine", name, "--device", "cpu").good()
        found = pl.read_parquet(out)
        exact = name.endswith("fp32")
        if exact:
            assert one["logit_difference"] < 1e-3
            assert found["prediction"].equals(plain["prediction"])
        for column in (x for x in plain.columns if x.startswith("p_")):
            assert (found[column] - plain[column]).abs().max() < (1e-4 if exact else 0.2), name


class Own(nn.Module):
    """A module of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 5)
        self.out = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, 4, L)`` to raw scores ``(B, 2)``."""
        return self.out(self.conv(x).relu().amax(dim=2))


@ONNX
def test_a_module_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bundle holds no code, so the module is given again."""
    monkeypatch.setattr("strandloom.run.export.SECONDS", 0.0)
    torch.manual_seed(1)
    module = Own()
    manifest = Manifest(
        strandloom="0", name="own", task="classes", length=30, labels=("a", "b"), sequence="s", target=("y",),
        model=ModuleSettings(name="Own"),
    )  # fmt: skip
    state = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    bundle = tmp_path / "bundle"
    write_bundle(bundle, Bundle(manifest, (state,)))
    draw = random.Random(1)
    texts = ["".join(draw.choices("ACGT", k=30)) for _ in range(40)]
    pl.DataFrame({"s": texts, "y": ["a", "b"] * 20}).write_csv(tmp_path / "rows.csv")
    strandloom("export", bundle, "--rows", tmp_path / "rows.csv").fails(1, "a module of your own")
    outcomes = export_engines(bundle, ["onnx-fp32"], rows=tmp_path / "rows.csv", model=Own(), threads=1)
    assert [(one.name, one.refused) for one in outcomes] == [("onnx-fp32", "")]
    plain, other = (
        load(bundle, engine=engine, device="cpu", model=Own()).predict(texts) for engine in ("torch", "onnx")
    )
    np.testing.assert_allclose(other["p_a"], plain["p_a"], atol=1e-5)


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
    for damage, words in (
        (lambda: path.write_bytes(path.read_bytes()[:-1] + b"?"), "was changed after the bundle was written"),
        (path.unlink, "the engine onnx-fp32 cannot be read"),
    ):
        damage()
        asked = ("predict", bundle, table, "--out", own / "d.parquet", "--engine", "onnx-fp32")
        strandloom(*asked).fails(1, words, str(path), "hint: make the engine again with strandloom export")
        strandloom("predict", bundle, table, "--out", own / "e.parquet", "--device", "cpu").good()
        assert pl.read_parquet(own / "e.parquet").equals(plain), "torch needs none of its files"
    strandloom("export", bundle, "--onnx", "--rows", table).good()
    strandloom(*asked).good()
