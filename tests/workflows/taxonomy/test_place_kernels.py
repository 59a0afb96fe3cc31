"""Compiled loops over places beside plain ones."""

from __future__ import annotations

import numpy as np

from strandloom.data.geography.sphere import unit_vectors
from strandloom.workflows.taxonomy.place_kernels import around, total_around


def test_nearest_points_and_those_around() -> None:
    rng = np.random.default_rng(1)
    places = unit_vectors(rng.uniform(-90, 90, 5), rng.uniform(-180, 180, 5))
    points = unit_vectors(rng.uniform(-90, 90, 60), rng.uniform(-180, 180, 60))
    offsets, weight, area = np.array([0, 20, 20, 60]), rng.random(60), rng.integers(-1, 3, 60).astype(np.int32)
    species, place = np.repeat(np.arange(3), 20), rng.integers(0, 5, 60)
    drop, hide = rng.integers(-1, 3, 60).astype(np.int32), rng.choice([2.0, 0.5], 60)
    nearest, within = np.zeros(60), np.zeros(60)
    around(species, place, drop, hide, places, offsets, points, weight, area, 0.2, nearest, within)
    for i in range(60):
        own = slice(offsets[species[i]], offsets[species[i] + 1])
        cosine = points[own] @ places[place[i]]
        seen = (cosine <= hide[i]) & ((drop[i] < 0) | (area[own] != drop[i]))
        np.testing.assert_allclose(nearest[i], max([-2, *cosine[seen]]))
        np.testing.assert_allclose(within[i], weight[own][seen & (cosine > 0.2)].sum(), atol=1e-12)
    total = np.zeros(5)
    total_around(places, points, weight, np.zeros(5, np.int64), np.full(5, 60), 0.2, total)
    np.testing.assert_allclose(total, [weight[points @ own > 0.2].sum() for own in places])
