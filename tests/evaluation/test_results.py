"""The file of an evaluation: exact keys, NaN as null, there and back."""

import json

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.evaluation.results import Comparison, DistanceBin, Evaluation, Interval

KEYS = {
    "format", "task", "classes", "rows", "part", "primary", "interval", "model", "baselines", "comparisons", "per_target",
    "confusion", "per_class", "curves", "calibration", "abstention", "by_distance", "baseline_facts", "seeds",
    "ceiling", "warnings", "values", "labels",
}  # fmt: skip
NAN = float("nan")


def example():
    return Evaluation(
        task="classes",
        classes=("a", "b"),
        rows=3,
        part="test",
        primary="matthews_corrcoef",
        model={"accuracy": Interval(0.5, NAN, 0.7)},
        baselines={"majority": {"accuracy": Interval(0.4, 0.3, 0.5)}},
        comparisons={"majority": {"accuracy": Comparison("accuracy", Interval(0.1, -0.1, 0.2), 0.4, "better")}},
        per_target={"t": {"r2": Interval(0.1, 0.0, 0.2)}},
        confusion=[[1, 0], [1, 1]],
        per_class={"a": {"n": 1.0, "recall": NAN}},
        curves={"roc": {"b": {"x": [0.0], "y": np.array([NAN])}}},
        calibration={"ece": Interval(0.1, 0.0, 0.2)},
        by_distance=(DistanceBin(0.0, 0.2, 0, NAN, NAN),),
        warnings=("few rows",),
    )


def test_the_layout_has_exactly_these_keys_and_plain_json():
    stored = example().to_json()
    assert set(stored) == KEYS
    text = json.dumps(stored, allow_nan=False)
    assert stored["model"]["accuracy"] == {"value": 0.5, "low": None, "high": 0.7}
    assert stored["curves"]["roc"]["b"]["y"] == [None]
    assert json.dumps(Evaluation.from_json(json.loads(text)).to_json()) == text


def test_the_interval_is_kept_and_an_old_file_has_the_usual_one():
    stored = {**example().to_json(), "interval": 0.9}
    assert Evaluation.from_json(stored).interval == 0.9
    del stored["interval"]
    assert Evaluation.from_json(stored).interval == 0.95


def test_typed_parts_come_back_typed():
    back = Evaluation.from_json(json.loads(json.dumps(example().to_json())))
    assert np.isnan(back.model["accuracy"].low)
    assert back.comparisons["majority"]["accuracy"].verdict == "better"
    assert isinstance(back.by_distance[0], DistanceBin)
    assert np.isnan(back.per_class["a"]["recall"])


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({}, "no format number"),
        ([], "no format number"),
        ({"format": 2}, "has format 2"),
        ({"format": 1}, "incomplete"),
        ({**example().to_json(), "model": 3}, "damaged"),
        ({**example().to_json(), "interval": "wide"}, "damaged"),
        ({**example().to_json(), "interval": None}, "damaged"),
        ({**example().to_json(), "model": {"accuracy": {"value": 1}}}, "damaged"),
    ],
)
def test_a_wrong_file_is_one_clear_error(stored, message):
    with pytest.raises(InputError, match=message):
        Evaluation.from_json(stored, where="evaluation.json")
