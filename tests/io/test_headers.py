"""FASTA headers: which form they have, and what they say."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.headers import Headers, read_headers
from strandloom.io.lineages import clean_names, complete_names

COD = ("Actinopteri", "Gadiformes", "Gadidae", "Gadus", "Gadus morhua")


def read(*headers: str) -> Headers:
    words = [header.partition(" ") for header in headers]
    return read_headers(
        pl.Series([x[0] for x in words]), pl.Series([x[2] or None for x in words], dtype=pl.String), where="r.fasta"
    )


@pytest.mark.parametrize(
    ("header", "name", "kind"),
    [
        ("AB1;tax=k:A,p:C,c:Actinopteri,o:Gadiformes,f:Gadidae,g:Gadus,s:Gadus_morhua;", "AB1", "SINTAX"),
        ("AB1;tax=k:A,p:C,c:Actinopteri,o:Gadiformes,f:Gadidae,g:Gadus,s:Gadus morhua;", "AB1", "SINTAX"),
        ("AB1.1.<1.>9;tax=k:E_1,p:C_2,c:Actinopteri_3,o:Gadiformes_4,f:Gadidae_5,g:Gadus_6,s:Gadus_morhua_7", "AB1.1.<1.>9", "SINTAX"),
        ("AB1 root;Eukaryota;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus_morhua", "AB1", "lineages in the headers"),
        ("AB123;Root;Eukaryota;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus_morhua", "AB123", "DADA2"),
        ("Eukaryota;Chordata;Actinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua;", "1", "DADA2"),
    ],
)  # fmt: skip
def test_lineages(header: str, name: str, kind: str) -> None:
    found = read(header)
    assert found.ids.to_list() == [name]
    assert complete_names(clean_names(found.lineages)).rows() == [COD]
    assert kind in found.kind
    assert not found.silent.any()


@pytest.mark.parametrize(
    ("header", "name", "species"),
    [
        ("AB1.1 Gadus morhua mitochondrial gene for 12S rRNA", "AB1.1", "Gadus morhua"),
        ("AB1 Gadus_morhua", "AB1", "Gadus morhua"),
        ("AB1 UNVERIFIED: Gadus morhua isolate 3", "AB1", "Gadus morhua"),
        ("AB1 Clupea (Clupea) harengus, 12S", "AB1", "Clupea harengus"),
        ("AB1 Gadus sp. 1 ABC-2012 12S", "AB1", "Gadus sp."),
        ("AB1 Gadus cf. morhua 12S", "AB1", "Gadus cf. morhua"),
        ("gb|AB1|Gadus_morhua", "AB1", "Gadus morhua"),
        ("gi|123|dbj|AB1.1| Gadus morhua 12S", "AB1.1", "Gadus morhua"),
    ],
)
def test_species_in_the_description(header: str, name: str, species: str) -> None:
    found = read(header)
    assert found.ids.to_list() == [name]
    assert found.lineages["species"].to_list() == [species]
    assert found.kind == "FASTA with species in the headers"


def test_headers_that_say_nothing_are_told() -> None:
    found = read("AB1 Gadus morhua", "AB2 Clupea harengus", "AB3 environmental sample")
    assert found.silent.to_list() == [False, False, True]
    tax = "tax=k:A,c:Actinopteri,g:Gadus,s:Gadus_morhua"
    assert read(f"A;{tax}", f"B;{tax}", "C").silent.to_list() == [False, False, True]


@pytest.mark.parametrize(
    "headers", [("ASV_1", "ASV_2"), ("AB1 Gadus morhua", "ASV_1", "ASV_2"), ("A uncultured fish",)]
)
def test_what_is_not_understood(headers: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        read(*headers)
    assert f"'>{headers[0]}'" in str(caught.value)
    assert "SINTAX" in (caught.value.hint or "")
