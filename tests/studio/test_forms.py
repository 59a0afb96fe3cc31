"""Forms out of typed settings, and settings as they would be written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from strandloom.data.settings import DataSettings
from strandloom.errors import UsageError
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.experiment import check_experiment
from strandloom.studio import suggest
from strandloom.studio.builder import PRESETS
from strandloom.studio.forms import compact, entries, get, parsed, put, shown
from strandloom.studio.progress import Curve
from strandloom.training.settings import TrainingSettings


@pytest.mark.parametrize("kind", [TrainingSettings, EvaluationSettings, DataSettings])
def test_every_setting_has_a_field_with_help(kind: Any) -> None:
    found = entries(kind, ("x",))
    assert {x.path[1] for x in found} == set(kind.model_fields)
    assert all(x.help for x in found), [x.path for x in found if not x.help]


def test_kinds_of_fields() -> None:
    found = {x.path[-1]: x for x in entries(TrainingSettings, ("training",))}
    assert found["class_weights"].kind == "choice"
    assert found["class_weights"].options == ("none", "balanced")
    assert found["epochs"].kind == "text"
    assert found["schedule"].kind == "kinds"
    assert found["learning_rate"].path == ("training", "optimizer", "learning_rate")


@pytest.mark.parametrize("name", PRESETS)
def test_a_compact_experiment_is_the_same_experiment(name: str) -> None:
    experiment = check_experiment(
        {
            "name": "x", "data": {"table": "t.csv", "target": "y", "window": {"length": 50}}, "model": PRESETS[name],
            "split": {"kind": "condition", "test": [{"column": "t0", "op": ">", "value": 3}]},
            "training": {"schedule": {"kind": "plateau"}, "augmentation": {"shift": 0}},
        }
    )  # fmt: skip
    raw = compact(experiment)
    assert check_experiment(raw) == experiment
    assert raw["split"] == {"kind": "condition", "test": [{"column": "t0", "op": ">", "value": 3}]}
    assert "evaluation" not in raw


def test_values_go_in_and_out() -> None:
    raw: dict[str, Any] = {}
    put(raw, ("training", "optimizer", "learning_rate"), 0.1)
    assert get(raw, ("training", "optimizer", "learning_rate")) == 0.1
    put(raw, ("training", "optimizer", "learning_rate"), None)
    assert raw == {}
    put(raw, ("a", "b"), None)
    assert raw == {}
    assert parsed(shown([1, 2, {"a": None}])) == [1, 2, {"a": None}]
    assert shown("auto") == "auto"
    assert shown(None) == ""
    with pytest.raises(UsageError):
        parsed("[1, ")


def curve(train: list[float], validation: list[float]) -> Curve:
    lines = [
        {"epoch": i + 1, "train_loss": a, "validation_loss": b, "validation": {}, "seconds": 1.0}
        for i, (a, b) in enumerate(zip(train, validation, strict=True))
    ]
    return Curve("", lines)


def test_what_curves_say() -> None:
    assert "last epoch is the best" in suggest.about_curves([curve([3, 2, 1], [3, 2, 1])], planned=3)[0]
    assert suggest.about_curves([curve([3, 2, 1], [3, 2, 1])], planned=9) == []
    learned = suggest.about_curves([curve([4, 2, 1, 0.5, 0.2, 0.1], [4, 3, 3.5, 4, 5, 6])], planned=6)
    assert "by heart" in learned[0]
    assert "epoch 2 is kept" in learned[0]
    assert "jumps" in suggest.about_curves([curve([1, 9, 1, 1], [1, 1, 1, 1])], planned=9)[-1]
