"""Names that are probably two spellings of one: a letter or two apart, in one genus, with a sequence in common."""

from __future__ import annotations

from itertools import combinations

import polars as pl

LOOK_ALIKE = {"name": pl.String, "accepted": pl.String}
"""Columns of the table, those that a table of synonyms has."""
MOST_EDITS = 2
"""Letters inserted, left out or exchanged between two spellings."""
FEWEST_LETTERS = 3
"""Letters that the epithets have in common for each that differs: of shorter words a letter or two make another word."""


def look_alike_names(records: pl.DataFrame) -> pl.DataFrame:
    """Names that look like another spelling of a name with more records, columns :data:`LOOK_ALIKE`, in alphabetical order.

    Each name stands there once, with the look-alike of most records (of equals the first by alphabet), so the table can be given back as
    synonyms as it is. Which spelling is right it cannot say.

    Parameters
    ----------
    records
        ``haplotype, species, genus``, one row per record.
    """
    counts = dict(records.group_by("species").len().iter_rows())
    shared = (
        records.select("haplotype", "genus", "species")
        .unique()
        .filter(pl.len().over("haplotype", "genus") > 1)
        .group_by("haplotype", "genus")
        .agg("species")
    )
    pairs = {pair for names in shared["species"] for pair in combinations(sorted(names), 2)}
    accepted: dict[str, str] = {}
    for one, other in sorted(pair for pair in pairs if alike(*pair)):
        kept, name = sorted((one, other), key=lambda x: (-counts[x], x))
        known = accepted.get(name)
        if known is None or (-counts[kept], kept) < (-counts[known], known):
            accepted[name] = kept
    return pl.DataFrame(sorted(accepted.items()), schema=LOOK_ALIKE, orient="row")


def alike(one: str, other: str) -> bool:
    """Whether two binomials of one genus are a letter or two apart."""
    first, second = (name.partition(" ")[2] for name in (one, other))
    different = edits(first, second)
    return 0 < different <= MOST_EDITS and max(len(first), len(second)) >= different * (FEWEST_LETTERS + 1)


def edits(one: str, other: str) -> int:
    """Levenshtein distance: letters inserted, left out or exchanged."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
