"""One tree: each species has one lineage, each genus one family, each family one order, each order one class.

Where records differ the majority is taken, and what is missing comes from relatives. Only in a tree do probabilities rise from rank to
rank.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

_UPPER = ("family", "order", "class")
_BELOW = {"family": ("genus",), "order": ("family", "genus"), "class": ("order", "family", "genus")}
"""What decides on a rank of a species: the widest of these taxa that is known."""
_DIFFER = {"rank": pl.String, "taken": pl.String, "records": pl.Int64, "other": pl.String, "other_records": pl.Int64}
BROKEN = {"species": pl.String, **_DIFFER}
DIVIDED = {"taxon": pl.String, **_DIFFER}
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
    """Give each species one lineage, and all species one tree.

    The genus is the first word of the species. A genus belongs to the family that most of its records state, a family to the order, an
    order to the class (of equals the first by name); what is unknown on the way is skipped: a genus of unknown family has an order of its
    own. A record that states another family than its genus has does not say to which order its genus belongs.

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
    broken, divided = [pl.DataFrame(schema=BROKEN)], [pl.DataFrame(schema=DIVIDED)]
    filled = [pl.DataFrame(schema=FILLED)]
    species = frame.select("species", "genus").unique(maintain_order=True)
    sound = frame  # records that do not stand in a taxon that was found wrong
    for rank in _UPPER:
        broken.append(_differing(_votes(frame, "species", rank), "species", rank))
        species, several, found = _settled(species, sound, rank)
        divided.append(several)
        filled.append(found.join(frame.filter(pl.col(rank) != ""), on="species", how="anti", maintain_order="left"))
        both = sound.join(species.select("species", pl.col(rank).alias("settled")), on="species", how="left")
        sound = both.filter((pl.col(rank) == "") | (pl.col(rank) == pl.col("settled"))).drop("settled")
    species = species.with_columns(pl.col(_UPPER).fill_null(""))
    out = frame.drop(_UPPER).join(species.drop("genus"), on="species", how="left", maintain_order="left")
    return Repaired(
        out.select(*(column for column in frame.columns)),
        pl.concat(broken).sort("species", "rank", "other"),
        pl.concat(divided).sort("rank", "taxon", "other"),
        pl.concat(filled).sort("species", "rank"),
        mismatch,
    )


def _settled(
    species: pl.DataFrame, records: pl.DataFrame, rank: str
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The species with one more rank; the taxa that were divided; and where each value comes from (:data:`FILLED`)."""
    settled = [x for x in species.columns if x in ("family", "order")]
    named = records.drop(*settled, strict=False).join(species.select("species", *settled), on="species", how="left")
    divided = [pl.DataFrame(schema=DIVIDED)]
    open_ = pl.lit(value=True)  # no wider taxon of the species is known
    taken, source, number = [], [], []
    for below in _BELOW[rank]:
        votes = _votes(named, below, rank)
        first = votes.unique(below, keep="first", maintain_order=True)
        first = first.rename({"taken": f"{below} says", "records": f"{below} records"})
        decides = species.filter(open_ & pl.col(below).is_not_null()).select(below)
        divided.append(_differing(votes.join(decides, on=below, how="semi"), below, rank).rename({below: "taxon"}))
        species = species.join(first, on=below, how="left", maintain_order="left")
        taken.append(pl.col(f"{below} says"))
        number.append(pl.col(f"{below} records"))
        source.append(pl.when(taken[-1].is_not_null()).then(pl.col(below)))
        open_ = open_ & pl.col(below).is_null()
    told = species.select(
        "species",
        pl.lit(rank).alias("rank"),
        pl.coalesce(taken).alias("taken"),
        pl.coalesce(source).alias("source"),
        pl.coalesce(number).alias("records"),
    ).drop_nulls("taken")
    out = species.with_columns(pl.coalesce(taken).alias(rank))
    out = out.drop(x for x in out.columns if x.endswith((" says", " records")))
    return out, pl.concat(divided), told


def _votes(frame: pl.DataFrame, key: str, rank: str) -> pl.DataFrame:
    """``key, taken, records``: how many records state each value of a rank beside each key, the commonest first."""
    return (
        frame.filter((pl.col(rank) != "") & (pl.col(key) != ""))
        .group_by(key, pl.col(rank).alias("taken"))
        .agg(pl.len().cast(pl.Int64).alias("records"))
        .sort(key, "records", "taken", descending=[False, True, False])
    )


def _differing(votes: pl.DataFrame, key: str, rank: str) -> pl.DataFrame:
    """``key`` and the columns that tell of values that differ: for each that was outvoted, what was taken and what was not."""
    first = votes.unique(key, keep="first", maintain_order=True)
    others = votes.join(first, on=key, suffix="_first").filter(pl.col("taken") != pl.col("taken_first"))
    return others.select(
        key,
        pl.lit(rank).alias("rank"),
        pl.col("taken_first").alias("taken"),
        pl.col("records_first").alias("records"),
        pl.col("taken").alias("other"),
        pl.col("records").alias("other_records"),
    )
