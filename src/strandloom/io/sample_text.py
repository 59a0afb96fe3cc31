"""Dates and depths of samples as people write them."""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

import polars as pl

from strandloom.io.coordinate_text import is_missing

_ISO = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ]\d{1,2}:\d{2}.*)?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})(?:[/.](\d{1,2}))?(?:[T ]\d{1,2}:\d{2}.*)?")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ]\d{1,2}:\d{2}.*)?")
_WORDED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[ .-]*)?([a-z]{3})[a-z]*[ .,-]*(?:(\d{1,2})(?:st|nd|rd|th)?,[ ]*)?(\d{4})"
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_METRES = r"(?:m|metres?|meters?)?"
_DEPTH = re.compile(rf"(-?){_NUMBER}\s*{_METRES}")
_DEPTHS = re.compile(rf"{_NUMBER}\s*{_METRES}\s*(?:-|–|—|to|\.\.)\s*{_NUMBER}\s*{_METRES}")
_TWELVE = 12


class Texts(NamedTuple):
    """A column that was read, N rows."""

    values: pl.Series
    """What was read; null where there was nothing to read, or it could not be."""
    unread: tuple[str, ...]
    """Texts that could not be read, each once."""
    halved: tuple[str, ...] = ()
    """Dates of which the year alone was read, as day and month cannot be told apart, each once."""


def parse_dates(texts: pl.Series) -> Texts:
    """ISO dates, String ``(N,)``: ``2020``, ``2020-06`` or ``2020-06-01``; the time of day is left out.

    Of a date such as 03/04/2020 the year alone is read, unless another one of the column tells day from month. Of an
    interval (``2020-06-01/2020-06-03``) both ends are kept.

    Parameters
    ----------
    texts
        String ``(N,)``.
    """
    unique = texts.drop_nulls().unique(maintain_order=True).to_list()
    ends = {text: _ends(text.strip()) for text in unique if not is_missing(text)}
    day_first = _day_first([end for both in ends.values() for end in both])
    read = {text: _joined([_date(end, day_first) for end in both]) for text, both in ends.items()}
    unread = tuple(text for text, found in read.items() if found is None)
    halved = tuple(
        text for text, both in ends.items() if read[text] and day_first is None and any(_twofold(end) for end in both)
    )
    values = [read.get(x) if x else None for x in texts.to_list()]
    return Texts(pl.Series(texts.name, values, dtype=pl.String), unread, halved)


def _ends(text: str) -> tuple[str, ...]:
    """The two ends of an interval, or the date itself."""
    parts = tuple(part.strip() for part in text.split("/"))
    return parts if len(parts) == 2 and all(len(part) >= 4 for part in parts) else (text,)


def _joined(dates: list[str | None]) -> str | None:
    return None if None in dates else "/".join(dict.fromkeys(x for x in dates if x))


def _day_first(texts: list[str]) -> bool | None:
    """Whether the day comes before the month in dates with the year last; None where nothing tells."""
    found = [x for x in (_YEAR_LAST.fullmatch(text) for text in texts) if x]
    if any(int(x[1]) > _TWELVE for x in found):
        return True
    return False if any(int(x[2]) > _TWELVE for x in found) else None


def _twofold(text: str) -> bool:
    """Whether either of two numbers may be the month."""
    found = _YEAR_LAST.fullmatch(text)
    return found is not None and int(found[1]) != int(found[2])


def _date(text: str, day_first: bool | None) -> str | None:
    for pattern in (_ISO, _COMPACT, _YEAR_FIRST):
        if found := pattern.fullmatch(text):
            return iso_date(*found.groups())
    if found := _YEAR_LAST.fullmatch(text):
        one, other, year = found.groups()
        if day_first is None and _twofold(text):
            return iso_date(year, None, None) if min(int(one), int(other)) > 0 else None
        return iso_date(year, other, one) if day_first or day_first is None else iso_date(year, one, other)
    if (found := _WORDED.fullmatch(text.lower())) and found[2] in _MONTHS and not (found[1] and found[3]):
        return iso_date(found[4], str(_MONTHS[found[2]]), found[1] or found[3])
    return None


def iso_date(year: str | None, month: str | None, day: str | None) -> str | None:
    """``2020``, ``2020-06`` or ``2020-06-01`` of parts; None where they are no date. A day without a month is left out."""
    numbers = [_whole(part) for part in (year, month, day)]
    if numbers[0] is None or (month and numbers[1] is None) or (day and numbers[2] is None):
        return None
    try:
        date = datetime.date(numbers[0], numbers[1] or 1, (numbers[2] if numbers[1] else None) or 1)
    except ValueError:
        return None
    return date.isoformat()[: 10 if numbers[1] and numbers[2] else 7 if numbers[1] else 4]


def _whole(text: str | None) -> int | None:
    """A whole number, also as ``2020.0``."""
    if not text or not (found := re.fullmatch(r"(\d{1,4})(?:\.0*)?", text.strip())):
        return None
    return int(found[1])


def parse_depths(texts: pl.Series) -> Texts:
    """Depths below the surface in metres, Float64 ``(N,)``: ``10``, ``10 m``, ``10,5``; the mean of ``10-20 m``; -10 is 10 m below.

    Parameters
    ----------
    texts
        String ``(N,)``.
    """
    unique = texts.drop_nulls().unique(maintain_order=True).to_list()
    read = {text: None if is_missing(text) else _depth(text.strip().lower()) for text in unique}
    unread = tuple(text for text, found in read.items() if found is None and not is_missing(text))
    return Texts(pl.Series(texts.name, [read.get(x) if x else None for x in texts.to_list()], dtype=pl.Float64), unread)


def _depth(text: str) -> float | None:
    if found := _DEPTH.fullmatch(text):
        return float(found[2].replace(",", "."))
    if found := _DEPTHS.fullmatch(text):
        return (float(found[1].replace(",", ".")) + float(found[2].replace(",", "."))) / 2
    return None
