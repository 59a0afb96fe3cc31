"""Compiled inner loops of distances and surfaces; import it inside functions only (it loads numba).

Places ``(P, 3)`` and points ``(m, 3)`` are unit vectors, angles are given by their cosine. Species s owns ``offsets[s]:offsets[s + 1]``.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any


@nb.njit(cache=True, nogil=True, fastmath=True)
def _highest(x: float, y: float, z: float, a: Array, b: Array, c: Array) -> float:
    best = -2.0
    for i in range(len(a)):
        best = max(best, x * a[i] + y * b[i] + z * c[i])
    return best


@nb.njit(cache=True, nogil=True)
def nearest_cells(places: Array, cells: Array, offsets: Array, out: Array) -> None:
    """The cell of each area that is nearest to each place, ``(P, A)``; area a owns ``offsets[a]:offsets[a + 1]``; -1 where it has none.

    Cells are ``(3, m)`` here, so that many are looked at in one step; the first pass finds how near, the second which.
    """
    a, b, c = cells[0], cells[1], cells[2]
    for p in range(len(places)):
        x, y, z = places[p, 0], places[p, 1], places[p, 2]
        for k in range(len(offsets) - 1):
            first, last = offsets[k], offsets[k + 1]
            out[p, k] = -1
            if first < last:
                near = _highest(x, y, z, a[first:last], b[first:last], c[first:last]) - 1e-14
                at = first
                while at + 1 < last and x * a[at] + y * b[at] + z * c[at] < near:
                    at += 1
                out[p, k] = at


@nb.njit(cache=True, nogil=True)
def nearest_spots(
    species: Array,
    place: Array,
    drop: Array,
    places: Array,
    offsets: Array,
    spots: Array,
    area: Array,
    radius: Array,
    out: Array,
) -> None:
    """For each pair the smallest angle to the edge of a spot of the species, ``(n,)``; 0 inside, infinite where there is no spot.

    Spots are discs of ``radius (m,)`` radians; those in the area ``drop (n,)`` (-1: none) do not count.
    """
    largest = 0.0
    for p in range(len(radius)):
        largest = max(largest, radius[p])
    for i in range(len(species)):
        x, y, z = places[place[i], 0], places[place[i], 1], places[place[i], 2]
        best, enough = np.inf, -2.0  # a spot of a smaller cosine cannot be nearer
        for p in range(offsets[species[i]], offsets[species[i] + 1]):
            cosine = x * spots[p, 0] + y * spots[p, 1] + z * spots[p, 2]
            if cosine > enough and (drop[i] < 0 or area[p] != drop[i]):
                angle = max(np.arccos(max(min(cosine, 1.0), -1.0)) - radius[p], 0.0)
                if angle < best:
                    best = angle
                    enough = np.cos(best + largest) if best + largest < np.pi else -2.0
        out[i] = best


@nb.njit(cache=True, nogil=True)
def nearest_listed(
    species: Array, place: Array, drop: Array, km: Array, offsets: Array, areas: Array, near: Array, number: Array
) -> None:
    """For each pair the smallest ``km (P, A)`` over the listed areas, infinite where there is none, and how many are listed, ``(n,)`` each.

    Area ``drop (n,)`` is not listed for the pair; -1: none.
    """
    for i in range(len(species)):
        best, listed = np.inf, 0
        for j in range(offsets[species[i]], offsets[species[i] + 1]):
            if areas[j] != drop[i]:
                listed += 1
                best = min(best, km[place[i], areas[j]])
        near[i] = best
        number[i] = listed


@nb.njit(cache=True, nogil=True)
def total_listed(species: Array, place: Array, share: Array, offsets: Array, areas: Array, out: Array) -> None:
    """For each pair the total of ``share (P, A)`` over the listed areas, ``(n,)``."""
    for i in range(len(species)):
        total = 0.0
        for j in range(offsets[species[i]], offsets[species[i] + 1]):
            total += share[place[i], areas[j]]
        out[i] = total


@nb.njit(cache=True, nogil=True, inline="always")
def _squared(cosine: float) -> float:
    """The square of an angle, by the series in the square of the chord: right to 0.2 % up to 70 degrees."""
    c = max(2.0 - 2.0 * cosine, 0.0)
    return c * (1.0 + c * (1.0 / 12.0 + c * (1.0 / 90.0 + c / 560.0)))


@nb.njit(cache=True, nogil=True)
def blurred_spots(
    species: Array,
    place: Array,
    places: Array,
    offsets: Array,
    spots: Array,
    weight: Array,
    sigma: float,
    cut: float,
    out: Array,
) -> None:
    """For each pair the weights of the species' spots under a Gaussian of height 1 and width ``sigma`` (radians), ``(n,)``.

    It is cut off at the angle of cosine ``cut``.
    """
    scale = -0.5 / sigma**2
    for i in range(len(species)):
        x, y, z = places[place[i], 0], places[place[i], 1], places[place[i], 2]
        total = 0.0
        for p in range(offsets[species[i]], offsets[species[i] + 1]):
            cosine = x * spots[p, 0] + y * spots[p, 1] + z * spots[p, 2]
            if cosine > cut:
                total += weight[p] * np.exp(scale * _squared(cosine))
        out[i] = total


@nb.njit(cache=True, nogil=True)
def blurred_areas(
    places: Array,
    first: Array,
    last: Array,
    cells: Array,
    size: Array,
    area: Array,
    sigma: float,
    cut: float,
    out: Array,
) -> None:
    """The size of each area's cells under such a Gaussian around each place, ``(P, A)``.

    Cells ``(m, 3)`` run from south to north; place p sees ``first[p]:last[p]`` of them at most.
    """
    scale = -0.5 / sigma**2
    for p in range(len(places)):
        x, y, z = places[p, 0], places[p, 1], places[p, 2]
        for c in range(first[p], last[p]):
            cosine = x * cells[c, 0] + y * cells[c, 1] + z * cells[c, 2]
            if cosine > cut:
                out[p, area[c]] += size[c] * np.exp(scale * _squared(cosine))
