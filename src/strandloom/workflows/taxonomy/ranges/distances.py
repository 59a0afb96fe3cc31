"""How far a place is from where a species is known: its records, its listed ecoregions and river basins, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, km_of_chord, unit_vectors
from strandloom.workflows.taxonomy.ranges.index import Floats, RangeIndex

Single = NDArray[np.float32]
Pairs = NDArray[np.integer]
_BLOCK = 2_000
_EDGE_KM = 1e-3
_MANY = 2_000
"""A species with more spots than this gets a k-d tree."""


@dataclass(frozen=True, eq=False)
class PlaceDistances:
    """P places with their distances to A areas with an extent.

    Parameters
    ----------
    index
        The ranges.
    lat, lon
        Degrees, float64 ``(P,)``.
    vectors
        Unit vectors, float64 ``(P, 3)``.
    km
        float32 ``(P, A)``: to the edge of the cell of each area whose centre is nearest, 0 inside, infinite where it has no cells.
    """

    index: RangeIndex
    lat: Floats
    lon: Floats
    vectors: Floats
    km: Single

    def __len__(self) -> int:
        return len(self.lat)

    @classmethod
    def measure(cls, index: RangeIndex, lat: ArrayLike, lon: ArrayLike) -> Self:
        """Measure places.

        Parameters
        ----------
        lat, lon
            Degrees, ``(P,)``, finite.
        """
        lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        vectors = unit_vectors(lat, lon)
        return cls(index, lat, lon, vectors, _to_areas(index, lat, lon, vectors))

    @cached_property
    def home(self) -> NDArray[np.int32]:
        """int32 ``(P,)``: the area that each place lies in, -1 none."""
        if not self.km.shape[1]:
            return np.full(len(self), -1, np.int32)
        nearest = self.km.argmin(axis=1)
        return np.where(self.km[np.arange(len(self)), nearest] == 0, nearest, -1).astype(np.int32)

    def nearest_area_km(self, species: Pairs, place: Pairs, *, drop: Pairs | None = None) -> Single:
        """Distance from each place to the nearest cell of an area in which the species is listed, float32 ``(n,)``.

        0 inside, NaN where the species is listed in none.

        Parameters
        ----------
        species, place
            int ``(n,)``: pairs.
        drop
            int ``(n,)``: an area that is taken as not listed for the pair's species; -1 none.
        """
        return _or_nan(self._listed(species, place, drop)[0])

    def listed_areas(self, species: Pairs, place: Pairs, *, drop: Pairs | None = None) -> NDArray[np.int32]:
        """How many areas the species of each pair is listed in, without the dropped one, int32 ``(n,)``; parameters as above."""
        return self._listed(species, place, drop)[1]

    def _listed(self, species: Pairs, place: Pairs, drop: Pairs | None) -> tuple[Floats, NDArray[np.int32]]:
        from strandloom.workflows.taxonomy.ranges.kernels import nearest_listed

        near, number = np.zeros(len(species)), np.zeros(len(species), np.int32)
        nearest_listed(
            _whole(species), _whole(place), _dropped(species, drop), self.km, *self.index.listed, near, number
        )
        return near, number


class PairDistances(NamedTuple):
    """How far n species are from n places; NaN where nothing of that kind is known of the species, which is not far."""

    record_km: Single
    """float32 (n,): to the nearest record."""
    area_km: Single
    """float32 (n,): to the nearest cell of a listed area, 0 inside."""
    basin_km: Single
    """float32 (n,): to the nearest listed river basin, taken for a disc of its size."""
    home_listed: NDArray[np.bool_]
    """bool (n,): the area in which the place lies is listed for the species."""
    areas_listed: NDArray[np.int32]
    """int32 (n,): areas in which the species is listed."""
    inside_limits: NDArray[np.int8]
    """int8 (n,): 1 inside the limits of latitude and longitude that are known, 0 outside, -1 where none is known."""
    degrees_outside: Single
    """float32 (n,): degrees of latitude outside the limits, 0 inside."""
    longitude_outside: Single
    """float32 (n,): degrees of longitude outside the limits, 0 inside."""


def pair_distances(places: PlaceDistances, species: Pairs, place: Pairs, *, drop: Pairs | None = None) -> PairDistances:
    """How far species are from places.

    Parameters
    ----------
    places
        P places.
    species, place
        int ``(n,)``: pairs.
    drop
        int ``(n,)``: an area in which the pair's species is taken as neither listed nor recorded; -1 none.
    """
    index = places.index
    near, number = places._listed(species, place, drop)
    lat_out, lon_out = outside(index.limits[species], places.lat[place], places.lon[place])
    worst = np.fmax(lat_out, lon_out)
    home = places.home[place]
    return PairDistances(
        record_km=spot_km(index, "records", places.vectors, species, place, drop=drop),
        area_km=_or_nan(near),
        basin_km=spot_km(index, "basins", places.vectors, species, place),
        home_listed=(home >= 0) & (near == 0),
        areas_listed=number,
        inside_limits=np.where(np.isnan(worst), -1, worst == 0).astype(np.int8),
        degrees_outside=lat_out.astype(np.float32),
        longitude_outside=lon_out.astype(np.float32),
    )


def spot_km(
    index: RangeIndex,
    kind: Literal["records", "basins"],
    vectors: Floats,
    species: Pairs,
    place: Pairs,
    *,
    drop: Pairs | None = None,
) -> Single:
    """Distance from each place to the nearest record or river basin of the species, float32 ``(n,)``; NaN where it has none.

    Parameters
    ----------
    vectors
        The places, unit vectors ``(P, 3)``.
    species, place, drop
        See :func:`pair_distances`.
    """
    from strandloom.workflows.taxonomy.ranges.kernels import nearest_spots

    spots = index.records if kind == "records" else index.basins
    species, place, gone = _whole(species), _whole(place), _dropped(species, drop)
    heavy = (np.diff(spots.offsets) > _MANY)[species] & (gone < 0) & (kind == "records")
    rows = np.flatnonzero(~heavy)
    angle, found = np.zeros(len(species)), np.zeros(len(rows))
    nearest_spots(
        species[rows], place[rows], gone[rows], vectors, spots.offsets, spots.vectors, spots.area, spots.radius, found
    )
    angle[rows] = found
    for number in np.unique(species[heavy]).tolist():
        own = np.flatnonzero(heavy & (species == number))
        angle[own] = km_of_chord(index.tree(number).query(vectors[place[own]])[0]) / EARTH_RADIUS_KM
    return _or_nan(angle * EARTH_RADIUS_KM)


def outside(limits: Floats, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Degrees of latitude and of longitude outside limits, float64 ``(n,)`` each; 0 inside, NaN where the limits are unknown.

    Parameters
    ----------
    limits
        float64 ``(n, 4)``: south, north, west, east; NaN where unknown; west > east crosses the antimeridian.
    lat, lon
        Degrees, float64 ``(n,)``.
    """
    south, north, west, east = limits.T
    lat_out = np.fmax(south - lat, lat - north)  # one limit may be unknown
    width = np.where(east - west >= 360, 360, (east - west) % 360)
    past = (lon - west) % 360
    lon_out = np.where(past <= width, 0, np.minimum(past - width, 360 - past))
    return np.where(np.isnan(lat_out), np.nan, np.maximum(lat_out, 0)), np.where(np.isnan(width), np.nan, lon_out)


def _to_areas(index: RangeIndex, lat: Floats, lon: Floats, vectors: Floats) -> Single:
    """Kilometres from each place to the edge of the nearest cell of each area, float32 ``(P, A)``."""
    from strandloom.workflows.taxonomy.ranges.kernels import nearest_cells

    cells = index.cells
    km = np.full((len(lat), len(cells.offsets) - 1), np.inf, np.float32)
    if not len(cells.lat):
        return km
    across, half = np.ascontiguousarray(cells.vectors.T), cells.size / 2  # (3, m)
    for start in range(0, len(lat), _BLOCK):
        part = slice(start, start + _BLOCK)
        nearest = np.zeros(km[part].shape, np.int32)
        nearest_cells(vectors[part], across, cells.offsets, nearest)
        found = _to_cells(lat[part, None], lon[part, None], cells.lat[nearest], cells.lon[nearest], half)
        found[found < _EDGE_KM] = 0
        found[nearest < 0] = np.inf
        km[part] = found
    inside = index.ranges.areas_at(lat, lon)
    km[inside["row"].to_numpy(), inside["area"].to_numpy()] = 0
    return km


def _to_cells(lat: Floats, lon: Floats, cell_lat: Floats, cell_lon: Floats, half: float) -> Floats:
    """Kilometres from places to the nearest point of cells, ``half`` degrees from their centres to their edges."""
    side = (lon - cell_lon + 180) % 360 - 180
    apart = np.radians(side - np.clip(side, -half, half))  # from the nearest meridian of the cell
    a = np.radians(lat)
    nearest = np.arctan2(
        np.sin(a), np.cos(a) * np.cos(apart)
    )  # latitude of the nearest point of that meridian's circle
    b = np.clip(nearest, np.radians(cell_lat - half), np.radians(cell_lat + half))
    haversine = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(apart / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))


def _whole(numbers: Pairs) -> NDArray[np.int64]:
    return np.ascontiguousarray(numbers, np.int64)


def _dropped(species: Pairs, drop: Pairs | None) -> NDArray[np.int64]:
    return np.full(len(species), -1, np.int64) if drop is None else _whole(drop)


def _or_nan(km: Floats) -> Single:
    return np.where(np.isinf(km), np.nan, km).astype(np.float32)
