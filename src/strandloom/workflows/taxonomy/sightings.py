"""Where each sequence was found: rows of sequence and sample, and the places that stand behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
        Counts joined with samples: ``sample, id, reads, lat, lon``, the places of field samples; null elsewhere.
    elsewhere
        The place of sequences and samples without one.
    """
    number = len(ids)
    order = pl.DataFrame({"id": ids, "query": np.arange(number)})
    if found is None:
        pairs = pl.DataFrame(
            schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64, "lat": pl.Float64, "lon": pl.Float64}
        )
    else:
        pairs = found.join(order, on="id").sort("query", "sample").select("sample", "id", "reads", "lat", "lon")
    own = pairs.join(order, on="id", maintain_order="left")["query"].to_numpy().astype(np.int64)
    at = [pairs[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("lat", "lon")]
    fixed = np.isfinite(lat)
    if elsewhere is not None:
        lat, lon = np.where(fixed, lat, elsewhere[0]), np.where(fixed, lon, elsewhere[1])
        at = [np.where(np.isfinite(at[0]), x, y) for x, y in zip(at, elsewhere, strict=True)]
    at[0], at[1] = np.where(fixed[own], lat[own], at[0]), np.where(fixed[own], lon[own], at[1])
    # rows: one for each sequence and place of its samples, and one for each sequence that was found in none
    alone = np.setdiff1d(np.arange(number), own)
    query = np.concatenate([own, alone])
    place_lat, place_lon = np.concatenate([at[0], lat[alone]]), np.concatenate([at[1], lon[alone]])
    reads = np.concatenate([pairs["reads"].to_numpy().astype(np.float64), np.ones(len(alone))])
    rows = pl.DataFrame(
        {"query": query, "lat": np.round(place_lat, DIGITS), "lon": np.round(place_lon, DIGITS), "reads": reads}
    ).with_columns(pl.col("lat", "lon").fill_nan(None))
    distinct = (
        rows.group_by("query", "lat", "lon", maintain_order=True).agg(pl.col("reads").sum()).with_row_index("row")
    )
    spots = distinct.select("lat", "lon").drop_nulls().unique(maintain_order=True).with_row_index("place")
    distinct = distinct.join(spots, on=["lat", "lon"], how="left", maintain_order="left")
    joined = rows.join(distinct, on=["query", "lat", "lon"], how="left", nulls_equal=True, maintain_order="left")
    known = distinct["place"].cast(pl.Int64).fill_null(-1).to_numpy()
    weight = distinct["reads"].to_numpy()
    # a sequence is judged by the samples whose place is known, if there are any
    somewhere = np.zeros(number, np.bool_)
    somewhere[distinct["query"].to_numpy()[known >= 0]] = True
    weight = np.where((known < 0) & somewhere[distinct["query"].to_numpy()], 0.0, weight)
    return Sightings(
        query=distinct["query"].to_numpy().astype(np.int64),
        place=known,
        weight=weight,
        lat=spots["lat"].to_numpy(),
        lon=spots["lon"].to_numpy(),
        sample_query=own,
        sample_row=joined["row"].to_numpy().astype(np.int64)[: len(own)],
        samples=pairs.with_columns(lat=pl.Series(at[0]).fill_nan(None), lon=pl.Series(at[1]).fill_nan(None)),
    )
