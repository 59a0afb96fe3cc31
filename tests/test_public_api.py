"""What ``import strandloom`` promises: names, lightness, and the path from a table to predictions in 20 lines."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import strandloom
from strandloom.alphabet import DNA
from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import simulate

ROOT = Path(__file__).parents[1]
EXPERIMENT = """
name: example
data:
  table: table.csv
  target: label
  strand: one
model:
  kind: multiscale
  filters: 4
  dense: [8]
training:
  epochs: 1
  augmentation: {shift: 0}
evaluation:
  resamples: 20
  baselines: [majority, composition]
"""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table and an experiment file, in which the test stands."""
    simulate(MotifSimulation(n=200, length=30), seed=1).frame.drop("split").write_csv(tmp_path / "table.csv")
    (tmp_path / "exp.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("strandloom.training.runtime.physical_cores", lambda: 1)
    return tmp_path


def test_every_public_name_is_there() -> None:
    for name in strandloom.__all__:
        found = getattr(strandloom, name)
        assert found.__doc__
        assert found.__module__.startswith("strandloom.")
    assert dir(strandloom) == strandloom.__all__ == sorted(strandloom.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = strandloom.trian


def _signature(function: Callable[..., Any]) -> str:
    """Parameters and defaults as Python writes them, without types."""
    found = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    return re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", text)


FUNCTIONS = {name: getattr(strandloom, name) for name in strandloom.__all__ if name[0].islower()}
METHODS = {name: getattr(strandloom.Predictor, name) for name in ("predict", "logits")}


@pytest.mark.parametrize(("name", "function"), [*FUNCTIONS.items(), *METHODS.items()], ids=[*FUNCTIONS, *METHODS])
def test_the_documentation_has_every_parameter(name: str, function: Callable[..., Any]) -> None:
    """docs/api.md shows each function as it is called: all parameters in order, with their defaults."""
    page = (ROOT / "docs" / "api.md").read_text()
    found = re.search(rf"^`{name}(\([^`]*\))`", page, re.MULTILINE)
    assert found is not None, f"no signature of {name}"
    documented, real = (ast.unparse(ast.parse(f"def f{text}: ...")) for text in (found[1], _signature(function)))
    assert documented == real


def test_import_is_light() -> None:
    code = (
        "import sys, strandloom; print(sorted({'torch', 'numpy', 'polars', 'sklearn', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")}
    )
    assert done.stdout.strip() == "[]"


def test_from_a_table_to_predictions(workplace: Path) -> None:
    """The whole path with public names only."""
    experiment = strandloom.read_experiment("exp.yaml", ["training.batch_size=32"])
    run = strandloom.train(experiment, out="RUN", device="cpu")
    assert run.verdict.endswith(".")
    assert 0 <= run.evaluation.model["roc_auc"].low <= run.evaluation.model["roc_auc"].value <= 1
    model = strandloom.load(run.bundle)
    assert isinstance(model, strandloom.Predictor)
    answers = model.predict(["ACGTACGTTATAAAGG", "GGGCGGGACCATTTAC"], ids=["a", "b"])
    assert answers.columns == ["id", "prediction", "p_0", "p_1", "abstain"]
    summary = strandloom.predict_file(model, "table.csv", out="answers.tsv")
    assert summary.rows == pl.read_csv("answers.tsv", separator="\t").height == 200
    judged = strandloom.evaluate_bundle(run.bundle, "table.csv", out="JUDGED")
    assert judged.evaluation.rows == 200
    again = strandloom.train(experiment, out="AGAIN", device="cpu")
    compared = strandloom.compare_runs([run.folder, again.folder])
    assert compared.as_dict()["differences"] == []
    assert "RUN" in compared.html()


def test_errors_have_one_base(workplace: Path) -> None:
    with pytest.raises(strandloom.StrandloomError) as caught:
        strandloom.read_experiment("exp.yaml", ["training.epoch=5"])
    assert "did you mean `epochs`?" in str(caught.value)
    assert isinstance(strandloom.check_experiment({"data": {"table": "t.csv"}}), strandloom.Experiment)


def test_the_example_of_the_documentation_runs(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The code of docs/api.md, as it stands."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    assert found is not None
    exec(compile(found[1], "docs/api.md", "exec"), {})
    said = capsys.readouterr().out
    assert "prediction" in said
    assert (workplace / "RUN" / "report.html").is_file()


def test_every_key_of_a_format_is_documented(workplace: Path) -> None:
    """docs/formats.md names each file of a run and each key of evaluation, manifest, environment, decision and metrics."""
    run = strandloom.train(strandloom.read_experiment("exp.yaml"), out="RUN", device="cpu")
    page = (ROOT / "docs" / "formats.md").read_text()
    words = set(re.findall(r"`([^`\n]+)`", page)) | set(re.findall(r"[a-z0-9_.]+", page))
    names = {path.name.rstrip("/") for path in run.folder.iterdir()}
    keys: set[str] = set()
    for name in (
        "evaluation.json",
        "environment.json",
        "decision.json",
        "plan.json",
        "data.json",
        "bundle/bundle.json",
    ):
        keys |= set(json.loads((run.folder / name).read_text()))
    keys |= set(json.loads((run.folder / "metrics.jsonl").read_text().splitlines()[0]))
    evaluation = json.loads((run.folder / "evaluation.json").read_text())
    keys |= {*evaluation["model"], *evaluation["curves"], *evaluation["calibration"], *evaluation["abstention"]}
    for column in ("split", "predictions"):
        keys |= {x for x in pl.read_parquet(run.folder / f"{column}.parquet").columns if not x.startswith("p_")}
    assert keys <= words, keys - words
    assert names <= words, names - words
    letters = next(line for line in page.splitlines() if line.startswith("| letter |"))
    assert "".join(re.findall(r"\| `?([A-Z-])`? (?=\|)", letters)) == DNA.letters
