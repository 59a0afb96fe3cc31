"""Depth, month, temperature and distance to the coast at which species are found, and how well a place fits.

A species is described by the mean and the spread of its records, drawn towards those of all species where it has few. A covariate that is
unknown, of the place or of the species, says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.geography.coast import coast_km

COVARIATES = ("depth", "month", "temperature", "coast")
"""Metres; 1 to 12; °C; km to the coast (computed where it is not given)."""
LEAST = 3
"""Records below which a species has no niche."""
PRIOR = 5.0
"""Records that the spread over all species weighs as much as."""
LOW, HIGH = -4.0, 3.0
_MONTH = COVARIATES.index("month")
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Niches:
    """Niches of S species in C covariates.

    Parameters
    ----------
    mean, spread
        float64 ``(S, C)``; NaN where a species has too few records. Depth and coast as ``log(1 + x)``, months on a circle.
    overall_mean, overall_spread
        float64 ``(C,)``: over all species; NaN where no record knows the covariate.
    """

    mean: Doubles
    spread: Doubles
    overall_mean: Doubles
    overall_spread: Doubles

    @classmethod
    def fit(cls, points: pl.DataFrame, species: int) -> Self:
        """From records: ``species, lat, lon`` and those of ``depth, month, temperature, coast_distance`` (metres) that are known."""
        values = scaled(record_values(points))
        own = points["species"].to_numpy()
        mean, spread = np.full((2, species, len(COVARIATES)), np.nan)
        overall_mean, overall_spread = np.full((2, len(COVARIATES)), np.nan)
        for c in range(len(COVARIATES)):
            known = np.flatnonzero(np.isfinite(values[:, c]))
            if len(known) < LEAST:
                continue
            x, who = values[known, c], own[known]
            number = np.bincount(who, minlength=species)
            centre = _centres(x, who, species, circular=c == _MONTH)
            whole = _centres(x, np.zeros(len(x), np.int64), 1, circular=c == _MONTH)[0]
            variance = float((_apart(x, np.full(len(x), whole), c) ** 2).mean())
            own_variance = np.bincount(who, _apart(x, centre[who], c) ** 2, species)
            overall_mean[c], overall_spread[c] = whole, np.sqrt(max(variance, 1e-4))
            enough = number >= LEAST
            mean[enough, c] = centre[enough]
            spread[enough, c] = np.sqrt((own_variance + PRIOR * variance)[enough] / (number + PRIOR)[enough] + 1e-4)
        return cls(mean, spread, overall_mean, overall_spread)

    def fits(self, species: NDArray[np.integer], values: Doubles) -> Doubles:
        """How much better each place fits the species than species at large, float64 ``(n, C)``: log odds, 0 where unknown.

        Parameters
        ----------
        species
            int ``(n,)``.
        values
            float64 ``(n, C)``: covariates of the places as :data:`COVARIATES` gives them; NaN where unknown.
        """
        x = scaled(values)
        found = np.zeros(x.shape)
        for c in range(x.shape[1]):
            mean, spread = self.mean[species, c], self.spread[species, c]
            known = np.flatnonzero(np.isfinite(x[:, c]) & np.isfinite(mean))
            if not len(known):
                continue
            near = _apart(x[known, c], mean[known], c) / spread[known]
            here = -0.5 * near**2 - np.log(spread[known] * np.sqrt(2 * np.pi))
            whole = (x[known, c] - self.overall_mean[c]) / self.overall_spread[c]
            anywhere = -0.5 * whole**2 - np.log(self.overall_spread[c] * np.sqrt(2 * np.pi))
            odds = here - (-np.log(12) if c == _MONTH else anywhere)  # any month is as good as another
            found[known, c] = np.clip(odds, LOW, HIGH)
        return found


def record_values(points: pl.DataFrame) -> Doubles:
    """Covariates of records, float64 ``(m, C)``; NaN where unknown; the distance to the coast is computed where it is not given."""
    out = np.full((points.height, len(COVARIATES)), np.nan)
    for c, name in enumerate(COVARIATES[:-1]):
        if name in points.columns:
            out[:, c] = points[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if "coast_distance" in points.columns:
        out[:, -1] = np.abs(points["coast_distance"].cast(pl.Float64).fill_null(np.nan).to_numpy()) / 1000
    lacking = np.flatnonzero(np.isnan(out[:, -1]))
    if len(lacking):
        spots = points[lacking].select("lat", "lon").with_row_index("row")
        distinct = spots.unique(["lat", "lon"], keep="first", maintain_order=True)
        distinct = distinct.with_columns(km=pl.Series(coast_km(distinct["lat"].to_numpy(), distinct["lon"].to_numpy())))
        joined = spots.join(distinct.select("lat", "lon", "km"), on=["lat", "lon"], how="left", maintain_order="left")
        out[lacking, -1] = joined["km"].to_numpy()
    return out


def scaled(values: Doubles) -> Doubles:
    """Covariates ``(n, C)`` as they are compared: depth and coast as ``log(1 + x)``."""
    out = np.array(values, np.float64)
    for c in (COVARIATES.index("depth"), COVARIATES.index("coast")):
        out[:, c] = np.log1p(np.maximum(out[:, c], 0))
    return out


def _apart(x: Doubles, centre: Doubles, covariate: int) -> Doubles:
    """Differences; of months the shorter way round the year."""
    gap = x - centre
    return (gap + 6) % 12 - 6 if covariate == _MONTH else gap


def _centres(x: Doubles, who: NDArray[np.integer], number: int, *, circular: bool) -> Doubles:
    """Mean of each group, float64 ``(number,)``; on the circle of months for these."""
    if circular:
        angle = x * (2 * np.pi / 12)
        east, north = np.bincount(who, np.cos(angle), number), np.bincount(who, np.sin(angle), number)
        return np.arctan2(north, east) * (12 / (2 * np.pi)) % 12
    return np.bincount(who, x, number) / np.maximum(np.bincount(who, minlength=number), 1)
