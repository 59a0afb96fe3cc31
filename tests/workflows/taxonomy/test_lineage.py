"""Lineages by species number, and which of them are fish."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

FRAME = pl.DataFrame(
    {
        "species": [
            "Gadus morhua",
            "Anguilla anguilla",
            "Gadus morhua",
            "Salmo trutta",
            "Mus musculus",
            "Ignotus piscis",
        ],
        "genus": ["Gadus", "Anguilla", "Elsewhere", "Salmo", "Mus", "Ignotus"],
        "family": ["Gadidae", "Anguillidae", None, "Salmonidae", "Muridae", None],
        "order": ["Gadiformes", "Anguilliformes", None, "", "Rodentia", None],
        "class": ["Actinopteri", "Actinopteri", None, "Actinopteri", "Mammalia", None],
    }
)


def test_species_are_sorted_and_numbered() -> None:
    taxonomy = Taxonomy.from_frame(FRAME)
    assert taxonomy.species == ("Anguilla anguilla", "Gadus morhua", "Ignotus piscis", "Mus musculus", "Salmo trutta")
    assert taxonomy.genus[1] == "Gadus", "the first row of a species counts"
    assert taxonomy.lookup("gadus_morhua") == taxonomy.lookup(" Gadus  morhua ") == 1
    assert taxonomy.lookup("Gadus") == -1
    assert Taxonomy.from_frame(taxonomy.to_frame()).to_frame().equals(taxonomy.to_frame())


def test_taxa_of_a_rank() -> None:
    taxonomy = Taxonomy.from_frame(FRAME)
    orders = taxonomy.taxa("order")
    assert orders.names == ("Anguilliformes", "Gadiformes", "Rodentia")
    assert orders.index.tolist() == [0, 1, -1, 2, -1]
    for rank in RANKS:
        taxa = taxonomy.taxa(rank)
        named = [taxa.names[i] if i >= 0 else "" for i in taxa.index]
        assert named == list(taxonomy.column(rank))


def test_unknown_class_is_taken_for_fish_and_counted() -> None:
    taxonomy = Taxonomy.from_frame(FRAME)
    assert dict(zip(taxonomy.species, taxonomy.is_fish.tolist(), strict=True)) == {
        "Anguilla anguilla": True,
        "Gadus morhua": True,
        "Ignotus piscis": True,
        "Mus musculus": False,
        "Salmo trutta": True,
    }
    assert taxonomy.unknown_class == 1


def test_a_table_that_is_none() -> None:
    with pytest.raises(InputError, match="lacks family"):
        Taxonomy.from_frame(FRAME.drop("family"))
    with pytest.raises(InputError, match="names no species"):
        Taxonomy.from_frame(FRAME.with_columns(species=pl.lit("")))
