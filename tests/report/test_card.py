"""The model card."""

from __future__ import annotations

import re

import pytest

from strandloom.report.card import card
from strandloom.report.inputs import ReportInputs

NB = "\N{NO-BREAK SPACE}"
LEVELS = [(0.95, f"95{NB}%"), (0.9, f"90{NB}%"), (0.999, f"99.9{NB}%"), (0.55, f"55{NB}%")]


def test_a_full_card(make_inputs):
    text = card(make_inputs(), bundle="runs/promoters/bundle", intended_use="Screening.", limits=("Human only.",))
    for words in (
        "# human-promoters-300",
        "> The network separates promoter from background",
        "## What it predicts",
        "One of 2 classes: background, promoter.",
        "a window of 300 bases",
        "## Intended use and limits",
        "Screening.",
        "- Human only.",
        "| **network** | 0.710 (0.691–0.729)",
        "| 6-mer logistic regression |",
        "*ceiling of these data*",
        "Expected calibration error",
        "Abstains below a confidence of 0.830",
        "SHA-256",
        "strandloom predict runs/promoters/bundle",
        'strandloom.load("runs/promoters/bundle")',
        "42,600 train",
    ):
        assert words in text, words
    assert text.endswith("\n")
    assert "nan" not in text.lower().split()


def test_many_classes_are_cut_short(make_inputs):
    text = card(make_inputs(tuple(f"s{i}" for i in range(60))))
    assert "and 40 more." in text


def test_a_bare_card():
    text = card(ReportInputs("bare"))
    assert "Not evaluated." in text
    assert "Not measured." in text
    assert "Not recorded." in text


@pytest.mark.parametrize("evil", ["<script>x</script>", "a|b", "[x](javascript:1)", "line\n# heading", "`x`"])
def test_foreign_text_stays_text(make_inputs, evil):
    text = card(make_inputs(("good", evil), name=evil, description=evil))
    assert "<script" not in text
    assert "\n# heading" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    for line in text.splitlines():
        if line.startswith("|"):
            assert (
                line.count("|") - line.count("\\|") == line.count("| ") + (0 if line.endswith("| ") else 1)
                or "---" in line
            )


def test_unreachable_error_is_said(make_inputs, make_evaluation):
    stored = make_evaluation()
    stored["abstention"] = {"target_error": 0.05, "reachable": False, "threshold": None}
    assert "could not be promised" in card(make_inputs(evaluation=stored))


def test_a_blended_model_is_not_called_the_network(make_inputs, make_evaluation, blend):
    text = card(make_inputs(evaluation=blend(make_evaluation())))
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    assert rows[2:4] == ["**model**", "The network alone"]


@pytest.mark.parametrize(("interval", "words"), LEVELS)
def test_the_interval_that_was_set_is_the_one_named(make_inputs, make_evaluation, interval, words):
    text = card(make_inputs(evaluation={**make_evaluation(), "interval": interval}))
    assert f"in brackets {words} intervals" in text
    assert words == f"95{NB}%" or f"95{NB}%" not in text
    assert f"in brackets 95{NB}% intervals" in card(make_inputs())  # of a file without the key
