"""Where a species is known to occur: draws of places from its listed areas, its records and its river basins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.niches import COVARIATES
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.range_tables import Points

SHARES = (0.6, 0.25, 0.15)
"""How often a place is drawn from areas, records and basins, of those that a species has."""
SPREAD = 0.25
"""Degrees by which a place lies beside the cell or record it is drawn from."""
Doubles = NDArray[np.float64]


class Drawn(NamedTuple):
    """A place for each of n species."""

    lat: Doubles
    lon: Doubles
    values: Doubles
    """float64 ``(n, C)``: depth, month and temperature of the record that it was drawn from; NaN where unknown."""


def stand_ins(
    evidence: RangeEvidence, species: NDArray[np.integer], family: NDArray[np.integer], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Species whose places are drawn: each itself, or where no place is known of it one of its family, or else any; int64 ``(n,)``.

    Parameters
    ----------
    evidence
        Ranges; some species has an area, a record or a basin.
    species
        int ``(n,)``.
    family
        int ``(S,)``: the family of every species, -1 where it is unknown.
    """
    out = np.asarray(species, np.int64).copy()
    lost = np.flatnonzero(~evidence.placed[out])
    placed = np.flatnonzero(evidence.placed)
    placed = placed[np.argsort(family[placed], kind="stable")]
    own = family[out[lost]]
    low, high = (np.searchsorted(family[placed], own, side=side) for side in ("left", "right"))
    related = (high > low) & (own >= 0)
    low, high = np.where(related, low, 0), np.where(related, high, len(placed))
    out[lost] = placed[low + (rng.random(len(lost)) * (high - low)).astype(np.int64)]
    return out


def draw_places(
    evidence: RangeEvidence, species: NDArray[np.integer], rng: np.random.Generator
) -> tuple[Doubles, Doubles]:
    """A place for each species, degrees of latitude and longitude, ``(n,)`` each; see :func:`draw_sightings`."""
    drawn = draw_sightings(evidence, species, rng)
    return drawn.lat, drawn.lon


def draw_sightings(evidence: RangeEvidence, species: NDArray[np.integer], rng: np.random.Generator) -> Drawn:
    """A place for each species, and what is known of the record it was drawn from.

    One of its areas is drawn, whatever its size, then a cell of it; or one of its records' cells, however often it was recorded there.

    Parameters
    ----------
    evidence
        Ranges; every species has an area, a record or a basin.
    species
        int ``(n,)``.
    """
    wanted = np.asarray(species, np.int64)
    listed = evidence.areas.listed
    has = np.stack([listed.any(axis=1), np.diff(evidence.records.offsets) > 0, np.diff(evidence.basins.offsets) > 0])
    share = has[:, wanted] * np.array(SHARES)[:, None]  # (3, n)
    source = (rng.random(len(wanted)) * share.sum(axis=0) > np.cumsum(share, axis=0)).sum(axis=0)
    vectors = np.zeros((len(wanted), 3))
    cells = evidence.cell_vectors
    own = np.flatnonzero(source == 0)
    if len(own):
        area = _one_listed(listed[wanted[own]], rng)
        low, high = cells.offsets[area], cells.offsets[area + 1]
        vectors[own] = cells.places[low + (rng.random(len(own)) * (high - low)).astype(np.int64)]
    values = np.full((len(wanted), len(COVARIATES)), np.nan)
    for number, points in ((1, evidence.records), (2, evidence.basins)):
        own = np.flatnonzero(source == number)
        row = _one_point(points, wanted[own], rng)
        vectors[own] = points.places[row]
        if number == 1:
            values[own, :-1] = evidence.record_values[row, :-1]  # the coast is measured at the place itself
    lat = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    lat = np.clip(lat + rng.uniform(-SPREAD, SPREAD, len(lat)), -90, 90)
    return Drawn(lat, (lon + rng.uniform(-SPREAD, SPREAD, len(lon)) + 180) % 360 - 180, values)


def _one_listed(listed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """One of the listed areas of each row ``(n, A)``, all alike."""
    wanted = (rng.random(len(listed)) * listed.sum(axis=1)).astype(np.int64)
    return (np.cumsum(listed, axis=1) > wanted[:, None]).argmax(axis=1)


def _one_point(points: Points, species: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One of the points of each species, int64 ``(n,)``."""
    low, high = points.offsets[species], points.offsets[species + 1]
    return low + (rng.random(len(species)) * (high - low)).astype(np.int64)
