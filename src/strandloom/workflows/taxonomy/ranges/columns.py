"""Columns of range files as numbers: degrees, counts; what cannot be used is named with its line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.coordinate_text import LIMIT, MISSING, Axis, parse_coordinates
from strandloom.io.frames import NAMED, TextFrame
from strandloom.words import plural

Floats = NDArray[np.float64]


class Places(NamedTuple):
    """Latitude and longitude of N rows."""

    lat: Floats
    """float64 (N,): degrees; NaN where unknown."""
    lon: Floats
    """float64 (N,): degrees; NaN where unknown."""
    notes: tuple[str, ...]
    """What was corrected."""


class _Degrees(NamedTuple):
    values: Floats
    faults: dict[int, str]
    other_axis: bool
    understood: int


def places(table: TextFrame, lat: str, lon: str) -> Places:
    """Read the coordinates of a table; decimal commas, and degrees with minutes, are understood.

    Raises
    ------
    InputError
        Coordinates that are none, or lie outside the globe; names the first rows, and suggests what is likely meant.
    """
    read = degrees_of(table, lat, "latitude"), degrees_of(table, lon, "longitude")
    north, east = read[0].values, read[1].values
    faults = {row: text for column in reversed(read) for row, text in column.faults.items()}
    wrong = np.abs(north) > LIMIT["latitude"], np.abs(east) > LIMIT["longitude"]
    for mask, values, axis in ((wrong[1], east, "longitude"), (wrong[0], north, "latitude")):
        faults |= {int(row): _outside(values[row], axis) for row in np.flatnonzero(mask)[:NAMED]}  # type: ignore[arg-type]
    total = int((wrong[0] | wrong[1]).sum()) + len(read[0].faults.keys() | read[1].faults.keys())
    if not faults:
        understood = read[0].understood + read[1].understood
        note = f"{plural(understood, 'coordinate')} with a decimal comma or in degrees and minutes"
        return Places(
            north, east, (note + (" was" if understood == 1 else " were") + " understood",) if understood else ()
        )
    hint = "latitudes run from -90 to 90, longitudes from -180 (west) to 180 (east)"
    swapped = (
        wrong[0].any() and bool(((np.abs(east) <= 90) & (np.abs(north) <= 180))[wrong[0]].all()) and not wrong[1].any()
    )
    if read[0].faults or read[1].faults:
        hint = "write decimal degrees (39.425), or degrees, minutes and seconds (39°25'31\"N)"
        swapped = read[0].other_axis and read[1].other_axis
    elif wrong[1].any() and not wrong[0].any() and np.nanmin(east) >= 0 and np.nanmax(east) <= 360:
        hint = "the longitudes run from 0 to 360: subtract 360 from those above 180"
    if swapped:
        hint = f"latitude and longitude look swapped: swap the columns '{lat}' and '{lon}'"
    raise _error(table, faults, total, "coordinates", hint)


def degrees_of(table: TextFrame, column: str, axis: Axis) -> _Degrees:
    """A column of degrees, float64 ``(N,)``, NaN where empty; texts that are no plain numbers are parsed one by one."""
    texts = table.frame[column]
    plain = texts.cast(pl.Float64, strict=False)
    values = plain.fill_null(np.nan).to_numpy().astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    odd = (plain.is_null() & texts.is_not_null()).arg_true().to_numpy()
    if not len(odd):
        return _Degrees(values, {}, other_axis=False, understood=0)
    parsed = parse_coordinates(texts[odd], axis)
    values[odd] = parsed.values
    faults = {int(odd[row]): fault.fault or "" for row, fault in parsed.faults.items()}
    turned = bool(parsed.faults) and all(fault.other_axis for fault in parsed.faults.values())
    return _Degrees(values, faults, turned, int(np.isfinite(parsed.values).sum()))


def limits(table: TextFrame, column: str | None, axis: Axis) -> Floats:
    """A column of degrees that may be empty, float64 ``(N,)``; NaN where unknown, and everywhere without a column.

    Raises
    ------
    InputError
        A value is none, or lies outside the globe; names the rows.
    """
    if column is None:
        return np.full(table.frame.height, np.nan)
    read = degrees_of(table, column, axis)
    wrong = np.abs(read.values) > LIMIT[axis]
    faults = read.faults | {int(row): _outside(read.values[row], axis) for row in np.flatnonzero(wrong)[:NAMED]}
    if faults:
        end = LIMIT[axis]
        raise _error(
            table, faults, int(wrong.sum()) + len(read.faults), "limits", f"a {axis} runs from -{end} to {end}"
        )
    return read.values


def numbers(table: TextFrame, column: str | None, *, least: float | None = None) -> Floats:
    """A column of numbers, float64 ``(N,)``; NaN where unknown, and everywhere without a column.

    Raises
    ------
    InputError
        A value is no number, or below ``least``; names the rows.
    """
    if column is None:
        return np.full(table.frame.height, np.nan)
    texts = table.frame[column]
    low = texts.str.to_lowercase()
    given = pl.select(pl.when(~low.is_in(MISSING)).then(texts)).to_series()
    values = given.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    bad = given.is_not_null() & ~values.is_finite().fill_null(value=False)
    if least is not None:
        bad |= (values < least).fill_null(value=False)
    if bad.any():
        rows = bad.arg_true().to_list()
        faults = {row: f"'{texts[row]}' in the column '{column}'" for row in rows[:NAMED]}
        hint = f"it holds numbers{f' from {least:g} on' if least is not None else ''}, or nothing"
        raise _error(table, faults, len(rows), "numbers", hint)
    return values.fill_null(np.nan).to_numpy()


def _outside(value: float, axis: Axis) -> str:
    return f"the {axis} {value:g} is not between -{LIMIT[axis]} and {LIMIT[axis]}"


def _error(table: TextFrame, faults: dict[int, str], total: int, what: str, hint: str) -> InputError:
    rows = sorted(faults)
    told = [f"{table.where(row)}: {faults[row]}" for row in rows[:NAMED]]
    more = f"\n… and {total - len(told):,} more" if total > len(told) else ""
    many = "a row has" if total == 1 else f"{total:,} rows have"
    return InputError(
        f"{many} {what} that cannot be used:\n" + "\n".join(told) + more, where=table.where(rows[0]), hint=hint
    )
