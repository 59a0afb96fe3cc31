"""Measured values end to end: a run, its bundle, predictions, and an evaluation of another table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError, SettingsError
from strandloom.experiment import check_experiment
from strandloom.predict import load, predict_file
from strandloom.run import RunResult, run_experiment
from strandloom.run.assess import evaluate_bundle
from strandloom.run.judge_values import weighed

BLOCKS = [
    {"block": "conv", "filters": 12, "width": 7},
    {"block": "norm"},
    {"block": "activation"},
    {"block": "global_pool"},
]


def table(path: Path, *, rows: int = 500, seed: int = 1) -> Path:
    """Two values that grow with the number of TATA, of which few reads give noisy ones; sequences of 20 to 40 bases."""
    generator = np.random.default_rng(seed)
    found = []
    for i in range(rows):
        bases = "".join(generator.choice(list("ACGT"), int(generator.integers(20, 41))))
        count = int(generator.integers(0, 3))
        for _ in range(count):
            at = int(generator.integers(0, len(bases) - 4))
            bases = bases[:at] + "TATA" + bases[at + 4 :]
        t0 = int(generator.integers(1, 200))
        growth = bases.count("TATA") + generator.normal() * np.sqrt(1 / (t0 + 1))
        found.append((f"s{i}", bases, growth, 1000 - 50 * growth, t0, t0))
    pl.DataFrame(found, schema=["id", "sequence", "growth", "load", "t0", "t1"], orient="row").write_csv(path)
    return path


def settings(path: Path, **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "name": "values",
        "data": {"table": str(path), "target": "growth", "counts": ["t0", "t1"], "strand": "one", "window": {"anchor": "right"}},
        "task": "value",
        "split": {"kind": "random"},
        "model": {"kind": "layers", "blocks": BLOCKS},
        "training": {"epochs": 4, "batch_size": 32, "augmentation": {"shift": 0}, "optimizer": {"learning_rate": 0.02}},
        "evaluation": {"resamples": 40, "strata": {"column": "t0", "edges": [50]}, "kmer_sizes": [3, 4]},
    }  # fmt: skip
    for key, value in changes.items():
        raw[key] = {**raw[key], **value} if isinstance(value, dict) and "kind" not in value else value
    return raw


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Two seeds."""
    folder = tmp_path_factory.mktemp("values")
    experiment = check_experiment(settings(table(folder / "t.csv")))
    return run_experiment(experiment, out=folder / "RUN", seeds=2)


def test_the_run_learns_and_says_so(run: RunResult) -> None:
    found = run.evaluation
    assert found.task == "value"
    assert found.model["r2"].value > 0.3
    assert found.model["r2"].value > found.baselines["mean"]["r2"].value + 0.3
    assert set(found.baselines) >= {"mean", "kmer_ridge", "position_ridge", "leader_ridge", "kmer_boosting", "nearest"}
    assert [x["label"] for x in found.values["strata"]] == ["t0 < 50", "t0 ≥ 50"]
    assert found.seeds is not None
    assert found.ceiling is not None
    assert 0.7 < found.values["interval"]["coverage"][0] <= 1
    page = (run.folder / "report.html").read_text()
    assert "Predicted and measured: growth" in page
    assert "Scores by stratum" in page
    assert "R²" in run.verdict


def test_predictions_are_in_the_unit_of_the_target(run: RunResult, tmp_path: Path) -> None:
    new = table(tmp_path / "new.csv", seed=2, rows=300)
    predictor = load(run.bundle)
    predict_file(predictor, new, out=tmp_path / "p.tsv", sequence="sequence")
    found = pl.read_csv(tmp_path / "p.tsv", separator="\t")
    assert found.columns == ["id", "growth", "growth_low", "growth_high", "growth_sd", "growth_beyond"]
    truth = pl.read_csv(new)["growth"].to_numpy()
    assert np.corrcoef(found["growth"].to_numpy(), truth)[0, 1] > 0.7
    assert np.abs(found["growth"].to_numpy() - truth).mean() < 0.5
    inside = (found["growth_low"].to_numpy() <= truth) & (truth <= found["growth_high"].to_numpy())
    assert inside.mean() == pytest.approx(0.9, abs=0.1)
    one = predictor.predict(pl.read_csv(new)["sequence"].to_list()[:3])
    np.testing.assert_allclose(one["growth"].to_numpy(), found["growth"].to_numpy()[:3], atol=1e-5)


def test_the_bundle_scores_the_test_rows_as_the_run_did(run: RunResult) -> None:
    kept = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    rows = pl.read_csv(json.loads((run.folder / "environment.json").read_text())["inputs"][0]["resolved"])
    sequences = rows["sequence"].gather(kept["row"]).to_list()
    found = load(run.bundle).predict(sequences)
    np.testing.assert_allclose(found["growth"].to_numpy(), kept["prediction"].to_numpy(), atol=1e-4)


def test_another_table_is_judged(run: RunResult, tmp_path: Path) -> None:
    found = evaluate_bundle(run.bundle, table(tmp_path / "new.csv", seed=3, rows=200), out=tmp_path / "E")
    assert found.evaluation.model["r2"].value > 0.4
    assert "kmer_ridge" in found.evaluation.baselines
    frame = pl.read_parquet(tmp_path / "E" / "predictions.parquet")
    assert frame.columns[:3] == ["id", "truth", "growth"]


@pytest.mark.parametrize("loss", ["mse", "huber", "pinball"])
def test_two_targets_under_every_loss_and_with_folds(tmp_path: Path, loss: str) -> None:
    raw = settings(
        table(tmp_path / "t.csv", rows=200),
        data={"target": ["growth", "load"], "counts": []},
        training={"loss": loss, "epochs": 2},
        split={"kind": "folds", "k": 2} if loss == "mse" else {"kind": "random"},
        evaluation={"strata": None, "baselines": ["mean", "kmer_ridge"]},
    )
    done = run_experiment(check_experiment(raw), out=tmp_path / "RUN")
    assert set(done.evaluation.per_target) == {"growth", "load"}
    found = load(done.bundle).predict("ACGTATATACCGTTATAGGA")
    assert found.columns[:4] == ["id", "growth", "growth_low", "growth_high"]
    assert 700 < found["load"][0] < 1200


def test_well_measured_rows_weigh_more(tmp_path: Path) -> None:
    from strandloom.data.load import load as load_data

    experiment = check_experiment(settings(table(tmp_path / "t.csv")))
    dataset = load_data(experiment.data, task="value")
    assert dataset.variance is not None
    found = weighed(dataset, np.arange(400))
    assert found.weights is not None
    assert (np.argsort(found.weights) == np.argsort(-dataset.variance)).mean() > 0.5
    assert found.weights[:400].mean() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("cell", "words"),
    [("nan", "growth"), ("inf", "growth"), ("x", "growth")],
)
def test_a_value_that_is_no_number_is_named(tmp_path: Path, cell: str, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"id,sequence,growth\na,ACGTACGTACGT,1\nb,ACGTACGTACGA,{cell}\nc,ACGTACGTTTTT,2\n")
    raw = settings(path, data={"counts": []}, evaluation={"strata": None})
    with pytest.raises(InputError, match=words) as found:
        run_experiment(check_experiment(raw), out=tmp_path / "RUN")
    assert "'b'" in str(found.value.where)


def test_negative_counts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,sequence,growth,t0,t1\na,ACGTACGTACGT,1,3,4\nb,ACGTACGTACGA,2,-3,4\n")
    with pytest.raises(InputError, match="read count must be 0 or more") as found:
        run_experiment(check_experiment(settings(path)), out=tmp_path / "RUN")
    assert "'b'" in str(found.value.where)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluation": {"primary": "accuracy"}}, "evaluation.primary"),
        ({"evaluation": {"baselines": ["majority"]}}, "evaluation.baselines"),
        ({"training": {"class_weights": "balanced"}}, "are for classes"),
        ({"training": {"loss": "gaussian"}, "data": {"counts": []}}, "needs data.variance or data.counts"),
        ({"data": {"variance": "v"}}, "not both"),
        ({"evaluation": {"strata": {"column": "t0", "edges": [3, 2]}}}, "must rise"),
    ],
)
def test_settings_that_do_not_fit_values(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_experiment(settings(Path("t.csv"), **changes))


def test_values_are_explained_by_the_networks_alone(run: RunResult, tmp_path: Path) -> None:
    from strandloom.explain.settings import ExplainSettings
    from strandloom.run.explain import explain_bundle

    new = table(tmp_path / "new.csv", rows=120)
    asked = ExplainSettings(rows=80, references=4, pages=2, backgrounds=20)
    found = explain_bundle(run.bundle, new, out=tmp_path / "WHY", settings=asked)
    page = (tmp_path / "WHY/motifs.html").read_text()
    assert "What the model reads for growth" in page
    assert found.outputs[0].question.measured is not None
    assert np.isfinite(found.outputs[0].question.measured).all()
    one = next((tmp_path / "WHY/sequences").iterdir()).read_text()
    assert "The model predicts" in one
    assert "was measured" in one


def test_engines_of_values_are_judged_by_their_correlation(run: RunResult, tmp_path: Path) -> None:
    import shutil

    from strandloom.run.export import export_engines

    bundle = Path(shutil.copytree(run.bundle, tmp_path / "bundle"))
    new = table(tmp_path / "new.csv", rows=60)
    outcome = export_engines(bundle, ["torch-bf16"], rows=new)[0]
    assert outcome.stored is not None
    assert set(outcome.stored.metrics) == set(outcome.stored.fp32_metrics) == {"pearson", "r2"}
    if not outcome.refused:
        plain = load(bundle).predict(["ACGTACGTACGT"])["growth"]
        assert load(bundle, engine="torch-bf16").predict(["ACGTACGTACGT"])["growth"][0] == pytest.approx(
            plain[0], abs=0.1
        )


def test_settings_of_values_do_not_fit_classes() -> None:
    raw = {"data": {"table": "t.csv", "counts": ["t0"]}}
    with pytest.raises(SettingsError, match="are for values"):
        check_experiment(raw)
