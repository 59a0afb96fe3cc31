"""The data section: what YAML can say and what it cannot."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from strandloom.data.settings import DataSettings, Source


def test_one_table() -> None:
    settings = DataSettings(table="a.csv", target="label")
    assert settings.sources == (Source(path="a.csv"),)
    assert settings.targets == ("label",)
    assert settings.strand == "auto"


def test_several_tables_round_trip() -> None:
    raw = {"table": ["a.csv", {"path": "b.csv", "set": {"split": "test", "label": 1}}], "exclude": {"fold": [1, 2]}}
    settings = DataSettings.model_validate(raw)
    assert settings.sources[1].set == {"split": "test", "label": 1}
    assert settings.exclude == {"fold": (1, 2)}
    assert DataSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"table": []},
        {"table": ["a.csv", "a.csv"]},
        {"table": "a.csv", "target": []},
        {"table": "a.csv", "strand": "two"},
        {"table": "a.csv", "order": "ACG"},
        {"table": "a.csv", "limit": 0},
        {"table": "a.csv", "windows": {}},
    ],
)
def test_wrong_settings(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataSettings.model_validate(raw)


def test_every_field_has_its_help() -> None:
    assert all(field.description for field in DataSettings.model_fields.values())
