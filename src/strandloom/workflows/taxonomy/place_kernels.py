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
def total_around(places: Array, points: Array, weight: Array, radius: float, out: Array) -> None:
    """The weight of the points around each place, ``(P,)``."""
    for i in range(len(places)):
        total = 0.0
        for p in range(len(points)):
            cosine = places[i, 0] * points[p, 0] + places[i, 1] * points[p, 1] + places[i, 2] * points[p, 2]
            if cosine > radius:
                total += weight[p]
        out[i] = total


@nb.njit(cache=True, nogil=True)
def listed_around(
    species: Array, place: Array, drop: Array, gone: Array, km: Array, listed: Array, similar: Array,
    scales: Array, out: Array,
) -> None:  # fmt: skip
    """What the listed areas of each pair's species say of its place.

    ``km (P, A)`` distances of places to areas, ``listed (S, A)``, ``similar (A, A)`` how much being listed in one area speaks for
    another. Of ``out (n, 4 + 2 scales)``: areas listed, km to the nearest, km to the nearest area that counts at all, the weight of the
    areas listed; then for each scale the share of the listed among the areas around, and how much the others that are listed speak
    for those around. Area ``drop (n,)`` is not listed for the pair, and where ``gone (n,)`` it does not exist.
    """
    areas = km.shape[1]
    scale_count = len(scales)
    weight = np.empty(areas)
    for i in range(len(species)):
        s, p = species[i], place[i]
        number, near, any_near, kernel = 0.0, 40_000.0, 40_000.0, 0.0
        for a in range(areas):
            exists = not (gone[i] and a == drop[i])
            if exists and km[p, a] < any_near:
                any_near = km[p, a]
            if listed[s, a] and a != drop[i]:
                number += 1
                if km[p, a] < near:
                    near = km[p, a]
                kernel += np.exp(-((km[p, a] / 1100.0) ** 2))
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = number, near, any_near, kernel
        for j in range(scale_count):
            total, share = 1e-12, 0.0
            for a in range(areas):
                w = 0.0
                if not (gone[i] and a == drop[i]):
                    w = np.exp(-(((km[p, a] - any_near) / scales[j]) ** 2))
                weight[a] = w
                total += w
                if w > 1e-4 and listed[s, a] and a != drop[i]:
                    share += w
            spoken = 0.0
            for a in range(areas):
                if weight[a] > 1e-2 * total:
                    said = 0.0
                    for b in range(areas):
                        if listed[s, b] and b != drop[i]:
                            said += similar[b, a]
                    spoken += weight[a] * said
            out[i, 4 + 2 * j] = share / total
            out[i, 5 + 2 * j] = spoken / total
