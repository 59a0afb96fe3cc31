"""Lineages of all taxa of a reference."""

from __future__ import annotations

import polars as pl

from strandloom.io.lineages import split_lineages
from strandloom.workflows.taxonomy.ladder import lineages, qiime_text
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

ROWS = [
    ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Halichoerus grypus", "Halichoerus", "Phocidae", "Carnivora", "Mammalia"),
    ("Clupea odd", "Clupea", "Alosidae", "Clupeiformes", "Actinopteri"),
    ("Vibrio fischeri", "Vibrio", "Vibrionaceae", "", "Gammaproteobacteria"),
    ("Nemo unknown", "Nemo", "", "", ""),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(ROWS, schema=list(RANKS), orient="row"))


def test_every_taxon_has_one_lineage() -> None:
    table = lineages(TAXONOMY)
    names = {(rank, name) for row in ROWS for rank, name in zip(RANKS, row, strict=True) if name}
    assert sorted(table.select("rank", "taxon").rows()) == sorted(names)
    rows = {(row["rank"], row["taxon"]): row for row in table.rows(named=True)}
    genus = rows["genus", "Clupea"]  # most of its species are Clupeidae
    assert [genus[x] for x in ("kingdom", "phylum", *RANKS[::-1])] == [
        "Animalia", "Chordata", "Actinopteri", "Clupeiformes", "Clupeidae", "Clupea", "",
    ]  # fmt: skip
    assert rows["species", "Clupea odd"]["family"] == "Alosidae"
    assert rows["species", "Nemo unknown"]["phylum"] == "Chordata"
    assert rows["genus", "Vibrio"]["kingdom"] == ""
    fish = {key: row["fish"] for key, row in rows.items()}
    assert fish["class", "Actinopteri"]
    assert fish["genus", "Nemo"]
    assert not fish["order", "Carnivora"]


def test_qiime_text() -> None:
    table = lineages(TAXONOMY)
    called = pl.DataFrame(
        {
            "rank": ["species", "family", "species", "unknown", "genus"],
            "taxon": ["Clupea odd", "Phocidae", "Vibrio fischeri", "", "Nemo"],
        }
    )
    text = called.join(table, on=["rank", "taxon"], how="left", maintain_order="left").select(qiime_text().alias("x"))[
        "x"
    ]
    assert text.to_list() == [
        "k__Animalia; p__Chordata; c__Actinopteri; o__Clupeiformes; f__Alosidae; g__Clupea; s__Clupea odd",
        "k__Animalia; p__Chordata; c__Mammalia; o__Carnivora; f__Phocidae",
        "k__; p__; c__Gammaproteobacteria; o__; f__Vibrionaceae; g__Vibrio; s__Vibrio fischeri",
        "Unassigned",
        "k__Animalia; p__Chordata; c__; o__; f__; g__Nemo",
    ]
    back = split_lineages(text.gather([0, 1]), where="here")
    assert back["species"].to_list() == ["Clupea odd", None]
    assert back["family"].to_list() == ["Alosidae", "Phocidae"]
