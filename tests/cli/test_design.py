"""``design``, ``search`` and ``train TABLE`` at the command line."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from tiny_runs import strandloom

from strandloom.cli.design import read_goal
from strandloom.errors import UsageError

SEARCH = """\
search:
  trials: 2
  space: {training.optimizer.learning_rate: [0.001, 0.01]}
"""
QUICK = ("--set", "training.epochs=2", "--set", "evaluation.resamples=0", "--set", "model={kind: multiscale, filters: 4, dense: [4]}",
         "--set", "data.strand=one", "--set", "training.augmentation.shift=0", "--set", "split={kind: random}")  # fmt: skip


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``growth.csv``, trained by the table alone: ``run/``."""
    folder = tmp_path_factory.mktemp("values")
    draw = random.Random(3)
    lines = ["id,sequence,growth"]
    for i in range(150):
        bases = "".join(draw.choice("ACGT") for _ in range(20))
        lines.append(f"u{i},{bases},{bases.count('A') + draw.gauss(0, 0.3):.3f}")
    (folder / "growth.csv").write_text("\n".join(lines) + "\n")
    done = strandloom("train", folder / "growth.csv", "--out", folder / "run", *QUICK).good()
    assert "target: growth (values from" in done.err
    return folder


def test_from_a_table_to_designs_in_two_commands(values: Path, tmp_path: Path) -> None:
    done = strandloom("design", values / "run/bundle", "--random", 3, "--rounds", 3, "--out", tmp_path / "D").good()
    assert "3 designs of 3 starts" in done.out
    assert len(pl.read_csv(tmp_path / "D/designs.tsv", separator="\t")) == 3


def test_options_change_the_file(values: Path, tmp_path: Path) -> None:
    (tmp_path / "design.yaml").write_text("method: beam\nrules: {start_codons: forbid}\ntrust: {measured: false}\n")
    strandloom(
        "design", values / "run/bundle", "--random", 2, "--out", tmp_path / "D", "--settings", tmp_path / "design.yaml", "--rounds", 2,
        "--goal", "min", "--trust", "--set", "rules.longest_run=3",
    ).good()  # fmt: skip
    import json

    used = json.loads((tmp_path / "D/design.json").read_text())["settings"]
    assert (used["method"], used["rounds"], used["goals"][0]["aim"]) == ("beam", 2, "min")
    assert used["trust"]["limit"] is True
    assert used["trust"]["measured"] is False
    assert (used["rules"]["longest_run"], used["rules"]["start_codons"]) == (3, "forbid")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("max", {"aim": "max"}), ("-0.5", {"aim": -0.5}), ("leaf=min", {"output": "leaf", "aim": "min"}),
        ("leaf=2*0.5", {"output": "leaf", "aim": 2.0, "weight": 0.5}),
    ],
)  # fmt: skip
def test_goals(text: str, found: dict[str, object]) -> None:
    assert read_goal(text) == found


@pytest.mark.parametrize("text", ["", "most", "leaf=", "max*x"])
def test_goals_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no goal"):
        read_goal(text)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "there is nothing to begin from"),
        (("--random", 2, "--set", "rules.colour=1"), 2, "unknown setting `rules.colour`"),
        (("--random", 2, "--set", "rules.forbid=[QQQ]"), 2, "neither a motif in IUPAC codes nor an enzyme"),
        (("--random", 2, "--set", "rules.require=[GAATTC]", "--set", "rules.forbid=[EcoRI]"), 2, "GAATTC is required and contains GAATTC"),
        (("--random", 2, "--goal", "load=max"), 2, "the model has no output `load`"),
        (("--random", 2, "--settings", "nowhere.yaml"), 2, "no such design file"),
        (("--starts", "nowhere.fa"), 1, "nowhere.fa"),
    ],
)  # fmt: skip
def test_mistakes(values: Path, tmp_path: Path, arguments: tuple[object, ...], code: int, words: str) -> None:
    strandloom("design", values / "run/bundle", "--out", tmp_path / "D", *arguments).fails(code, words)
    assert not (tmp_path / "D").exists()


def test_search(place: Path) -> None:
    text = (place / "exp.yaml").read_text()
    (place / "exp.yaml").write_text(text + SEARCH)
    done = strandloom("search", "exp.yaml", "--out", "S").good()
    assert "2 trials" in done.out or "best of 2" in done.out
    assert "choices" in done.err
    assert (place / "S/winner/bundle").is_dir()
    assert len(pl.read_csv(place / "S/trials.tsv", separator="\t")) == 2
    strandloom("search", "exp.yaml", "--out", "S").fails(1, "holds a search already", "--resume")
    trained = strandloom("train", "exp.yaml", "--out", "run").good()
    assert "search: is for `strandloom search`" in trained.err


def test_an_experiment_file_names_its_target(place: Path) -> None:
    strandloom("train", "exp.yaml", "--out", "run", "--target", "label").fails(2, "an experiment file names its target")


def test_the_example_of_rules_is_valid() -> None:
    from strandloom.cli.design import read_design

    path = Path(__file__).parents[2] / "examples" / "yeast-utr-design.yaml"
    assert read_design(path, overrides=[], given={}).rules.apart == 5
