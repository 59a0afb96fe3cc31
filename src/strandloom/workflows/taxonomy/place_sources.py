"""Where a species is known to occur: draws of places from its listed areas, its records and its river basins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.places import Points, RangeEvidence

SHARES = (0.6, 0.25, 0.15)
"""How often a place is drawn from areas, records and basins, of those that a species has."""
SPREAD = 0.25
"""Degrees by which a place lies beside the cell or record it is drawn from."""
Doubles = NDArray[np.float64]


def draw_places(
    evidence: RangeEvidence, species: NDArray[np.integer], rng: np.random.Generator
) -> tuple[Doubles, Doubles]:
    """A place for each species, degrees of latitude and longitude, ``(n,)`` each.

    One of its areas is drawn, whatever its size, then a cell of it; or one of its records' cells, however often it was recorded there.

    Parameters
    ----------
    evidence
        Ranges; every species has an area, a record or a basin.
    species
        int ``(n,)``.
    """
    species = np.asarray(species, np.int64)
    listed = evidence.areas.listed
    has = np.stack([listed.any(axis=1), np.diff(evidence.records.offsets) > 0, np.diff(evidence.basins.offsets) > 0])
    share = has[:, species] * np.array(SHARES)[:, None]  # (3, n)
    source = (rng.random(len(species)) * share.sum(axis=0) > np.cumsum(share, axis=0)).sum(axis=0)
    vectors = np.zeros((len(species), 3))
    cells = evidence.cell_vectors
    own = np.flatnonzero(source == 0)
    if len(own):
        area = _one_listed(listed[species[own]], rng)
        low, high = cells.offsets[area], cells.offsets[area + 1]
        vectors[own] = cells.places[low + (rng.random(len(own)) * (high - low)).astype(np.int64)]
    for number, points in ((1, evidence.records), (2, evidence.basins)):
        own = np.flatnonzero(source == number)
        vectors[own] = _one_point(points, species[own], rng)
    lat = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    lat = np.clip(lat + rng.uniform(-SPREAD, SPREAD, len(lat)), -90, 90)
    return lat, (lon + rng.uniform(-SPREAD, SPREAD, len(lon)) + 180) % 360 - 180


def _one_listed(listed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """One of the listed areas of each row ``(n, A)``, all alike."""
    wanted = (rng.random(len(listed)) * listed.sum(axis=1)).astype(np.int64)
    return (np.cumsum(listed, axis=1) > wanted[:, None]).argmax(axis=1)


def _one_point(points: Points, species: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    low, high = points.offsets[species], points.offsets[species + 1]
    return points.places[low + (rng.random(len(species)) * (high - low)).astype(np.int64)]
