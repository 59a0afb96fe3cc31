"""The cleaned reference and its folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.reference import COLUMNS, Reference, read_reference, write_reference

FRAME = pl.DataFrame(
    [
        ("r1", "Actinopteri", "Gadiformes", "Gadidae", "Gadus", "Gadus morhua", "ACGTACGT", "pcr", False),
        ("r2", "Actinopteri", "", "Clupeidae", "Clupea", "Clupea harengus", "ACGTNCGT", "amplicon", True),
        ("r3", "Actinopteri", "Gadiformes", "Gadidae", "Gadus", "Gadus morhua", "TTTT", "pcr", False),
        ("r4", "Actinopteri", "", "Clupeidae", "Clupea", "Clupea harengus", "ACGTACGT", "pcr", False),
    ],
    schema=COLUMNS,
    orient="row",
)


def reference() -> Reference:
    return Reference.from_frame(FRAME, name="tiny", marker=MARKERS["mifish"])


def test_records_share_sequences() -> None:
    tiny = reference()
    assert (len(tiny), tiny.haplotypes, len(tiny.taxonomy)) == (4, 3, 2)
    assert tiny.haplotype.tolist() == [0, 1, 2, 0]
    assert tiny.species.tolist() == [1, 0, 1, 0]
    assert tiny.sequences == ("ACGTACGT", "ACGTNCGT", "TTTT")
    assert tiny.offsets.tolist() == [0, 8, 16, 20]
    assert tiny.to_frame().equals(FRAME)


def test_a_folder_there_and_back(tmp_path: Path) -> None:
    write_reference(tmp_path / "ref", reference())
    back = read_reference(tmp_path / "ref")
    assert back.to_frame().equals(FRAME)
    assert (back.name, back.marker) == ("tiny", MARKERS["mifish"])
    for field in ("species", "haplotype", "codes", "offsets", "suspect"):
        assert np.array_equal(getattr(back, field), getattr(reference(), field))
    write_reference(tmp_path / "again", reference())
    for file in (tmp_path / "ref").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_sequences_that_are_none() -> None:
    with pytest.raises(InputError, match="letters that are no bases") as error:
        Reference.from_frame(
            FRAME.with_columns(sequence=pl.Series(["ACGT", "ACGT", "AXGT", "A"])), name="x", marker=MARKERS["riaz"]
        )
    assert error.value.where == "record 'r3'"
    with pytest.raises(InputError, match="is empty") as error:
        Reference.from_frame(
            FRAME.with_columns(sequence=pl.Series(["ACGT", "", "AGT", "A"])), name="x", marker=MARKERS["riaz"]
        )
    assert error.value.where == "record 'r2'"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reference folder") as error:
        read_reference(tmp_path)
    assert "taxonomy build" in str(error.value.hint)
    write_reference(tmp_path, reference())
    path = tmp_path / "reference.json"
    facts = json.loads(path.read_text())
    for changed, message in (
        ({**facts, "format_version": 2}, "has format 2; this strandloom reads up to 1"),
        ({"a": 1}, "no format version"),
        ({**facts, "marker": {"name": "x"}}, "the marker is damaged"),
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(InputError, match=message):
            read_reference(tmp_path)
    path.write_text(json.dumps(facts))
    (tmp_path / "reference.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="the table cannot be read"):
        read_reference(tmp_path)
