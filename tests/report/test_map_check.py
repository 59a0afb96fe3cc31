"""Cautions and key numbers of the check of a map."""

from __future__ import annotations

import pytest

from strandloom.explain.attribution import Check
from strandloom.explain.check import DOUBTFUL, GAP, GOOD, SILENT, WIDE_GAP, agreement_words, gap_words
from strandloom.report.map_check import check_cards, check_cautions


@pytest.mark.parametrize(
    ("check", "level"),
    [
        (Check(0.03, 0.9, 50), None),
        (Check(None, None, 0), None),
        (Check(GAP, GOOD, 50), None),
        (Check(0.03, GOOD - 0.01, 50, (agreement_words(GOOD - 0.01),)), "caution"),
        (Check(0.03, DOUBTFUL, 50), "caution"),
        (Check(0.03, DOUBTFUL - 0.01, 50, (agreement_words(DOUBTFUL - 0.01),)), "serious"),
        (Check(WIDE_GAP, None, 0, (gap_words(WIDE_GAP, "deeplift"),)), "caution"),
        (Check(0.9, None, 0), "serious"),
        (Check(None, None, 0, (SILENT,)), "serious"),
        (Check(None, None, 0, ("it is rough",)), "caution"),
    ],
)
def test_the_level_follows_the_limits_of_the_check(check, level):
    assert [c.level for c in check_cautions(check, "deeplift")] == ([level] if level else [])


def test_the_most_serious_caution_comes_first():
    found = check_cautions(Check(0.9, 0.6), "deeplift", ("few rows",))
    assert [c.title for c in found] == [
        "Do not trust this picture blindly", "Read the large features, not the details", "Read with care",
    ]  # fmt: skip


def test_key_numbers():
    assert [c.value for c in check_cards(Check(0.031, 0.874, 16), "deeplift")] == ["0.87", "0.031"]
    assert [c.value for c in check_cards(Check(), "deeplift")] == ["not measured"]
    assert [c.value for c in check_cards(Check(), "mutagenesis")] == ["is it"]
