"""The experiment file: what it takes, and how it says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from strandloom.errors import SettingsError
from strandloom.experiment import check_experiment, json_schema, read_experiment, to_yaml
from strandloom.models.settings import ResidualSettings

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
        (GOOD + "split:\n  kind: folds\n  k: ten\n", "`split.k`: input should be a whole number ≥ 2 (given: 'ten')", 9),
        (GOOD + "split:\n  column: x\n", "`split` needs `kind`\nhint: one of: random, stratified, column, ", 7),
        (GOOD.replace("epochs: 3", "epochs: -3"), "`training.epochs`: input should be a whole number ≥ 1 or 'auto'", 6),
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


MULTISCALE = GOOD + "model:\n  kind: multiscale\n"
FILTERS = "a whole number from 1 to 16384"
EITHER = f"input should be {FILTERS}, 'auto' or a list of whole numbers from 1 to 16384"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (MULTISCALE + "  filters: [64, 0, 8, 8]\n", f"`model.filters.1`: input should be {FILTERS} (given: 0)\n", 9),
        (
            MULTISCALE + "  filters:\n  - 64\n  - x\n",
            f"`model.filters.1`: input should be {FILTERS} (given: 'x')\n",
            11,
        ),
        (MULTISCALE + "  filters: 0\n", f"`model.filters`: {EITHER} (given: 0)\nhint: Filters of", 9),
        (MULTISCALE + "  filters: many\n", f"`model.filters`: {EITHER} (given: 'many')\nhint: Filters of", 9),
        (MULTISCALE + "  filters: atuo\n", f"`model.filters`: {EITHER} (given: 'atuo')\nhint: did you mean `auto`?", 9),
        (MULTISCALE + "  filters: {a: 1}\n", f"`model.filters`: {EITHER}\n", 9),
        (
            GOOD + "evaluation:\n  baselines: [all, majority]\n",
            "`evaluation.baselines.0`: input should be 'majority', 'composition', ",
            8,
        ),
        (
            GOOD.replace("a.tsv", "[3]"),
            "`data.table.0`: input should be text or a mapping of settings (given: 3)",
            3,
        ),
        (
            GOOD.replace("a.tsv", "[{path: 3}]"),
            "`data.table.0.path`: input should be text (given: 3)\nhint: The file (",
            3,
        ),
        (GOOD.replace("a.tsv", "[{pth: a}]"), "unknown setting `data.table.0.pth`\nhint: did you mean `path`?", 3),
        (
            GOOD.replace("label", "label\n  filter: {a: [1, [2]]}"),
            "`data.filter.a.1`: input should be text, a whole number, a number, true or false\n",
            5,
        ),
    ],
)
def test_a_setting_of_several_types(tmp_path: Path, text: str, message: str, line: int) -> None:
    """The element that is wrong, or all that is allowed where the whole value is; never a type of Python."""
    with pytest.raises(SettingsError) as caught:
        read_experiment(write(tmp_path, text))
    assert f"exp.yaml:{line}: {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model:\n  kind: multiscale\n  filters: [1, 2]\n", "`model`: filters: 2 numbers for 4 widths"),
        ("split:\n  kind: random\n  test: 0.95\n", "`split`: validation + test must be below 1, not 1.05"),
        (
            "split: {kind: condition, test: [{column: a, op: ==, value: [1]}]}\n",
            "`split.test.0`: a list of values goes with op: in, and only with it",
        ),
    ],
)
def test_settings_that_do_not_go_together(tmp_path: Path, text: str, message: str) -> None:
    """The group as the file names it, and no hint: the help of a whole group explains nothing here."""
    path = write(tmp_path, GOOD + text)
    with pytest.raises(SettingsError) as caught:
        read_experiment(path)
    assert str(caught.value) == f"{path}:7: {message}"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"split": {"kind": "column", "column": "x", "train": [[1]]}},
            "`split.train.0`: input should be text\nhint: Val",
        ),
        ({"training": {"optimizer": {"betas": [0.9]}}}, "the setting `training.optimizer.betas.1` is missing"),
        ({"training": {"optimizer": {"betas": 1}}}, "`training.optimizer.betas`: input should be a list of 2 numbers"),
        ({"training": {"optimizer": {"momentum": 1}}}, "input should be a number ≥ 0 and < 1 (given: 1)"),
        ({"training": {"optimizer": {"kind": "adamw", "adamw": 1}}}, "unknown setting `training.optimizer.adamw`"),
        (
            {"model": {"kind": "residual", "stem_widths": []}},
            "`model.stem_widths`: input should be a list of 1 or more whole numbers from 1 to 1001\n",
        ),
        ({"model": 3}, "`model`: input should be a mapping of settings (given: 3)"),
        (
            {
                "model": {
                    "kind": "layers",
                    "blocks": [{"block": "residual", "blocks": [{"block": "dense", "units": 0}]}],
                }
            },
            f"`model.blocks.0.blocks.0.units`: input should be {FILTERS} (given: 0)\nhint: Number of units.",
        ),
        (
            {"model": {"kind": "layers", "blocks": [{"units": 3}]}},
            "`model.blocks.0` needs `block`\nhint: one of: conv, pad, pool, ",
        ),
        (
            {"data": {"table": "a", "filter": {2020: 1}}},
            "`data.filter.2020`: the name 2020 is not text\nhint: put it in",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(raw: dict[str, Any], message: str) -> None:
    """The place as the file has it, and what is allowed there in the words of a YAML file."""
    with pytest.raises(SettingsError) as caught:
        check_experiment({"data": {"table": "a"}, **raw})
    assert message in str(caught.value)


def test_no_settings_at_all() -> None:
    with pytest.raises(SettingsError) as caught:
        check_experiment(None)  # type: ignore[arg-type]
    assert str(caught.value) == "experiment: input should be a mapping of settings (given: None)"


def test_overrides_inside_lists_and_empty_sections(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "model:\n  kind: residual\n  stem_widths: [7, 9]\nevaluation:\n")
    read = read_experiment(path, ["model.stem_widths.1=11", "evaluation.resamples=5"])
    assert isinstance(read.model, ResidualSettings)
    assert read.model.stem_widths == (7, 11)
    assert read.evaluation.resamples == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "`--set training.epochs` is not of the form a.b=value"),
        ("=3", "`--set =3` is not of the form a.b=value"),
        ("training.epochs=[", "the value of `--set training.epochs=[` is not valid YAML"),
        ("training.nope=1", "unknown setting `training.nope`"),
        (
            "name.x=3",
            "`--set name.x=3`: `name` is a single value, with no `x` in it\nhint: set the whole of it: --set name=V",
        ),
        ("training.epochs.x.y=3", "`training.epochs` is a single value, with no `x` in it"),
        ("model.stem_widths.0.x=3", "`model.stem_widths.0` is a single value, with no `x` in it"),
        ("model.stem_widths.0.x.y=3", "`model.stem_widths.0` is a single value, with no `x` in it"),
        ("model.stem_widths.2=3", "`2` is not an index from 0 to 1"),
        ("model.stem_widths.x.y=3", "`x` is not an index from 0 to 1"),
        ("model.stem_widths.²=3", "`²` is not an index from 0 to 1"),
        ("model.dilations.0=3", "`0` is no index of an empty list"),
    ],
)
def test_wrong_overrides(tmp_path: Path, override: str, message: str) -> None:
    path = write(tmp_path, GOOD + "model:\n  kind: residual\n  stem_widths: [7, 9]\n  dilations: []\n")
    with pytest.raises(SettingsError) as caught:
        read_experiment(path, [override])
    assert message in str(caught.value)
    assert "--set" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such experiment file"):
        read_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "path",
    sorted(x for x in (ROOT / "examples").glob("*.yaml") if not x.stem.endswith("-design")),
    ids=lambda p: p.stem,
)
def test_examples_are_valid(path: Path) -> None:
    assert read_experiment(path).task in ("classes", "labels", "value")


def test_schema_in_the_documentation_is_current() -> None:
    stored = json.loads((ROOT / "docs" / "experiment.schema.json").read_text())
    assert stored == json.loads(json.dumps(json_schema())), "run: python docs/make_schema.py"


def test_every_setting_has_help() -> None:
    schema = json_schema()
    for name, group in {"Experiment": schema, **schema["$defs"]}.items():
        for field, about in group.get("properties", {}).items():
            assert about.get("description") or field == "kind", f"{name}.{field} has no docstring"
