"""Niches: what records say of depth, month, temperature and the coast, and how a place fits."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.niches import COVARIATES, LOW, Niches, record_values

DEPTH, MONTH, WARMTH, COAST = range(4)


def points(**columns: list[float | None]) -> pl.DataFrame:
    """Records of species 0 (shallow, winter, cold) and 1 (deep, summer, warm)."""
    base = {"species": [0] * 4 + [1] * 4, "lat": [45.0] * 8, "lon": [-30.0] * 8, "n": [1.0] * 8}
    frame = pl.DataFrame(base, schema_overrides={"species": pl.Int32})
    return frame.with_columns(pl.Series(name, values, pl.Float64) for name, values in columns.items())


def place(**known: float) -> np.ndarray:
    out = np.full((1, len(COVARIATES)), np.nan)
    for name, value in known.items():
        out[0, COVARIATES.index(name)] = value
    return out


def test_a_place_speaks_for_the_species_that_is_found_at_its_depth() -> None:
    niches = Niches.fit(points(depth=[5, 8, 10, 12, 800, 900, 1000, 1200]), 3)
    shallow, deep = (niches.fits(np.array([0, 1, 2]), np.repeat(place(depth=d), 3, axis=0))[:, DEPTH] for d in (9, 950))
    assert shallow[0] > 0 > shallow[1]
    assert deep[1] > 0 > deep[0]
    assert shallow[2] == deep[2] == 0  # nothing is known of the third


def test_months_run_round_the_year() -> None:
    niches = Niches.fit(points(month=[12, 1, 12, 1, 6, 7, 6, 7]), 2)
    december, january, july = (niches.fits(np.array([0]), place(month=m))[0, MONTH] for m in (12, 1, 7))
    assert december == pytest.approx(january)
    assert december > 0 > july


def test_what_is_unknown_says_nothing() -> None:
    niches = Niches.fit(points(temperature=[2, 3, None, None, 20, 21, 22, 23]), 2)
    assert np.isnan(niches.mean[0, WARMTH])  # two records are too few
    assert niches.fits(np.array([0, 1]), np.repeat(place(temperature=21.5), 2, axis=0))[0, WARMTH] == 0
    assert (niches.fits(np.array([1]), place()) == 0).all()


def test_the_odds_are_bounded() -> None:
    niches = Niches.fit(points(depth=[5, 5, 5, 5, 9000, 9000, 9000, 9000]), 2)
    assert niches.fits(np.array([0]), place(depth=9000))[0, DEPTH] >= LOW


def test_the_distance_to_the_coast_is_computed_where_it_is_not_given() -> None:
    given = record_values(points(coast_distance=[1000] * 4 + [None] * 4))
    assert given[:4, COAST] == pytest.approx(1)
    assert (given[4:, COAST] > 500).all()  # the middle of the Atlantic
