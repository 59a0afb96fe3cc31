"""A run of yes/no labels, from a table to predictions: both forms of table, rare labels, the bundle and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from strandloom.alphabet import DNA
from strandloom.design.settings import DesignSettings
from strandloom.errors import InputError, SettingsError
from strandloom.evaluation.calibration import sigmoid
from strandloom.experiment import check_experiment
from strandloom.explain.settings import ExplainSettings
from strandloom.predict import load, predict_file
from strandloom.run.assess import evaluate_bundle
from strandloom.run.design import design_bundle
from strandloom.run.explain import explain_bundle
from strandloom.run.train import RunResult, run_experiment
from strandloom.training.prevalence import begin_at_prevalence

NAMES = ("gc_box", "never", "tata")


def table(path: Path, *, rows: int = 600, seed: int = 1, wide: bool = False) -> Path:
    """Sequences of 40 bases with two planted words; ``never`` is a label that no test row has."""
    generator = np.random.default_rng(seed)
    lines = []
    for i in range(rows):
        letters = generator.choice(list("ACGT"), 40)
        part = ("train", "train", "train", "validation", "test")[i % 5]
        has = [
            name
            for name, word, at in (("gc_box", "GGGCGGGGC", 5), ("tata", "TATAAAAG", 25))
            if generator.random() < 0.4
        ]
        for name, word, at in (("gc_box", "GGGCGGGGC", 5), ("tata", "TATAAAAG", 25)):
            if name in has:
                letters[at : at + len(word)] = list(word)
        if part == "train" and i % 50 == 0:
            has.append("never")
        cells = ",".join(str(int(name in has)) for name in NAMES) if wide else '"' + ",".join(has) + '"'
        lines.append(f"r{i},{''.join(letters)},{part},{cells}")
    head = "id,sequence,split," + (",".join(NAMES) if wide else "labels")
    path.write_text(head + "\n" + "\n".join(lines) + "\n")
    return path


def settings(path: Path, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "data": {"table": str(path), "target": "labels", "strand": "one"},
        "task": "labels",
        "split": {"kind": "column"},
        "model": {"kind": "layers", "blocks": [
            {"block": "conv", "filters": 16, "width": 9}, {"block": "activation"}, {"block": "global_pool"},
        ]},
        "training": {"epochs": 8, "batch_size": 32, "augmentation": {"shift": 0}, "optimizer": {"learning_rate": 0.02}},
        "evaluation": {"resamples": 50, "label_groups": {"boxes": ["*box"]}},
    }  # fmt: skip
    return {
        key: {**base[key], **more.pop(key, {})} if isinstance(base[key], dict) else base[key] for key in base
    } | more


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("labels")
    return run_experiment(check_experiment(settings(table(folder / "t.csv"))), out=folder / "RUN", seeds=2)


def test_the_evaluation_says_what_each_label_is_worth(run: RunResult) -> None:
    found = json.loads((run.folder / "evaluation.json").read_text())
    assert found["task"] == "labels"
    assert found["classes"] == list(NAMES)
    assert found["primary"] == "average_precision"
    assert found["seeds"]["count"] == 2
    table_of = {one["label"]: one for one in found["labels"]["table"]}
    assert table_of["never"]["roc_auc"] is None
    assert table_of["never"]["positives"] == 0
    assert table_of["gc_box"]["group"] == "boxes"
    assert set(found["labels"]["pairs"]) >= {"prevalence", "composition", "kmer_logistic"}
    assert any("1 label of 3 with no positive row" in x for x in found["warnings"])
    page = (run.folder / "report.html").read_text()
    assert "Label by label" in page
    assert "labels-table" in page
    assert "mean AUPRC" in run.verdict


def test_predictions_are_those_of_the_bundle(run: RunResult, tmp_path: Path) -> None:
    predictor = load(run.bundle)
    manifest = predictor.manifest
    assert manifest.task == "labels"
    assert len(manifest.label_thresholds) == 3
    stored = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("part") == "test")
    source = pl.read_csv(run.folder.parent / "t.csv")[stored["row"].to_numpy()]
    frame = predictor.predict(source.select("id", "sequence"))
    for name in NAMES:
        assert np.abs(frame[name].to_numpy() - stored[f"p_{name}"].to_numpy()).max() < 1e-4
    yes = frame.select(NAMES).to_numpy() >= np.array(manifest.label_thresholds) - 1e-6
    assert frame["labels"].to_list() == [",".join(np.array(NAMES)[row]) for row in yes]
    assert stored["truth"].to_list() == source["labels"].fill_null("").to_list()
    out = tmp_path / "p.tsv"
    predict_file(predictor, run.folder.parent / "t.csv", out=out)
    assert pl.read_csv(out, separator="\t").columns == ["id", *NAMES, "labels"]


def test_a_new_table_is_judged_beside_the_stored_baselines(run: RunResult, tmp_path: Path) -> None:
    new = table(tmp_path / "new.csv", rows=120, seed=9)
    found = evaluate_bundle(run.bundle, new, out=tmp_path / "E").evaluation
    assert found.task == "labels"
    assert set(found.baselines) >= {"prevalence", "composition", "kmer_logistic"}
    assert found.model["roc_auc"].value > 0.8
    kept = json.loads((run.folder / "evaluation.json").read_text())
    assert (
        found.baselines["kmer_logistic"]["f1_macro"].value
        > 0.3
        < kept["baselines"]["kmer_logistic"]["f1_macro"]["value"]
    )
    written = pl.read_parquet(tmp_path / "E/predictions.parquet")
    assert written.columns == ["id", "truth", *NAMES, "labels"]
    wrong = tmp_path / "wrong.csv"
    wrong.write_text('sequence,labels\nACGT,"tata,nothing"\nACGA,tata\n')
    with pytest.raises(InputError, match="nothing"):
        evaluate_bundle(run.bundle, wrong, out=tmp_path / "F")


def test_a_label_is_explained_against_the_rest(run: RunResult, tmp_path: Path) -> None:
    asked = ExplainSettings(rows=120, references=4, pages=2, backgrounds=20, output="tata")
    new = table(tmp_path / "new.csv", rows=240, seed=9)
    found = explain_bundle(run.bundle, new, out=tmp_path / "WHY", settings=asked)
    assert found.outputs[0].page.classes == ("the rest", "tata")
    assert set(found.outputs[0].question.truth.tolist()) == {0, 1}
    page = (tmp_path / "WHY/motifs.html").read_text()
    assert "What speaks for tata" in page
    assert "log odds of tata" in page
    best = found.pages[0].motifs[0].motif
    assert "TATAAA" in DNA.decode(best.matrix.argmax(axis=1).astype(np.uint8)) or "TTTATA" in DNA.decode(
        best.matrix.argmax(axis=1).astype(np.uint8)
    )
    every = explain_bundle(run.bundle, new, out=tmp_path / "ALL", settings=asked.model_copy(update={"output": None}))
    assert {x.page.output.label for x in every.outputs} <= set(NAMES)


def test_what_no_label_reaches_is_explained_by_the_likeliest(run: RunResult, tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("id,sequence\n" + "".join(f"n{i},{'AC' * 20}\n" for i in range(12)))
    asked = ExplainSettings(rows=12, references=2, pages=1, backgrounds=20)
    said: list[str] = []
    found = explain_bundle(run.bundle, plain, out=tmp_path / "WHY", settings=asked, say=said.append)
    assert len(found.outputs) == 1
    assert any("no label reaches its threshold" in line for line in said) or found.outputs[0].question.is_own.any()


def test_design_raises_the_log_odds_of_one_label(run: RunResult, tmp_path: Path) -> None:
    settings = DesignSettings(goals=[{"output": "tata"}], rounds=6)
    found = design_bundle(run.bundle, out=tmp_path / "D", random=3, settings=settings)
    assert len(found.designs.finals) == 3
    said = load(run.bundle).predict(pl.read_csv(tmp_path / "D/designs.tsv", separator="\t")["design"].to_list())
    begun = load(run.bundle).predict(pl.read_csv(tmp_path / "D/designs.tsv", separator="\t")["start"].to_list())
    assert (said["tata"].to_numpy() > begun["tata"].to_numpy()).all()


def test_one_label_is_enough(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    frame = pl.read_csv(path).with_columns(
        pl.when(pl.col("labels").str.contains("tata")).then(pl.lit("tata")).alias("labels")
    )
    frame.write_csv(path)
    found = run_experiment(check_experiment(settings(path, training={"epochs": 1})), out=tmp_path / "RUN")
    assert found.evaluation.classes == ("tata",)
    assert load(found.bundle).predict(["ACGT" * 10]).columns == ["id", "tata", "labels"]


def test_columns_of_0_and_1_give_the_same_run(run: RunResult, tmp_path: Path) -> None:
    wide = settings(table(tmp_path / "w.csv", wide=True), data={"target": list(NAMES)})
    other = run_experiment(check_experiment(wide), out=tmp_path / "RUN", seeds=2)
    one, two = (json.loads((x.folder / "evaluation.json").read_text()) for x in (run, other))
    assert one["labels"]["table"] == two["labels"]["table"]


def test_folds_and_both_strands(tmp_path: Path) -> None:
    raw = settings(
        table(tmp_path / "t.csv"), data={"strand": "both"}, training={"epochs": 1}, split={"kind": "folds", "k": 2}
    )
    found = run_experiment(check_experiment(raw), out=tmp_path / "RUN")
    assert found.evaluation.part == "folds"
    assert found.evaluation.rows == 600
    sequence = pl.read_csv(tmp_path / "t.csv")["sequence"][:5].to_list()
    turned = [DNA.decode(DNA.reverse_complement(DNA.encode(x)[None])[0]) for x in sequence]
    one, other = load(found.bundle).predict(sequence), load(found.bundle).predict(turned)
    assert one["gc_box"].to_list() == pytest.approx(other["gc_box"].to_list(), abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluation": {"primary": "ece"}}, "evaluation.primary"),
        ({"evaluation": {"baselines": ["majority"]}}, "evaluation.baselines: task labels has prevalence"),
        ({"training": {"loss": "mse"}}, "is for values"),
        ({"task": "classes"}, "evaluation.label_groups are for labels"),
    ],
)
def test_settings_that_do_not_fit_labels(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_experiment(settings(Path("t.csv"), **changes))


def test_cells_that_are_neither_yes_nor_no(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,sequence,a,b\n" + "".join(f"r{i},ACGTACGT,{i % 3},{i % 2}\n" for i in range(20)))
    with pytest.raises(InputError, match="record 'r2'"):
        run_experiment(check_experiment(settings(path, data={"target": ["a", "b"]})), out=tmp_path / "RUN")


def test_networks_begin_at_the_share_of_each_label() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 3))
    targets = torch.zeros(99, 3)
    targets[:9, 0] = 1
    assert begin_at_prevalence(model, targets)
    bias = model[1].bias.detach().numpy()
    assert sigmoid(bias) == pytest.approx([0.095, 0.005, 0.005], abs=1e-6)
    assert not begin_at_prevalence(torch.nn.Sequential(torch.nn.Conv1d(4, 3, 1)), targets)
