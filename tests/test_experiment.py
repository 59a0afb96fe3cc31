"""The experiment file: what it takes, and how it says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from strandloom.errors import SettingsError
from strandloom.experiment import check_experiment, json_schema, read_experiment, to_yaml

ROOT = Path(__file__).resolve().parents[1]
GOOD = "name: test\ndata:\n  table: a.tsv\n  target: label\ntraining:\n  epochs: 3\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "exp.yaml"
    path.write_text(text)
    return path


def test_defaults_are_filled_in_and_survive_yaml(tmp_path: Path) -> None:
    read = read_experiment(write(tmp_path, GOOD))
    assert read.training.epochs == 3
    assert read.model.kind == "residual"
    assert check_experiment(yaml.safe_load(to_yaml(read))) == read


def test_overrides_replace_and_add(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    read = read_experiment(
        path, ["training.epochs=7", "model.kind=multiscale", "training.optimizer.learning_rate=1e-4"]
    )
    assert read.training.epochs == 7
    assert read.model.kind == "multiscale"
    assert read.training.optimizer.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (GOOD + "  epoch: 3\n", "unknown setting `training.epoch`\nhint: did you mean `epochs`?", 7),
        (GOOD + "modle:\n  kind: residual\n", "unknown setting `modle`\nhint: did you mean `model`?", 7),
        (
            GOOD + "model:\n  kind: residaul\n",
            "`model.kind` is `residaul`, which is not known\nhint: did you mean `residual`?",
            7,
        ),
        (
            GOOD + "model:\n  kind: residual\n  filtres: 3\n",
            "unknown setting `model.filtres`\nhint: did you mean `filters`?",
            9,
        ),
        (GOOD + "split:\n  kind: folds\n  k: ten\n", "`split.k`: input should be a valid integer", 9),
        (GOOD + "split:\n  column: x\n", "`split` needs `kind`", 7),
        (GOOD.replace("epochs: 3", "epochs: -3"), "`training.epochs`: input should be greater than", 6),
        (GOOD.replace("label\n", "label\n  strand: bth\n"), "`data.strand`: input should be", 5),
        (GOOD + "task: class\n", "`task`: input should be 'classes'", 7),
        ("name: x\n", "the setting `data` is missing", 1),
        (GOOD + "name: again\n", "the key `name` stands twice", 7),
        (GOOD + "task: !!python/object/apply:os.system [echo]\n", "tries to name code", 7),
        ("data: [", "not valid YAML", 1),
        ("- a\n", "an experiment file is a mapping", None),
        ("", "an experiment file is a mapping", None),
        (GOOD.replace("epochs: 3", "epochs: .nan"), "`training.epochs`", 6),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str, line: int | None) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_experiment(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    if line is not None:
        assert f"{path}:{line}" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("override", ["training.epochs", "=3", "name.x=3", "training.epochs=[", "training.nope=1"])
def test_wrong_overrides(tmp_path: Path, override: str) -> None:
    with pytest.raises(SettingsError):
        read_experiment(write(tmp_path, GOOD), [override])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such experiment file"):
        read_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_examples_are_valid(path: Path) -> None:
    assert read_experiment(path).task == "classes"


def test_schema_in_the_documentation_is_current() -> None:
    stored = json.loads((ROOT / "docs" / "experiment.schema.json").read_text())
    assert stored == json.loads(json.dumps(json_schema())), "run: python docs/make_schema.py"


def test_every_setting_has_help() -> None:
    schema = json_schema()
    for name, group in {"Experiment": schema, **schema["$defs"]}.items():
        for field, about in group.get("properties", {}).items():
            assert about.get("description") or field == "kind", f"{name}.{field} has no docstring"
