"""A map as an inline drawing: land, shaded cells, points; equirectangular, true to scale at its middle latitude.

Longitude is periodic: an extent may run across the antimeridian, its east is then beyond 180.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.data.geography.coast import land
from strandloom.data.geography.sphere import EARTH_RADIUS_KM
from strandloom.report.numbers import count, fixed
from strandloom.report.svg import COLOURS, Canvas, Figure, Key

DEGREE_KM = math.radians(1) * EARTH_RADIUS_KM
SHADES = 6
FAINTEST, DARKEST = 0.14, 0.62
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0)
"""Distances of graticule lines in degrees."""
FINEST_PX = 0.7
"""Points of the coast closer together than this are drawn as one."""
LEFT, BOTTOM, EDGE = 46.0, 22.0, 8.0
Points = NDArray[np.float64]


class MapPoint(NamedTuple):
    """A place: degrees, what its tip says, radius in px, colour number."""

    lat: float
    lon: float
    label: str = ""
    size: float = 4.5
    colour: int = 0


class MapCell(NamedTuple):
    """A cell of a grid: its centre and size in degrees, and how strongly it is shaded, 0 … 1."""

    lat: float
    lon: float
    size_deg: float
    level: float


class Extent(NamedTuple):
    """What a map shows, degrees; ``west`` in [-180, 180), ``east`` up to 360 further."""

    south: float
    north: float
    west: float
    east: float

    @property
    def narrow(self) -> float:
        """Length of a degree of longitude at the middle latitude, in degrees of latitude."""
        return max(math.cos(math.radians((self.south + self.north) / 2)), 0.15)

    def near(self, lon: float) -> float:
        """The same meridian at or east of ``west``."""
        return self.west + (lon - self.west) % 360


WORLD = Extent(-72.0, 84.0, -180.0, 180.0)


def extent_of(lat: Sequence[float], lon: Sequence[float], *, margin: float = 0.15, least: float = 8.0) -> Extent:
    """The smallest extent around places, with air.

    Parameters
    ----------
    lat, lon
        Degrees; places without a number do not count, without any the whole world is shown.
    margin
        Air on each side, as a part of the span.
    least
        Smallest span from south to north, degrees.
    """
    known = [(a, b) for a, b in zip(lat, lon, strict=True) if math.isfinite(a) and math.isfinite(b)]
    if not known:
        return WORLD
    around = sorted({b % 360 for _, b in known})
    gaps = [(after - before) % 360 or 360 for before, after in zip(around, [*around[1:], around[0]], strict=True)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    west, span = around[(widest + 1) % len(around)], 360 - gaps[widest]
    south, north = min(a for a, _ in known), max(a for a, _ in known)
    air = max((north - south) * margin, (least - north + south) / 2, span * margin * 0.5)
    south, north = max(south - air, -90.0), min(north + air, 90.0)
    aside = max(span * margin, air / Extent(south, north, 0, 0).narrow)
    if span + 2 * aside >= 300:
        return Extent(min(south, WORLD.south), max(north, WORLD.north), -180.0, 180.0)
    return _turned(south, north, west - aside, span + 2 * aside)


def _turned(south: float, north: float, west: float, span: float) -> Extent:
    west = (west + 180) % 360 - 180
    return Extent(south, north, west, west + span)


def shaped(extent: Extent, lowest: float, highest: float) -> Extent:
    """The extent widened so that height / width lies between the two, as far as the Earth reaches."""
    south, north, west, east = extent
    height, width = north - south, (east - west) * extent.narrow
    if height > highest * width:
        span = min(height / highest / extent.narrow, 360.0)
        return _turned(south, north, west - (span - (east - west)) / 2, span) if span < 360 else extent._replace(
            west=-180.0, east=180.0
        )  # fmt: skip
    if height < lowest * width:
        more = lowest * width - height
        south = max(min(south - more / 2, 90 - height - more), -90.0)
        return Extent(south, min(south + height + more, 90.0), west, east)
    return extent


def map_figure(
    slug: str,
    *,
    title: str,
    description: str,
    samples: Sequence[MapPoint] = (),
    range_cells: Sequence[MapCell] = (),
    extent: Extent | None = None,
    width: float = 440,
    shape: tuple[float, float] = (0.45, 0.7),
    range_colour: int = 2,
    caption: str = "",
    legend: tuple[Key, ...] = (),
    wide: bool = False,
) -> Figure:
    """A map of samples over shaded cells.

    Parameters
    ----------
    slug, title, description
        As for :class:`Canvas`.
    samples
        Places, drawn in this order; those without coordinates and those outside the extent are left out.
    range_cells
        Cells under them; the stronger of two in one place is drawn last.
    extent
        What is shown; None for a frame around the samples (around the cells where there are none).
    width
        Natural width in px.
    shape
        Least and greatest height of the map by its width; the extent is widened to fit.
    range_colour
        Colour number of the cells.
    caption, legend, wide
        As for :class:`Figure`.
    """
    places = samples or range_cells
    shown = shaped(extent or extent_of([p.lat for p in places], [p.lon for p in places]), *shape)
    frame = _Frame(shown, width)
    canvas = Canvas(slug, title, description, width, frame.bottom + BOTTOM)
    canvas.box(LEFT, EDGE, frame.wide, frame.tall, "sea", round_by=3)
    canvas.parts.append(f'<path class="land" d="{"".join(_land(frame))}"/>')
    for opacity, outline in _shades(frame, range_cells):
        canvas.parts.append(f'<path class="f{range_colour % COLOURS} cells" fill-opacity="{opacity:g}" d="{outline}"/>')
    _graticule(canvas, frame)
    canvas.parts.append(
        f'<rect class="frame" x="{LEFT:g}" y="{EDGE:g}" width="{frame.wide:g}" height="{frame.tall:.1f}" rx="3"/>'
    )
    dots = [(p, *frame.at(p.lat, p.lon)) for p in samples if frame.holds(p.lat, p.lon)]
    _scale_bar(canvas, frame, [(x, y) for _, x, y in dots])
    for point, x, y in dots:
        canvas.dot(x, y, f"f{point.colour % COLOURS} ring", radius=point.size, tip=point.label)
    return Figure(canvas.svg(), title, caption, legend, wide)


class _Frame:
    """An extent on the plane, in px."""

    def __init__(self, extent: Extent, width: float) -> None:
        self.extent = extent
        self.wide = width - LEFT - EDGE
        self.px_per_lon = self.wide / (extent.east - extent.west)
        self.px_per_lat = self.px_per_lon / extent.narrow
        self.tall = (extent.north - extent.south) * self.px_per_lat
        self.bottom = EDGE + self.tall

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        """A place in px."""
        return self.x(self.extent.near(lon)), self.y(lat)

    def project(self, ring: Points) -> Points:
        """Longitudes and latitudes ``(P, 2)`` in px."""
        corner = np.array([self.extent.west, self.extent.north])
        return (ring - corner) * [self.px_per_lon, -self.px_per_lat] + [LEFT, EDGE]

    def x(self, lon: float) -> float:
        return LEFT + (lon - self.extent.west) * self.px_per_lon

    def y(self, lat: float) -> float:
        return EDGE + (self.extent.north - lat) * self.px_per_lat

    def holds(self, lat: float, lon: float) -> bool:
        """Whether a place is on the map; False for what is no place."""
        found = self.extent
        return found.south <= lat <= found.north and math.isfinite(lon) and found.near(lon) <= found.east


def clipped(ring: Points, extent: Extent) -> Points:
    """The part of a ring ``(P, 2)`` (longitude, latitude) within an extent (Sutherland–Hodgman); empty where there is none."""
    for axis, limit, side in ((0, extent.west, 1), (0, extent.east, -1), (1, extent.south, 1), (1, extent.north, -1)):
        inside = side * (ring[:, axis] - limit) >= 0  # (P,)
        if inside.all():
            continue
        if not inside.any():
            return ring[:0]
        before = np.roll(ring, 1, axis=0)
        crossed = inside != np.roll(inside, 1)
        run = np.where(crossed, ring[:, axis] - before[:, axis], 1.0)
        meets = before + ((limit - before[:, axis]) / run)[:, None] * (ring - before)
        meets[:, axis] = limit
        ring = np.stack([meets, ring], axis=1)[np.stack([crossed, inside], axis=1)]  # (P, 2 kinds, 2) -> (P', 2)
    return ring


def _land(frame: _Frame) -> Iterator[str]:
    """Outlines of the land on the map, px."""
    extent, world = frame.extent, land()
    west, south, east, north = world.bounds.T  # (R,)
    seen = (north >= extent.south) & (south <= extent.north)
    seen &= ((east - west) * frame.px_per_lon >= FINEST_PX) | ((north - south) * frame.px_per_lat >= FINEST_PX)
    for turn in (-360.0, 0.0, 360.0):
        for ring in np.flatnonzero(seen & (east + turn >= extent.west) & (west + turn <= extent.east)):
            part = clipped(world.rings[ring] + np.array([turn, 0.0]), extent)
            if len(part) > 2:
                yield _outline(frame.project(part))


def _outline(points: Points) -> str:
    """A closed path through px points, relative, in tenths; empty for what is smaller than a point."""
    kept: list[tuple[int, int]] = []
    least = 10 * FINEST_PX
    for x, y in np.rint(points * 10).astype(int).tolist():
        if not kept or abs(x - kept[-1][0]) >= least or abs(y - kept[-1][1]) >= least:
            kept.append((x, y))
    if len(kept) < 3:
        return ""
    steps = " ".join(f"{_tenth(c - a)} {_tenth(d - b)}" for (a, b), (c, d) in pairwise(kept))
    return f"M{_tenth(kept[0][0])} {_tenth(kept[0][1])}l{steps}z".replace(" -", "-")


def _tenth(value: int) -> str:
    return f"{value / 10:g}"


def _shades(frame: _Frame, cells: Sequence[MapCell]) -> list[tuple[float, str]]:
    """Opacity and outline of the cells of each shade, faint to strong; neighbours in a row are one rectangle."""
    extent = frame.extent
    rows: dict[tuple[int, float, float], list[tuple[float, float]]] = defaultdict(list)
    for cell in cells:
        half = cell.size_deg / 2
        if not (cell.level > 0 and math.isfinite(cell.lat) and math.isfinite(cell.lon)):
            continue
        shade = min(math.ceil(cell.level * SHADES), SHADES)
        west = extent.near(cell.lon - half)
        south, north = max(cell.lat - half, extent.south), min(cell.lat + half, extent.north)
        for left in (west - 360, west):
            start, end = max(left, extent.west), min(left + cell.size_deg, extent.east)
            if start < end and south < north:
                rows[shade, south, north].append((start, end))
    outlines: dict[int, list[str]] = defaultdict(list)
    for (shade, south, north), spans in sorted(rows.items()):
        for start, end in _joined(spans):
            x, y = round(frame.x(start), 1), round(frame.y(north), 1)
            right, bottom = round(frame.x(end), 1), round(frame.y(south), 1)
            outlines[shade].append(f"M{x:g} {y:g}H{right:g}V{bottom:g}H{x:g}z")
    strength = {s: round(FAINTEST + (DARKEST - FAINTEST) * (s - 1) / (SHADES - 1), 2) for s in outlines}
    return [(strength[s], "".join(outlines[s])) for s in sorted(outlines)]


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that touch or overlap as one."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + 1e-6:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def degrees(value: float, sides: str) -> str:
    """``60° N``, ``165° W``, ``0°``, ``180°``; ``sides`` are the letters for positive and negative."""
    value = round(value, 3)
    words = f"{fixed(abs(value), 3).rstrip('0').rstrip('.')}°"
    return words if value in (0, 180, -180) else f"{words} {sides[value < 0]}"


def _lines(low: float, high: float, most: float) -> list[float]:
    """Multiples of a round step within a range, at most about so many."""
    step = next((s for s in STEPS if (high - low) / s <= most), STEPS[-1])
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _graticule(canvas: Canvas, frame: _Frame) -> None:
    extent, right = frame.extent, LEFT + frame.wide
    for lat in _lines(extent.south, extent.north, max(frame.tall / 42, 2)):
        y = frame.y(lat)
        if EDGE + 3 < y < frame.bottom - 3:
            canvas.segment(LEFT, y, right, y, "graticule")
            canvas.write(LEFT - 6, y + 4, degrees(lat, "NS"), anchor="end", classes="t tick")
    for lon in _lines(extent.west, extent.east, max(frame.wide / 76, 2)):
        x = frame.x(lon)
        if LEFT + 3 < x < right - 3:
            canvas.segment(x, EDGE, x, frame.bottom, "graticule")
            words = degrees((lon + 180) % 360 - 180, "EW")
            if LEFT + 14 < x < right - 14:
                canvas.write(x, frame.bottom + 16, words, anchor="middle", classes="t tick")


def _scale_bar(canvas: Canvas, frame: _Frame, taken: Sequence[tuple[float, float]]) -> None:
    """A bar of round length in the corner with the fewest points; none where the scale changes too much over the map."""
    if frame.extent.north - frame.extent.south > 60:
        return
    px_per_km = frame.px_per_lat / DEGREE_KM
    most = 0.24 * frame.wide / px_per_km
    power = 10.0 ** math.floor(math.log10(most))
    km = next(m * power for m in (5, 2, 1) if m * power <= most)
    length = km * px_per_km
    words = f"{count(km) if km >= 1 else fixed(km, 1)} km"
    aside = 12 + max(0.0, (6.5 * len(words) - length) / 2)  # room for words longer than the bar
    left, right, top, bottom = LEFT + aside, LEFT + frame.wide - aside - length, EDGE + 26, frame.bottom - 12
    corners = ((left, bottom), (right, bottom), (left, top), (right, top))

    def crowd(corner: tuple[float, float]) -> int:
        x, y = corner
        return sum(x - 8 <= a <= x + length + 8 and y - 26 <= b <= y + 8 for a, b in taken)

    x, y = min(corners, key=crowd)
    canvas.path([(x, y - 4), (x, y), (x + length, y), (x + length, y - 4)], "scale")
    canvas.write(x + length / 2, y - 6, words, anchor="middle", classes="t tick over")
