"""A bundle meets a labelled table: on the run's own test rows it repeats the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from strandloom.bundle import read_bundle
from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import simulate
from strandloom.errors import InputError, OutputError
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.experiment import Experiment
from strandloom.predict import load
from strandloom.run import RunResult, evaluate_bundle, run_experiment

QUICK = EvaluationSettings(resamples=50)


@pytest.fixture(scope="module")
def held_out(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test rows of the simulated table, in a file of their own."""
    path = tmp_path_factory.mktemp("rows") / "test.csv"
    pl.read_csv(table, separator="\t").filter(pl.col("split") == "test").write_csv(path)
    return path


@pytest.mark.parametrize("which", ["full_run", "two_seeds"])
def test_the_test_rows_give_the_run_again(
    request: pytest.FixtureRequest, held_out: Path, tmp_path: Path, which: str
) -> None:
    """Metrics, intervals and the stored baselines."""
    run: RunResult = request.getfixturevalue(which)
    judged = evaluate_bundle(run.bundle, held_out, out=tmp_path / "judged", device="cpu", settings=QUICK)
    found = json.loads((tmp_path / "judged" / "evaluation.json").read_text())
    expected = json.loads((run.folder / "evaluation.json").read_text())
    assert found["part"] == "table"
    assert found["baselines"].keys() == expected["baselines"].keys()
    assert list(found["baselines"]) == list(expected["baselines"])
    for name in ("model", *(f"baselines.{x}" for x in expected["baselines"])):
        ours, theirs = (x["model"] if name == "model" else x["baselines"][name[10:]] for x in (found, expected))
        assert ours.keys() == theirs.keys()
        for metric in theirs:
            assert ours[metric] == pytest.approx(theirs[metric], abs=1e-5, nan_ok=True), f"{name} {metric}"
    assert found["confusion"] == expected["confusion"]
    assert judged.evaluation.model["accuracy"].value == found["model"]["accuracy"]["value"]
    html = (tmp_path / "judged" / "report.html").read_text()
    assert "<html" in html
    said = pl.read_parquet(tmp_path / "judged" / "predictions.parquet")
    assert said.columns == ["id", "truth", "prediction", "p_0", "p_1", "abstain"]
    assert said["id"].equals(pl.read_csv(held_out)["id"])


def test_a_blended_model_says_the_same_everywhere(experiment: Callable[..., Experiment], tmp_path: Path) -> None:
    """Where k-mer logistic regression helps a weak network: run, ``predict`` and ``evaluate`` give one answer."""
    made = simulate(MotifSimulation(n=800, length=40, motifs=("TATAAA", "GGGCGG")), seed=3).frame
    made.write_csv(tmp_path / "table.csv")
    asked = experiment(
        data={"table": str(tmp_path / "table.csv")},
        training={"epochs": 1},
        evaluation={"baselines": ["kmer_logistic"], "kmer_sizes": [4]},
    )
    run = run_experiment(asked, out=tmp_path / "run", device="cpu", seeds=2)
    manifest = read_bundle(run.bundle).manifest
    assert manifest.blends[0].baseline > 0
    assert list(run.evaluation.baselines) == ["network_alone", "kmer_logistic"]
    test = made.filter(pl.col("split") == "test")
    said = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    found = load(run.bundle, device="cpu").predict(test)
    assert found["prediction"].equals(said["prediction"])
    assert found["p_1"].to_list() == pytest.approx(said["p_1"].to_list(), abs=2e-6)
    test.write_csv(tmp_path / "test.csv")
    judged = evaluate_bundle(run.bundle, tmp_path / "test.csv", out=tmp_path / "out", settings=QUICK)
    for metric, interval in run.evaluation.model.items():
        assert judged.evaluation.model[metric] == pytest.approx(interval, abs=1e-5)


def test_folds_are_blended_each_with_its_own_baseline(experiment: Callable[..., Experiment], tmp_path: Path) -> None:
    """The bundle holds what every fold needs, and a new sequence gets the mean of the folds' blended scores."""
    made = simulate(MotifSimulation(n=2400, length=40, motifs=("TATAAA", "GGGCGG")), seed=4).frame
    made.write_csv(tmp_path / "table.csv")
    asked = experiment(
        data={"table": str(tmp_path / "table.csv")},
        split={"kind": "folds", "k": 3, "column": None},
        training={"epochs": 1},
        evaluation={"baselines": ["kmer_logistic"], "kmer_sizes": [4]},
    )
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    bundle = read_bundle(run.bundle)
    assert [blend.members for blend in bundle.manifest.blends] == [(0,), (1,), (2,)]
    assert any(blend.baseline > 0 for blend in bundle.manifest.blends[1:])
    for number, blend in enumerate(bundle.manifest.blends):
        assert blend.part == ("baseline-" if number == 0 else f"fold-{number + 1}-") + "kmer_logistic"
        assert blend.part in bundle.parts or blend.baseline == 0
    assert list(run.evaluation.baselines) == ["network_alone", "kmer_logistic"]
    alone, model = run.evaluation.baselines["network_alone"], run.evaluation.model
    assert model["log_loss"].value < alone["log_loss"].value
    assert len(load(run.bundle, device="cpu").predict(made)) == 2400


def test_rows_seen_in_training_are_named(full_run: RunResult, table: Path, held_out: Path, tmp_path: Path) -> None:
    """The run's own training rows, on either strand, are no test; its test rows are."""
    whole = pl.read_csv(table, separator="\t")
    turned = whole.with_columns(
        sequence=pl.col("sequence").str.reverse().str.replace_many(["A", "C", "G", "T"], ["T", "G", "C", "A"])
    )
    used = whole.filter(pl.col("split") != "test").height
    for name, rows in (("whole", whole), ("turned", turned)):
        rows.write_csv(tmp_path / f"{name}.csv")
        said: list[str] = []
        judged = evaluate_bundle(
            full_run.bundle, tmp_path / f"{name}.csv", out=tmp_path / name, settings=QUICK, say=said.append
        )
        assert f"{used:,} of {len(whole):,} rows" in judged.evaluation.warnings[0]
        assert any("careful" in line for line in said)
        assert "say nothing of new sequences" in (tmp_path / name / "report.html").read_text()
    judged = evaluate_bundle(full_run.bundle, held_out, out=tmp_path / "new", settings=QUICK)
    assert not any("trained on" in warning for warning in judged.evaluation.warnings)


def test_other_columns_are_named(full_run: RunResult, held_out: Path, tmp_path: Path) -> None:
    renamed = pl.read_csv(held_out).rename({"sequence": "dna", "label": "truth"})
    renamed.write_csv(tmp_path / "renamed.csv")
    judged = evaluate_bundle(
        full_run.bundle, tmp_path / "renamed.csv", out=tmp_path / "out", sequence="dna", target="truth", settings=QUICK
    )
    assert judged.evaluation.model["accuracy"].value == full_run.evaluation.model["accuracy"].value
    with pytest.raises(InputError, match="label"):
        evaluate_bundle(full_run.bundle, tmp_path / "renamed.csv", out=tmp_path / "other", sequence="dna")


def test_a_label_the_model_never_saw(full_run: RunResult, held_out: Path, tmp_path: Path) -> None:
    pl.read_csv(held_out).with_columns(label=pl.lit("2")).write_csv(tmp_path / "strange.csv")
    with pytest.raises(InputError, match="2"):
        evaluate_bundle(full_run.bundle, tmp_path / "strange.csv", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_folder_is_kept(full_run: RunResult, held_out: Path, tmp_path: Path) -> None:
    """An existing folder is refused; ``force`` replaces an evaluation but never a run or anything else."""
    folder = tmp_path / "out"
    evaluate_bundle(full_run.bundle, held_out, out=folder, settings=QUICK)
    with pytest.raises(OutputError, match="exists already"):
        evaluate_bundle(full_run.bundle, held_out, out=folder)
    evaluate_bundle(full_run.bundle, held_out, out=folder, force=True, settings=QUICK)
    with pytest.raises(OutputError, match="exists already"):
        evaluate_bundle(full_run.bundle, held_out, out=full_run.folder, force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(OutputError, match="exists already"):
        evaluate_bundle(full_run.bundle, held_out, out=tmp_path / "mine", force=True)


def test_a_run_without_baselines(experiment: Callable[..., Experiment], held_out: Path, tmp_path: Path) -> None:
    asked = experiment(evaluation={"baselines": "none"}, training={"epochs": 1})
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    assert run.evaluation.baselines == {}
    judged = evaluate_bundle(run.bundle, held_out, out=tmp_path / "out", settings=QUICK)
    assert judged.evaluation.baselines == {}
    assert judged.verdict
