"""Latitudes and longitudes as people write them: ``39.425``, ``39,425``, ``39°25'31"N``, ``39 25.5 N``, ``9.51 W``."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Axis = Literal["latitude", "longitude"]
LIMIT: dict[Axis, int] = {"latitude": 90, "longitude": 180}
"""Degrees that an axis reaches on either side of 0."""
MISSING = (
    "", "na", "n/a", "nan", "none", "null", "nd", "-", "--", "?", "unknown", "missing", "not applicable", "not collected",
    "not provided", "not available", "not recorded", "restricted access",
)  # fmt: skip
"""Texts, in lower case, that stand for no value; ``missing: …`` is none either."""
_LETTERS: dict[Axis, str] = {"latitude": "NS", "longitude": "EW"}
_WORDS = (
    ("NORTH", "N"), ("SOUTH", "S"), ("EAST", "E"), ("WEST", "W"), ("DEGREES", "°"), ("DEGREE", "°"), ("DEG", "°"), ("MINUTES", "'"),
    ("MINUTE", "'"), ("MIN", "'"), ("SECONDS", '"'), ("SECOND", '"'), ("SEC", '"'),
)  # fmt: skip
_MARKS = {
    "\u2032\u2032": '"', "''": '"', "\u2033": '"', "\u201d": '"', "\u201c": '"', "\u2019": "'", "\u2018": "'", "\u2032": "'",
    "\u00b4": "'", "`": "'", "\u00ba": "°", "\u02da": "°", "\u2212": "-", "\u2013": "-",
}  # fmt: skip
_LETTERED = re.compile(r"(\d)\s*D\s*([\d.,]+)\s*M(?:\s*([\d.,]+)\s*S)?")
_NUMBER = r"(\d+(?:[.,]\d*)?|[.,]\d+)"
_DECIMAL = re.compile(rf"{_NUMBER}\s*°?")
_SEXAGESIMAL = re.compile(rf"{_NUMBER}(?:\s*[°:]\s*|\s+){_NUMBER}(?:\s*[':]\s*|\s+|$)(?:{_NUMBER}\s*\"?)?")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d*)?E[+-]?\d{1,2}")
_SIXTY = 60.0


class Coordinate(NamedTuple):
    """One latitude or longitude."""

    value: float | None
    """Decimal degrees, north and east positive; None where there is none."""
    fault: str | None
    """Why the text could not be read, in plain words."""
    other_axis: bool = False
    """The fault is a hemisphere of the other axis: a longitude where a latitude should be, or the reverse."""


def is_missing(text: str | None) -> bool:
    """Whether a text stands for no value."""
    low = "" if text is None else text.strip().lower()
    return low in MISSING or low.startswith("missing:")


def parse_coordinate(text: str | None, axis: Axis) -> Coordinate:
    """Read one coordinate; it may lie outside the range of its axis.

    Parameters
    ----------
    text
        Decimal degrees with a point or a comma, or degrees with minutes and perhaps seconds, with a sign or a letter of the hemisphere
        before or after them.
    axis
        Which coordinate it is.
    """
    if text is None or is_missing(text):
        return Coordinate(None, None)
    plain, letter, fault = _without_letter(_plain(text))
    if fault:
        return Coordinate(None, f"'{text}' {fault}")
    if letter and letter not in _LETTERS[axis]:
        return Coordinate(None, f"'{text}' has the hemisphere {letter}, which is no {axis}", other_axis=True)
    sign = -1.0 if plain.startswith("-") else 1.0
    if plain[:1] in "+-" and plain:
        if letter:
            return Coordinate(None, f"'{text}' has a sign and a hemisphere: leave one of them out")
        plain = plain[1:].strip()
    degrees = _degrees(plain)
    if isinstance(degrees, str):
        return Coordinate(None, f"'{text}' {degrees}")
    value = sign * degrees * (-1 if letter in ("S", "W") else 1)
    return Coordinate(value + 0.0, None)


def _plain(text: str) -> str:
    """Upper case, with ``°``, ``'`` and ``"`` as the only marks and one letter a hemisphere."""
    plain = text.strip()
    for mark, simple in _MARKS.items():
        plain = plain.replace(mark, simple)
    plain = plain.upper()
    for word, simple in _WORDS:
        plain = plain.replace(word, simple)
    return _LETTERED.sub(lambda x: f"{x[1]}°{x[2]}'" + (f'{x[3]}"' if x[3] else ""), plain)


def _without_letter(plain: str) -> tuple[str, str, str | None]:
    """The text without its hemisphere, the letter of it, and what is wrong."""
    before = re.match(r"([NSEWO])\s*(?=[\d+.,-])", plain)
    after = re.search(r"(?<=[\d°'\"\s.,])([NSEWO])$", plain)
    letters = [found.group(1) for found in (before, after) if found]
    if len(letters) > 1:
        return plain, "", "has two hemispheres"
    if not letters:
        return plain, "", None
    letter = letters[0]
    if letter == "O":
        return plain, "", "has the hemisphere O, which is west in some languages and east in others: write W or E"
    return (plain[1:] if before else plain[:-1]).strip(), letter, None


def _degrees(plain: str) -> float | str:
    """Degrees without a sign, or what is wrong with the text."""
    if found := _DECIMAL.fullmatch(plain):
        return _number(found.group(1))
    if _SCIENTIFIC.fullmatch(plain):
        return float(plain)
    found = _SEXAGESIMAL.fullmatch(plain)
    if not found:
        return "is no coordinate"
    texts = [part for part in found.groups() if part is not None]
    numbers = [_number(part) for part in texts]
    if any(number != int(number) for number in numbers[:-1]):
        return "has a fraction in its degrees or minutes and something smaller after it"
    if any(number >= _SIXTY for number in numbers[1:]):
        return "has 60 or more minutes or seconds"
    return sum(number / _SIXTY**power for power, number in enumerate(numbers))


def _number(text: str) -> float:
    return float(text.replace(",", "."))


class CoordinateColumn(NamedTuple):
    """A column of N coordinates."""

    values: NDArray[np.float64]
    """float64 (N,): decimal degrees; NaN where there is none."""
    faults: dict[int, Coordinate]
    """Row to what is wrong with its text."""


def parse_coordinates(texts: pl.Series, axis: Axis) -> CoordinateColumn:
    """Read a column of coordinates.

    Parameters
    ----------
    texts
        String ``(N,)``.
    axis
        Which coordinate they are.
    """
    unique = texts.unique()
    known = {text: parse_coordinate(text, axis) for text in unique.to_list()}
    rows = [known[text] for text in texts.to_list()]
    values = np.array([np.nan if x.value is None else x.value for x in rows], np.float64)
    return CoordinateColumn(values, {i: x for i, x in enumerate(rows) if x.fault})
