"""The mutagenesis heat map."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.report.heatmap import CELL, HeatTrack, largest, legend, level
from strandloom.report.svg import Canvas
from strandloom.report.tracks import Positions, Row


def effects_of(codes: np.ndarray, seed: int = 0) -> np.ndarray:
    effects = np.random.default_rng(seed).normal(size=(4, len(codes)))
    known = codes < 4
    effects[codes[known], np.flatnonzero(known)] = 0
    return effects


def test_shades_are_centred_on_zero_and_clipped():
    assert [level(v, 2.0) for v in (-2, -1, 0, 1, 2, 5, np.nan)] == [-20, -10, 0, 10, 20, 20, 0]
    assert largest(np.array([[1.0, -3.0, np.nan]])) == 3
    assert largest(np.zeros((4, 2))) == 1


def cells(parts: list[str]) -> dict[tuple[int, int], float]:
    """Column and base of each coloured cell to its signed opacity."""
    found = {}
    for part in parts:
        read = re.fullmatch(r'<path class="heat-(up|down)" fill-opacity="([\d.]+)" d="([^"]*)"/>', part)
        if read:
            sign = 1 if read.group(1) == "up" else -1
            for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", read.group(3)):
                found[round((float(x) - 46) / 10), round((float(y) - 2) / CELL)] = sign * float(read.group(2))
    return found


def test_every_substitution_has_its_cell_and_its_colour():
    codes = np.array([0, 1, 2, 3, 3], np.uint8)
    effects = effects_of(codes)
    canvas = Canvas("a", "t", "d")
    HeatTrack(codes, effects, largest(effects), Positions(-3, 1)).draw(canvas, Row(0, 5, 46, 10), 0)
    found = cells(canvas.parts)
    for column in range(5):
        for base in range(4):
            wanted = effects[base, column] / largest(effects)
            assert found.get((column, base), 0.0) == pytest.approx(wanted, abs=0.026)
            if base == codes[column]:
                assert (column, base) not in found
    dots = next(p for p in canvas.parts if "heat-dot" in p)
    assert dots.count("M") == 5
    assert len([p for p in canvas.parts if 'class="tip"' in p]) == 5
    tips = [part.partition("<title>")[2][:4] for part in canvas.parts if 'class="tip"' in part]
    assert tips == ["A−2:", "C−1:", "G1: ", "T2: ", "T3: "]


def test_an_unknown_base_has_no_dot():
    codes = DNA.encode("ANNA")
    canvas = Canvas("a", "t", "d")
    HeatTrack(codes, effects_of(codes), 1.0, Positions()).draw(canvas, Row(0, 4, 46, 10), 0)
    assert next(p for p in canvas.parts if "heat-dot" in p).count("M") == 2


def test_the_legend_names_its_ends():
    words = [x.text for x in ElementTree.fromstring(str(legend("a", 1.234, words="change (log odds)"))).iter("text")]
    assert words == ["change (log odds)", "−1.2", "0", "+1.2"]
