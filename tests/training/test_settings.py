from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from strandloom.training.settings import PlateauSettings, TrainingSettings


def test_every_field_says_what_it_is() -> None:
    schema = TrainingSettings.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    missing = [
        f"{model['title']}.{name}"
        for model in models
        for name, field in model["properties"].items()
        if name != "kind" and "description" not in field
    ]
    assert missing == []


def test_unions_and_bounds() -> None:
    settings = TrainingSettings.model_validate({"schedule": {"kind": "plateau", "patience": 3}})
    assert settings.schedule == PlateauSettings(patience=3)
    for wrong in ({"epochs": 0}, {"batch_size": 1}, {"schedule": {"kind": "step"}}, {"learning_rate": 1}):
        with pytest.raises(ValidationError):
            TrainingSettings.model_validate(wrong)


def test_auto_follows_the_rows() -> None:
    settings = TrainingSettings()
    assert [settings.epochs_for(n) for n in (100, 12_500, 30_000, 10**6)] == [20, 14, 6, 5]
    assert [settings.batch_for(n) for n in (100, 7_999, 8_000)] == [64, 64, 128]
    assert TrainingSettings(epochs=3, batch_size=10).epochs_for(100) == 3
    assert TrainingSettings(epochs=3, batch_size=10).batch_for(100) == 10


def test_undecided_shift_is_none() -> None:
    assert TrainingSettings().shift == 0
    assert TrainingSettings.model_validate({"augmentation": {"shift": 5}}).shift == 5


def test_importing_the_settings_leaves_torch_alone() -> None:
    code = "import sys, strandloom.training.settings; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode
        == 0
    )
