"""Data facts and leakage report as the data floor makes them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.leakage import leakage
from strandloom.data.split.core import TEST, TRAIN, Split
from strandloom.data.targets import classes_target
from strandloom.data.window import Window
from strandloom.io.records import LetterCounts
from strandloom.report import datasheet
from strandloom.report.cautions import near_twin_fraction
from strandloom.report.inputs import ReportInputs, as_mapping
from strandloom.report.report import render


@pytest.fixture
def dataset():
    generator = np.random.default_rng(5)
    codes = generator.integers(0, 4, (200, 80)).astype(np.uint8)
    codes[150:160] = codes[:10]  # exact copies across the split below
    codes[160:165] = DNA.reverse_complement(codes[10:15])
    labels = pl.Series("label", ["promoter" if i % 2 else "<background>" for i in range(200)])
    return Dataset(
        codes=codes,
        lengths=np.full(200, 80, np.int32),
        ids=pl.Series("id", [f"r{i}" for i in range(200)]),
        columns=pl.DataFrame({"label": labels}),
        target=classes_target(labels, path="x.tsv"),
        weights=None,
        window=Window(80, "left"),
        letters=LetterCounts(rows=200, bases=16_000),
        source=("x.tsv",),
    )


@pytest.fixture
def split():
    return Split(np.where(np.arange(200) < 150, TRAIN, TEST).astype(np.uint8), "by row number")


def test_facts_are_told(dataset):
    pairs = dict(datasheet.facts(as_mapping(facts(dataset))))
    assert pairs["Sequences"] == "200"
    assert pairs["Length"] == "80 bases, all alike"
    assert pairs["Letters"] == "16,000 letters, all A, C, G or T"
    assert pairs["Exact copies of an earlier row"].startswith("10 rows")
    assert pairs["Reverse complements of another row"].startswith("10 rows")
    assert "median" in pairs["GC content"]
    table = datasheet.class_table(as_mapping(facts(dataset)))
    assert table is not None
    assert [r[0].text for r in table.rows] == ["<background>", "promoter"]
    assert [r[1].text for r in table.rows] == ["100", "100"]


def test_leakage_is_told(dataset, split):
    found = as_mapping(leakage(dataset, split))
    assert near_twin_fraction(found) == pytest.approx(15 / 50)
    table = datasheet.leakage_table(found)
    assert table is not None
    assert [c.text for c in table.rows[0][:6]] == ["test against training", "50", "10", "5", "0", "15"]
    examples = datasheet.twins_table(found)
    assert examples is not None
    assert examples.rows[0][0].text.startswith("r15")
    assert "mers" in datasheet.leakage_notes(found)[0]


def test_they_render(dataset, split):
    html = render(ReportInputs("x", facts=facts(dataset), leakage=leakage(dataset, split)))
    assert "Strong leakage" in html
    assert "&lt;background&gt;" in html
    assert 'id="gc-t"' in html


@pytest.mark.parametrize(
    "nothing", [{}, {"classes": None, "pairs": None}, {"length_histogram": {"edges": [1], "counts": []}}]
)
def test_nothing_gives_nothing(nothing):
    assert datasheet.facts({}) == ()
    assert datasheet.class_table(nothing) is None
    assert datasheet.leakage_table(nothing) is None
    assert datasheet.twins_table(nothing) is None
    assert datasheet.drawings(nothing) == (None, None)
