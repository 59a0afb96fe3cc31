"""What is known of a species' range around a place, as features: listed areas, records, river basins, limits; near and far.

A place is judged by great-circle distances, so longitude is periodic and a degree at 70° N is not one at the equator. How often a cell was
sampled does not count as presence: a record is a record, and the effort at the place stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.data.geography.coast import coast_km
from strandloom.data.geography.sphere import EARTH_RADIUS_KM, km_of_chord, latitude_band, unit_vectors
from strandloom.workflows.taxonomy.niches import COVARIATES
from strandloom.workflows.taxonomy.range_tables import Ints, RangeTables

SCALES = (150.0, 500.0, 1500.0, 4000.0)
"""Kernel widths of the areas around a place, km."""
EFFORT_KM = 150.0
"""Records of all species within this tell how well a place was sampled."""
AROUND_KM = 300.0
"""Records within this count as around a place."""
HERE_KM, NEARBY_KM = 60.0, 500.0
"""Up to the first distance a species is listed here, up to the second nearby."""
Floats = NDArray[np.float32]

FEATURES = (
    "log areas listed", "no area listed", "log km to a listed area", "inside a listed area", "log km to any area", "listed around 1100 km",
    *(f"{words} {scale:.0f} km" for scale in SCALES for words in ("share listed within", "others listed speak for")),
    "degrees south of the areas", "degrees north of the areas",
    "has records", "log km to a record", "log records around", "sampled around", "sampled around, no record",
    "has basins", "log km to a basin", "has limits", "degrees outside in latitude", "degrees outside in longitude", "nothing known",
    *(f"fits in {name}" for name in COVARIATES), "degrees outside in temperature",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Places:
    """Places with their distances to all areas.

    Parameters
    ----------
    lat, lon
        Degrees, ``(P,)``.
    vectors
        Unit vectors ``(P, 3)``.
    km
        float32 ``(P, A)``: to the nearest cell of each area, 0 inside.
    home
        int32 ``(P,)``: the area that each place lies in, -1 in none.
    effort
        float64 ``(P,)``: records of all species around.
    values
        float64 ``(P, C)``: depth, month, temperature and distance to the coast; NaN where unknown.
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    vectors: NDArray[np.float64]
    km: Floats
    home: Ints
    effort: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lat)


class RangeEvidence(RangeTables):
    """Ranges made ready for questions about species and places; see :class:`~strandloom.workflows.taxonomy.range_tables.RangeTables`."""

    def places(
        self, lat: NDArray[np.float64], lon: NDArray[np.float64], *, values: NDArray[np.float64] | None = None
    ) -> Places:
        """Places with their distances to all areas.

        Parameters
        ----------
        lat, lon
            Degrees, ``(P,)``, finite.
        values
            float64 ``(P, C)``: what is known of depth, month, temperature and distance to the coast; the last is computed where it is not
            given.
        """
        from strandloom.workflows.taxonomy.place_kernels import nearest_of_areas, total_around

        vectors = unit_vectors(lat, lon)
        cells = self.cell_vectors
        nearest = np.zeros((len(vectors), len(cells.offsets) - 1))
        nearest_of_areas(np.ascontiguousarray(vectors.T), np.ascontiguousarray(cells.places.T), cells.offsets, nearest)
        km = km_of_chord(np.sqrt(np.maximum(2 - 2 * nearest, 0))).astype(np.float32)
        home = np.full(len(vectors), -1, np.int32)
        if km.shape[1]:
            closest = km.argmin(axis=1)
            inside = km[np.arange(len(km)), closest] < self.inside_km
            home[inside] = closest[inside]
        km[km < self.inside_km] = 0
        effort = np.zeros(len(vectors))
        sampled, rows = self._effort
        first, last = latitude_band(lat, sampled[:, 2], EFFORT_KM / EARTH_RADIUS_KM + 1e-9)
        total_around(vectors, sampled, rows, first, last, float(_cosine(EFFORT_KM)), effort)
        return Places(
            np.asarray(lat, np.float64),
            np.asarray(lon, np.float64),
            vectors,
            km,
            home,
            effort,
            _values(lat, lon, values),
        )

    def features(
        self,
        places: Places,
        species: NDArray[np.integer],
        place: NDArray[np.integer],
        *,
        drop: Ints | None = None,
        gone: NDArray[np.bool_] | None = None,
        hide_km: NDArray[np.float64] | None = None,
    ) -> Floats:
        """What is known of each species around each place, float32 ``(n, F)`` in the order of :data:`FEATURES`.

        Parameters
        ----------
        places
            P places.
        species, place
            n pairs.
        drop
            int32 ``(n,)``: an area in which the pair's species is taken for unlisted and unrecorded; -1 none.
        gone
            bool ``(n,)``: that area is taken for unknown altogether.
        hide_km
            float64 ``(n,)``: records and basins nearer than this are not seen; 0 all are.
        """
        number = len(species)
        return self._features(
            places, np.asarray(species, np.int64), np.asarray(place, np.int64), number, drop, gone, hide_km
        )

    def _features(
        self,
        places: Places,
        species: NDArray[np.int64],
        place: NDArray[np.int64],
        number: int,
        drop: Ints | None,
        gone: NDArray[np.bool_] | None,
        hide_km: NDArray[np.float64] | None,
    ) -> Floats:
        from strandloom.workflows.taxonomy.place_kernels import around, listed_around

        drop = np.full(number, -1, np.int32) if drop is None else drop
        gone = np.zeros(number, np.bool_) if gone is None else gone
        hide = np.full(number, 2.0) if hide_km is None else np.where(hide_km > 0, _cosine(hide_km), 2.0)
        areas = self.areas
        told = np.zeros((number, 4 + 2 * len(SCALES)))
        listed_around(
            species, place, drop, gone, places.km, areas.listed, areas.similar, areas.spoken_for, np.array(SCALES), told
        )
        found = []
        for points in (self.records, self.basins):
            nearest, within = np.zeros(number), np.zeros(number)
            around(
                species, place, drop, hide, places.vectors, points.offsets, points.places, points.weight, points.area,
                float(_cosine(AROUND_KM)), nearest, within,
            )  # fmt: skip
            found.append((nearest > -2, EARTH_RADIUS_KM * np.arccos(np.clip(nearest, -1, 1)), within))
        (recorded, record_km, within), (basin, basin_km, _) = found
        listed = told[:, 0] > 0
        south, north = self._beyond(species, places.lat[place], drop)
        limits = self.limits[species]
        lat_out, lon_out = _outside(limits, places.lat[place], places.lon[place])
        limited = ~np.isnan(limits).all(axis=1)
        effort = np.log1p(places.effort[place])
        columns = [
            np.log1p(told[:, 0]), ~listed, np.where(listed, np.log1p(told[:, 1] / 50), 0), listed & (told[:, 1] == 0),
            np.log1p(told[:, 2] / 50), told[:, 3],
            *(
                np.log(told[:, 4 + i] + 0.003) if i % 2 == 0 else np.clip(told[:, 4 + i], -0.3, 1.2)
                for i in range(2 * len(SCALES))
            ),
            np.where(listed, np.clip(south, -20, 30) / 10, 0), np.where(listed, np.clip(north, -20, 30) / 10, 0),
            recorded, np.where(recorded, np.log1p(record_km / 50), 0), np.log1p(within),
            effort, effort * recorded * (within == 0),
            basin, np.where(basin, np.log1p(basin_km / 50), 0),
            limited, np.clip(lat_out, 0, 30) / 10, np.clip(lon_out, 0, 60) / 20,
            ~(listed | recorded | basin | limited),
            *self.niches.fits(species, places.values[place]).T, self._too_warm_or_cold(species, places.values[place]),
        ]  # fmt: skip
        return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)

    def _too_warm_or_cold(self, species: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Degrees outside the limits of temperature over 5, ``(n,)``; 0 inside and where unknown."""
        water = values[:, COVARIATES.index("temperature")]
        cold, warm = self.temperatures[species].T
        return np.clip(np.nan_to_num(np.fmax(np.fmax(cold - water, water - warm), 0)), 0, 15) / 5

    def nearness(
        self, places: Places, species: NDArray[np.integer], place: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """How near each species is known to occur: km ``(n,)`` (NaN: nothing known), and the words for it ``(n,)``.

        Distance to the nearest record, listed area or river basin.
        """
        from strandloom.workflows.taxonomy.place_kernels import around

        species, place = np.asarray(species, np.int64), np.asarray(place, np.int64)
        number = len(species)
        best = np.full(number, np.inf)
        none, all_seen = np.full(number, -1, np.int32), np.full(number, 2.0)
        for points in (self.records, self.basins):
            nearest, within = np.zeros(number), np.zeros(number)
            around(
                species, place, none, all_seen, places.vectors, points.offsets, points.places, points.weight, points.area,
                float(_cosine(AROUND_KM)), nearest, within,
            )  # fmt: skip
            km = EARTH_RADIUS_KM * np.arccos(np.clip(nearest, -1, 1))
            best = np.where(nearest > -2, np.minimum(best, km), best)
        for start in range(0, number, 50_000):
            part = slice(start, start + 50_000)
            km = np.where(self.areas.listed[species[part]], places.km[place[part]], np.inf).min(axis=1, initial=np.inf)
            best[part] = np.minimum(best[part], km)
        words = np.select(
            [~np.isfinite(best), best <= HERE_KM, best <= NEARBY_KM], ["no data", "listed here", "nearby"], "far"
        ).astype(object)
        return np.where(np.isfinite(best), best, np.nan), words

    def _beyond(self, species: NDArray[np.int64], lat: NDArray[np.float64], drop: Ints) -> tuple[NDArray, NDArray]:
        """Degrees south and north of the listed areas, ``(n,)`` each; the dropped one does not count."""
        south, north = np.full(len(species), 90.0), np.full(len(species), -90.0)
        areas = self.areas
        for start in range(0, len(species), 50_000):
            part = slice(start, start + 50_000)
            listed = areas.listed[species[part]]
            rows = np.flatnonzero(drop[part] >= 0)
            listed[rows, drop[part][rows]] = False
            south[part] = np.where(listed, areas.south, 90.0).min(axis=1, initial=90.0)
            north[part] = np.where(listed, areas.north, -90.0).max(axis=1, initial=-90.0)
        return south - lat, lat - north


def _values(
    lat: NDArray[np.float64], lon: NDArray[np.float64], values: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    out = np.full((len(lat), len(COVARIATES)), np.nan) if values is None else np.array(values, np.float64)
    lacking = np.flatnonzero(np.isnan(out[:, -1]))
    if len(lacking):
        out[lacking, -1] = coast_km(np.asarray(lat)[lacking], np.asarray(lon)[lacking])
    return out


def _cosine(km: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.cos(np.asarray(km) / EARTH_RADIUS_KM)


def _outside(
    limits: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> tuple[NDArray, NDArray]:
    """Degrees outside the limits ``(n, 4)`` in latitude and longitude, ``(n,)`` each, 0 inside and where unknown."""
    south, north, west, east = limits.T
    lat_out = np.fmax(np.fmax(south - lat, lat - north), 0)
    width = (east - west) % 360
    past = (lon - west) % 360
    lon_out = np.where(past <= width, 0, np.minimum(past - width, 360 - past))
    full = np.isnan(width) | ((width == 0) & (east != west))
    return np.nan_to_num(lat_out), np.where(full, 0, lon_out)
