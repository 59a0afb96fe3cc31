"""Dates and depths as text."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.io.sample_text import iso_date, parse_dates, parse_depths


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2020", "2020"), ("2020-6", "2020-06"), ("2020-06-01", "2020-06-01"), ("2020-06-01T12:30:00Z", "2020-06-01"),
        ("2020-06-01 12:30", "2020-06-01"), ("20200601", "2020-06-01"), ("2020/06/01", "2020-06-01"), ("2020.6.1", "2020-06-01"),
        ("2020-06-01/2020-06-03", "2020-06-01/2020-06-03"), ("2020-06/2020-07", "2020-06/2020-07"),
        ("1-Jun-2020", "2020-06-01"), ("01 June 2020", "2020-06-01"), ("June 2020", "2020-06"), ("Jun-2020", "2020-06"),
        ("June 1, 2020", "2020-06-01"), ("1st June 2020", "2020-06-01"), ("31/12/2020", "2020-12-31"), ("12/31/2020", "2020-12-31"),
    ],
)  # fmt: skip
def test_dates(text: str, date: str) -> None:
    assert parse_dates(pl.Series([text])).values.to_list() == [date]


def test_one_date_tells_day_from_month() -> None:
    assert parse_dates(pl.Series(["03/04/2020", "13/04/2020"])).values.to_list() == ["2020-04-03", "2020-04-13"]
    assert parse_dates(pl.Series(["03/04/2020", "04/13/2020"])).values.to_list() == ["2020-03-04", "2020-04-13"]


def test_dates_that_cannot_be_read() -> None:
    found = parse_dates(
        pl.Series(["03/04/2020", "2020-13", "2020-02-30", "spring", "43983", None, "NA", "not collected"])
    )
    assert found.values.to_list() == ["2020", *[None] * 7]
    assert found.unread == ("2020-13", "2020-02-30", "spring", "43983")
    assert found.halved == ("03/04/2020",)


def test_intervals_and_dates_that_may_be_read_in_two_ways() -> None:
    texts = ["03.04.2020/05.04.2020", "3/03/2020", "00/04/2020", "2020-06-01/2020-06-03"]
    found = parse_dates(pl.Series(texts))
    assert found.values.to_list() == ["2020", "2020-03-03", None, "2020-06-01/2020-06-03"]
    assert found.halved == ("03.04.2020/05.04.2020",)
    assert found.unread == ("00/04/2020",)
    told = parse_dates(pl.Series(["13.04.2020/15.04.2020", "03.04.2020/05.04.2020"]))
    assert told.values.to_list() == ["2020-04-13/2020-04-15", "2020-04-03/2020-04-05"]


def test_parts_of_a_date() -> None:
    assert iso_date("2023.0", "8.0", "3.0") == "2023-08-03"
    assert iso_date("2023", None, "3") == "2023"
    assert iso_date("2023", "8", None) == "2023-08"
    assert iso_date(None, "8", "3") is None
    assert iso_date("2023", "13", None) is None
    assert iso_date("2023", "x", None) is None


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("10", 10), ("10.5 m", 10.5), ("10,5", 10.5), ("10-20 m", 15), ("10\u201320", 15), ("10 m - 20 m", 15), ("10 to 20 metres", 15),
        ("0-10 m", 5), ("-10", 10), ("0", 0),
    ],
)  # fmt: skip
def test_depths(text: str, depth: float) -> None:
    assert parse_depths(pl.Series([text])).values.to_list() == [depth]


def test_depths_that_cannot_be_read() -> None:
    found = parse_depths(pl.Series(["surface", "30 ft", None, "NA"]))
    assert found.values.null_count() == 4
    assert found.unread == ("surface", "30 ft")
