"""Lineages as text to one column a rank: what is unknown is null, names are cleaned, and what does not fit is said row by row."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from strandloom.errors import InputError

LEVELS = ("class", "order", "family", "genus", "species")
"""The ranks that are read, the widest first."""
UNKNOWN = (
    "", "na", "n/a", "nan", "none", "null", "unclassified", "unassigned", "unidentified", "unknown", "undefined", "incertae sedis",
    "-", "?",
)  # fmt: skip
"""Names, in lower case, that stand for no name; ``unclassified Cobitis`` is none either."""
LINEAGE_FORM = "class;order;family;genus;species, kingdom;phylum;class;… or k__…;p__…;c__…;o__…;f__…;g__…;s__…"
_LETTERS = dict(zip(LEVELS, "cofgs", strict=True))
_PREFIXED = r"(?:^|;)\s*(?:[kdpcofgs]|sk)__"
_SINTAX = r"(?:^|[=,;])\s*[kdpcofgs]:"
_TAXON_NUMBER = r"_\d+$"
_FILLED = r"(?i)^(?:class|order|family|genus|species)[ _]"
_SHORTEST, _LONGEST = 5, 9
_EPITHET = r"^[a-z][a-z-]*$"
_BINOMIAL = r"^\p{Lu}[\p{Ll}-]+ [a-z][a-z-]+$"
_WIDER = r"(?:idae|inae|iformes)$"


def clean_names(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns :data:`LEVELS`, String ``(N,)`` each, with underscores as spaces and unknown names null."""
    return frame.select(_cleaned(pl.col(level).cast(pl.String)).alias(level) for level in LEVELS)


def _cleaned(name: pl.Expr) -> pl.Expr:
    text = name.str.replace_all(r"[_\s]+", " ").str.strip_chars()
    low = text.str.to_lowercase()
    return pl.when(~low.is_in(UNKNOWN) & ~low.str.starts_with("unclassified ")).then(text)


def split_lineages(lineages: pl.Series, *, where: str) -> pl.DataFrame:
    """The ranks of lineages such as ``Actinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua``, one column a rank, not yet cleaned.

    With prefixes (``c__``, ``c:``) a part is known by its letter. Without, the last part of the longest lineages is the species, and a
    shorter lineage lacks its narrow ranks.

    Parameters
    ----------
    lineages
        String ``(N,)``; null where there is none.
    where
        The file, for messages.

    Raises
    ------
    InputError
        They have too few or too many parts to tell the ranks apart.
    """
    filled = lineages.drop_nulls()
    for pattern, mark, stop in ((_PREFIXED, "__", ";"), (_SINTAX, ":", ",;")):
        if len(filled) and filled.str.contains(pattern).mean() >= 0.5:  # type: ignore[operator]
            edge = r"(?:^|;)\s*" if mark == "__" else r"(?:^|[=,;])\s*"
            parts = [
                lineages.str.extract(f"{edge}{letter}{mark}([^{stop}]*)", 1).alias(level)
                for level, letter in _LETTERS.items()
            ]
            return _plain_names(pl.DataFrame(parts))
    lists = lineages.str.strip_chars_end("; ").str.replace(r"(?i)^\s*root(?:_1)?;", "").str.split(";")
    width = int(lists.list.len().max() or 0)  # type: ignore[arg-type]
    if not _SHORTEST <= width <= _LONGEST:
        shown = filled[0] if len(filled) else ""
        raise InputError(
            f"the lineages have {width} parts ('{shown[:80]}'), so their ranks cannot be told",
            where=where,
            hint=f"write them as {LINEAGE_FORM}",
        )
    found = [lists.list.get(width - 5 + i, null_on_oob=True).alias(level) for i, level in enumerate(LEVELS)]
    return _plain_names(pl.DataFrame(found))


def _plain_names(frame: pl.DataFrame) -> pl.DataFrame:
    """Names without the taxon numbers that MIDORI appends, and without the names that it makes up for a missing rank."""
    names = pl.concat([frame[level].drop_nulls() for level in LEVELS])
    numbered = len(names) > 0 and bool((names.str.contains(_TAXON_NUMBER).mean() or 0) > 0.5)  # type: ignore[operator]
    if not numbered:
        return frame
    made_up = pl.all().str.contains(_FILLED)
    return frame.with_columns(pl.all().str.replace(_TAXON_NUMBER, "")).with_columns(pl.when(~made_up).then(pl.all()))


def complete_names(frame: pl.DataFrame) -> pl.DataFrame:
    """Species whose epithet stands alone get their genus in front, and a genus that is missing is taken from the binomial.

    Parameters
    ----------
    frame
        The columns :data:`LEVELS`, cleaned.
    """
    species, genus = pl.col("species"), pl.col("genus")
    alone = species.str.contains(_EPITHET) & genus.is_not_null()
    frame = frame.with_columns(pl.when(alone).then(genus + " " + species).otherwise(species).alias("species"))
    first = species.str.split(" ").list.first()
    told = genus.is_null() & species.str.contains(_BINOMIAL) & ~first.str.contains(_WIDER)
    return frame.with_columns(pl.when(told).then(first).otherwise(genus).alias("genus"))


def lineage_problems(frame: pl.DataFrame) -> pl.Series:
    """What is wrong with each lineage in plain words, String ``(N,)``; null where nothing is.

    Parameters
    ----------
    frame
        The columns :data:`LEVELS`, cleaned and completed.
    """
    species, genus = pl.col("species"), pl.col("genus")

    def said(case: pl.Expr, *words: str | pl.Expr) -> pl.Expr:
        return pl.when(case).then(pl.concat_str([pl.lit(x) if isinstance(x, str) else x for x in words]))

    def ends(level: str, pattern: str, other: str) -> pl.Expr:
        return said(
            pl.col(level).str.contains(pattern), f"the {level} '", pl.col(level), f"' has the ending of {other}"
        )

    other_genus = genus.is_not_null() & ~(species + " ").str.starts_with(genus + " ")
    problems = [
        said(~species.str.contains(" "), "the species '", species, "' is a single word"),
        said(
            other_genus & species.str.contains(" "),
            "the genus '",
            genus,
            "' does not begin the species '",
            species,
            "'",
        ),
        ends("class", "(?:idae|iformes)$", "a family or an order"),
        ends("order", "idae$", "a family"),
        ends("family", "iformes$", "an order"),
        ends("genus", "(?:idae|iformes)$", "a family or an order"),
    ]
    joined = pl.concat_str(problems, separator="; ", ignore_nulls=True)
    return frame.select(pl.when(joined != "").then(joined).alias("problem")).to_series()


def rank_columns(names: Sequence[str]) -> dict[str, str]:
    """Rank to the column that holds it, for the ranks that a table has."""
    keys = {re.sub(r"[^a-z]+", "", name.lower()): name for name in reversed(names)}
    spelled = {level: (level, f"{level}name") for level in LEVELS}
    return {level: keys[x] for level, spellings in spelled.items() for x in spellings if x in keys}
