"""Lineages in the headers of a FASTA file: SINTAX, a lineage as the description, or only the species."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from strandloom.errors import InputError
from strandloom.io.lineages import LEVELS, split_lineages

_TAX = r"(?:^|[;\s])tax="
_ARCHIVE = r"^(?:gi\|\d+\|)?(?:gb|emb|dbj|ref|tpg|tpe|tpd|lcl)\|([^|\s]+)\|?[\s_]*"
_MARKED = r"^(?:(?:UNVERIFIED|PREDICTED|TPA(?:_\w+)?): ?)+"
_NAMED = r"^(\p{Lu}[\p{Ll}-]+(?: \(\p{Lu}[\p{Ll}-]+\))? (?:(?:cf|aff)\.? [a-z-]+|sp\.|[a-z][a-z-]+))(?:[ ;,|.]|$)"
_SUBGENUS = r" \([^)]*\)"
_ACCESSION = r"^[A-Za-z]{1,6}_?[A-Za-z]{0,6}\d[\w.]*$"
_PARTS = 4
_UNDERSTOOD = (
    ">ID;tax=k:…,p:…,c:…,o:…,f:…,g:…,s:Genus_epithet; (SINTAX), >ID kingdom;phylum;…;species, "
    ">kingdom;phylum;…;species (DADA2) and >ID Genus epithet … are understood"
)


class Headers(NamedTuple):
    """What the headers of N records say."""

    ids: pl.Series
    """String (N,)."""
    lineages: pl.DataFrame
    """The columns :data:`~strandloom.io.lineages.LEVELS`, not yet cleaned."""
    kind: str
    """What was recognised, in words."""
    silent: pl.Series
    """Boolean (N,): nothing was found in this header."""


def read_headers(ids: pl.Series, descriptions: pl.Series, *, where: str) -> Headers:
    """Ids and lineages of FASTA headers; the form that at least half of them have is taken for all.

    Parameters
    ----------
    ids
        The first words, String ``(N,)``.
    descriptions
        What stands after them, String ``(N,)``; null or empty where nothing does.
    where
        The file, for messages.

    Raises
    ------
    InputError
        No form fits; the hint says which are understood.
    """
    rest = descriptions.fill_null("")
    whole = pl.select(pl.concat_str([ids, pl.lit(" "), rest]).str.strip_chars().alias("header")).to_series()
    if _mostly(whole.str.contains(_TAX)):
        named = whole.str.extract(r"^([^;\s]+)", 1).fill_null("")
        lineage = whole.str.extract(r"tax=(.*)$", 1)
        return _with_lineages(named, lineage, "FASTA with SINTAX headers (tax=)", where)
    if _mostly(rest.str.count_matches(";") >= _PARTS):
        lineage = _where(rest.str.count_matches(";") > 0, rest)
        return _with_lineages(ids, lineage, "FASTA with lineages in the headers", where)
    if _mostly(whole.str.count_matches(";") >= _PARTS):
        first = whole.str.extract(r"^([^;]*)", 1)
        known = first.str.contains(_ACCESSION)
        lineage = pl.select(pl.when(known).then(whole.str.replace(r"^[^;]*;", "")).otherwise(whole)).to_series()
        numbers = pl.int_range(1, len(ids) + 1, eager=True).cast(pl.String)
        named = pl.select(pl.when(known).then(first).otherwise(numbers)).to_series()
        return _with_lineages(named, lineage, "FASTA with lineages as headers (DADA2)", where)
    archived = whole.str.replace(_ARCHIVE, "$1 ")
    text = archived.str.replace(r"^\S+\s*", "").str.replace_all("_", " ").str.replace(_MARKED, "")
    species = text.str.extract(_NAMED, 1).str.replace(_SUBGENUS, "")
    if not _mostly(species.is_not_null()):
        shown = whole[0] if len(whole) else ""
        raise InputError(
            f"the headers name no lineage and no species: '>{shown[:80]}'",
            where=where,
            hint=f"give a taxonomy table; in headers {_UNDERSTOOD}",
        )
    empty = pl.Series([None] * len(ids), dtype=pl.String)
    lineages = pl.DataFrame([*(empty.alias(level) for level in LEVELS[:-1]), species.alias(LEVELS[-1])])
    return Headers(archived.str.extract(r"^(\S+)", 1), lineages, "FASTA with species in the headers", species.is_null())


def _with_lineages(ids: pl.Series, lineages: pl.Series, kind: str, where: str) -> Headers:
    return Headers(ids, split_lineages(lineages, where=where), kind, lineages.is_null())


def _where(mask: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(values)).to_series()


def _mostly(mask: pl.Series) -> bool:
    return len(mask) > 0 and float(mask.mean() or 0) >= 0.5  # type: ignore[arg-type]
