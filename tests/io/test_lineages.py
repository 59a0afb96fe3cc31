"""Lineages: every way to write one, what is unknown, and ranks that do not fit."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.lineages import (
    LEVELS,
    clean_names,
    complete_names,
    lineage_problems,
    rank_columns,
    split_lineages,
)

COD = ("Actinopteri", "Gadiformes", "Gadidae", "Gadus", "Gadus morhua")


def read(*lineages: str | None) -> list[tuple[str | None, ...]]:
    found = split_lineages(pl.Series(lineages, dtype=pl.String), where="t.tsv")
    return complete_names(clean_names(found)).rows()


@pytest.mark.parametrize(
    "lineage",
    [
        "Actinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua",
        "Animalia;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus_morhua;",
        "Eukaryota; Metazoa; Chordata; Actinopteri; Gadiformes; Gadidae; Gadus; morhua",
        "root;Eukaryota;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua",
        "k__Animalia; p__Chordata; c__Actinopteri; o__Gadiformes; f__Gadidae; g__Gadus; s__morhua",
        "k__Animalia;p__Chordata;c__Actinopteri;o__Gadiformes;f__Gadidae;g__Gadus;s__Gadus_morhua",
        "d__Eukaryota;c__Actinopteri;o__Gadiformes;f__Gadidae;g__Gadus;s__Gadus morhua;",
        "k:Animalia,p:Chordata,c:Actinopteri,o:Gadiformes,f:Gadidae,g:Gadus,s:Gadus_morhua;",
        "k:Animalia_33208,p:Chordata_7711,c:Actinopteri_186623,o:Gadiformes_8043,f:Gadidae_8045,g:Gadus_8048,s:Gadus_morhua_8049",
    ],
)
def test_one_lineage_in_many_forms(lineage: str) -> None:
    assert read(lineage) == [COD]


def test_short_lineages_lack_their_narrow_ranks() -> None:
    plain = read("A;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua", "A;Chordata;Actinopteri", None)
    assert plain == [COD, ("Actinopteri", None, None, None, None), (None,) * 5]
    prefixed = read(
        "k__A;p__C;c__Actinopteri;o__Gadiformes;f__Gadidae;g__Gadus;s__morhua",
        "k__A;p__C;c__Actinopteri;o__",
        "Unassigned",
    )
    assert prefixed == [COD, ("Actinopteri", None, None, None, None), (None,) * 5]


@pytest.mark.parametrize(
    "unknown", ["NA", "None", "unclassified", "", "n/a", "Unassigned", "incertae_sedis", "unclassified Gadus"]
)
def test_unknown_names(unknown: str) -> None:
    assert read(f"Actinopteri;{unknown};Gadidae;Gadus;Gadus morhua") == [("Actinopteri", None, *COD[2:])]


def test_names_that_midori_makes_up() -> None:
    given = "k:Eukaryota_2759,p:Chordata_7711,c:Actinopteri_1,o:order_Ambassidae_2,f:Ambassidae_2,g:Ambassis_3,s:Ambassis_buruensis_4"
    assert read(given) == [("Actinopteri", None, "Ambassidae", "Ambassis", "Ambassis buruensis")]


def test_a_genus_is_told_by_the_binomial() -> None:
    assert read("Actinopteri;Gadiformes;Gadidae;;Gadus morhua") == [COD]
    assert read("Actinopteri;Gadiformes;Gadidae;;Gadidae sp. 1")[0][3:] == (None, "Gadidae sp. 1")
    assert read("Actinopteri;Gadiformes;Gadidae;;unidentified fish")[0][3] is None


def test_lineages_of_too_few_parts() -> None:
    with pytest.raises(InputError, match=r"t.tsv: the lineages have 2 parts \('Gadus;Gadus morhua'\)"):
        read("Gadus;Gadus morhua")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (COD, None),
        ((None,) * 5, None),
        (("Actinopteri", None, None, None, "Gadus morhua"), None),
        ((*COD[:3], "Clupea", "Gadus morhua"), "the genus 'Clupea' does not begin the species 'Gadus morhua'"),
        ((*COD[:3], "Gad", "Gadus morhua"), "the genus 'Gad' does not begin the species 'Gadus morhua'"),
        ((*COD[:4], "Gadus"), "the species 'Gadus' is a single word"),
        (("Gadiformes", "Gadidae", "Gadidae", "Gadus", "Gadus morhua"),
         "the class 'Gadiformes' has the ending of a family or an order; the order 'Gadidae' has the ending of a family"),
        (("Actinopteri", "Gadiformes", "Gadiformes", "Gadidae", None),
         "the family 'Gadiformes' has the ending of an order; the genus 'Gadidae' has the ending of a family or an order"),
    ],
)  # fmt: skip
def test_problems(names: tuple[str | None, ...], problem: str | None) -> None:
    frame = pl.DataFrame([names], schema=dict.fromkeys(LEVELS, pl.String), orient="row")
    assert lineage_problems(frame).to_list() == [problem]


def test_rank_columns() -> None:
    assert rank_columns(["ID", "Class", "ORDER", "family_name", "Species "]) == {
        "class": "Class",
        "order": "ORDER",
        "family": "family_name",
        "species": "Species ",
    }
