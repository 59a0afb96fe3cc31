"""Where sequences were found."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.sightings import Sightings, sightings

IDS = pl.Series("id", ["a", "b", "c", "d"])
NOWHERE = np.full(4, np.nan)
COLUMNS = {"sample": pl.String, "id": pl.String, "reads": pl.Int64, "lat": pl.Float64, "lon": pl.Float64}
FOUND = pl.DataFrame(
    [
        ("S2", "b", 5, 60.0, 5.0),
        ("S1", "a", 10, 60.0, 5.0),
        ("S2", "a", 3, 60.0001, 5.0),
        ("S3", "a", 2, -10.0, 179.9),
        ("BLANK", "a", 50, None, None),
        ("BLANK", "c", 7, None, None),
        ("S1", "other", 1, 60.0, 5.0),
    ],
    schema=COLUMNS,
    orient="row",
)


def rows(seen: Sightings) -> list[tuple[int, tuple[float, float] | None, float]]:
    """Sequence, place and weight of each row."""
    at = [None if p < 0 else (float(seen.lat[p]), float(seen.lon[p])) for p in seen.place]
    return list(zip(seen.query.tolist(), at, seen.weight.tolist(), strict=True))


def test_reads_weigh_and_a_blank_does_not_where_a_place_is_known() -> None:
    seen = sightings(IDS, NOWHERE, NOWHERE, FOUND)
    assert rows(seen) == [
        (0, None, 0.0),
        (0, (60.0, 5.0), 13.0),
        (0, (-10.0, 179.9), 2.0),
        (1, (60.0, 5.0), 5.0),
        (2, None, 7.0),
        (3, None, 1.0),
    ]
    assert seen.samples.select("id", "sample", "reads").rows() == [
        ("a", "BLANK", 50), ("a", "S1", 10), ("a", "S2", 3), ("a", "S3", 2), ("b", "S2", 5), ("c", "BLANK", 7),
    ]  # fmt: skip
    assert seen.sample_query.tolist() == [0, 0, 0, 0, 1, 2]
    assert seen.sample_row.tolist() == [0, 1, 1, 2, 3, 4]
    assert seen.samples["lat"].to_list() == [None, 60.0, 60.0001, -10.0, 60.0, None]
    assert len(seen.lat) == 2


def test_no_counts() -> None:
    lat, lon = np.array([1.0, np.nan, 1.0, 1.0]), np.array([2.0, np.nan, 2.0, -2.0])
    seen = sightings(IDS, lat, lon, None)
    assert rows(seen) == [(0, (1.0, 2.0), 1.0), (1, None, 1.0), (2, (1.0, 2.0), 1.0), (3, (1.0, -2.0), 1.0)]
    assert (seen.samples.height, len(seen.sample_query), len(seen.lat)) == (0, 0, 2)
    assert rows(sightings(IDS, NOWHERE, NOWHERE, None)) == [(i, None, 1.0) for i in range(4)]


def test_a_place_of_its_own_counts_before_those_of_samples() -> None:
    lat, lon = np.array([1.0, np.nan, np.nan, np.nan]), np.array([2.0, np.nan, np.nan, np.nan])
    seen = sightings(IDS, lat, lon, FOUND)
    assert rows(seen)[0] == (0, (1.0, 2.0), 65.0)
    assert seen.sample_row.tolist() == [0, 0, 0, 0, 1, 2]


def test_a_place_for_what_has_none() -> None:
    seen = sightings(IDS, NOWHERE, NOWHERE, FOUND, elsewhere=(55.3, -132.5))
    assert (seen.place >= 0).all()
    assert rows(seen)[-2:] == [(2, (55.3, -132.5), 7.0), (3, (55.3, -132.5), 1.0)]
    assert rows(seen)[1:4] == [(0, (60.0, 5.0), 13.0), (0, (-10.0, 179.9), 2.0), (1, (60.0, 5.0), 5.0)]
    seen = sightings(IDS, NOWHERE, NOWHERE, None, elsewhere=(55.3, -132.5))
    assert rows(seen) == [(i, (55.3, -132.5), 1.0) for i in range(4)]


def test_half_a_place_is_none() -> None:
    half = FOUND.with_columns(lon=pl.lit(None, pl.Float64))
    assert (sightings(IDS, NOWHERE, NOWHERE, half).place == -1).all()
    assert (sightings(IDS, np.ones(4), NOWHERE, None).place == -1).all()
    assert (sightings(IDS, NOWHERE, np.ones(4), FOUND.clear()).place == -1).all()


def test_blocks_of_sequences_do_not_matter() -> None:
    whole = rows(sightings(IDS, NOWHERE, NOWHERE, FOUND))
    parts = [
        (query + start, *rest)
        for start in range(4)
        for query, *rest in rows(sightings(IDS[start : start + 1], NOWHERE[:1], NOWHERE[:1], FOUND))
    ]
    assert parts == whole
