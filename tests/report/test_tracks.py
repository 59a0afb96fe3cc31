"""Rows, positions and the drawing that holds tracks."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.report.svg import Canvas
from strandloom.report.tracks import Head, Positions, Row, aligned, position_number, position_words, row_spans


@given(st.integers(1, 5000), st.integers(1, 150))
def test_rows_cover_every_column_once(length, per_row):
    spans = row_spans(length, per_row)
    assert [c for start, end in spans for c in range(start, end)] == list(range(length))
    assert all(start % per_row == 0 for start, _ in spans)
    assert all(end - start <= per_row + 20 for start, end in spans)


@pytest.mark.parametrize(("length", "rows"), [(30, 1), (100, 1), (101, 1), (120, 1), (121, 2), (201, 2), (1000, 10)])
def test_a_few_bases_left_over_make_no_row_of_their_own(length, rows):
    assert len(row_spans(length)) == rows


@given(st.integers(-300, 300), st.integers(0, 600))
def test_only_a_count_from_a_landmark_has_no_zero(first, column):
    slow = [n for n in range(first, first + 1000) if n != 0 or first >= 0]
    assert position_number(column, first) == slow[column]


def test_numbers_of_the_first_exon():
    assert [position_number(c, -249) for c in (0, 248, 249)] == [-249, -1, 1]
    assert [position_number(c, 1) for c in (0, 9)] == [1, 10]
    assert position_number(0, 0) == 0
    assert position_words("distance from the TSS", -249) == "distance from the TSS (bp; no position 0)"
    assert position_words("position", 1) == "position (bp)"


def test_positions_count_from_one_or_from_a_landmark_without_a_zero():
    assert [Positions().number(c) for c in (0, 9)] == [1, 10]
    assert [Positions(-2).number(c) for c in range(4)] == [-2, -1, 1, 2]
    assert Positions().span(91, 108) == "92–108"
    assert Positions(-30).span(0, 5) == "−30 to −26"
    assert Positions().span(6, 7) == "7"


def test_positions_count_what_was_cropped():
    for zero in (1, 0, -3):
        assert [Positions(zero, 2).number(c) for c in range(4)] == [Positions(zero).number(c) for c in range(2, 6)]


@pytest.mark.parametrize("length", [1, 4, 12, 30, 100, 120])
@pytest.mark.parametrize("counted", [Positions(), Positions(-1), Positions(-9), Positions(-60, 5)])
def test_numbers_of_positions_do_not_overlap(length, counted):
    draw = Canvas("a", "t", "d", 1100, 100)
    column = min(22.0, 970 / max(length, 40))
    counted.draw(draw, Row(0, length, 46, column), 0)
    root = ElementTree.fromstring(str(draw.svg()))
    at = [float(x.attrib["x"]) for x in root if x.tag == "text"]
    assert at
    assert all(b - a >= 24 for a, b in pairwise(at))
    words = [x.text for x in root if x.tag == "text"]
    assert "0" not in words
    landmark = -counted.zero - counted.before
    assert ("+1" in words) == (counted.zero < 0 and landmark < length)


def test_the_drawing_is_as_tall_as_its_rows():
    one, two = (
        ElementTree.fromstring(str(aligned("a", [Head("x"), Positions()], title="t", description="d", length=n)))
        for n in (100, 200)
    )
    heights = [float(x.attrib["viewBox"].split()[3]) for x in (one, two)]
    assert heights[1] == heights[0] + 20 + 14  # the second row has no words over it
    kept = str(aligned("a", [Positions()], title="t", description="d", length=300, rows=(2,)))
    assert ">210<" in kept
    assert ">110<" not in kept
