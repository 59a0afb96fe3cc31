"""Where each sequence was found: rows of sequence and sample, and the places that stand behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.niches import COVARIATES

TOLD = COVARIATES[:-1]
"""Covariates that samples may tell: depth, month and temperature."""
DIGITS = 3
"""Decimals of a degree by which places are told apart (about 100 m)."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """N sequences as they were found.

    Parameters
    ----------
    query
        int64 ``(M,)``: the sequence of each row; every sequence has a row.
    place
        int64 ``(M,)``: the place of each row, -1 where it is unknown.
    weight
        float64 ``(M,)``: reads, or 1.
    lat, lon
        Degrees, ``(P,)``: the places.
    values
        float64 ``(P, C)``: depth, month, temperature and distance to the coast there; NaN where unknown.
    sample_query, sample_row
        int64 ``(K,)``: for each pair of sequence and sample, in the order of ``samples``, its sequence and its row.
    samples
        ``id, sample, reads, lat, lon``: the pairs.
    """

    query: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    values: NDArray[np.float64]
    sample_query: NDArray[np.int64]
    sample_row: NDArray[np.int64]
    samples: pl.DataFrame


def sightings(
    ids: pl.Series,
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    found: pl.DataFrame | None,
    *,
    elsewhere: tuple[float, float] | None = None,
) -> Sightings:
    """Rows for a block of sequences.

    Parameters
    ----------
    ids
        String ``(N,)``.
    lat, lon
        The place of each sequence itself, NaN where unknown; where it is known, samples do not matter.
    found
        Counts joined with samples: ``sample, id, reads, lat, lon``, the places of field samples; null elsewhere. Perhaps also
        ``depth`` (metres), ``month`` and ``temperature`` (°C).
    elsewhere
        The place of sequences and samples without one.
    """
    number = len(ids)
    order = pl.DataFrame({"id": ids, "query": np.arange(number)})
    if found is None:
        found = pl.DataFrame(
            schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64, "lat": pl.Float64, "lon": pl.Float64}
        )
    told = [name for name in TOLD if name in found.columns]
    pairs = (
        found.join(order, on="id").sort("query", "sample").select("sample", "id", "reads", "lat", "lon", *told, "query")
    )
    own = pairs["query"].to_numpy().astype(np.int64)
    at = [pairs[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("lat", "lon")]
    lat, lon = _whole(lat, lon)
    at[0], at[1] = _whole(at[0], at[1])
    fixed = np.isfinite(lat)
    if elsewhere is not None:
        lat, lon = np.where(fixed, lat, elsewhere[0]), np.where(fixed, lon, elsewhere[1])
        at = [np.where(np.isfinite(at[0]), x, y) for x, y in zip(at, elsewhere, strict=True)]
    at[0], at[1] = np.where(fixed[own], lat[own], at[0]), np.where(fixed[own], lon[own], at[1])
    # a row for each sequence and place of its samples, and for each sequence that was found in none
    alone = np.setdiff1d(np.arange(number), own)
    blank = np.full(len(alone), np.nan)
    columns = {
        "query": np.concatenate([own, alone]),
        "lat": np.round(np.concatenate([at[0], lat[alone]]), DIGITS),
        "lon": np.round(np.concatenate([at[1], lon[alone]]), DIGITS),
    }
    for name in told:
        columns[name] = np.concatenate([pairs[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), blank])
    reads = np.concatenate([pairs["reads"].to_numpy().astype(np.float64), np.ones(len(alone))])
    spot = ["lat", "lon", *told]
    rows = pl.DataFrame({**columns, "reads": reads}).with_columns(pl.col(spot).fill_nan(None))
    distinct = rows.group_by("query", *spot, maintain_order=True).agg(pl.col("reads").sum()).with_row_index("row")
    spots = (
        distinct.filter(pl.col("lat").is_not_null()).select(spot).unique(maintain_order=True).with_row_index("place")
    )
    distinct = distinct.join(spots, on=spot, how="left", nulls_equal=True, maintain_order="left")
    joined = rows.join(distinct, on=["query", *spot], how="left", nulls_equal=True, maintain_order="left")
    known = distinct["place"].cast(pl.Int64).fill_null(-1).to_numpy()
    weight, query = distinct["reads"].to_numpy(), distinct["query"].to_numpy().astype(np.int64)
    # a sequence is judged by the samples whose place is known, if there are any
    somewhere = np.zeros(number, np.bool_)
    somewhere[query[known >= 0]] = True
    values = np.full((spots.height, len(COVARIATES)), np.nan)
    for name in told:
        values[:, COVARIATES.index(name)] = spots[name].fill_null(np.nan).to_numpy()
    return Sightings(
        query=query,
        place=known,
        weight=np.where((known < 0) & somewhere[query], 0.0, weight),
        lat=spots["lat"].to_numpy(),
        lon=spots["lon"].to_numpy(),
        values=values,
        sample_query=own,
        sample_row=joined["row"].to_numpy().astype(np.int64)[: len(own)],
        samples=pairs.drop("query", *told).with_columns(
            lat=pl.Series(at[0]).fill_nan(None), lon=pl.Series(at[1]).fill_nan(None)
        ),
    )


def _whole(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half a place is none."""
    whole = np.isfinite(lat) & np.isfinite(lon)
    return np.where(whole, lat, np.nan), np.where(whole, lon, np.nan)
