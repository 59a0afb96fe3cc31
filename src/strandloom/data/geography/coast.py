"""Land and sea: the world's coastline, whether a place is on land, and how far the coast is.

The coastline is Natural Earth's at 1:10 million (public domain), simplified to about 2 km by ``docs/make_coastline.py``; islets under
4 km² are not in it. Lakes count as land, the Caspian Sea as sea.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strandloom.data.geography.sphere import Doubles, great_circle_km, nearest_km

RESOURCE = "coastline.json.gz"
SPACING_KM = 5.0
"""Distance between the points of the coast that distances are measured to."""
BANDS_PER_DEGREE = 4
CHUNK = 1_000_000
"""Point–edge pairs compared at once."""


class Edges(NamedTuple):
    """Sides of the land's rings, degrees, float64 ``(E,)`` each."""

    lat1: Doubles
    lon1: Doubles
    lat2: Doubles
    lon2: Doubles


@dataclass(frozen=True, eq=False)
class Land:
    """The world's land.

    Parameters
    ----------
    rings
        Outer rings and holes, float64 ``(P, 2)`` each: longitude in [-180, 180] and latitude in degrees, without the first point again at
        the end. Land across the antimeridian is cut there, the Antarctic is closed along 90° S. Holes turn against outer rings.
    """

    rings: tuple[Doubles, ...]

    @cached_property
    def edges(self) -> Edges:
        """Every side, those that only close a ring at the antimeridian or along the pole too."""
        starts = np.concatenate(self.rings)  # (E, 2)
        ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in self.rings])
        return Edges(starts[:, 1], starts[:, 0], ends[:, 1], ends[:, 0])

    @cached_property
    def bounds(self) -> Doubles:
        """West, south, east and north of each ring, float64 ``(R, 4)``."""
        return np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in self.rings]).reshape(-1, 4)

    @cached_property
    def coast(self) -> Edges:
        """The sides that are coast."""
        lat1, lon1, lat2, lon2 = self.edges
        cut = (np.abs(lon1) == 180) & (np.abs(lon2) == 180) | (lat1 == -90) & (lat2 == -90)
        return Edges(*(x[~cut] for x in self.edges))

    @cached_property
    def coast_points(self) -> tuple[Doubles, Doubles]:
        """Latitude and longitude of points along the coast, at most ``SPACING_KM`` apart."""
        lat1, lon1, lat2, lon2 = self.coast
        pieces = np.ceil(great_circle_km(*self.coast) / SPACING_KM).astype(np.int64).clip(1)
        edge = np.repeat(np.arange(len(pieces)), pieces)
        part = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
        return lat1[edge] + part * (lat2 - lat1)[edge], lon1[edge] + part * (lon2 - lon1)[edge]

    @cached_property
    def _banded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Edges by bands of latitude: those of band b are ``numbers[offsets[b]:offsets[b + 1]]``."""
        low, high = (_band(f(self.edges.lat1, self.edges.lat2)) for f in (np.minimum, np.maximum))
        times = high - low + 1
        edge = np.repeat(np.arange(len(low)), times)
        band = low[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(times) - times, times)
        order = np.argsort(band, kind="stable")
        return edge[order], np.searchsorted(band[order], np.arange(180 * BANDS_PER_DEGREE + 2))

    def contains(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.bool_]:
        """Whether points in degrees, ``(N,)``, are on land: an odd number of sides lies east of them."""
        y, x = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        known = np.isfinite(y) & np.isfinite(x)
        x = np.where(known, x, 0)
        x = x - 360 * np.floor((x + 180) / 360)  # (N,) in [-180, 180), the same to the last bit where it was
        found = np.zeros(len(y), bool)
        numbers, offsets = self._banded
        bands = np.where(known, _band(y), -1)
        for band in np.unique(bands[known]):
            rows = np.flatnonzero(bands == band)
            edges = Edges(*(e[numbers[offsets[band] : offsets[band + 1]]] for e in self.edges))
            if not len(edges.lat1):
                continue
            for part in np.array_split(rows, 1 + len(rows) * len(edges.lat1) // CHUNK):
                found[part] = _odd_crossings(y[part], x[part], edges)
        return found


def _band(lat: Doubles) -> NDArray[np.int64]:
    """Band of latitude; places beyond a pole count as at it."""
    return np.floor((np.clip(np.nan_to_num(lat), -90, 90) + 90) * BANDS_PER_DEGREE).astype(np.int64)


def _odd_crossings(lat: Doubles, lon: Doubles, edges: Edges) -> NDArray[np.bool_]:
    """Whether a ray to the east meets an odd number of edges, bool ``(N,)``."""
    y, x = lat[:, None], lon[:, None]  # (N, 1)
    spans = (edges.lat1 <= y) != (edges.lat2 <= y)  # (N, E)
    rise = np.where(edges.lat1 == edges.lat2, 1.0, edges.lat2 - edges.lat1)
    at = edges.lon1 + (y - edges.lat1) * (edges.lon2 - edges.lon1) / rise
    return np.count_nonzero(spans & (x < at), axis=1) % 2 == 1


@lru_cache(maxsize=1)
def land() -> Land:
    """The land that comes with strandloom, read once."""
    packed = files("strandloom.data.geography").joinpath(RESOURCE).read_bytes()
    document = json.loads(gzip.decompress(packed))
    steps = document["steps_per_degree"]
    return Land(tuple(np.cumsum(np.array(ring).reshape(-1, 2), axis=0) / steps for ring in document["rings"]))


def on_land(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.bool_]:
    """Whether points in degrees, ``(N,)``, are on land; False where a coordinate is missing (NaN)."""
    return land().contains(lat, lon)


def coast_km(lat: ArrayLike, lon: ArrayLike) -> Doubles:
    """Distance in km from points in degrees, ``(N,)``, to the nearest coast, float64 ``(N,)``, inland or at sea; NaN where one is missing.

    Right to a few km: to the coast as it is stored, simplified and without islets.
    """
    y, x = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    known = np.isfinite(y) & np.isfinite(x)
    found = np.full(len(y), np.nan)
    found[known] = nearest_km(y[known], x[known], *land().coast_points).km
    return found
