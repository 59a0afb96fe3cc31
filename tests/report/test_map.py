"""Maps: the right extent across the antimeridian, places where they belong, land clipped, scale bar true."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from strandloom.data.geography.coast import Land
from strandloom.data.geography.sphere import great_circle_km
from strandloom.report.map import (
    BOTTOM,
    EDGE,
    LEFT,
    WORLD,
    Extent,
    MapCell,
    MapPoint,
    clipped,
    degrees,
    extent_of,
    map_figure,
    shaped,
)


def drawn(**changes: object) -> ElementTree.Element:
    values = {"title": "A map", "description": "of the sea", "width": 440.0} | changes
    return ElementTree.fromstring(str(map_figure("m", **values).svg))  # type: ignore[arg-type]


def texts(svg: ElementTree.Element) -> list[str]:
    return [x.text or "" for x in svg.iter("text")]


def shades(svg: ElementTree.Element) -> dict[float, list[list[float]]]:
    """Opacity to rectangles (left, top, right, bottom)."""
    found = {}
    for path in svg.iter("path"):
        if "cells" in path.get("class", ""):
            boxes = re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H[\d.]+z", path.get("d", ""))
            found[float(path.get("fill-opacity", ""))] = [[float(x) for x in box] for box in boxes]
    return found


@pytest.mark.parametrize("shift", [0, 360, -360, 150])
def test_the_extent_of_places_does_not_depend_on_where_longitude_is_cut(shift: float) -> None:
    lon = [170.0, -175.0, 179.0]
    found = extent_of([60, 62, 64], [x + shift for x in lon])
    assert found.east - found.west < 40
    assert -180 <= found.west < 180
    for x in lon:
        assert found.west < found.near(x + shift) < found.east
    assert found.near(170 + shift) - found.west == pytest.approx(found.east - found.near(-175 + shift))


def test_extents_have_air_and_a_least_size_and_stay_on_the_globe() -> None:
    one = extent_of([39.42], [-9.51], least=8)
    assert one.north - one.south == pytest.approx(8)
    assert (one.east - one.west) * one.narrow == pytest.approx(8, rel=0.01)
    assert extent_of([89.0, 85], [0, 10]).north == 90
    assert extent_of([-89.5], [0]).south == -90
    assert extent_of([], []) == extent_of([math.nan], [3.0]) == WORLD
    around = extent_of([60.0] * 12, list(range(0, 360, 30)))
    assert (around.west, around.east) == (-180, 180)
    assert around.north >= 60


@pytest.mark.parametrize(
    "extent",
    [
        Extent(60, 65, -171, -162.5), Extent(-20, -15, 170, 200), Extent(10, 11, 0, 60), Extent(0, 40, 5, 6), Extent(84, 90, -20, 20),
        Extent(-90, -70, 150, 160), Extent(-80, -75, -180, 180),
    ],
)  # fmt: skip
def test_the_shape_is_reached_by_showing_more(extent: Extent) -> None:
    found = shaped(extent, 0.45, 0.7)
    assert found.south <= extent.south + 1e-9
    assert found.north >= extent.north - 1e-9
    assert found.east - found.west >= extent.east - extent.west - 1e-9
    assert found.south >= -90
    assert found.north <= 90
    assert found.east - found.west <= 360
    height = (found.north - found.south) / ((found.east - found.west) * found.narrow)
    assert height > 0.3
    assert height < 0.75 or found.east - found.west == 360


def test_samples_of_the_bering_sea_stand_where_they_belong() -> None:
    svg = drawn(
        samples=[MapPoint(60.5, 179.0, "west"), MapPoint(64.0, -165.0, "east <&>"), MapPoint(62, -179.0, "middle")],
        shape=(0.3, 1.0),
    )
    dots = {c.findtext("title"): (float(c.get("cx", "")), float(c.get("cy", ""))) for c in svg.iter("circle")}
    assert set(dots) == {"west", "middle", "east <&>"}
    assert dots["west"][0] < dots["middle"][0] < dots["east <&>"][0]
    assert dots["west"][1] > dots["middle"][1] > dots["east <&>"][1]
    step = (dots["middle"][0] - dots["west"][0]) / 2  # px of a degree of longitude
    assert dots["east <&>"][0] - dots["middle"][0] == pytest.approx(14 * step, rel=0.01)
    width, height = (float(x) for x in svg.get("viewBox", "").split()[2:])
    assert all(LEFT < x < width - EDGE and EDGE < y < height - BOTTOM for x, y in dots.values())
    assert "180°" in texts(svg)
    assert any(words.endswith(" W") for words in texts(svg))


def test_a_degree_is_as_long_both_ways_in_the_middle() -> None:
    svg = drawn(
        extent=Extent(55, 65, 0, 20), samples=[MapPoint(59, 10), MapPoint(60, 10), MapPoint(60, 11)], shape=(0, 9)
    )
    (x1, y1), (_, y2), (x3, _) = ((float(c.get("cx", "")), float(c.get("cy", ""))) for c in svg.iter("circle"))
    north, east = great_circle_km(59, 10, 60, 10), great_circle_km(60, 10, 60, 11)
    assert (y1 - y2) / north == pytest.approx((x3 - x1) / east, rel=0.01)
    bar = next(p for p in svg.iter("path") if p.get("class") == "scale")
    ends = [float(x) for x in re.findall(r"[ML]([\d.]+) ", bar.get("d", ""))]
    km = float(next(t for t in texts(svg) if t.endswith(" km"))[:-3].replace(",", ""))
    assert (max(ends) - min(ends)) / km == pytest.approx((y1 - y2) / north, rel=0.01)


def test_what_is_no_place_or_lies_outside_is_left_out() -> None:
    places = [MapPoint(math.nan, 3), MapPoint(50, math.inf), MapPoint(10, 10), MapPoint(55, 5)]
    svg = drawn(samples=places, extent=Extent(50, 60, 0, 20))
    assert len(list(svg.iter("circle"))) == 1
    assert not list(drawn().iter("circle"))


def test_neighbouring_cells_of_one_shade_are_one_rectangle() -> None:
    row = [MapCell(0.5, lon + 0.5, 1, 0.9) for lon in range(5)]
    svg = drawn(
        range_cells=[*row, MapCell(3.5, 2.5, 1, 0.2), MapCell(6.5, 2.5, 1, 0.0)], extent=Extent(-10, 10, -10, 20)
    )
    found = shades(svg)
    assert [len(boxes) for boxes in found.values()] == [1, 1]
    assert sorted(found) == list(found)
    strong = found[max(found)][0]
    faint = found[min(found)][0]
    assert strong[2] - strong[0] == pytest.approx(5 * (faint[2] - faint[0]), abs=0.3)


def test_cells_across_the_antimeridian_and_on_the_whole_world() -> None:
    cells = [MapCell(60.5, lon, 1, 1.0) for lon in (178.5, 179.5, -179.5, -178.5)]
    [[box]] = shades(drawn(range_cells=cells, extent=Extent(55, 66, 170, 190), shape=(0, 9))).values()
    assert box[2] - box[0] == pytest.approx(4 / 20 * (440 - LEFT - EDGE), abs=0.2)
    [boxes] = shades(drawn(range_cells=[*cells, MapCell(60.5, 180.0, 1, 1.0)], extent=WORLD)).values()
    assert [round(b[0]) for b in boxes] == [LEFT, 430]
    [[cut]] = shades(drawn(range_cells=[MapCell(50, 0, 40, 1.0)], extent=Extent(45, 55, -3, 3), shape=(0, 9))).values()
    assert cut[:2] == [LEFT, EDGE]


def test_a_ring_is_cut_to_the_extent() -> None:
    generator = np.random.default_rng(4)
    angles = np.linspace(0, 2 * np.pi, 41)[:-1]
    ring = np.stack([60 * np.cos(angles), 40 * np.sin(angles)], axis=1) * generator.uniform(0.3, 1, (40, 1))
    extent = Extent(-12, 20, -25, 30)
    lat, lon = generator.uniform(-45, 45, 4000), generator.uniform(-70, 70, 4000)
    inside = (lat > extent.south) & (lat < extent.north) & (lon > extent.west) & (lon < extent.east)
    part = clipped(ring, extent)
    assert (Land((part,)).contains(lat, lon) == (Land((ring,)).contains(lat, lon) & inside)).all()
    assert part.min(axis=0) == pytest.approx([extent.west, extent.south])
    assert not len(clipped(ring + [200, 0], extent))  # noqa: RUF005
    assert clipped(ring, Extent(-90, 90, -180, 180)) is ring


@pytest.mark.parametrize("west", [170.0, -190.0, -170.0])
def test_land_is_drawn_on_both_sides_of_the_antimeridian(west: float) -> None:
    svg = drawn(extent=Extent(64, 70, (west + 180) % 360 - 180, (west + 180) % 360 - 180 + 20))
    outline = next(p.get("d", "") for p in svg.iter("path") if p.get("class") == "land")
    assert outline.startswith("M")
    assert "e" not in outline
    assert "nan" not in outline


def test_degrees_as_words() -> None:
    assert [degrees(v, "NS") for v in (60, -7.5, 0, 55.25)] == ["60° N", "7.5° S", "0°", "55.25° N"]
    assert [degrees(v, "EW") for v in (-165, 180, -180, 20, 100)] == ["165° W", "180°", "180°", "20° E", "100° E"]


def test_the_same_input_gives_the_same_drawing_and_the_world_is_small() -> None:
    assert str(map_figure("a", title="t", description="d").svg) == str(map_figure("a", title="t", description="d").svg)
    assert len(map_figure("a", title="t", description="d", width=330).svg) < 60_000
