"""Compiled loops against slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.workflows.taxonomy.ranges import kernels

RNG = np.random.default_rng(11)


def sphere(number: int) -> np.ndarray:
    vectors = RNG.normal(size=(number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.arcsin(min(np.linalg.norm(a - b) / 2, 1))


PLACES, SPOTS = sphere(30), sphere(200)
OFFSETS = np.array([0, 0, 50, 51, 200])
SPECIES, PLACE = RNG.integers(0, 4, 120), RNG.integers(0, 30, 120)
AREA = RNG.integers(-1, 3, 200).astype(np.int32)
DROP = RNG.integers(-1, 3, 120)


def test_nearest_cells() -> None:
    out = np.zeros((30, 4), np.int32)
    kernels.nearest_cells(PLACES, np.ascontiguousarray(SPOTS.T), OFFSETS, out)
    for p in range(30):
        for k in range(4):
            own = range(OFFSETS[k], OFFSETS[k + 1])
            assert out[p, k] == min(own, key=lambda c: angle(PLACES[p], SPOTS[c]), default=-1)


@pytest.mark.parametrize("largest", [0.0, 0.4])
def test_nearest_spots(largest: float) -> None:
    radius = RNG.uniform(0, 1, 200) * largest
    out = np.zeros(120)
    kernels.nearest_spots(SPECIES, PLACE, DROP, PLACES, OFFSETS, SPOTS, AREA, radius, out)
    for i in range(120):
        own = range(OFFSETS[SPECIES[i]], OFFSETS[SPECIES[i] + 1])
        near = [max(angle(PLACES[PLACE[i]], SPOTS[p]) - radius[p], 0) for p in own if DROP[i] < 0 or AREA[p] != DROP[i]]
        assert out[i] == pytest.approx(min(near, default=np.inf), abs=1e-7)


def test_listed() -> None:
    km = RNG.uniform(0, 100, (30, 3)).astype(np.float32)
    near, number, total = np.zeros(120), np.zeros(120, np.int32), np.zeros(120)
    areas = np.abs(AREA)
    kernels.nearest_listed(SPECIES, PLACE, DROP, km, OFFSETS, areas, near, number)
    kernels.total_listed(SPECIES, PLACE, km.astype(float), OFFSETS, areas, total)
    for i in range(120):
        own = areas[OFFSETS[SPECIES[i]] : OFFSETS[SPECIES[i] + 1]]
        left = own[own != DROP[i]]
        assert number[i] == len(left)
        assert near[i] == min((float(km[PLACE[i], a]) for a in left), default=np.inf)
        assert total[i] == pytest.approx(sum(float(km[PLACE[i], a]) for a in own))


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_blurred(sigma: float) -> None:
    weight = RNG.uniform(0, 1, 200)
    cut = np.cos(4 * sigma)
    spots = np.zeros(120)
    kernels.blurred_spots(SPECIES, PLACE, PLACES, OFFSETS, SPOTS, weight, sigma, cut, spots)
    areas = np.zeros((30, 2))
    column = RNG.integers(0, 2, 200)
    first, last = np.zeros(30, np.int64), np.full(30, 200)
    first[7] = last[7] = 5
    kernels.blurred_areas(PLACES, first, last, SPOTS, weight, column, sigma, cut, areas)

    def term(p: int, s: int) -> float:
        far = angle(PLACES[p], SPOTS[s])
        return weight[s] * np.exp(-0.5 * (far / sigma) ** 2) if far < 4 * sigma else 0.0

    for i in range(120):
        own = range(OFFSETS[SPECIES[i]], OFFSETS[SPECIES[i] + 1])
        assert spots[i] == pytest.approx(sum(term(PLACE[i], s) for s in own), abs=1e-5)
    for p in range(30):
        slow = [0.0, 0.0]
        for s in range(first[p], last[p]):
            slow[column[s]] += term(p, s)
        assert areas[p] == pytest.approx(slow, abs=1e-5)
