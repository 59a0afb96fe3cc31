"""Compiled inner loops of places; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any


@nb.njit(cache=True, nogil=True)
def around(
    species: Array, place: Array, drop: Array, hide: Array, places: Array,
    offsets: Array, points: Array, weight: Array, area: Array, radius: float,
    nearest: Array, within: Array,
) -> None:  # fmt: skip
    """For each pair the nearest point of the species, as the cosine of the angle to it, and the weight of those around.

    Pairs ``species (n,)``, ``place (n,)``; ``places (P, 3)`` and ``points (m, 3)`` are unit vectors, species s owns
    ``offsets[s]:offsets[s + 1]`` of the points. Points of area ``drop (n,)`` (-1 none), or nearer than the angle of cosine ``hide (n,)``
    (2 none), do not count. ``radius`` is a cosine. ``nearest`` is -2 where there is no point.
    """
    for i in range(len(species)):
        best, total = -2.0, 0.0
        x, y, z = places[place[i], 0], places[place[i], 1], places[place[i], 2]
        for p in range(offsets[species[i]], offsets[species[i] + 1]):
            if drop[i] >= 0 and area[p] == drop[i]:
                continue
            cosine = x * points[p, 0] + y * points[p, 1] + z * points[p, 2]
            if cosine > hide[i]:
                continue
            if cosine > best:
                best = cosine
            if cosine > radius:
                total += weight[p]
        nearest[i] = best
        within[i] = total


@nb.njit(cache=True, nogil=True)
def total_around(
    places: Array, points: Array, weight: Array, first: Array, last: Array, radius: float, out: Array
) -> None:
    """The weight of the points around each place, ``(P,)``; only points ``first[i]:last[i]`` can be near place i."""
    for i in range(len(places)):
        total = 0.0
        for p in range(first[i], last[i]):
            cosine = places[i, 0] * points[p, 0] + places[i, 1] * points[p, 1] + places[i, 2] * points[p, 2]
            if cosine > radius:
                total += weight[p]
        out[i] = total


@nb.njit(cache=True, nogil=True)
def listed_around(
    species: Array, place: Array, drop: Array, gone: Array, km: Array, listed: Array, similar: Array, spoken_for: Array,
    scales: Array, out: Array,
) -> None:  # fmt: skip
    """What the listed areas of each pair's species say of its place.

    ``km (P, A)`` distances of places to areas, ``listed (S, A)``, ``similar (A, A)`` how much being listed in one area speaks for
    another, ``spoken_for (S, A)`` how much all areas of a species speak for each. Of ``out (n, 4 + 2 scales)``: areas listed, km to the
    nearest, km to the nearest area that counts at all, the weight of the areas listed; then for each scale the share of the listed among
    the areas around, and how much the others that are listed speak for those around. Area ``drop (n,)`` is not listed for the pair, and
    where ``gone (n,)`` it does not exist.
    """
    areas = km.shape[1]
    scale_count = len(scales)
    weight = np.empty((scale_count, areas))
    total = np.empty(scale_count)
    any_near = 40_000.0
    for i in range(len(species)):
        s, p = species[i], place[i]
        same = i > 0 and place[i - 1] == p and gone[i - 1] == gone[i] and (not gone[i] or drop[i - 1] == drop[i])
        if not same:  # what counts for the place holds for all species that are asked about there
            any_near = 40_000.0
            for a in range(areas):
                if km[p, a] < any_near and not (gone[i] and a == drop[i]):
                    any_near = km[p, a]
            for j in range(scale_count):
                total[j] = 1e-12
                for a in range(areas):
                    w = 0.0
                    if not (gone[i] and a == drop[i]):
                        w = np.exp(-(((km[p, a] - any_near) / scales[j]) ** 2))
                    weight[j, a] = w
                    total[j] += w
        number, near, kernel = 0.0, 40_000.0, 0.0
        for a in range(areas):
            if listed[s, a] and a != drop[i]:
                number += 1
                if km[p, a] < near:
                    near = km[p, a]
                kernel += np.exp(-((km[p, a] / 1100.0) ** 2))
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = number, near, any_near, kernel
        lost = drop[i] >= 0 and listed[s, drop[i]]
        for j in range(scale_count):
            share, spoken = 0.0, 0.0
            for a in range(areas):
                w = weight[j, a]
                if w > 1e-4 and listed[s, a] and a != drop[i]:
                    share += w
                if w > 1e-2 * total[j]:
                    spoken += w * (spoken_for[s, a] - (similar[drop[i], a] if lost else 0.0))
            out[i, 4 + 2 * j] = share / total[j]
            out[i, 5 + 2 * j] = spoken / total[j]


@nb.njit(cache=True, nogil=True, fastmath=True)
def nearest_of_areas(places: Array, cells: Array, offsets: Array, out: Array) -> None:
    """The cosine of the angle from each place to the nearest cell of each area, ``(P, A)``.

    ``places (3, P)`` and ``cells (3, m)`` are unit vectors, area a owns the cells ``offsets[a]:offsets[a + 1]``.
    """
    for i in range(places.shape[1]):
        x, y, z = places[0, i], places[1, i], places[2, i]
        for a in range(len(offsets) - 1):
            best = -2.0
            for c in range(offsets[a], offsets[a + 1]):
                best = max(best, x * cells[0, c] + y * cells[1, c] + z * cells[2, c])
            out[i, a] = best
