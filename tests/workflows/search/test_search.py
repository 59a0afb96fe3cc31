"""A search: trials on validation only, a journal that is shared and resumed, the winner trained anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.errors import OutputError, SettingsError, TrainingError
from strandloom.experiment import Experiment, check_experiment
from strandloom.workflows.search.search import search_experiment
from strandloom.workflows.search.space import CUPERUS, check_space, cuperus_model, draw, made
from strandloom.workflows.search.train import Trainer
from strandloom.workflows.search.trials import Trials

SPACE: dict[str, Any] = {
    "training.optimizer.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "model.blocks.0.filters": [2, 4, 8],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values that grow with the number of TATA; the part of each row stands in a column."""
    path = tmp_path_factory.mktemp("search") / "t.csv"
    generator = np.random.default_rng(1)
    rows = []
    for i in range(200):
        bases = "".join(generator.choice(list("ACGT"), 24))
        for _ in range(int(generator.integers(0, 3))):
            at = int(generator.integers(0, 20))
            bases = bases[:at] + "TATA" + bases[at + 4 :]
        part = "test" if i >= 160 else "valid" if i >= 120 else "train"
        rows.append((bases, bases.count("TATA") + generator.normal() * 0.1, part))
    pl.DataFrame(rows, schema=["sequence", "y", "split"], orient="row").write_csv(path)
    return path


def experiment(table: Path, **search: Any) -> Experiment:
    blocks = [{"block": "conv", "filters": 4, "width": 5}, {"block": "activation"}, {"block": "global_pool"}]
    return check_experiment(
        {
            "name": "toy", "data": {"table": str(table), "target": "y", "strand": "one"}, "task": "value", "split": {"kind": "column"},
            "model": {"kind": "layers", "blocks": blocks},
            "training": {"epochs": 2, "batch_size": 32, "augmentation": {"shift": 0}},
            "evaluation": {"resamples": 10, "baselines": ["mean"], "blend": "none"},
            "search": {"trials": 6, "space": SPACE, **search},
        }
    )  # fmt: skip


def test_the_winner_is_the_best_on_validation_and_trained_anew(table: Path, tmp_path: Path) -> None:
    found = search_experiment(experiment(table), out=tmp_path / "S", command="strandloom search …")
    done = [x for x in found.trials if x.state == "complete"]
    assert [x.number for x in found.trials] == [1, 2, 3, 4, 5, 6]
    assert found.best.figure == min(x.figure for x in done if x.figure is not None)
    assert found.winner is not None
    history = [json.loads(x) for x in (tmp_path / "S/winner/metrics.jsonl").read_text().splitlines()]
    assert min(x["validation_loss"] for x in history) == pytest.approx(found.best.figure)
    frame = pl.read_csv(tmp_path / "S" / "trials.tsv", separator="\t")
    assert frame["trial"].to_list() == [1, 2, 3, 4, 5, 6]
    assert set(frame["model.blocks.0.filters"]) <= {2, 4, 8}
    page = (tmp_path / "S" / "report.html").read_text()
    assert found.sentence in page
    assert "What mattered" in page
    facts = json.loads((tmp_path / "S" / "search.json").read_text())
    assert facts["best"]["values"] == found.best.values
    assert sum(facts["importance"].values()) == pytest.approx(1)


def test_test_rows_have_no_influence(table: Path, tmp_path: Path) -> None:
    """Other values of the test rows, the same search."""
    other = tmp_path / "other.csv"
    frame = pl.read_csv(table).with_columns(
        pl.when(pl.col("split") == "test").then(-100 * pl.col("y") - 5).otherwise(pl.col("y")).alias("y")
    )
    frame.write_csv(other)
    one, two = (
        search_experiment(experiment(path, trials=3), out=tmp_path / path.stem, retrain=False)
        for path in (table, other)
    )
    assert [x.figure for x in one.trials] == [x.figure for x in two.trials]


def test_stopped_and_resumed_is_the_same_search(table: Path, tmp_path: Path) -> None:
    whole = search_experiment(experiment(table), out=tmp_path / "whole", retrain=False)
    search_experiment(experiment(table, trials=2), out=tmp_path / "parts", retrain=False)
    parts = search_experiment(experiment(table), out=tmp_path / "parts", retrain=False, resume=True)
    assert [(x.values, x.figure) for x in parts.trials] == [(x.values, x.figure) for x in whole.trials]


def test_a_trial_of_a_dead_process_is_tried_again(table: Path, tmp_path: Path) -> None:
    asked = experiment(table, trials=2)
    assert asked.search is not None
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "journal.log").touch()
    trials = Trials(tmp_path / "S", asked.search, lower=True)
    trial = trials.study.ask()
    trial.set_user_attr("process", [__import__("socket").gethostname(), 2**22 + 1])
    chosen = draw(asked.search, trial)
    again = Trials(tmp_path / "S", asked.search, lower=True)
    trainer = Trainer.of(asked, resolve=Path, cache=tmp_path / "store", device="cpu", threads=1)
    first = again.next(asked, trainer)
    assert first is not None
    assert first.values == chosen
    assert again.next(asked, trainer) is not None
    assert again.next(asked, trainer) is None
    assert len(again.ended()) == 2


def test_ctrl_c_leaves_no_trial(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search_experiment(experiment(table, trials=2), out=tmp_path / "S", retrain=False)
    found = search_experiment(experiment(table, trials=2), out=tmp_path / "S", retrain=False, resume=True)
    assert len(found.trials) == 2


def test_settings_that_make_no_network_fail_and_the_rest_goes_on(table: Path, tmp_path: Path) -> None:
    space = {"model.blocks.0.width": [5, 30], "model.blocks.0.padding": ["valid", "valid"]}
    found = search_experiment(
        experiment(table, space=space, sampler="random", prune=False), out=tmp_path / "S", retrain=False
    )
    states = {x.values["model.blocks.0.width"]: x.state for x in found.trials}
    assert states == {5: "complete", 30: "failed"}
    assert "needs windows of 30 positions" in next(x.reason for x in found.trials if x.state == "failed")
    bad = {"model.blocks.0.width": [30, 31], "model.blocks.0.padding": ["valid", "valid"]}
    with pytest.raises(TrainingError, match="no trial was trained to its end: conv needs windows"):
        search_experiment(experiment(table, space=bad, trials=2), out=tmp_path / "T", retrain=False)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"training.learning_rate": [0.1, 0.2]}, "unknown setting `training.learning_rate`"),
        ({"training.optimizer.learning_rate": [0.1, -0.2]}, "search.space.training.optimizer.learning_rate"),
        ({"model.blocks.9.filters": [2, 4]}, "no such setting in this experiment"),
    ],
)
def test_ranges_are_checked_before_the_first_trial(table: Path, space: Any, words: str) -> None:
    asked = experiment(table, space=space)
    assert asked.search is not None
    with pytest.raises(SettingsError) as caught:
        check_space(asked, asked.search)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"space": {}}, "nothing to search"),
        ({"space": {"data.table": ["a", "b"]}}, "data.table cannot be searched"),
        ({"space": {"training.epochs": {"low": 5, "high": 2}}}, "low must be below high"),
        ({"space": {"training.epochs": {"low": 0, "high": 2, "log": True}}}, "begins above 0"),
        ({"preset": "cuperus_utr"}, "the preset cuperus_utr chooses the model"),
    ],
)
def test_ranges_that_make_no_sense(table: Path, search: Any, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        experiment(table, **search)
    assert words in str(caught.value)


def test_losses_of_different_kinds_are_not_compared(table: Path, tmp_path: Path) -> None:
    asked = experiment(table, space={"training.loss": ["mse", "huber"]})
    with pytest.raises(SettingsError, match=r"losses of different training.loss cannot be compared"):
        search_experiment(asked, out=tmp_path / "S")
    found = search_experiment(
        experiment(table, space={"training.loss": ["mse", "huber"]}, metric="pearson", trials=2),
        out=tmp_path / "T",
        retrain=False,
    )
    assert found.best.figure is not None
    assert found.best.figure <= 1


def test_the_published_space() -> None:
    """Cuperus et al. 2017: 4 · 4 · 3 · 2 · 2 · 4 · 4 points, the winner among them."""
    assert np.prod([len(x) for x in CUPERUS.values()]) == 3072
    winner = {
        "width": 13, "filters": 128, "conv_layers": 3, "dense_layers": 1, "conv_dropout": 0.15, "dense_dropout": 0.0, "dense_units": 64,
    }  # fmt: skip
    assert all(winner[name] in choices for name, choices in CUPERUS.items())
    raw = {"data": {"table": "t.csv"}, "task": "value", "search": {"preset": "cuperus_utr"}}
    asked = check_experiment(raw)
    assert asked.search is not None
    from strandloom.models.build import build, parameter_count

    model = made(asked, asked.search, winner).model
    alone = check_experiment({"data": {"table": "t"}, "model": cuperus_model(winner)}).model
    assert model == alone
    assert parameter_count(build(model, channels=4, length=50, outputs=1)).trainable == pytest.approx(
        908_000, rel=0.001
    )


def test_folders(table: Path, tmp_path: Path) -> None:
    search_experiment(experiment(table, trials=1), out=tmp_path / "S", retrain=False)
    with pytest.raises(OutputError, match="holds a search already"):
        search_experiment(experiment(table, trials=1), out=tmp_path / "S")
    with pytest.raises(OutputError, match="a search of other settings"):
        search_experiment(experiment(table, seed=7), out=tmp_path / "S", resume=True)
    (tmp_path / "T").mkdir()
    (tmp_path / "T" / "x").touch()
    with pytest.raises(OutputError, match="holds no search"):
        search_experiment(experiment(table), out=tmp_path / "T", resume=True)
    with pytest.raises(SettingsError, match="no `search` section"):
        search_experiment(experiment(table).model_copy(update={"search": None}), out=tmp_path / "U")
