import subprocess
import sys

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from strandloom.models import settings as s

MODEL = TypeAdapter(s.ModelSettings)


def test_settings_do_not_import_torch() -> None:
    code = "import sys, strandloom.models.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["residual", "multiscale", "multiscale_tutorial", "custom"])
def test_each_kind_needs_only_its_name(kind: str) -> None:
    settings = MODEL.validate_python({"kind": kind})
    assert settings.kind == kind
    assert MODEL.validate_json(MODEL.dump_json(settings)) == settings


def test_layers_nest_and_round_trip() -> None:
    inner = [{"block": "conv", "filters": 8, "width": 3}, {"block": "activation"}]
    data = {
        "kind": "layers",
        "blocks": [{"block": "parallel", "branches": [inner, []]}, {"block": "residual", "blocks": inner}],
    }
    settings = MODEL.validate_python(data)
    assert isinstance(settings, s.LayersSettings)
    assert MODEL.validate_json(MODEL.dump_json(settings)) == settings


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "resnet"},
        {"kind": "residual", "filter": 3},
        {"kind": "residual", "dropout": 1.0},
        {"kind": "residual", "dilations": []},
        {"kind": "multiscale", "widths": []},
        {"kind": "layers", "blocks": []},
        {"kind": "layers", "blocks": [{"block": "transformer"}]},
        {"kind": "layers", "blocks": [{"block": "conv", "filters": 8, "width": 0}]},
    ],
)
def test_wrong_settings_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MODEL.validate_python(data)


def test_every_field_is_documented() -> None:
    classes = [c for c in vars(s).values() if isinstance(c, type) and issubclass(c, BaseModel)]
    assert len(classes) > 15
    for settings in classes:
        assert settings.__doc__
        for name, field in settings.model_fields.items():
            assert field.description, f"{settings.__name__}.{name}"
