"""Write the coastline that the maps and the check for inland places use, from Natural Earth's land polygons.

``npm pack world-atlas`` (ISC licence; the data are Natural Earth's, in the public domain) holds ``land-10m.json`` and ``land-50m.json``::

    python docs/make_coastline.py package/land-10m.json src/strandloom/data/geography/coastline.json.gz

Rings are opened at the antimeridian and closed round the pole, simplified (Douglas–Peucker, km on the ground), rounded to hundredths of a
degree and stored as differences. Run it again and the file has the same bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 100
"""Steps of a degree."""
TOLERANCE_KM = 2.0
ISLET_KM2 = 4.0
"""Smaller rings are left out."""
DEGREE_KM = 111.195
Ring = NDArray[np.float64]
"""Longitude and latitude in degrees, ``(P, 2)``, without the first point again at the end."""


def rings(topology: dict[str, Any]) -> list[Ring]:
    """Outer rings and holes of all land of a TopoJSON topology, longitudes unwrapped."""
    scale, shift = np.array(topology["transform"]["scale"]), np.array(topology["transform"]["translate"])
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]
    found = []
    for shape in topology["objects"]["land"]["geometries"]:
        for polygon in shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]:
            for numbers in polygon:
                parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in numbers]
                ring = np.concatenate([part[:-1] for part in parts])
                if ring[:, 1].max() > -89:  # not the seam that a pole leaves
                    found.append(unwrapped(ring))
    return found


def unwrapped(ring: Ring) -> Ring:
    """The ring without jumps from 180 to -180; one that goes round the south pole is closed along it."""
    turned = ring.copy()
    turned[:, 0] = np.unwrap(ring[:, 0], period=360)
    closing = np.unwrap([turned[-1, 0], turned[0, 0]], period=360)[1]
    if abs(closing - turned[0, 0]) > 180:
        corners = [[closing, ring[0, 1]], [closing, -90.0], [turned[0, 0], -90.0]]
        turned = np.concatenate([turned, corners])
    return turned


def simplified(ring: Ring) -> Ring:
    """Douglas–Peucker with a tolerance in km, between the two points that lie farthest apart along the ring."""
    lon, lat = ring[:, 0] * np.cos(np.radians(ring[:, 1])), ring[:, 1]
    far = int(np.hypot(lon - lon[0], lat - lat[0]).argmax())
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), bool)
    keep[[0, far, -1]] = True
    waiting = [(0, far), (far, len(closed) - 1)]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        inner = closed[start + 1 : end] - closed[start]  # (P, 2)
        chord = closed[end] - closed[start]
        narrow = np.array([np.cos(np.radians(closed[start : end + 1, 1].mean())), 1.0])
        inner, chord = inner * narrow * DEGREE_KM, chord * narrow * DEGREE_KM
        along = np.clip(inner @ chord / max(chord @ chord, 1e-12), 0, 1)
        off = np.linalg.norm(inner - along[:, None] * chord, axis=1)
        worst = int(off.argmax())
        if off[worst] > TOLERANCE_KM:
            keep[start + 1 + worst] = True
            waiting += [(start, start + 1 + worst), (start + 1 + worst, end)]
    return closed[:-1][keep[:-1]]


def area_km2(ring: Ring) -> float:
    """Area of a small ring."""
    x = (ring[:, 0] - ring[0, 0]) * np.cos(np.radians(ring[:, 1].mean()))
    y = ring[:, 1] - ring[0, 1]
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 * DEGREE_KM**2)


def west_of(ring: Ring, limit: float, side: int) -> Ring:
    """The part of a ring on one side (1: west, -1: east) of a meridian."""
    points = []
    inside = side * (limit - ring[:, 0]) >= 0
    for i in range(len(ring)):
        before, here = ring[i - 1], ring[i]
        if inside[i] != inside[i - 1]:
            part = (limit - before[0]) / (here[0] - before[0])
            points.append([limit, before[1] + part * (here[1] - before[1])])
        if inside[i]:
            points.append(list(here))
    return np.array(points).reshape(-1, 2)


def opened(ring: Ring) -> list[Ring]:
    """Parts of an unwrapped ring within -180 … 180."""
    found = []
    for turn in range(-2, 3):
        part = west_of(west_of(ring, 180 + 360.0 * turn, 1), -180 + 360.0 * turn, -1)
        if len(part) > 2:
            found.append(part - [360.0 * turn, 0])
    return found


def stored(ring: Ring) -> list[int]:
    """First point, then differences, in steps: ``x, y, dx, dy, …``; empty where fewer than three points are left."""
    steps = np.rint(ring * STEPS).astype(int)
    steps = steps[np.any(steps != np.roll(steps, 1, axis=0), axis=1)]
    if len(steps) < 3:
        return []
    return np.diff(steps, axis=0, prepend=[[0, 0]]).ravel().tolist()


def main(source: str, target: str) -> None:
    """Read the TopoJSON file and write the coastline."""
    land = rings(json.loads(Path(source).read_text("utf-8")))
    parts = [p for ring in land if area_km2(ring) >= ISLET_KM2 for p in opened(simplified(ring))]
    listed = sorted((x for x in map(stored, parts) if x), key=len, reverse=True)
    document = {
        "format": "strandloom coastline",
        "version": 1,
        "source": f"Natural Earth, public domain, from world-atlas {Path(source).name}",
        "steps_per_degree": STEPS,
        "rings": listed,
    }
    text = json.dumps(document, separators=(",", ":"))
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    Path(target).write_bytes(packed)
    points = sum(map(len, listed)) // 2
    sys.stdout.write(f"{len(listed):,} rings, {points:,} points, {len(packed):,} bytes\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
