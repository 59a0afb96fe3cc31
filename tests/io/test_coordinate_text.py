"""Coordinates as text: every way to write one gives the same degrees."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.io.coordinate_text import Axis, is_missing, parse_coordinate, parse_coordinates

DMS = 39 + 25 / 60 + 31 / 3600


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("39.425", 39.425), ("39,425", 39.425), (" 39.425 ", 39.425), ("+39.425", 39.425), ("-39.425", -39.425),
        ("\u221239,425", -39.425), ("39.", 39), (".5", 0.5), ("0", 0), ("4.3E-05", 4.3e-5), ("39.425°", 39.425),
        ("39.425 N", 39.425), ("39,425N", 39.425), ("N39.425", 39.425), ("39.425 s", -39.425), ("S 39.425", -39.425),
        ("39.425 degrees north", 39.425), ("South 39.425", -39.425),
        ("39°25'31\"N", DMS), ("39\u00ba25\u203231\u2033N", DMS), ("39° 25' 31\" S", -DMS), ("39\u00b025\u201931\u201d", DMS),
        ("39°25'31''N", DMS), ("39 25 31 N", DMS), ("39:25:31", DMS), ("-39 25 31", -DMS), ("39d25m31s", DMS), ("39d 25m 31s S", -DMS),
        ("39 deg 25 min 31 sec N", DMS), ("39°25'31.5\"N", DMS + 0.5 / 3600), ("39°25'31,5\"N", DMS + 0.5 / 3600),
        ("39 25.5 N", 39.425), ("39°25.5'N", 39.425), ("39°25,5' S", -39.425), ("39°25.5", 39.425), ("39°N", 39), ("39°25'", 39 + 25 / 60),
    ],
)  # fmt: skip
def test_latitudes(text: str, value: float) -> None:
    found = parse_coordinate(text, "latitude")
    assert found.fault is None
    assert found.value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9.51 W", -9.51),
        ("9,51W", -9.51),
        ("W9.51", -9.51),
        ("171°30'W", -171.5),
        ("9 30 54 e", 9.515),
        ("-171.006", -171.006),
    ],
)
def test_longitudes(text: str, value: float) -> None:
    assert parse_coordinate(text, "longitude").value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("text", [None, "", " ", "NA", "n/a", "nan", "-", "not collected", "missing: control sample"])
def test_missing(text: str | None) -> None:
    assert parse_coordinate(text, "latitude") == (None, None, False)
    assert is_missing(text)


@pytest.mark.parametrize(
    ("text", "axis", "fault"),
    [
        ("west", "latitude", "is no coordinate"),
        ("39,425,12", "latitude", "is no coordinate"),
        ("1.234,5", "latitude", "is no coordinate"),
        ("39 25 31 4", "latitude", "is no coordinate"),
        ("39.5 25", "latitude", "has a fraction in its degrees or minutes"),
        ("39 25.5 31", "latitude", "has a fraction in its degrees or minutes"),
        ("39 75", "latitude", "has 60 or more minutes or seconds"),
        ("39 25 60", "latitude", "has 60 or more minutes or seconds"),
        ("-9.51 W", "longitude", "has a sign and a hemisphere"),
        ("N 39.5 S", "latitude", "has two hemispheres"),
        ("9,51 O", "longitude", "which is west in some languages and east in others"),
        ("9.51 W", "latitude", "has the hemisphere W, which is no latitude"),
        ("39.5 N", "longitude", "has the hemisphere N, which is no longitude"),
    ],
)
def test_faults(text: str, axis: Axis, fault: str) -> None:
    found = parse_coordinate(text, axis)
    assert found.value is None
    assert (found.fault or "").startswith(f"'{text}' ")
    assert fault in (found.fault or "")
    assert found.other_axis == ("which is no" in fault)


@given(
    st.integers(0, 179),
    st.integers(0, 59),
    st.integers(0, 59_999),
    st.sampled_from("EW"),
    st.sampled_from(["°'\"", "   ", ":: "]),
)
def test_degrees_minutes_seconds(degrees: int, minutes: int, thousandths: int, letter: str, marks: str) -> None:
    text = f"{degrees}{marks[0]}{minutes}{marks[1]}{thousandths / 1000}{marks[2]}{letter}"
    value = degrees + minutes / 60 + thousandths / 3.6e6
    found = parse_coordinate(text, "longitude").value
    assert found == pytest.approx(-value if letter == "W" else value, abs=1e-9)


def test_a_column() -> None:
    found = parse_coordinates(pl.Series(["39,5", None, "x", "39,5"]), "latitude")
    np.testing.assert_array_equal(found.values, [39.5, np.nan, np.nan, 39.5])
    assert list(found.faults) == [2]
