"""References out of records as people bring them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError, SettingsError
from strandloom.workflows.taxonomy.build import TOO_AMBIGUOUS, BuildSettings, build_reference
from strandloom.workflows.taxonomy.clean import INPUT
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.names import Synonyms, read_synonyms
from strandloom.workflows.taxonomy.ragged import decoded, encoded, turned
from strandloom.workflows.taxonomy.reference import read_reference

RNG = np.random.default_rng(4)
MIFISH, RIAZ = MARKERS["mifish"], MARKERS["riaz"]


def random_bases(length: int) -> str:
    return "".join(RNG.choice(list("ACGT"), length))


def other_strand(text: str) -> str:
    codes, offsets = encoded(pl.Series([text]))
    return decoded(turned(codes, offsets, np.array([-1])), offsets)[0]


def flanked(insert: str) -> str:
    return random_bases(20) + MIFISH.forward + insert + other_strand(MIFISH.reverse) + random_bases(20)


def records(*rows: tuple[str | None, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(INPUT, pl.String), orient="row")


ONE, TWO = random_bases(170), random_bases(168)
GADUS = ("Actinopteri", "Gadiformes", "Gadidae", "Gadus")
MIXED = records(
    ("a", *GADUS, "Gadus morhua", flanked(ONE)),
    ("b", *GADUS, "Gadus morhua", other_strand(flanked(ONE))),
    ("c", "Actinopteri", "", "Gadus-like", "Theragra", "Theragra chalcogramma", ONE),
    ("d", *GADUS, "Gadus morhua callarias", MIFISH.forward + TWO),
    ("e", *GADUS, "Gadus sp. X", flanked(TWO)),
    ("f", *GADUS, "Gadus ogac", flanked(TWO[:50] + "NNN" + TWO[53:])),
    ("g", *GADUS, "Gadus ogac", random_bases(600)),
    ("h", "Mammalia", "Rodentia", "Muridae", "Mus", "Mus musculus", flanked(ONE)),
)


def test_a_small_reference(tmp_path: Path) -> None:
    synonyms = Synonyms({"theragra chalcogramma": "Gadus chalcogrammus"})
    built = build_reference(MIXED, name="small", marker="mifish", synonyms=synonyms)
    reference, report = built
    assert reference.record_ids == ("a", "b", "c", "d", "h")
    assert reference.taxonomy.species == ("Gadus chalcogrammus", "Gadus morhua", "Mus musculus")
    assert reference.taxonomy.is_fish.tolist() == [True, True, False]
    assert reference.sequences[:2] == (ONE, TWO)
    assert reference.haplotype.tolist() == [0, 0, 0, 1, 0]
    assert reference.method == ("pcr", "pcr", "amplicon", "amplicon", "pcr")
    assert dict(report.reasons().select("reason", "records").rows()) == {
        "unnamed species (sp.)": 1,
        TOO_AMBIGUOUS: 1,
        "no stretch that looks like the marker": 1,
    }
    assert (report.turned, report.trimmed, report.single_record_species) == (1, 1, 2)
    assert report.synonyms.rows() == [("Theragra chalcogramma", "Gadus chalcogrammus", 1)]
    assert report.suspects.select("record_id", "other").rows() == [("h", "Gadidae")]
    assert reference.suspect.tolist() == [False, False, False, False, True]
    assert report.shared_groups() == {"same genus": 0, "same family": 0, "different families": 1}
    assert report.filled.row(0) == ("Gadus chalcogrammus", "order", "Gadiformes", "Gadidae", 3)
    assert report.divided.rows() == [("Gadus", "family", "Gadidae", 3, "Gadus-like", 1)]
    assert report.classes.rows() == [("Actinopteri", 2, 4, True), ("Mammalia", 1, 1, False)]
    text = "\n".join(report.lines())
    assert "5 of 8 records kept: 3 species, 2 distinct sequences (3 by pcr, 2 by amplicon)" in text
    built.write(tmp_path / "ref")
    facts = json.loads((tmp_path / "ref" / "reference.json").read_text())
    assert facts["build"]["read"] == 8
    assert read_reference(tmp_path / "ref").to_frame().equals(reference.to_frame())
    dropped = pl.read_csv(tmp_path / "ref" / "dropped.tsv", separator="\t")
    assert dropped["record_id"].to_list() == ["e", "f", "g"]
    assert {"shared_sequences.tsv", "suspect_records.tsv"} <= {path.name for path in (tmp_path / "ref").iterdir()}


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_reference(MIXED, name="small").write(tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_the_marker_can_be_chosen_and_primers_can_be_own() -> None:
    built = build_reference(MIXED, name="small")
    assert built.reference.marker is MIFISH
    assert built.report.usable["mifish"] == 6
    own = MIFISH.model_copy(update={"name": "own"})
    assert build_reference(MIXED, name="small", marker=own).reference.marker.name == "own"


def test_ambiguous_bases_are_a_setting() -> None:
    built = build_reference(MIXED, name="small", marker="mifish", settings=BuildSettings(max_ambiguous=3))
    assert "f" in built.reference.record_ids


def test_no_record_holds_the_marker() -> None:
    with pytest.raises(InputError, match="none of the 7 records holds the marker riaz") as error:
        build_reference(MIXED, name="small", marker="riaz")
    assert error.value.hint == "the marker mifish fits 6 of 7 records: --marker mifish"
    with pytest.raises(InputError) as error:
        build_reference(records(("a", *GADUS, "Gadus morhua", "ACGT")), name="small")
    assert "are these 12S sequences?" in str(error.value.hint)


def test_records_without_names_and_no_records() -> None:
    with pytest.raises(InputError, match="none of the 1 records can be used; most often: not identified to species"):
        build_reference(records(("a", *GADUS, "Gadus", ONE)), name="small")
    with pytest.raises(InputError, match="holds no record"):
        build_reference(records(), name="small")


def test_an_unknown_marker() -> None:
    with pytest.raises(SettingsError, match="no marker 'riza'") as error:
        build_reference(MIXED, name="small", marker="riza")
    assert error.value.hint == "did you mean 'riaz'?"


def deposited(folder: Path) -> pl.DataFrame:
    full = pl.read_csv(folder / "fish12s_full" / "fish12s_full.tsv.gz", separator="\t")
    parts = full["lineage"].str.split(";")
    ranks = ("class", "order", "family", "genus", "species")
    return full.select(pl.col("accession").alias("record_id"), "sequence").with_columns(
        parts.list.get(i, null_on_oob=True).alias(rank) for i, rank in enumerate(ranks)
    )


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("marker", "table", "share"), [("mifish", "mifish", 0.98), ("riaz", "riaz12sv5", 0.99), ("teleo", "teleo", 0.98)]
)
def test_deposited_records_give_the_published_inserts(real_data: Path, marker: str, table: str, share: float) -> None:
    """33,674 GenBank records as deposited, against inserts that cutadapt cut from them."""
    built = build_reference(deposited(real_data), name="full", marker=marker)
    published = pl.read_csv(real_data / "fish12s_mifish" / f"{table}_reference.tsv.gz", separator="\t")
    published = published.filter(pl.col("method") == "pcr")
    ids = deposited(real_data).select("record_id")
    both = published.join(ids, on="record_id", how="semi").join(
        built.reference.to_frame(), on="record_id", how="left", suffix="_own"
    )
    assert both.height > 10_000
    assert (both["sequence"] == both["sequence_own"]).fill_null(value=False).mean() > share
    assert (both["species"] == both["species_own"]).drop_nulls().all()


@pytest.mark.realdata
def test_a_reference_of_bare_amplicons_stays_as_it_is(real_data: Path) -> None:
    table = pl.read_csv(real_data / "fish12s_mifish" / "teleo_reference.tsv.gz", separator="\t", null_values=["", "NA"])
    built = build_reference(table, name="teleo")
    assert built.reference.marker.name == "teleo"
    assert built.reference.to_frame()["sequence"].to_list() == table["sequence"].to_list()
    assert RIAZ.name in built.report.usable


def test_two_spellings_are_told_and_merged_only_when_the_list_is_given_back(tmp_path: Path) -> None:
    names = ("Engraulis encrasicolus", "Engraulis encrasicholus", "Engraulis encrasicolus", "Engraulis mordax")
    lineage = ("Actinopteri", "Clupeiformes", "Engraulidae", "Engraulis")
    rows = [(f"r{i}", *lineage, name, flanked(ONE)) for i, name in enumerate(names)]
    built = build_reference(records(*rows), name="small", marker="mifish")
    assert len(built.reference.taxonomy) == 3
    text = "\n".join(built.report.lines())
    assert "1 name is a letter or two from another" in text
    assert "Engraulis encrasicholus of Engraulis encrasicolus" in text
    built.write(tmp_path / "ref")
    table = tmp_path / "ref" / "look_alike_names.tsv"
    assert table.read_text() == "name\taccepted\nEngraulis encrasicholus\tEngraulis encrasicolus\n"
    assert json.loads((tmp_path / "ref" / "reference.json").read_text())["build"]["look_alike_names"] == 1
    again = build_reference(records(*rows), name="small", marker="mifish", synonyms=read_synonyms(table))
    assert again.reference.taxonomy.species == ("Engraulis encrasicolus", "Engraulis mordax")
    assert again.report.look_alikes.is_empty()
    assert "letter or two" not in "\n".join(again.report.lines())
