"""Darwin Core archives: published terms only, what follows from the data, and a descriptor that fits the files."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import OutputError, UsageError
from strandloom.io.darwin_core import read_occurrences
from strandloom.io.darwin_core_write import (
    DNA_TERMS,
    OCCURRENCE_TERMS,
    DnaTerms,
    SharedTerms,
    write_darwin_core,
    write_darwin_core_parts,
)

TEXT = "{http://rs.tdwg.org/dwc/text/}"
FACTS = DnaTerms(target_gene="12S rRNA", pcr_primer_forward="GTCGGTAAAACTCGTGCCAGC", otu_db="fish12s;2025-01")
FRAME = pl.DataFrame(
    {
        "occurrenceID": ["S1:A", "S1:B"],
        "scientificName": ["Gadus morhua", None],
        "taxonRank": ["species", None],
        "eventID": ["S1", "S1"],
        "eventDate": ["2020-06-01", None],
        "decimalLatitude": [60.5, None],
        "decimalLongitude": [5.1, None],
        "minimumDepthInMeters": pl.Series([None, None], dtype=pl.Float64),
        "organismQuantity": [33, 7],
        "sampleSizeValue": [1000, 1000],
        "identificationRemarks": ['probability 0.97, against "fish12s"\nafter\tlocation', None],
        "DNA_sequence": ["ACGT", "GGTT"],
    }
)


def table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t", infer_schema=False)


def test_the_occurrence_core(tmp_path: Path) -> None:
    shared = SharedTerms(identificationReferences="https://example.org/tool")
    found = write_darwin_core(tmp_path / "out", FRAME, dna=FACTS, shared=shared)
    core = table(found.occurrence)
    assert found.rows == core.height == 2
    assert core.row(0, named=True) == {
        "occurrenceID": "S1:A",
        "eventID": "S1",
        "basisOfRecord": "MaterialSample",
        "occurrenceStatus": "present",
        "scientificName": "Gadus morhua",
        "scientificNameID": None,
        "taxonRank": "species",
        "identificationRemarks": 'probability 0.97, against "fish12s" after location',
        "identificationReferences": "https://example.org/tool",
        "decimalLatitude": "60.5",
        "decimalLongitude": "5.1",
        "geodeticDatum": "EPSG:4326",
        "eventDate": "2020-06-01",
        "organismQuantity": "33",
        "organismQuantityType": "DNA sequence reads",
        "sampleSizeValue": "1000",
        "sampleSizeUnit": "DNA sequence reads",
    }
    second = core.row(1, named=True)
    assert (second["scientificName"], second["scientificNameID"]) == (
        "incertae sedis",
        "urn:lsid:marinespecies.org:taxname:12",
    )
    assert (second["geodeticDatum"], second["decimalLatitude"]) == (None, None)


def test_the_extension(tmp_path: Path) -> None:
    frame = FRAME.with_columns(pl.Series("otu_db", ["own", None]))
    found = write_darwin_core(tmp_path, frame, dna=FACTS)
    assert table(found.dna).to_dict(as_series=False) == {
        "occurrenceID": ["S1:A", "S1:B"],
        "DNA_sequence": ["ACGT", "GGTT"],
        "target_gene": ["12S rRNA"] * 2,
        "pcr_primer_forward": ["GTCGGTAAAACTCGTGCCAGC"] * 2,
        "otu_db": ["own", None],
    }


def test_the_descriptor_fits_the_files(tmp_path: Path) -> None:
    found = write_darwin_core(tmp_path, FRAME, dna=FACTS)
    root = ET.parse(found.meta).getroot()
    parts = {"core": (found.occurrence, "id"), "extension": (found.dna, "coreid")}
    rows = {
        "core": "http://rs.tdwg.org/dwc/terms/Occurrence",
        "extension": "http://rs.gbif.org/terms/1.0/DNADerivedData",
    }
    for element, (path, identity) in parts.items():
        part = root.find(TEXT + element)
        assert part is not None
        assert part.attrib["rowType"] == rows[element]
        assert (part.attrib["fieldsTerminatedBy"], part.attrib["fieldsEnclosedBy"]) == ("\\t", '"')
        assert part.findtext(f"{TEXT}files/{TEXT}location") == path.name
        key = part.find(TEXT + identity)
        assert key is not None
        assert key.attrib["index"] == "0"
        fields = part.findall(TEXT + "field")
        columns = table(path).columns
        assert [int(field.attrib["index"]) for field in fields] == list(range(len(columns)))
        for name, field in zip(columns, fields, strict=True):
            assert field.attrib["term"] == DNA_TERMS.get(name, f"http://rs.tdwg.org/dwc/terms/{name}")


def test_terms_of_the_extension() -> None:
    """Some addresses as they stand in rs.gbif.org, extension of 2024-07-11."""
    assert DNA_TERMS["DNA_sequence"] == "http://rs.gbif.org/terms/dna_sequence"
    assert DNA_TERMS["target_gene"] == "https://w3id.org/mixs/0000044"
    assert DNA_TERMS["target_subfragment"] == "https://w3id.org/mixs/0000045"
    assert DNA_TERMS["pcr_primer_name_forward"] == "http://rs.gbif.org/terms/pcr_primer_name_forward"
    assert DNA_TERMS["otu_class_appr"] == "https://w3id.org/mixs/0000085"
    assert DNA_TERMS["otu_db"] == "https://w3id.org/mixs/0000087"
    assert set(vars(DnaTerms())) <= set(DNA_TERMS)
    assert set(vars(SharedTerms())) <= set(OCCURRENCE_TERMS)


def test_what_is_lacking_is_said(tmp_path: Path) -> None:
    notes = write_darwin_core(tmp_path, FRAME, dna=FACTS).notes
    assert "required but empty in 1 of 2 rows: eventDate" in notes
    assert "recommended but not known: materialSampleID, kingdom" in notes
    assert any("target_subfragment" in note for note in notes)
    bare = FRAME.select("occurrenceID", "scientificName")
    assert write_darwin_core(tmp_path, bare, dna=DnaTerms()).notes[0] == "required but not known: eventDate"


def test_the_reader_takes_what_is_written(tmp_path: Path) -> None:
    found = write_darwin_core(tmp_path, FRAME, dna=FACTS)
    assert read_occurrences(found.occurrence).frame["species"].to_list() == ["Gadus morhua"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.with_columns(probability=1.0), "no published terms .*: probability"),
        (FRAME.with_columns(decimalLatitud=1.0), "no published terms(.|\n)*did you mean 'decimalLatitude'"),
        (FRAME.drop("occurrenceID"), "need the column occurrenceID"),
        (FRAME.drop("scientificName"), "need the column scientificName"),
        (FRAME.clear(), "no occurrence to write"),
        (FRAME.with_columns(pl.Series("occurrenceID", ["a", None])), "has no occurrenceID"),
        (FRAME.with_columns(pl.Series("occurrenceID", ["a", "a"])), "'a' stands twice"),
    ],
)
def test_faults(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_darwin_core(tmp_path / "out", frame, dna=FACTS)
    assert not (tmp_path / "out").exists()


def test_parts_are_one_table(tmp_path: Path) -> None:
    rows = pl.concat([FRAME, FRAME.with_columns(pl.col("occurrenceID") + "2")])
    rows = rows.with_columns(locality=pl.when(pl.int_range(pl.len()) == pl.len() - 1).then(pl.lit("Unimak")))
    cut = [rows[:1], rows[1:]]
    one = write_darwin_core(tmp_path / "one", rows, dna=FACTS)
    two = write_darwin_core_parts(tmp_path / "two", cut, dna=FACTS)
    assert (one.rows, one.notes) == (two.rows, two.notes) == (rows.height, one.notes)
    for x, y in zip(one[:3], two[:3], strict=True):
        assert x.read_bytes() == y.read_bytes()
    name = rows["occurrenceID"][0]
    with pytest.raises(UsageError, match=f"'{name}' stands twice"):
        write_darwin_core_parts(tmp_path / "none", [*cut, rows[:1]], dna=FACTS)
    with pytest.raises(UsageError, match="no occurrence to write"):
        write_darwin_core_parts(tmp_path / "none", [], dna=FACTS)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_darwin_core(tmp_path / "file" / "out", FRAME, dna=FACTS)
