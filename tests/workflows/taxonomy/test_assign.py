"""Assigning a file: the folder that is left behind, what location decides, and what goes wrong in plain words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError, OutputError, StrandloomError, UsageError
from strandloom.words import plural
from strandloom.workflows.taxonomy.assign import Assigned, AssignInputs, assign_file, field_settings

FILES = {
    "assignments.tsv", "assignments.parquet", "assignments_by_sample.tsv", "assignments_by_sample.parquet", "candidates.tsv", "taxa.tsv",
    "qiime2_taxonomy.tsv", "flags.tsv", "assignment.json", "report.html", "darwin_core",
}  # fmt: skip


@pytest.fixture
def study(trained: SimpleNamespace, tiny: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """ASVs of the first species pair of each genus and of a lone species, each found where its species lives; a blank."""
    rows, lives = tiny.world()
    sequence = {row[0]: row[5] for row in rows}
    species = ["Alpha australis", "Alpha borealis", "Gamma australis", "Delta communis"]
    fasta = tmp_path / "asvs.fasta"
    fasta.write_text("".join(f">asv{i}\n{tiny.flanked(sequence[name])}\n" for i, name in enumerate(species)))
    counts, samples = tmp_path / "counts.tsv", tmp_path / "samples.tsv"
    lines = [f"site{i}\tasv{i}\t{1000 + i}" for i in range(len(species))]
    counts.write_text("sample_id\tasv_id\treads\n" + "\n".join([*lines, "blank\tasv0\t3"]) + "\n")
    where = [tiny.centres[lives[name][0]] for name in species]
    told = [f"site{i}\tsample\t{lat}\t{lon}\t2024-07-0{i + 1}" for i, (lat, lon) in enumerate(where)]
    samples.write_text(
        "sample_id\tsample_type\tlatitude\tlongitude\tdate\n" + "\n".join([*told, "blank\tfield blank\t\t\t"]) + "\n"
    )
    return SimpleNamespace(
        bundle=trained.folder / "run" / "bundle",
        fasta=fasta,
        counts=counts,
        samples=samples,
        species=species,
        folder=tmp_path,
    )


def assign(study: SimpleNamespace, out: str = "out", **given: object) -> Assigned:
    inputs = {"counts": study.counts, "samples": study.samples, **given}
    return assign_file(study.bundle, AssignInputs(study.fasta, **inputs), out=study.folder / out, threads=1)  # type: ignore[arg-type]


def test_the_folder_and_what_location_decides(study: SimpleNamespace) -> None:
    done = assign(study)
    assert {x.name for x in done.folder.iterdir()} == FILES
    table = pl.read_parquet(done.folder / "assignments.parquet")
    assert table["id"].to_list() == ["asv0", "asv1", "asv2", "asv3"]
    assert table["species"].to_list() == study.species
    assert table["sequence_species"][0] == table["sequence_species"][1]  # they share their sequence
    assert table["moved"].sum() == done.moved >= 1
    assert table["reads"].to_list() == [1003, 1001, 1002, 1003]
    by_sample = pl.read_parquet(done.folder / "assignments_by_sample.parquet")
    assert by_sample.filter(pl.col("sample") == "blank")["lat"].to_list() == [None]
    occurrences = pl.read_csv(done.folder / "darwin_core" / "occurrence.tsv", separator="\t")
    assert "blank" not in occurrences["eventID"].to_list()
    facts = json.loads((done.folder / "assignment.json").read_text())
    assert facts["sequences"] == 4
    assert facts["primers_cut_off"] == 4
    page = (done.folder / "report.html").read_text()
    assert "Alpha" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_again(study: SimpleNamespace) -> None:
    first, second = assign(study, "one"), assign(study, "two")
    for name in (
        "assignments.tsv",
        "assignments_by_sample.tsv",
        "candidates.tsv",
        "taxa.tsv",
        "qiime2_taxonomy.tsv",
        "flags.tsv",
    ):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_without_a_place_and_at_a_given_one(study: SimpleNamespace, tiny: SimpleNamespace) -> None:
    alone = pl.read_parquet(assign(study, "alone", counts=None, samples=None).folder / "assignments.parquet")
    assert alone["moved"].sum() == 0
    assert (alone["species"] == alone["sequence_species"]).all()
    assert alone["lat"].null_count() == 4
    _, lives = tiny.world()
    for name in study.species[:2]:
        at = tiny.centres[lives[name][0]]
        there = pl.read_parquet(assign(study, name, counts=None, samples=None, at=at).folder / "assignments.parquet")
        assert there["species"][0] == there["species"][1] == name


def test_one_sequence_in_one_sample_has_no_plural(study: SimpleNamespace) -> None:
    study.fasta.write_text("".join(study.fasta.read_text().splitlines(keepends=True)[:2]))
    study.counts.write_text("sample_id\tasv_id\treads\nsite0\tasv0\t1\n")
    study.samples.write_text("\n".join(study.samples.read_text().splitlines()[:2]) + "\n")
    said: list[str] = []
    inputs = AssignInputs(study.fasta, study.counts, study.samples)
    done = assign_file(study.bundle, inputs, out=study.folder / "one", threads=1, say=said.append)
    assert "1 sample: 1 field sample; 1 read, 1 of them in field samples" in said
    assert "1 sequence assigned" in said
    assert "primers were cut off 1 sequence" in said
    assert done.sentence.startswith("1 sequence: 1 called to species")


def test_far_from_every_record_is_the_reason_whoever_is_as_near(study: SimpleNamespace, tiny: SimpleNamespace) -> None:
    rows, _ = tiny.world()
    shared = next(row[5] for row in rows if row[0] == study.species[0])  # two species have it
    far = tiny.changed(shared, np.random.default_rng(1), 12)
    study.fasta.write_text(f">far\n{tiny.flanked(far)}\n")
    done = assign(study, counts=None, samples=None)
    assert done.ranks.get("species", 0) == 0
    page = (done.folder / "report.html").read_text()
    assert re.search(r"No reference sequence is close \(the nearest has \d+ differences\)", page)
    assert "equally near" not in page


def test_the_page_counts_what_the_files_count(study: SimpleNamespace) -> None:
    done = assign(study)
    table = pl.read_parquet(done.folder / "assignments.parquet").filter("moved")
    page = (done.folder / "report.html").read_text()
    assert page.count("Location moved") == table.n_unique(("sequence_species", "species"))
    facts = json.loads((done.folder / "assignment.json").read_text())
    assert done.moved == facts["moved_by_location"] == table.height
    assert f"location changed the best species of {plural(done.moved, 'sequence')}" in page
    assert f"location changed the best species of {plural(done.moved, 'sequence')}" in done.sentence


def test_a_place_inland_is_that_of_at_not_of_samples(study: SimpleNamespace) -> None:
    done = assign(study, counts=None, samples=None, at=(9.5, 39.4))
    page = (done.folder / "report.html").read_text()
    assert "The place given by --at lies more than 50 km inland" in page
    assert "latitude 9.5, longitude 39.4" in page
    assert "4 sequences at 1 place" in page
    assert "samples lie" not in page
    assert "no map" not in page


def test_bootstraps_say_how_sure(study: SimpleNamespace) -> None:
    from strandloom.workflows.taxonomy.settings import AssignSettings

    done = assign_file(
        study.bundle, AssignInputs(study.fasta, study.counts, study.samples), out=study.folder / "boot",
        settings=AssignSettings(bootstraps=20), threads=1,
    )  # fmt: skip
    table = pl.read_parquet(done.folder / "assignments.parquet")
    assert table["species"].to_list() == study.species
    assert (table["sd"] >= 0).all()
    assert table["sd"].max() > 0


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"at": (132.5, 55.3)}, UsageError, "latitude comes first: the two look swapped"),
        ({"counts": None}, UsageError, "give --counts too"),
    ],
    ids=["swapped place", "samples without counts"],
)
def test_wrong_use(study: SimpleNamespace, given: dict[str, object], error: type[StrandloomError], words: str) -> None:
    with pytest.raises(error, match=words):
        assign(study, **given)
    assert not (study.folder / "out").exists()


def test_counts_of_other_sequences(study: SimpleNamespace) -> None:
    study.counts.write_text("sample_id\tasv_id\treads\nsite0\tother1\t5\n")
    with pytest.raises(InputError, match=r"it has other1; known are asv0, asv1, asv2, … \(4 in all\)"):
        assign(study)
    assert not (study.folder / "out").exists()


def test_an_empty_count_table(study: SimpleNamespace) -> None:
    study.counts.write_text("sample_id\tasv_id\treads\n")
    with pytest.raises(InputError):
        assign(study)


def test_an_earlier_assignment_stays(study: SimpleNamespace) -> None:
    done = assign(study)
    before = (done.folder / "assignments.tsv").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        assign(study)
    assert (done.folder / "assignments.tsv").read_bytes() == before


def test_flags_that_may_be_removed() -> None:
    assert "in_blank" in field_settings(min_reads=1, min_replicates=1, drop=("in_blank",)).remove
    with pytest.raises(UsageError, match="did you mean in_blank"):
        field_settings(min_reads=1, min_replicates=1, drop=("in_blanc",))


def test_counts_named_by_sequences_as_dada2_writes_them(study: SimpleNamespace) -> None:
    texts = study.fasta.read_text().split("\n")[1::2]
    own = {text: i for i, text in enumerate(texts)}  # the first two ASVs are one sequence
    header = "\t".join(["", *own])
    rows = [f"site{i}\t" + "\t".join("900" if j == i else "0" for j in own.values()) for i in range(len(study.species))]
    study.counts.write_text("\n".join([header, *rows]) + "\n")
    table = pl.read_parquet(assign(study).folder / "assignments.parquet")
    assert table["reads"].to_list()[2:] == [900, 900]


def test_occurrences_may_have_a_prefix(study: SimpleNamespace) -> None:
    inputs = AssignInputs(study.fasta, study.counts, study.samples)
    done = assign_file(study.bundle, inputs, out=study.folder / "out", prefix="mine", threads=1)
    occurrences = pl.read_csv(done.folder / "darwin_core" / "occurrence.tsv", separator="\t")
    assert occurrences["occurrenceID"].str.starts_with("mine:").all()
