"""The drawing kit."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.report.svg import Axis, Canvas, Plot, round_ticks, span


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_inside_round_and_even(low, width, number):
    high = low + width
    if not high > low:
        return
    ticks = round_ticks(low, high, number)
    slack = (high - low) * 1e-6 + 1e-9 * max(abs(low), abs(high))
    assert all(low - slack <= t <= high + slack for t in ticks)
    assert len(ticks) <= 2.6 * number + 1
    steps = [b - a for a, b in pairwise(ticks)]
    assert all(math.isclose(s, steps[0], rel_tol=1e-6, abs_tol=slack) for s in steps)


def test_ticks_of_the_unit_interval():
    assert round_ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert round_ticks(3, 3) == [3]


@pytest.mark.parametrize(("values", "wanted"), [([], (0, 1)), ([None, math.nan], (0, 1)), ([2.0], (1.5, 2.5))])
def test_span_without_a_range(values, wanted):
    assert span(values) == wanted


def test_span_holds_every_value():
    low, high = span([3, None, -1, math.inf], zero=True)
    assert low < -1
    assert high > 3


def plot() -> Plot:
    return Plot("s", title="T", description="D", x=Axis(0, 10, "x"), y=Axis(0, 1, "y"))


def test_axes_map_ends_to_the_frame_and_values_between():
    p = plot()
    assert p.px(0) == p.left
    assert p.px(10) == p.right
    assert p.py(0) == p.bottom
    assert p.py(1) == p.top
    assert p.px(5) == pytest.approx((p.left + p.right) / 2)


def test_a_missing_value_breaks_a_line():
    p = plot()
    p.line([0, 1, 2, 3, 4], [0, 1, None, 1, math.nan], 0)
    assert p.canvas.parts[-2].startswith("<path")  # two points
    assert p.canvas.parts[-1].startswith("<circle")  # one alone


def test_lines_stay_inside_the_frame():
    p = plot()
    p.line([0, 10], [-5, 5], 0)
    ys = [float(x.split()[1]) for x in p.canvas.parts[-1].split('d="M')[1].split('"')[0].split("L")]
    assert ys == pytest.approx([p.bottom, p.top], abs=0.01)


def test_text_is_escaped_and_the_element_well_formed_and_named():
    draw = Canvas("a", "<b>&", '"x"')
    draw.write(0, 0, "<script>alert(1)</script>", limit=10)
    draw.box(0, 0, -3, 2, "f0", tip="<i>")
    root = ElementTree.fromstring(str(draw.svg()))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "a-t a-d"
    assert [x.tag for x in root[:2]] == ["title", "desc"]
    assert root[0].text == "<b>&"
    assert "script>" not in str(draw.svg()).replace("&lt;script&gt;", "").replace("script&gt;", "")
