"""What queries truly are, and their kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.candidates import Records
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.truth import KINDS, NOVEL, UNSAID, Truth, query_kinds

ROWS = [
    ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Perca fluviatilis", "Perca", "Percidae", "", "Actinopteri"),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(ROWS, schema=list(RANKS), orient="row"))


def rows(truth: Truth) -> list[list[int]]:
    return [[int(truth.taxon[rank][i]) for rank in RANKS] for i in range(len(truth))]


def test_from_species() -> None:
    truth = Truth.from_species(np.array([1, 2, -1]), TAXONOMY)
    assert rows(truth) == [[1, 0, 0, 0, 0], [2, 1, 1, UNSAID, 0], [NOVEL, *[UNSAID] * 4]]
    assert not truth.foreign.any()
    assert rows(truth.take(np.array([2, 0]))) == [rows(truth)[2], rows(truth)[0]]
    assert len(Truth.from_species(np.zeros(0, int), TAXONOMY)) == 0


def test_from_names() -> None:
    names = pl.DataFrame(
        {
            "species": ["clupea_harengus", "Clupea bentincki", "Sardina pilchardus", "Vibrio fischeri", "", None],
            "genus": ["Sardina", "", None, "Vibrio", "Perca", ""],
            "family": ["", "", "Clupeidae", "Vibrionaceae", "", ""],
            "class": ["", "", "", "Gammaproteobacteria", "", ""],
        }
    )
    truth = Truth.from_names(names, TAXONOMY)
    assert rows(truth) == [
        [0, 0, 0, 0, 0],  # the reference's own lineage
        [NOVEL, 0, 0, 0, 0],  # its genus is the first word of its name, and is in the reference
        [NOVEL, NOVEL, 0, 0, 0],
        [NOVEL, NOVEL, NOVEL, UNSAID, NOVEL],
        [UNSAID, 1, 1, UNSAID, 0],
        [UNSAID] * 5,
    ]
    assert truth.foreign.tolist() == [False, False, False, True, False, False]
    assert rows(Truth.from_names(names.select("species").head(2), TAXONOMY)) == [[0] * 5, [NOVEL, 0, 0, 0, 0]]
    assert len(Truth.from_names(names.clear(), TAXONOMY)) == 0
    assert Truth.nothing(2).foreign.all()


def reference(rows: list[tuple[str, str]]) -> tuple[Reference, Records]:
    """From (species, sequence)."""
    frame = pl.DataFrame(
        [(str(i), "", "", "", species.split()[0], species, sequence) for i, (species, sequence) in enumerate(rows)],
        schema=["record_id", "class", "order", "family", "genus", "species", "sequence"],
        orient="row",
    )
    found = Reference.from_frame(frame, name="tiny", marker=MARKERS["mifish"])
    return found, Records(
        found.species, found.haplotype, species_count=len(found.taxonomy), haplotype_count=found.haplotypes
    )


def test_kinds() -> None:
    tiny, records = reference([("A a", "AAAC"), ("A a", "CCCG"), ("B b", "CCCG"), ("A a", "AAAC"), ("B b", "TTTT")])
    sequences = pl.Series(["AAAC", "CCCG", "GGGG", "AAAC", "TTTT", "AAAC"])
    kinds = query_kinds(sequences, np.array([0, 0, 0, 1, 0, -1]), tiny, records)
    assert [KINDS[k] if k >= 0 else "" for k in kinds] == [
        "unique", "shared", "novel haplotype", "only under another species", "only under another species", "",
    ]  # fmt: skip


@pytest.mark.realdata
def test_kinds_of_the_development_set(real_data: Path) -> None:
    """The numbers in the note of ``fish12s_mifish``."""
    folder = real_data / "fish12s_mifish"
    table = pl.read_csv(folder / "mifish_reference.tsv.gz", separator="\t", infer_schema_length=0)
    table = table.filter(~pl.col("class").is_in(["Mammalia", "Aves", "Amphibia", "Lepidosauria", "Reptilia"]))
    asked = pl.read_csv(folder / "mifish_dev_ids.txt.gz", has_header=False).to_series()
    dev = table.filter(pl.col("record_id").is_in(asked.to_list()))
    rest = table.filter(~pl.col("record_id").is_in(asked.to_list()))
    known = Reference.from_frame(rest, name="rest", marker=MARKERS["mifish"])
    records = Records(
        known.species, known.haplotype, species_count=len(known.taxonomy), haplotype_count=known.haplotypes
    )
    species = np.array([known.taxonomy.lookup(name) for name in dev["species"]])
    kinds = query_kinds(dev["sequence"], species, known, records)
    assert np.bincount(kinds).tolist() == [1823, 700, 600, 99]
