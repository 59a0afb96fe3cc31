"""Tables that a click on a column's head sorts and a typed word filters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A cell of a table that can be sorted: text, the number to sort by (None: by text), CSS classes, a second line, a tip."""

    text: str
    number: float | None = None
    classes: str = ""
    sub: str = ""
    tip: str = ""


@dataclass(frozen=True)
class SortTable:
    """A table that a click on a column's head sorts.

    Parameters
    ----------
    slug
        Unique on the page.
    caption
        What it shows.
    head
        Names of the columns with their classes: ``text``, ``wrap`` and ``number``.
    rows
        As they stand without sorting; the first cell of each heads its row.
    note
        What was left out.
    """

    slug: str
    caption: str
    head: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Entry, ...], ...]
    note: str = ""
