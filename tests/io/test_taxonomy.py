"""Reference tables: every format gives the same rows, and what does not fit is said or refused."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.taxonomy import Named, ReferenceTable, read_reference_table

COLUMNS = ["record_id", "class", "order", "family", "genus", "species", "sequence", "problem"]
COD = ("AB1", "Actinopteri", "Gadiformes", "Gadidae", "Gadus", "Gadus morhua", "ACGTAC", None)
HERRING = ("AB2", "Actinopteri", None, "Clupeidae", "Clupea", "Clupea harengus", "GGGTTT", None)
FASTA = ">AB1 some words\nACG\nTAC\n>AB2\nGGGTTT\n"
TAX = "k:A,p:C,c:Actinopteri"
UUID = "0b9a3f6e-1111-4222-8333-444455556666"


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def artifact(path: Path, type_: str, member: str, data: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{UUID}/metadata.yaml", f"uuid: {UUID}\ntype: {type_}\nformat: F\n")
        archive.writestr(f"{UUID}/data/{member}", data)
    return path


def check(found: ReferenceTable, kind: str) -> None:
    assert found.frame.schema == dict.fromkeys(COLUMNS, pl.String())
    assert found.frame.rows() == [COD, HERRING]
    assert found.kind == kind
    assert found.facts.records == 2
    assert found.facts.unnamed == {"class": 0, "order": 1, "family": 0, "genus": 0, "species": 0}


@pytest.mark.parametrize(
    "header",
    ["record_id,class,order,family,genus,species,sequence", "Accession,Class,Order,Family,Genus,Species,SEQUENCE"],
)
@pytest.mark.parametrize("unknown", ["", "NA", "None", "unclassified"])
@pytest.mark.parametrize("name", ["r.csv", "r.tsv.gz", "r.parquet"])
def test_a_column_a_rank(tmp_path: Path, header: str, unknown: str, name: str) -> None:
    rows = [COD[:-1], [x or unknown for x in HERRING[:-1]]]
    path = tmp_path / name
    if name.endswith(".parquet"):
        pl.DataFrame(rows, schema=header.split(","), orient="row").write_parquet(path)
    else:
        separator = "," if name.endswith(".csv") else "\t"
        write(path, "".join(separator.join(row) + "\n" for row in [header.split(","), *rows]))
    check(read_reference_table(path), "table with a column a rank")


@pytest.mark.parametrize("column", ["lineage", "Taxonomy"])
def test_a_column_of_lineages(tmp_path: Path, column: str) -> None:
    text = (
        f"accession\t{column}\tsequence\nAB1\tActinopteri;Gadiformes;Gadidae;Gadus;Gadus morhua\tACGTAC\n"
        "AB2\tActinopteri;NA;Clupeidae;Clupea;Clupea harengus\tGGGTTT\n"
    )
    check(read_reference_table(write(tmp_path / "r.tsv", text)), f"table with lineages ('{column}')")


def test_prefixed_lineages_in_a_table(tmp_path: Path) -> None:
    text = (
        "id,taxonomy,sequence\nAB1,k__A;p__C;c__Actinopteri;o__Gadiformes;f__Gadidae;g__Gadus;s__morhua,ACGTAC\n"
        "AB2,k__A;p__C;c__Actinopteri;o__;f__Clupeidae;g__Clupea;s__Clupea_harengus,GGGTTT\n"
    )
    check(read_reference_table(write(tmp_path / "r.csv", text)), "table with lineages ('taxonomy')")


FLAT = (
    "AB1\tAnimalia\tChordata\tActinopteri\tGadiformes\tGadidae\tGadus\tGadus morhua\n"
    "AB2\tAnimalia\tChordata\tActinopteri\tNA\tClupeidae\tClupea\tClupea_harengus\n"
)
QIIME = (
    "AB1\tk__Animalia; p__Chordata; c__Actinopteri; o__Gadiformes; f__Gadidae; g__Gadus; s__morhua\n"
    "AB2\tk__Animalia; p__Chordata; c__Actinopteri; o__; f__Clupeidae; g__Clupea; s__Clupea harengus\n"
)


@pytest.mark.parametrize(
    ("taxonomy", "kind"),
    [
        ("Accession\tKingdom\tPhylum\tClass\tOrder\tFamily\tGenus\tSpecies\n" + FLAT, "flat taxonomy"),
        ("accession\tkingdom\tphylum\tclass\torder\tfamily\tgenus\tspecies\n" + FLAT, "flat taxonomy"),
        (FLAT, "flat taxonomy"),
        ("Feature ID\tTaxon\n" + QIIME, "QIIME 2 taxonomy"),
        ("Feature ID\tTaxon\tConfidence\n" + QIIME.replace("\n", "\t0.9\n"), "QIIME 2 taxonomy"),
        (QIIME, "QIIME 2 taxonomy"),
        ("#OTU ID\ttaxonomy\n" + QIIME.replace("k__", "").replace(" p__", "").replace(" c__", "").replace(" o__", "")
         .replace(" f__", "").replace(" g__", "").replace(" s__", ""), "QIIME 2 taxonomy"),
    ],
)  # fmt: skip
def test_fasta_and_taxonomy(tmp_path: Path, taxonomy: str, kind: str) -> None:
    found = read_reference_table(write(tmp_path / "r.fasta.gz", FASTA), taxonomy=write(tmp_path / "t.tsv", taxonomy))
    check(found, f"FASTA and {kind}")
    assert found.facts.without_lineage == found.facts.without_sequence == Named()


def test_fasta_with_sintax_headers(tmp_path: Path) -> None:
    text = (
        f">AB1;tax={TAX},o:Gadiformes,f:Gadidae,g:Gadus,s:Gadus_morhua;\nACGTAC\n"
        f">AB2;tax={TAX},f:Clupeidae,g:Clupea,s:Clupea_harengus;\nGGGTTT\n"
    )
    check(read_reference_table(write(tmp_path / "r.fa", text)), "FASTA with SINTAX headers (tax=)")


def test_fasta_with_species_in_the_headers(tmp_path: Path) -> None:
    text = ">AB1 Gadus morhua 12S\nACGTAC\n>AB2 Clupea_harengus\nGGGTTT\n>AB3 whatever\nAAA\n"
    found = read_reference_table(write(tmp_path / "r.fa", text))
    assert found.frame["species"].to_list() == ["Gadus morhua", "Clupea harengus", None]
    assert found.frame["genus"].to_list() == ["Gadus", "Clupea", None]
    assert found.frame["class"].null_count() == 3
    assert found.facts.without_lineage == Named(1, ("AB3",))


@pytest.mark.parametrize(
    ("type_", "member", "text", "gaps"),
    [
        ("FeatureData[Sequence]", "dna-sequences.fasta", FASTA, 0),
        ("FeatureData[AlignedSequence]", "aligned-dna-sequences.fasta", ">AB1\n--AC-GTAC..\n>AB2\nGGG----TTT\n", 9),
    ],
)
def test_artefacts(tmp_path: Path, type_: str, member: str, text: str, gaps: int) -> None:
    sequences = artifact(tmp_path / "s.qza", type_, member, text)
    taxonomy = artifact(tmp_path / "t.qza", "FeatureData[Taxonomy]", "taxonomy.tsv", "Feature ID\tTaxon\n" + QIIME)
    found = read_reference_table(sequences, taxonomy=taxonomy)
    check(found, "FASTA and QIIME 2 taxonomy")
    assert found.facts.gaps == gaps


def test_a_table_of_sequences_and_taxonomy(tmp_path: Path) -> None:
    table = write(tmp_path / "s.csv", "id,sequence\nAB1,ACGTAC\nAB2,GGGTTT\n")
    check(read_reference_table(table, taxonomy=write(tmp_path / "t.tsv", FLAT)), "table and flat taxonomy")


def test_ids_in_one_file_alone_are_counted(tmp_path: Path) -> None:
    fasta = write(tmp_path / "r.fa", ">AB1\nAC\n" + "".join(f">X{i}\nAC\n" for i in range(7)))
    found = read_reference_table(fasta, taxonomy=write(tmp_path / "t.tsv", FLAT))
    assert found.facts.without_lineage == Named(7, ("X0", "X1", "X2", "X3", "X4"))
    assert found.facts.without_sequence == Named(1, ("AB2",))
    assert found.frame["species"].to_list() == ["Gadus morhua"] + [None] * 7


def test_accessions_with_a_version_in_one_file(tmp_path: Path) -> None:
    fasta = write(tmp_path / "r.fa", FASTA.replace("AB1", "AB1.1").replace("AB2", "AB2.2"))
    found = read_reference_table(fasta, taxonomy=write(tmp_path / "t.tsv", FLAT))
    assert found.frame["record_id"].to_list() == ["AB1.1", "AB2.2"]
    assert found.frame["species"].to_list() == ["Gadus morhua", "Clupea harengus"]
    assert found.facts.notes == ("sequences and taxonomy were matched by accession without its version (.1)",)


def test_repeated_ids_keep_their_rows(tmp_path: Path) -> None:
    fasta = write(tmp_path / "r.fa", FASTA + ">AB1\nTTT\n")
    found = read_reference_table(fasta, taxonomy=write(tmp_path / "t.tsv", FLAT + FLAT))
    assert found.frame["species"].to_list() == ["Gadus morhua", "Clupea harengus", "Gadus morhua"]
    assert found.facts.repeated_ids == Named(1, ("AB1",))


def test_broken_ranks_are_told_by_record(tmp_path: Path) -> None:
    text = (
        "id,class,order,family,genus,species,sequence\na,A,Gadiformes,Gadidae,Clupea,Gadus morhua,ACGTAC\n"
        "b,A,,,Gadus,Gadus morhua,ACGTAC\n"
    )
    found = read_reference_table(write(tmp_path / "r.csv", text))
    assert found.frame["problem"].to_list() == ["the genus 'Clupea' does not begin the species 'Gadus morhua'", None]
    assert found.facts.problems == 1


@pytest.mark.parametrize(
    ("sequences", "taxonomy", "message"),
    [
        (FASTA, FLAT.replace("AB", "XY"), "no sequence has an id of the taxonomy: the sequences are AB1, AB2; the taxonomy has XY1, XY2"),
        (FASTA, FLAT + FLAT.replace("Gadus morhua", "Gadus ogac"), "t.tsv:3: 'AB1' has two different lineages (also at line 1)"),
        (FASTA, "accession\tdepth\nAB1\t3\n", "t.tsv: this is no taxonomy table; columns: accession, depth"),
        (FASTA, "Feature ID\tTaxon\nAB1\tGadus;Gadus morhua\n", "t.tsv: the lineages have 2 parts"),
        (FASTA, "Feature ID\tTaxon\n\tk__A;s__x\n", "t.tsv:2: the id is empty"),
        (FASTA, None, "r.txt: the headers name no lineage and no species: '>AB1 some words'"),
        ("id,family,genus,sequence\na,F,G,ACGTAC\n", None, "r.txt: no column is called species; columns: id, family, genus, sequence"),
        (FASTA, "accession\tfamily\tgenus\nAB1\tF\tG\n", "t.tsv: no column is called species; columns: accession, family, genus"),
        ("id,sequence\na,ACGTAC\n", None, "r.txt: no column holds a rank or a lineage; columns: id, sequence"),
        ("id,genus,species,sequence\na,G,G m,ACGTAC\n", FLAT, "r.txt: the table has lineages of its own (genus, species)"),
        (">AB1 Gadus morhua\nAC!T\n", None, "record 'AB1'"),
        ("", None, "r.txt: the file is empty"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, sequences: str, taxonomy: str | None, message: str) -> None:
    path = write(tmp_path / "r.txt", sequences)
    with pytest.raises(InputError) as caught:
        read_reference_table(path, taxonomy=None if taxonomy is None else write(tmp_path / "t.tsv", taxonomy))
    assert message in str(caught.value)


def test_another_artefact_is_refused(tmp_path: Path) -> None:
    path = artifact(tmp_path / "s.qza", "FeatureTable[Frequency]", "feature-table.biom", "")
    with pytest.raises(
        InputError, match=r"is FeatureTable\[Frequency\]; FeatureData\[Sequence\] or FeatureData\[Aligned"
    ):
        read_reference_table(path)
    fasta = write(tmp_path / "r.fa", FASTA)
    with pytest.raises(InputError, match=r"FeatureData\[Taxonomy\] is needed here"):
        read_reference_table(fasta, taxonomy=path)


@pytest.mark.realdata
def test_the_real_references(real_data: Path) -> None:
    found = read_reference_table(real_data / "fish12s_mifish" / "mifish_reference.tsv.gz")
    assert (found.facts.records, found.frame["species"].n_unique(), found.facts.problems) == (27_796, 11_736, 0)
    asvs = real_data / "edna_nbs23"
    told = read_reference_table(asvs / "asvs.fasta.gz", taxonomy=asvs / "taxonomy_published.tsv.gz")
    assert told.facts.without_lineage.count == 775 - 702
    assert told.frame["species"].drop_nulls().len() == 564


@pytest.mark.realdata
def test_the_full_gene_has_lineages(real_data: Path) -> None:
    found = read_reference_table(real_data / "fish12s_full" / "fish12s_full.tsv.gz")
    assert found.kind == "table with lineages ('lineage')"
    assert found.facts.records == 33_674
    assert found.facts.problems < 100
