"""The lineage of every taxon of a reference, as tables and as the text of QIIME 2."""

from __future__ import annotations

import polars as pl

from strandloom.workflows.taxonomy.lineage import FISH_CLASSES, RANKS, Taxonomy

KINGDOM, PHYLUM = "Animalia", "Chordata"
CHORDATES = FISH_CLASSES | {
    "Mammalia", "Aves", "Amphibia", "Reptilia", "Sauropsida", "Lepidosauria", "Squamata", "Crocodylia", "Testudines", "Testudinata",
    "Ascidiacea", "Thaliacea", "Appendicularia", "Leptocardii",
}  # fmt: skip
"""Classes of which kingdom and phylum are known; a taxon of unknown class is taken for one of them."""
UNASSIGNED = "Unassigned"
WIDEST_FIRST = RANKS[::-1]


def lineages(taxonomy: Taxonomy) -> pl.DataFrame:
    """``rank, taxon, kingdom, phylum, class, order, family, genus, species, fish``: a row for each taxon of each rank.

    Ranks narrower than the taxon's and unknown ones are empty. Where a name stands under several wider taxa, the one with most species
    counts. ``fish`` (Boolean) is whether all species of the taxon are fish.

    Parameters
    ----------
    taxonomy
        The lineages of S species.
    """
    species = taxonomy.to_frame().with_columns(fish=pl.Series(taxonomy.is_fish, dtype=pl.Boolean))
    tables = []
    for i, rank in enumerate(RANKS):
        wider = RANKS[i:]
        of_rank = species.filter(pl.col(rank) != "")
        first = (
            of_rank.group_by(wider)
            .len()
            .sort("len", *wider, descending=[True, *(False for _ in wider)])
            .unique(rank, keep="first", maintain_order=True)
        )
        fish = of_rank.group_by(rank).agg(pl.col("fish").all())
        columns = [pl.col(name) if name in wider else pl.lit("").alias(name) for name in WIDEST_FIRST]
        table = first.join(fish, on=rank, how="left", maintain_order="left")
        tables.append(table.select(pl.lit(rank).alias("rank"), pl.col(rank).alias("taxon"), *columns, "fish"))
    known = pl.col("class").is_in([*sorted(CHORDATES), ""])
    upper = [
        pl.when(known).then(pl.lit(name)).otherwise(pl.lit("")).alias(rank)
        for rank, name in (("kingdom", KINGDOM), ("phylum", PHYLUM))
    ]
    return pl.concat(tables).with_columns(upper).select("rank", "taxon", "kingdom", "phylum", *WIDEST_FIRST, "fish")


def qiime_text() -> pl.Expr:
    """``k__Animalia; p__Chordata; c__…`` down to ``rank``, out of the columns of :func:`lineages`; ``Unassigned`` for no rank."""
    text = pl.lit(UNASSIGNED)
    for i, rank in enumerate(RANKS):
        parts = ("kingdom", "phylum", *WIDEST_FIRST[: len(RANKS) - i])
        levels = [pl.concat_str(pl.lit(f"{name[0]}__"), pl.col(name).fill_null("")) for name in parts]
        text = pl.when(pl.col("rank") == rank).then(pl.concat_str(levels, separator="; ")).otherwise(text)
    return text
