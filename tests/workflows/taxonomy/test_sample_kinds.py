"""What people call their samples."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.workflows.taxonomy.sample_kinds import SAMPLE_KINDS, named_like_controls, sample_kinds

WORDS = {
    "sample": (
        "", "NA", "not applicable", "sample", "Sample", "field sample", "environmental sample", "water", "Seawater", "eDNA", "sediment_2",
        "biological",
    ),
    "blank": (
        "blank", "field blank", "field_blank", "FieldBlank", "extraction_blank", "extraction-blank-2", "pcr_blank", "NTC", "NTC1", "ntc",
        "no template control", "no_template", "negative control", "Negative", "neg", "neg. control", "negCtrl", "PCR neg", "NC",
        "extraction control", "filtration control", "blank sample", "control negativo", "EB",
    ),
    "positive": ("positive", "positive control", "Positive_Control_3", "pos", "posCtrl", "PC", "PCR standard", "PCR positive"),
    "mock": ("mock", "Mock community", "mock_positive", "zymoMock", "ZymoBIOMICS community standard"),
    "unknown": ("control", "control sample", "Control-1", "other", "treatment A", "negative or positive", "?!x"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in WORDS.items() for text in texts])
def test_words(kind: str, text: str) -> None:
    assert sample_kinds(pl.Series([text])).to_list() == [kind]


def test_a_column_keeps_its_order() -> None:
    assert set(WORDS) == set(SAMPLE_KINDS)
    rows = [(kind, text) for kind, texts in WORDS.items() for text in texts] * 2
    rows = rows[1::3] + rows[::2]
    found = sample_kinds(pl.Series("sample_type", [text for _, text in rows]))
    assert found.name == "kind"
    assert found.to_list() == [kind for kind, _ in rows]
    assert sample_kinds(pl.Series([None, "blank", None], dtype=pl.String)).to_list() == ["sample", "blank", "sample"]


def test_names_of_controls() -> None:
    names = {
        "Blank-3": True,
        "site1_blank": True,
        "NTC_1": True,
        "S1_NTC": True,
        "mock_2": True,
        "PosCtrl": True,
        "NC-1": False,
    }
    names |= {"e0335": False, "Positano": False, "Antcontrol": False, "S1": False}
    assert named_like_controls(pl.Series(list(names))).to_list() == list(names.values())
