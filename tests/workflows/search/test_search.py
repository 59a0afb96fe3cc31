"""A search: trials on validation only, a journal that is shared and resumed, the winner trained anew."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.errors import OutputError, SettingsError, TrainingError
from strandloom.experiment import Experiment, check_experiment, to_yaml
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
    trial.set_user_attr("process", [socket.gethostname(), 2**22 + 1, "1"])
    chosen = draw(asked.search, trial)
    again = Trials(tmp_path / "S", asked.search, lower=True)
    trainer = Trainer.of(asked, resolve=Path, cache=tmp_path / "store", device="cpu", threads=1)
    first = again.next(asked, trainer)
    assert first is not None
    assert first.values == chosen
    assert again.next(asked, trainer) is not None
    assert again.next(asked, trainer) is None
    assert len(again.ended()) == 2


def test_interrupted_in_a_trial_is_the_same_search(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the third trial: its choices are tried again, and numbers and choices of the rest are those of an undisturbed search."""
    whole = search_experiment(experiment(table), out=tmp_path / "whole", retrain=False)
    train, calls = Trainer.train, []

    def interrupted(self: Trainer, *arguments: Any, **named: Any) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search_experiment(experiment(table), out=tmp_path / "S", retrain=False)
    found = search_experiment(experiment(table), out=tmp_path / "S", retrain=False, resume=True)
    assert [(x.number, x.values, x.figure) for x in found.trials] == [
        (x.number, x.values, x.figure) for x in whole.trials
    ]


def test_a_fault_is_no_interruption(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory fails the trial and the search goes on; another fault stops it, and is not tried again."""
    train, faults = Trainer.train, [RuntimeError("CUDA out of memory"), ValueError("a bug")]

    def faulty(self: Trainer, *arguments: Any, **named: Any) -> float:
        if faults:
            raise faults.pop(0)
        return train(self, *arguments, **named)

    monkeypatch.setattr(Trainer, "train", faulty)
    with pytest.raises(ValueError, match="a bug"):
        search_experiment(experiment(table, trials=4), out=tmp_path / "S", retrain=False)
    found = search_experiment(experiment(table, trials=4), out=tmp_path / "S", retrain=False, resume=True)
    assert [x.state for x in found.trials[:2]] == ["failed", "failed"]
    assert [x.reason for x in found.trials[:2]] == ["out of memory", "ValueError: a bug"]
    assert len(found.trials) == 4


def test_a_later_winner_replaces_the_earlier_one(table: Path, tmp_path: Path) -> None:
    first = search_experiment(experiment(table, trials=1), out=tmp_path / "S")
    more = search_experiment(experiment(table, trials=8, prune=False), out=tmp_path / "S2", retrain=False)
    assert first.winner is not None
    found = search_experiment(experiment(table, trials=8), out=tmp_path / "S", resume=True, seeds=2)
    assert found.winner is not None
    assert len(list((tmp_path / "S/winner/members").iterdir())) == 2
    assert more.best.figure is not None
    assert found.best.figure is not None
    assert found.best.figure <= (first.best.figure or 0)
    page = (tmp_path / "S/report.html").read_text()
    assert found.winner.verdict.split(" on ")[0] in page


def test_two_processes_share_a_search(table: Path, tmp_path: Path) -> None:
    """Both draw from one journal until there are enough trials; none is lost or doubled."""
    asked = experiment(table, trials=6)
    (tmp_path / "exp.yaml").write_text(to_yaml(asked))
    program = (
        "import sys; from pathlib import Path; from strandloom.experiment import read_experiment; "
        "from strandloom.workflows.search.search import search_experiment; "
        "search_experiment(read_experiment(sys.argv[1]), out=sys.argv[2], retrain=False, resume=True, threads=1)"
    )
    out = tmp_path / "S"
    search_experiment(
        asked.model_copy(update={"search": asked.search and asked.search.model_copy(update={"trials": 1})}),
        out=out,
        retrain=False,
    )
    command = [sys.executable, "-c", program, str(tmp_path / "exp.yaml"), str(out)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    found = search_experiment(asked, out=out, retrain=False, resume=True)
    assert [x.number for x in found.trials] == [1, 2, 3, 4, 5, 6]
    assert len({str(x.values) for x in found.trials}) >= 5


def test_bad_trials_are_stopped(table: Path, tmp_path: Path) -> None:
    space = {"training.optimizer.learning_rate": [0.05, 0.05, 0.00001]}
    found = search_experiment(
        experiment(table, space=space, sampler="random", trials=14).model_copy(
            update={"training": experiment(table).training.model_copy(update={"epochs": 4})}
        ),
        out=tmp_path / "S", retrain=False,
    )  # fmt: skip
    stopped = [x for x in found.trials if x.state == "pruned"]
    assert stopped
    assert {x.values["training.optimizer.learning_rate"] for x in stopped} == {0.00001}
    assert all(x.epochs < 4 for x in stopped)
    assert found.best.values["training.optimizer.learning_rate"] == 0.05


def test_folds_leave_no_row_to_select_on(table: Path, tmp_path: Path) -> None:
    raw = experiment(table).model_dump(mode="json")
    asked = check_experiment({**raw, "split": {"kind": "folds", "k": 4}})
    with pytest.raises(SettingsError, match="every row is a test row once"):
        search_experiment(asked, out=tmp_path / "S")
    found = search_experiment(experiment(table, trials=1), out=tmp_path / "S", retrain=False)  # nothing was tried there
    assert len(found.trials) == 1


def test_trials_count_rows_as_their_runs_do(tmp_path: Path) -> None:
    """With counts, a gaussian trial weighs rows and one of squared errors does not; both are judged on the same rows and weights."""
    generator = np.random.default_rng(2)
    rows = [
        ("".join(generator.choice(list("ACGT"), 20)), generator.normal(), int(generator.integers(1, 200)))
        for _ in range(150)
    ]
    path = tmp_path / "t.csv"
    pl.DataFrame(rows, schema=["sequence", "y", "t0"], orient="row").write_csv(path)
    raw = experiment(path, space={"training.loss": ["mse", "gaussian"]}, metric="pearson", trials=1).model_dump(
        mode="json"
    )
    raw |= {"split": {"kind": "random"}}
    raw["data"] |= {"counts": ["t0"]}
    raw["training"] |= {"loss": "mse"}
    trainer = Trainer.of(check_experiment(raw), resolve=Path, cache=tmp_path / "store", device="cpu", threads=1)
    assert trainer.train_rows.weights is not None
    assert trainer.plain_rows.weights is None
    assert trainer.validation_rows.weights is not None


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
