"""Distances on the globe; longitude is periodic by construction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius."""
Doubles = NDArray[np.float64]


class Nearest(NamedTuple):
    """The nearest of some places to each of N points."""

    km: Doubles
    """float64 ``(N,)``: distance, infinite where there is no place."""
    place: NDArray[np.int64]
    """int64 ``(N,)``: the place, -1 where there is none."""


def great_circle_km(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Doubles:
    """Great-circle distance in km of points in degrees; shapes broadcast. Exact for near and for opposite points."""
    a, b, c, d = (np.radians(np.asarray(x, np.float64)) for x in (lat1, lon1, lat2, lon2))
    east = np.cos(c) * np.sin(d - b)
    north = np.cos(a) * np.sin(c) - np.sin(a) * np.cos(c) * np.cos(d - b)
    along = np.sin(a) * np.sin(c) + np.cos(a) * np.cos(c) * np.cos(d - b)
    return EARTH_RADIUS_KM * np.arctan2(np.hypot(east, north), along)


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> Doubles:
    """Points in degrees, ``(N,)`` each, as unit vectors float64 ``(N, 3)``."""
    a, b = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(lon, np.float64))
    return np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], axis=-1)


def km_of_chord(chord: ArrayLike) -> Doubles:
    """Great-circle km of the straight line between two unit vectors; any shape."""
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(np.asarray(chord, np.float64) / 2, 0, 1))


def chord_of_km(km: ArrayLike) -> Doubles:
    """The straight line between unit vectors that lie so far apart on the globe (at most half round it); any shape."""
    half = np.clip(np.asarray(km, np.float64) / (2 * EARTH_RADIUS_KM), 0, np.pi / 2)
    return 2 * np.sin(half)


def latitude_band(lat: ArrayLike, heights: Doubles, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of some points can lie within ``reach`` radians of each place: the first and the one past the last, int64 ``(N,)`` each.

    Parameters
    ----------
    lat
        Degrees, ``(N,)``.
    heights
        Sines of the latitudes of the points, rising.
    """
    middle = np.radians(np.asarray(lat, np.float64))
    south, north = middle - reach, middle + reach
    first = np.where(south <= -np.pi / 2, 0, np.searchsorted(heights, np.sin(south)))
    last = np.where(north >= np.pi / 2, len(heights), np.searchsorted(heights, np.sin(north), side="right"))
    return first.astype(np.int64), last.astype(np.int64)


def nearest_km(lat: ArrayLike, lon: ArrayLike, places_lat: ArrayLike, places_lon: ArrayLike) -> Nearest:
    """The nearest place to each point.

    Parameters
    ----------
    lat, lon
        Degrees, ``(N,)``.
    places_lat, places_lon
        Degrees, ``(P,)``; P may be 0.
    """
    from scipy.spatial import cKDTree

    points, places = unit_vectors(lat, lon).reshape(-1, 3), unit_vectors(places_lat, places_lon).reshape(-1, 3)
    if not len(places):
        return Nearest(np.full(len(points), np.inf), np.full(len(points), -1, np.int64))
    chord, place = cKDTree(places).query(points)
    return Nearest(km_of_chord(chord), place.astype(np.int64))
