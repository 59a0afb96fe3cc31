"""Records as people bring them, made uniform: letters, names and lineages; what cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.names import Synonyms, parse_name

INPUT = ("record_id", "class", "order", "family", "genus", "species", "sequence")
DROPPED = {"record_id": pl.String, "species": pl.String, "reason": pl.String, "detail": pl.String}
REPEATED_ID = "the record id stands twice; the first record was kept"
NO_SEQUENCE = "no sequence"
ODD_LETTERS = "letters that are no bases"
_NO_TAXON = r"(?i)^(?:n/?a|nan|none|null|unknown|unclassified|unassigned|unidentified|undef\w*|incertae[ _]sedis|-|\.)$"
_MISPLACED = {"class": "(?:idae|iformes)$", "order": "idae$", "family": "iformes$", "genus": "(?:idae|iformes)$"}
"""Endings that a name of a rank has not: of a family, of an order."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Records that can be used so far, and those that cannot."""

    frame: pl.DataFrame
    """Columns of :data:`INPUT` (species as binomials), and ``given_genus`` and ``named_genus``: the genus column, and the genus in the
    name before synonyms."""
    dropped: pl.DataFrame
    """Columns of :data:`DROPPED`."""
    synonyms: pl.DataFrame
    """``name, accepted, records``: names that were replaced."""
    misplaced: pl.DataFrame
    """``rank, taxon, records``: names with the ending of another rank; they were taken for unknown."""


def clean_records(frame: pl.DataFrame, *, synonyms: Synonyms | None = None) -> Cleaned:
    """Make records uniform.

    Gaps and spaces in sequences are removed, U is read as T. Of records with one id the first is kept. Names become binomials
    (:func:`~strandloom.workflows.taxonomy.names.parse_name`) and are replaced by what the synonyms say, for the whole name as written
    first (a subspecies may have an accepted name of its own), then for the binomial.

    Parameters
    ----------
    frame
        Columns :data:`INPUT`; null and ``NA`` are unknown.
    synonyms
        Names to replace.

    Raises
    ------
    InputError
        A column is missing, or there is no record.
    """
    missing = [column for column in INPUT if column not in frame.columns]
    if missing:
        raise InputError(f"the reference lacks {', '.join(missing)}", hint=f"its columns are {', '.join(INPUT)}")
    if frame.is_empty():
        raise InputError("the reference holds no record", hint="check that the file is the one you mean")
    text = frame.select(pl.col(INPUT).cast(pl.String).fill_null("").str.strip_chars())
    text = text.with_columns(
        pl.when(pl.col(rank).str.contains(_NO_TAXON)).then(pl.lit("")).otherwise(pl.col(rank)).alias(rank)
        for rank in RANKS
    ).with_columns(
        pl.col("sequence").str.replace_all(r"[\s.\-]", "").str.to_uppercase().str.replace_all("U", "T", literal=True),
        pl.when(pl.col("species").str.contains(r"^[a-z][a-z-]+$") & (pl.col("genus") != ""))
        .then(pl.col("genus") + " " + pl.col("species"))
        .otherwise(pl.col("species"))
        .alias("written"),
    )
    misplaced = pl.concat(_misplaced(text, rank) for rank in _MISPLACED)
    text = text.with_columns(
        pl.when(pl.col(rank).str.contains(ending)).then(pl.lit("")).otherwise(pl.col(rank)).alias(rank)
        for rank, ending in _MISPLACED.items()
    )
    names = _understood(text["written"].unique(maintain_order=True), synonyms)
    text = text.join(names, on="written", how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("record_id").is_first_distinct().not_())
        .then(pl.lit(REPEATED_ID))
        .when(pl.col("sequence") == "")
        .then(pl.lit(NO_SEQUENCE))
        .when(pl.col("sequence").str.contains("[^ACGTRYSWKMBDHVN]"))
        .then(pl.lit(ODD_LETTERS))
        .otherwise(pl.col("name_reason"))
    )
    detail = (
        pl.when(pl.col("reason") == ODD_LETTERS)
        .then(pl.col("sequence").str.extract("([^ACGTRYSWKMBDHVN])"))
        .otherwise(pl.lit(""))
    )
    text = text.with_columns(reason.alias("reason")).with_columns(detail.alias("detail"))
    kept = text.filter(pl.col("reason") == "")
    replaced = (
        kept.filter(pl.col("accepted") != pl.col("binomial"))
        .group_by(pl.col("binomial").alias("name"), "accepted")
        .agg(pl.len().alias("records"))
        .sort("name", "accepted")
    )
    records = kept.select(
        *INPUT[:5],
        pl.col("accepted").alias("species"),
        "sequence",
        pl.col("genus").alias("given_genus"),
        pl.col("binomial").str.extract(r"^(\S+)").alias("named_genus"),
    )
    dropped = text.filter(pl.col("reason") != "").select(
        "record_id", pl.col("written").alias("species"), "reason", "detail"
    )
    return Cleaned(records, dropped, replaced, misplaced)


def _misplaced(text: pl.DataFrame, rank: str) -> pl.DataFrame:
    """``rank, taxon, records`` of the names at a rank that have the ending of another one."""
    return (
        text.filter(pl.col(rank).str.contains(_MISPLACED[rank]))
        .group_by(pl.lit(rank).alias("rank"), pl.col(rank).alias("taxon"))
        .agg(pl.len().cast(pl.Int64).alias("records"))
        .sort("taxon")
    )


def _understood(written: pl.Series, synonyms: Synonyms | None) -> pl.DataFrame:
    """``written, binomial, accepted, name_reason`` of distinct names."""
    rows = []
    for name in written:
        parsed = parse_name(name)
        accepted = parsed.binomial
        if synonyms is not None and not parsed.reason:
            whole = synonyms.resolve(name)
            accepted = whole if whole != name else synonyms.resolve(parsed.binomial)
        rows.append((name, parsed.binomial, accepted, parsed.reason))
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("written", "binomial", "accepted", "name_reason"), pl.String), orient="row"
    )
