"""Choosing among species of equal sequence by place: near which of their listed ecoregions a query was sampled.

The rule of thumb that comes with the data set ``fish_geo``: a species scores the sum over its ecoregions of ``exp(-(d / 10)²)``,
with d the great-circle distance in degrees from the place to the centroid of the ecoregion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, km_of_chord, unit_vectors
from strandloom.workflows.taxonomy.baselines.types import Calls, CandidateProbabilities, Doubles, roll_up
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.ranges.ranges import ECOREGION, Ranges

SCALE = 10.0
"""Width of the kernel, degrees."""
NO_RANGE = 1e-6
"""Score of a species of whose ecoregions nothing is known: that of one 37 degrees away."""
_BLOCK = 20_000
_NUMBER = np.int32


@dataclass(frozen=True, eq=False)
class ListedCentroids:
    """The ecoregions of S species, each taken for its centroid.

    Parameters
    ----------
    area
        int32 ``(A,)``: numbers of the ecoregions in the ranges, rising.
    vectors
        float64 ``(A, 3)``: their centroids, unit vectors.
    listed
        bool ``(S, A)``.
    """

    area: NDArray[np.int32]
    vectors: Doubles
    listed: NDArray[np.bool_]

    @classmethod
    def from_ranges(cls, ranges: Ranges, species: int, *, centroids: pl.DataFrame | None = None) -> Self:
        """From the lists of ecoregions; what was held out of the ranges is unknown here too.

        Parameters
        ----------
        ranges
            Of a taxonomy of ``species`` species.
        centroids
            ``area, lat, lon`` where other centroids than the means of the cells are wanted.
        """
        own = ranges.areas.filter(pl.col("kind") == ECOREGION).select("area")
        cells = (ranges.cells if centroids is None else centroids).join(own, on="area", how="semi")
        area, column = np.unique(cells["area"].to_numpy(), return_inverse=True)
        vectors = np.zeros((len(area), 3))
        np.add.at(vectors, column, unit_vectors(cells["lat"].to_numpy(), cells["lon"].to_numpy()))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        members = ranges.members.filter(pl.col("area").is_in(area.tolist()))
        listed = np.zeros((species, len(area)), np.bool_)
        listed[members["species"].to_numpy(), np.searchsorted(area, members["area"].to_numpy())] = True
        return cls(area.astype(_NUMBER), vectors, listed)

    def kernel(
        self, species: NDArray[np.integer], lat: Doubles, lon: Doubles, *, drop: NDArray[np.integer] | None = None
    ) -> Doubles:
        """The range kernel of species at places, float64 ``(n,)``; :data:`NO_RANGE` without a listed ecoregion, NaN without a place.

        Parameters
        ----------
        species
            int ``(n,)``.
        lat, lon
            Degrees, ``(n,)``; NaN where nobody knows.
        drop
            int ``(n,)``: number of an area for which the species is taken not to be listed; -1 none.
        """
        score = np.zeros(len(species))
        for block, degrees, kept in self._blocks(species, lat, lon, drop):
            sums = np.where(kept, np.exp(-((degrees / SCALE) ** 2)), 0).sum(axis=1)
            score[block] = np.where(kept.any(axis=1), sums, NO_RANGE)
        return np.where(np.isnan(lat) | np.isnan(lon), np.nan, score)

    def nearest(
        self, species: NDArray[np.integer], lat: Doubles, lon: Doubles, *, drop: NDArray[np.integer] | None = None
    ) -> Doubles:
        """Degrees to the nearest listed centroid, float64 ``(n,)``: infinite where none is listed, NaN without a place.

        Parameters are those of :meth:`kernel`.
        """
        found = np.zeros(len(species))
        for block, degrees, kept in self._blocks(species, lat, lon, drop):
            found[block] = np.where(kept, degrees, np.inf).min(axis=1, initial=np.inf)
        return np.where(np.isnan(lat) | np.isnan(lon), np.nan, found)

    def _blocks(
        self, species: NDArray[np.integer], lat: Doubles, lon: Doubles, drop: NDArray[np.integer] | None
    ) -> Iterator[tuple[slice, Doubles, NDArray[np.bool_]]]:
        """Blocks of pairs: degrees to all centroids and which of them are listed, ``(b, A)`` each."""
        for start in range(0, len(species), _BLOCK):
            block = slice(start, start + _BLOCK)
            places = unit_vectors(lat[block], lon[block])
            chord = np.sqrt(np.maximum(2 - 2 * places @ self.vectors.T, 0))
            degrees = np.degrees(km_of_chord(chord) / EARTH_RADIUS_KM)
            kept = self.listed[species[block]]
            if drop is not None:
                kept = kept & (self.area[None] != drop[block, None])
            yield block, degrees, kept


def rerank(candidates: CandidateProbabilities, score: Doubles, taxonomy: Taxonomy) -> Calls:
    """The candidate with the best score; of equals the one with the larger share of the records, else the first.

    The confidence is the share of the score. Where no candidate of a query has a score (the place is unknown, or all are 0) the
    shares of the records stand for it.

    Parameters
    ----------
    candidates
        Species of N queries, such as the tied top hits.
    score
        float64 ``(total,)``, not negative: of :meth:`ListedCentroids.kernel`, or :func:`nearness` of the distance.
    """
    query = candidates.query
    score = np.nan_to_num(score, nan=0.0)
    total = np.bincount(query, score, len(candidates))[query]
    share = np.divide(score, total, out=candidates.probability.copy(), where=total > 0)
    return roll_up(replace(candidates, probability=share), taxonomy, tie=candidates.probability)


def nearness(degrees: Doubles) -> Doubles:
    """A score that is higher the nearer the nearest ecoregion, float64 ``(n,)``: its kernel alone, 0 at infinity."""
    return np.exp(-((degrees / SCALE) ** 2))
