"""From an experiment to a run folder: every file, the same again, seeds, folds, own modules, large data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from torch import nn

from strandloom.bundle import read_bundle
from strandloom.errors import BundleError, OutputError, SettingsError
from strandloom.experiment import Experiment, check_experiment
from strandloom.predict import load
from strandloom.run import RunResult, compare_runs, evaluate_bundle, run_experiment

Make = Callable[..., Experiment]
METRICS = {
    "accuracy", "balanced_accuracy", "matthews_corrcoef", "f1_macro", "roc_auc", "average_precision", "log_loss", "brier", "ece",
}  # fmt: skip
BASELINES = {"majority", "composition", "kmer_logistic", "kmer_bayes", "nearest", "position_logistic"}


def weights_of(bundle: Path) -> list[dict[str, bytes]]:
    """Every weight of every member, as bytes."""
    return [{name: array.tobytes() for name, array in one.items()} for one in read_bundle(bundle).weights]


def evaluation_of(folder: Path, *, seconds: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    if not seconds:
        for facts in found["baseline_facts"].values():
            facts.pop("seconds", None)
    return found


# ----------------------------------------------------------------------------------------------------- the run folder


def test_the_example_of_the_card_runs(full_run: RunResult) -> None:
    text = (full_run.bundle / "card.md").read_text()
    code = text.split("```python\n")[1].split("```")[0].replace("RUN/bundle", str(full_run.bundle))
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["frame"].columns[:2] == ["id", "prediction"]
    assert found["frame"].height == 2


def test_every_file_stands_and_parses(full_run: RunResult, experiment: Make) -> None:
    folder = full_run.folder
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.parts[-2] != "checkpoint"}
    expected = {
        "experiment.yaml", "plan.json", "environment.json", "data.json", "decision.json", "split.parquet",
        "metrics.jsonl", "predictions.parquet", "evaluation.json", "report.html", "verdict.txt",
        "bundle/bundle.json", "bundle/weights.safetensors", "bundle/card.md", "bundle/parts/experiment.json",
        "bundle/parts/seen.json", "bundle/parts/seen.safetensors",
    }  # fmt: skip
    assert expected == {name for name in names if not name.startswith("bundle/parts/baseline-")}
    assert {n.split("baseline-")[1].split(".")[0] for n in names if "baseline-" in n} == BASELINES
    again = check_experiment(yaml.safe_load((folder / "experiment.yaml").read_text()))
    assert again == experiment(evaluation={"baselines": "all"})
    for path in (*folder.glob("*.json"), *folder.glob("bundle/**/*.json")):
        json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (folder / "verdict.txt").read_text() == full_run.verdict + "\n"
    html = (folder / "report.html").read_text()
    assert html.lstrip().lower().startswith("<!doctype html>")
    assert "strandloom train …" in html
    assert not list(folder.rglob("*.part"))


def test_environment(full_run: RunResult, table: Path) -> None:
    import hashlib

    found = json.loads((full_run.folder / "environment.json").read_text())
    assert set(found) == {
        "versions", "machine", "runtime", "strandloom", "command", "inputs", "seeds",
        "estimated_seconds", "estimated_memory", "seconds", "total_seconds", "peak_memory",
    }  # fmt: skip
    assert found["inputs"] == [
        {
            "path": str(table),
            "resolved": str(table.resolve()),
            "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
            "bytes": table.stat().st_size,
        }
    ]
    assert set(found["runtime"]) == {"device", "threads", "precision", "notes"}
    assert set(found["seconds"]) == {"data", "split", "baselines", "decide", "training", "evaluation"}


def test_split_and_predictions(full_run: RunResult, table: Path) -> None:
    given = pl.read_csv(table, separator="\t")
    split = pl.read_parquet(full_run.folder / "split.parquet")
    assert split.columns == ["id", "row", "part", "split"]
    assert split["id"].equals(given["id"])
    assert split["row"].to_list() == list(range(300))
    assert split["part"].to_list() == given["split"].to_list()
    said = pl.read_parquet(full_run.folder / "predictions.parquet")
    assert said.columns == ["id", "row", "part", "split", "truth", "prediction", "p_0", "p_1", "abstain"]
    held = split.filter(pl.col("part") != "train")
    assert sorted(said["id"]) == sorted(held["id"])
    joined = said.join(given.select("id", "label", split="split"), on="id", maintain_order="left", suffix="_given")
    assert joined["truth"].cast(pl.Int64).equals(joined["label"].alias("truth"))
    assert joined["part"].equals(joined["split_given"].alias("part"))


def test_metrics_lines(full_run: RunResult) -> None:
    lines = [json.loads(line) for line in (full_run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        assert set(line) == {
            "epoch", "train_loss", "validation_loss", "validation", "learning_rate", "seconds", "samples_per_second",
        }  # fmt: skip
        assert set(line["validation"]) == {"accuracy", "matthews_corrcoef", "roc_auc"}


# ------------------------------------------------------------------------------------------------------ evaluation.json


def test_metric_names(full_run: RunResult) -> None:
    """DESIGN §7: each metric under ``model`` and ``baselines.<name>`` as value, low, high."""
    found = evaluation_of(full_run.folder)
    assert found["format"] == 1
    assert set(found["baselines"]) == BASELINES
    for metrics in (found["model"], *found["baselines"].values()):
        assert set(metrics) == METRICS
        for interval in metrics.values():
            assert set(interval) == {"value", "low", "high"}
            assert interval["low"] <= interval["high"]
    assert set(found["comparisons"]) == BASELINES
    assert (found["task"], found["classes"], found["part"], found["rows"]) == ("classes", ["0", "1"], "test", 60)
    assert found["seeds"] is None


def test_metrics_are_those_of_the_predictions(full_run: RunResult) -> None:
    """scikit-learn on ``predictions.parquet`` gives the values of ``evaluation.json``."""
    test = pl.read_parquet(full_run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    found = {name: interval["value"] for name, interval in evaluation_of(full_run.folder)["model"].items()}
    truth = test["truth"].cast(pl.Int64).to_numpy()
    assert found["accuracy"] == pytest.approx(accuracy_score(test["truth"], test["prediction"]))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, test["p_1"].to_numpy()))
    assert found["log_loss"] == pytest.approx(log_loss(truth, test["p_1"].to_numpy()), rel=1e-6)


def test_the_ceiling_is_that_of_the_test_rows(full_run: RunResult, table: Path) -> None:
    found = evaluation_of(full_run.folder)["ceiling"]
    assert set(found) == {"accuracy", "roc_auc", "strand_symmetric_accuracy", "rows", "note"}
    assert found["rows"] == 60
    assert found["strand_symmetric_accuracy"] <= found["accuracy"] <= 1
    assert found["accuracy"] > 0.7


def test_the_ceiling_needs_no_baseline(full_run: RunResult, experiment: Make, tmp_path: Path) -> None:
    run = run_experiment(
        experiment(evaluation={"baselines": "none"}, training={"epochs": 1}), out=tmp_path / "run", device="cpu"
    )
    assert run.evaluation.baselines == {}
    assert run.evaluation.ceiling == full_run.evaluation.ceiling


def test_the_temperature_and_thresholds_travel(full_run: RunResult) -> None:
    found, manifest = evaluation_of(full_run.folder), read_bundle(full_run.bundle).manifest
    assert found["calibration"]["temperature"] == manifest.temperature
    assert found["calibration"]["threshold"] == (manifest.decision_threshold or 0.5)
    assert manifest.abstain_error == 0.05
    assert (manifest.labels, manifest.length, manifest.strand, manifest.target) == (("0", "1"), 40, "one", ("label",))


def test_the_bundle_says_what_the_run_said(full_run: RunResult, table: Path) -> None:
    """``predict`` on the test rows = ``predictions.parquet``."""
    run = pl.read_parquet(full_run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    rows = pl.read_csv(table, separator="\t").filter(pl.col("split") == "test")
    found = load(full_run.bundle, device="cpu").predict(rows)
    assert found["id"].equals(run["id"])
    assert found["prediction"].equals(run["prediction"])
    assert found["abstain"].equals(run["abstain"])
    assert_allclose(found["p_1"], run["p_1"], atol=2e-6)


# ------------------------------------------------------------------------------------------------------------ same again


def test_same_seed_same_weights(full_run: RunResult, experiment: Make, tmp_path: Path) -> None:
    """Bit for bit, whatever the baselines; another seed gives others."""
    same = run_experiment(experiment(), out=tmp_path / "same", device="cpu")
    assert weights_of(same.bundle) == weights_of(full_run.bundle)
    model = [evaluation_of(x.folder)["model"] for x in (same, full_run)]
    assert model[0] == model[1]
    other = run_experiment(experiment(training={"seed": 2}), out=tmp_path / "other", device="cpu")
    assert weights_of(other.bundle) != weights_of(full_run.bundle)


def test_a_finished_run_replays(full_run: RunResult, experiment: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """``resume`` on a finished run trains nothing, writes nothing and answers the same."""
    monkeypatch.setattr("strandloom.run.train.load", lambda *_, **__: pytest.fail("the data were read"))
    before = {p: p.stat().st_mtime_ns for p in full_run.folder.rglob("*")}
    again = run_experiment(experiment(evaluation={"baselines": "all"}), out=full_run.folder, resume=True)
    assert again.verdict == full_run.verdict
    assert again.evaluation.to_json() == full_run.evaluation.to_json()
    assert before == {p: p.stat().st_mtime_ns for p in full_run.folder.rglob("*")}


def test_an_existing_run_is_never_overwritten_unasked(full_run: RunResult, experiment: Make) -> None:
    with pytest.raises(OutputError, match="the run folder exists already") as caught:
        run_experiment(experiment(), out=full_run.folder)
    assert "--resume" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("changes", "seeds", "named"),
    [
        ({"training": {"epochs": 3}}, 1, "training.epochs"),
        ({"data": {"strand": "both"}}, 1, "data.strand"),
        ({"model": {"kind": "multiscale"}}, 1, "model.kind"),
        ({}, 2, "--seeds"),
    ],
)
def test_resume_with_other_settings_is_refused(
    full_run: RunResult, experiment: Make, changes: dict[str, Any], seeds: int, named: str
) -> None:
    asked = experiment(**{"evaluation": {"baselines": "all"}} | changes)
    with pytest.raises(SettingsError, match="started with other settings") as caught:
        run_experiment(asked, out=full_run.folder, resume=True, seeds=seeds)
    assert named in caught.value.message


# ------------------------------------------------------------------------------------------------------- seeds and folds


def test_two_seeds_are_pooled(two_seeds: RunResult, full_run: RunResult, table: Path) -> None:
    """Two members, each a run of its own; raw scores averaged; the spread beside the pooled evaluation."""
    bundle = read_bundle(two_seeds.bundle)
    assert bundle.manifest.members == 2
    assert weights_of(two_seeds.bundle)[0] == weights_of(full_run.bundle)[0]
    found = evaluation_of(two_seeds.folder)
    assert (found["seeds"]["count"], found["seeds"]["seeds"]) == (2, [1, 2])
    assert set(found["seeds"]["model"]) == METRICS
    spread = found["seeds"]["model"]["roc_auc"]
    assert set(spread) == {"mean", "standard_error", "min", "max", "values"}
    assert spread["values"][0] == pytest.approx(evaluation_of(full_run.folder)["model"]["roc_auc"]["value"])
    assert spread["mean"] == pytest.approx(np.mean(spread["values"]))
    assert sorted(p.name for p in (two_seeds.folder / "members").iterdir()) == ["seed-1", "seed-2"]
    for name in ("seed-1", "seed-2"):
        assert len((two_seeds.folder / "members" / name / "metrics.jsonl").read_text().splitlines()) == 2
    assert not (two_seeds.folder / "metrics.jsonl").exists()

    rows = pl.read_csv(table, separator="\t").filter(pl.col("split") == "test")
    predictor = load(two_seeds.bundle, device="cpu")
    assert_allclose(
        predictor.predict(rows)["p_1"],
        pl.read_parquet(two_seeds.folder / "predictions.parquet").filter(pl.col("part") == "test")["p_1"],
        atol=2e-6,
    )
    from strandloom.alphabet import DNA
    from strandloom.training.infer import logits

    codes = np.stack([DNA.encode(x) for x in rows["sequence"]])
    mean = np.mean([logits(module, codes) for module in predictor.modules], axis=0)
    assert_allclose(predictor.logits(codes, np.full(len(codes), 40, np.int32)), mean, atol=1e-5)


def test_given_folds_test_every_row_once(experiment: Make, table: Path, tmp_path: Path) -> None:
    given = pl.read_csv(table, separator="\t").with_row_index("n").with_columns(fold=pl.col("n") % 3).drop("n", "split")
    given.write_csv(tmp_path / "folds.csv")
    asked = experiment(
        data={"table": str(tmp_path / "folds.csv")},
        split={"kind": "folds", "column": "fold"},
        training={"epochs": 1},
    )
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    found = evaluation_of(run.folder)
    assert (found["part"], found["rows"]) == ("folds", 300)
    assert found["seeds"] is None
    said = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    assert sorted(said["row"]) == list(range(300))
    folds = dict(zip(given["id"], given["fold"], strict=True))
    assert all(name.endswith(str(folds[i])) for i, name in zip(said["id"], said["split"], strict=True))
    assert found["model"]["accuracy"]["value"] == pytest.approx((said["truth"] == said["prediction"]).mean())
    split = pl.read_parquet(run.folder / "split.parquet")
    assert len(split) == 900
    assert split.filter(pl.col("part") == "test")["row"].n_unique() == 300
    assert read_bundle(run.bundle).manifest.members == 3
    assert len(list((run.folder / "members").iterdir())) == 3


def test_groups_of_any_name(experiment: Make, table: Path, tmp_path: Path) -> None:
    """One group out: a name of the table never leads out of the run folder, and two names never share one."""
    groups = ["../../outside", "a b", "a-b"]
    given = pl.read_csv(table, separator="\t").with_columns(site=pl.Series([groups[i % 3] for i in range(300)]))
    given.write_csv(tmp_path / "sites.csv")
    asked = experiment(
        data={"table": str(tmp_path / "sites.csv")},
        split={"kind": "leave_one_group_out", "column": "site"},
        training={"epochs": 1},
        evaluation={"baselines": "none"},
    )
    run = run_experiment(asked, out=tmp_path / "runs" / "run", device="cpu")
    assert {p.name for p in tmp_path.iterdir()} == {"sites.csv", "runs"}
    members = sorted((run.folder / "members").iterdir())
    assert len(members) == 3
    assert all((one / "metrics.jsonl").is_file() for one in members)
    assert run.evaluation.rows == 300
    assert len(compare_runs([run.folder, run.folder]).runs[0].members) == 3


def test_a_validation_part_is_made_where_no_row_names_one(experiment: Make, table: Path, tmp_path: Path) -> None:
    """10 % of train by homology component, and the run says so; the test rows stay."""
    given = pl.read_csv(table, separator="\t").with_columns(pl.col("split").replace("validation", "train"))
    given.write_csv(tmp_path / "two.csv")
    asked = experiment(
        data={"table": str(tmp_path / "two.csv")}, training={"epochs": 1}, evaluation={"baselines": "none"}
    )
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    split = pl.read_parquet(run.folder / "split.parquet")
    parts = dict(split["part"].value_counts().iter_rows())
    assert parts["test"] == 60
    assert 12 <= parts["validation"] <= 36
    assert (
        split.filter(pl.col("part") == "test")["id"].to_list()
        == given.filter(pl.col("split") == "test")["id"].to_list()
    )
    assert "10% of the training rows (24) became it" in (run.folder / "report.html").read_text()
    assert evaluation_of(run.folder)["ceiling"] is None, "another table than the simulation's note speaks of"


# -------------------------------------------------------------------------------------------------------------- own model


class Mine(nn.Module):
    """A user's module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 5)
        self.out = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 4, L) to (B, 2)."""
        return self.out(torch.relu(self.conv(x)).amax(dim=2))


def seeded(seed: int) -> Mine:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Mine()


def test_own_module(experiment: Make, table: Path, tmp_path: Path) -> None:
    """Any ``nn.Module`` trains, is saved, and predicts and evaluates when it is given again."""
    own = seeded(5)
    before = {name: x.clone() for name, x in own.state_dict().items()}
    run = run_experiment(experiment(), out=tmp_path / "run", device="cpu", model=own)
    assert all(torch.equal(x, before[name]) for name, x in own.state_dict().items()), (
        "the user's module stays as it was"
    )
    manifest = read_bundle(run.bundle).manifest
    assert (manifest.model.kind, getattr(manifest.model, "name", "")) == ("custom", "Mine")
    rows = pl.read_csv(table, separator="\t").filter(pl.col("split") == "test")
    with pytest.raises(BundleError, match="a module of your own"):
        load(run.bundle)
    said = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    assert_allclose(load(run.bundle, device="cpu", model=Mine()).predict(rows)["p_1"], said["p_1"], atol=2e-6)
    rows.write_csv(tmp_path / "test.csv")
    judged = evaluate_bundle(run.bundle, tmp_path / "test.csv", out=tmp_path / "judged", model=Mine(), device="cpu")
    assert judged.evaluation.model["accuracy"].value == pytest.approx(run.evaluation.model["accuracy"].value)


def test_factory_of_modules(experiment: Make, tmp_path: Path) -> None:
    """A function from a seed to a module: every seed begins with its own weights."""
    seen: list[int] = []

    def make(seed: int) -> Mine:
        seen.append(seed)
        return seeded(seed)

    run = run_experiment(
        experiment(evaluation={"baselines": "none"}), out=tmp_path / "run", device="cpu", model=make, seeds=2
    )
    assert {1, 2} <= set(seen)
    first, second = weights_of(run.bundle)
    assert first != second
    assert read_bundle(run.bundle).manifest.model.kind == "custom"


# ------------------------------------------------------------------------------------------------------------ large data


def test_a_memory_mapped_set_gives_the_same_run(
    full_run: RunResult, experiment: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above ``data.memory`` the sequences stand on disk; nothing else changes."""
    monkeypatch.setattr("strandloom.data.load._MEGABYTE", 1 << 10)
    asked = experiment(data={"memory": 1}, evaluation={"baselines": "all"})
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    assert (run.folder / "store" / "codes.npy").is_file()
    assert not (full_run.folder / "store").exists()
    split, expected = (pl.read_parquet(x.folder / "split.parquet") for x in (run, full_run))
    assert split.equals(expected)
    assert weights_of(run.bundle) == weights_of(full_run.bundle)
    assert evaluation_of(run.folder) == evaluation_of(full_run.folder)
