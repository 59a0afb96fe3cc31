"""One tree: each species has one lineage, each genus one family, each family one order, each order one class.

Where records differ the majority is taken, and what is missing comes from relatives. Only in a tree do probabilities rise from rank to
rank.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

_UPPER = ("family", "order", "class")
_SOURCES = {"family": ("genus",), "order": ("genus", "family"), "class": ("genus", "family", "order")}
_BELOW = {"family": "genus", "order": "family", "class": "order"}
BROKEN = {
    "species": pl.String, "rank": pl.String, "taken": pl.String, "records": pl.Int64, "other": pl.String, "other_records": pl.Int64,
}  # fmt: skip
DIVIDED = {
    "taxon": pl.String, "rank": pl.String, "taken": pl.String, "records": pl.Int64, "other": pl.String, "other_records": pl.Int64,
}  # fmt: skip
FILLED = {"species": pl.String, "rank": pl.String, "taken": pl.String, "source": pl.String, "records": pl.Int64}


class Repaired(NamedTuple):
    """Records whose lineage is that of their species, and what was changed."""

    frame: pl.DataFrame
    """The records, with ``class, order, family, genus`` one and the same within a species."""
    broken: pl.DataFrame
    """Columns of :data:`BROKEN`."""
    divided: pl.DataFrame
    """Columns of :data:`DIVIDED`: genera, families and orders of which records stood under several wider taxa."""
    filled: pl.DataFrame
    """Columns of :data:`FILLED`."""
    genus_mismatch: pl.DataFrame
    """``species, genus, records``: a genus column that is not the first word of the name."""


def repair_lineages(frame: pl.DataFrame) -> Repaired:
    """Give each species one lineage.

    The genus is the first word of the species. Family, order and class are those of most records that have one (of equals the first by
    name); a species without one takes that of most records of its genus, and for order and class then of its family, for the class then
    of its order. Then every genus takes the family of most of its records, every family the order, every order the class.

    Parameters
    ----------
    frame
        What :func:`~strandloom.workflows.taxonomy.clean.clean_records` returns.
    """
    mismatch = (
        frame.filter(
            (pl.col("given_genus") != "")
            & (pl.col("given_genus").str.to_lowercase() != pl.col("named_genus").str.to_lowercase())
        )
        .group_by("species", pl.col("given_genus").alias("genus"))
        .agg(pl.len().cast(pl.Int64).alias("records"))
        .sort("species", "genus")
    )
    frame = frame.with_columns(pl.col("species").str.extract(r"^(\S+)").alias("genus"))
    broken, filled = [pl.DataFrame(schema=BROKEN)], [pl.DataFrame(schema=FILLED)]
    species = frame.select("species", "genus").unique(maintain_order=True)
    for rank in _UPPER:
        counts = _counts(frame, "species", rank)
        first = counts.unique("species", keep="first", maintain_order=True)
        species = species.join(first.select("species", pl.col("taken").alias(rank)), on="species", how="left")
        broken.append(
            counts.join(first, on="species", suffix="_first")
            .filter(pl.col("taken") != pl.col("taken_first"))
            .select(
                "species",
                pl.lit(rank).alias("rank"),
                pl.col("taken_first").alias("taken"),
                pl.col("records_first").alias("records"),
                pl.col("taken").alias("other"),
                pl.col("records").alias("other_records"),
            )
        )
    weights = frame.group_by("species").agg(pl.len().cast(pl.Int64).alias("weight"))
    for rank in _UPPER:
        for source in _SOURCES[rank]:
            species, found = _fill(species, weights, rank, source)
            filled.append(found)
    divided = [pl.DataFrame(schema=DIVIDED)]
    for rank in _UPPER:
        species, found = _undivided(species, weights, rank, _BELOW[rank])
        divided.append(found)
    species = species.with_columns(pl.col(_UPPER).fill_null(""))
    out = frame.drop(_UPPER).join(species.drop("genus"), on="species", how="left", maintain_order="left")
    return Repaired(
        out.select(*(column for column in frame.columns)),
        pl.concat(broken).sort("species", "rank", "other"),
        pl.concat(divided).sort("rank", "taxon", "other"),
        pl.concat(filled).sort("species", "rank"),
        mismatch,
    )


def _counts(frame: pl.DataFrame, key: str, rank: str) -> pl.DataFrame:
    """``key, taken, records``: how often each value of a rank stands with each key, the commonest first."""
    return (
        frame.filter((pl.col(rank) != "") & (pl.col(key) != ""))
        .group_by(key, pl.col(rank).alias("taken"))
        .agg(pl.len().cast(pl.Int64).alias("records"))
        .sort(key, "records", "taken", descending=[False, True, False])
    )


def _fill(species: pl.DataFrame, weights: pl.DataFrame, rank: str, source: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fill a rank of the species that lack it from those that share ``source`` with them."""
    votes = _votes(species, weights, rank, source).unique(source, keep="first", maintain_order=True)
    joined = species.join(votes, on=source, how="left", maintain_order="left")
    found = joined.filter(pl.col(rank).is_null() & pl.col("taken").is_not_null()).select(
        "species", pl.lit(rank).alias("rank"), "taken", pl.col(source).alias("source"), "records"
    )
    return joined.with_columns(pl.col(rank).fill_null(pl.col("taken"))).drop("taken", "records"), found


def _votes(species: pl.DataFrame, weights: pl.DataFrame, rank: str, key: str) -> pl.DataFrame:
    """``key, taken, records``: how many records put each taxon ``key`` under each taxon of a wider rank, the commonest first."""
    return (
        species.join(weights, on="species")
        .filter(pl.col(rank).is_not_null() & pl.col(key).is_not_null())
        .group_by(key, pl.col(rank).alias("taken"))
        .agg(pl.col("weight").sum().alias("records"))
        .sort(key, "records", "taken", descending=[False, True, False])
    )


def _undivided(
    species: pl.DataFrame, weights: pl.DataFrame, rank: str, below: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put all species of each taxon of the rank ``below`` under one taxon of the wider rank."""
    votes = _votes(species, weights, rank, below)
    first = votes.unique(below, keep="first", maintain_order=True)
    others = votes.join(first, on=below, suffix="_first").filter(pl.col("taken") != pl.col("taken_first"))
    joined = species.join(first, on=below, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("taken", rank).alias(rank)).drop("taken", "records"), others.select(
        pl.col(below).alias("taxon"),
        pl.lit(rank).alias("rank"),
        pl.col("taken_first").alias("taken"),
        pl.col("records_first").alias("records"),
        pl.col("taken").alias("other"),
        pl.col("records").alias("other_records"),
    )
