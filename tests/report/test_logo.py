"""Sequence logos: heights are exact, nothing leaves the drawing, colours can be told."""

from __future__ import annotations

import re
from importlib import resources
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.pwm import information
from strandloom.report.logo import (
    LETTERS,
    Panel,
    base_heights,
    bits_track,
    frequency_logo,
    glyph,
    mini_logo,
    probability_heights,
    reach,
    signed_track,
    stack,
)
from strandloom.report.svg import Canvas
from strandloom.report.tracks import Row

CERTAIN = np.eye(4)[[0, 1, 2, 3]]


def numbers(data: str) -> list[tuple[str, list[float]]]:
    return [
        (command, [float(x) for x in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)])
        for command, rest in re.findall(r"([MlcZz])([^MlcZz]*)", data)
    ]


def outlines(data: str) -> list[list[tuple[float, float]]]:
    """Points on the outline of each closed shape, curves sampled: an own small reader of path data."""
    found: list[list[tuple[float, float]]] = []
    at = np.zeros(2)
    for command, values in numbers(data):
        if command == "z":
            continue
        points = np.array(values).reshape(-1, 2)
        if command == "M":
            at = points[0]
            found.append([tuple(at)])
        elif command == "l":
            for step in points:
                at = at + step
                found[-1].append(tuple(at))
        else:
            for a, b, c in points.reshape(-1, 3, 2):
                for t in (0.25, 0.5, 0.75, 1.0):
                    moved = 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3 * c
                    found[-1].append(tuple(at + moved))
                at = at + c
    return found


def extent(data: str) -> tuple[float, float, float, float]:
    points = np.array([p for outline in outlines(data) for p in outline])
    return (*points.min(axis=0), *points.max(axis=0))


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("flipped", [False, True])
def test_a_letter_fills_its_box_exactly(letter, flipped):
    x, y, right, bottom = extent(glyph(letter, 10, 20, 8, 50, flipped=flipped))
    assert (x, y, right, bottom) == pytest.approx((10, 20, 18, 70), abs=0.35)
    assert y == pytest.approx(20, abs=0.011)
    assert bottom == pytest.approx(70, abs=0.011)


@given(st.sampled_from(LETTERS), st.floats(0, 900), st.floats(0.5, 20), st.floats(0.5, 90))
def test_letters_scale(letter, x, width, height):
    box = extent(glyph(letter, x, 3, width, height))
    assert box[1] == pytest.approx(3, abs=0.05)
    assert box[3] == pytest.approx(3 + height, abs=0.05)
    assert x - 0.05 <= box[0]
    assert box[2] <= x + width + 0.05 * max(width, 1)


def test_a_flipped_letter_stands_on_its_head():
    upright, flipped = (outlines(glyph("T", 0, 0, 10, 10, flipped=f)) for f in (False, True))
    turned = sorted((round(x, 2), round(10 - y, 2)) for x, y in upright[0])
    assert np.allclose(turned, sorted((round(x, 2), round(y, 2)) for x, y in flipped[0]))


def test_heights_are_shares_of_the_information():
    matrix = np.array([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.9, 0.05, 0.03, 0.02]])
    heights = probability_heights(matrix)
    assert heights.sum(axis=1) == pytest.approx(information(matrix))
    assert heights[0].tolist() == pytest.approx([0.5, 0.5, 0, 0])
    assert np.allclose(heights[1], 0)


def drawn(track, columns: int, column: float = 20.0) -> tuple[dict[str, tuple[float, float, float, float]], float]:
    canvas = Canvas("a", "t", "d", 46 + columns * column, 200)
    track.draw(canvas, Row(0, columns, 46, column), 0)
    found = {}
    for part in canvas.parts:
        read = re.fullmatch(r'<path class="base-(\w)" d="([^"]*)"/>', part)
        if read:
            found[read.group(1)] = extent(read.group(2))
    return found, track.height(Row(0, columns, 46, column))


def test_a_certain_base_is_as_tall_as_the_axis_and_stands_in_its_column():
    found, tall = drawn(bits_track(CERTAIN, tall=80), 4)
    for i, letter in enumerate("acgt"):
        left, top, right, bottom = found[letter]
        assert (top, bottom) == pytest.approx((6, 86), abs=0.02)
        assert 46 + i * 20 <= left < right <= 46 + (i + 1) * 20
    assert tall > 86


def test_signed_letters_stand_over_and_under_zero_in_proportion():
    heights = np.array([[1.0, 0, 0, 0], [0, -0.5, 0, 0], [0.25, 0, 0, -1.0]])
    found, tall = drawn(signed_track(heights, tall=80), 3)
    zero = found["c"][1]
    assert found["a"][1] == pytest.approx(6, abs=0.02)
    assert found["a"][3] == pytest.approx(zero, abs=0.02)
    assert found["c"][3] - zero == pytest.approx(20, abs=0.02)
    assert found["t"][1] == pytest.approx(zero, abs=0.02)
    assert found["t"][3] == pytest.approx(86, abs=0.02)
    assert found["t"][3] < tall


def test_the_largest_letter_is_outermost_on_both_sides():
    up, _ = drawn(signed_track(np.array([[0.6, 0.3, 0, 0]])), 1)
    assert up["a"][1] < up["c"][1]
    down, _ = drawn(signed_track(np.array([[-0.6, -0.3, 0, 0]])), 1)
    assert down["a"][3] > down["c"][3]


def test_reach_holds_the_stacks():
    assert reach(np.array([[1.0, 2, -3, 0], [0, 0, -1, -1]])) == (-3, 3)
    assert reach(np.zeros((3, 4))) == (0, 1)
    assert reach(np.zeros((0, 4))) == (0, 1)


def test_contributions_stand_on_the_letters_of_the_sequence():
    codes = DNA.encode("ACGTNR")
    heights = base_heights(codes, np.array([1.0, -2, 3, 4, 5, np.nan]))
    assert heights.sum() == 1 - 2 + 3 + 4 + 5
    assert [int(np.abs(row).argmax()) for row in heights[:5]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("width", [1, 4, 12, 30, 100, 250, 1000])
def test_any_width_is_well_formed_and_inside_the_drawing(width):
    generator = np.random.default_rng(width)
    matrix = generator.dirichlet(np.full(4, 0.3), width)
    pictures = [
        frequency_logo("a", matrix, title="T<"),
        stack("b", (Panel("log odds", matrix - 0.25, bits=False),), title="T"),
        mini_logo("c", matrix, title="T"),
    ]
    for picture in pictures:
        root = ElementTree.fromstring(str(picture))
        wide, tall = (float(x) for x in root.attrib["viewBox"].split()[2:])
        assert root[0].tag == "title"
        assert root[1].tag == "desc"
        for path in root.iter("path"):
            if path.attrib["class"].startswith("base-"):
                left, top, right, bottom = extent(path.attrib["d"])
                assert left >= 0
                assert right <= wide
                assert top >= -0.1
                assert bottom <= tall + 0.1
        for words in root.iter("text"):
            assert 0 <= float(words.attrib["x"]) <= wide
            assert 0 <= float(words.attrib["y"]) <= tall


def test_axis_and_consensus_are_said():
    root = ElementTree.fromstring(str(frequency_logo("a", CERTAIN, title="CTCF")))
    assert "bits: ACGT" in root[1].text
    words = [x.text for x in root.iter("text")]
    assert words[0] == "bits"
    assert {"0", "1", "2"} <= set(words)


def test_panels_of_a_stack_are_aligned():
    picture = stack("a", [Panel("own", CERTAIN[:1]), Panel("known", CERTAIN[[3, 0]], -1)], title="T")
    boxes = [
        extent(p.attrib["d"])
        for p in ElementTree.fromstring(str(picture)).iter("path")
        if p.attrib["class"] == "base-a"
    ]
    assert len(boxes) == 2
    assert boxes[0][0] == pytest.approx(boxes[1][0], abs=0.01)
    assert boxes[0][3] < boxes[1][1]
    assert ">−1<" in picture


def luminance(colour: str) -> float:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("name", ["base-a", "base-c", "base-g", "base-t", "heat-up", "heat-down"])
def test_colours_stand_out_in_light_and_dark(name):
    style = (resources.files("strandloom.report") / "templates" / "style.css").read_text()
    light, dark = re.findall(rf"--{name}: (#\w{{6}})", style)[:2]
    for colour, card in ((light, "#ffffff"), (dark, "#171c25")):
        low, high = sorted((luminance(colour), luminance(card)))
        assert (high + 0.05) / (low + 0.05) >= 3
