"""From files to the folder of a reference."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import pytest

from strandloom.errors import InputError, OutputError, SettingsError, UsageError
from strandloom.workflows.taxonomy.build_job import build_folder, chosen_marker
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.reference import read_reference


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, tiny: SimpleNamespace) -> Path:
    return tiny.write_world(tmp_path_factory.mktemp("table"))[0]


def marker(name: str = "auto", **given: object) -> object:
    empty = dict.fromkeys(("forward", "reverse", "min_length", "max_length"))
    return chosen_marker(name, **(empty | given))


def test_a_marker_by_name_or_by_primers() -> None:
    assert marker() == "auto"
    assert marker("teleo") is MARKERS["teleo"]
    own = marker(forward="acgtacgtin", reverse="TTTTGGGGCC", min_length=50, max_length=90)
    assert (own.name, own.forward, own.max_length) == ("own primers", "ACGTACGTNN", 90)  # type: ignore[attr-defined]
    assert marker("x", forward="ACGTACGTA", reverse="TTTTGGGGCC", min_length=50, max_length=90).name == "x"  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="no marker 'mifsh'"):
        marker("mifsh")
    with pytest.raises(UsageError, match="own primers need --min-length, --max-length too"):
        marker(forward="ACGTACGTA", reverse="TTTTGGGGCC")
    with pytest.raises(UsageError, match=r"not X") as error:
        marker(forward="ACGTACGTX", reverse="TTTTGGGGCC", min_length=50, max_length=90)
    assert error.value.where == "--forward"
    with pytest.raises(UsageError, match="min_length 90 is above max_length 50"):
        marker(forward="ACGTACGTA", reverse="TTTTGGGGCC", min_length=90, max_length=50)


def test_a_folder_is_made_and_not_overwritten(table: Path, tmp_path: Path, tiny: SimpleNamespace) -> None:
    out = tmp_path / "reference"
    built = build_folder(table, out=out)
    read = read_reference(out)
    rows = tiny.world()[0]
    assert (read.name, read.marker.name, len(read), len(read.taxonomy)) == ("reference", "mifish", len(rows), 24)
    assert [read.sequences[h] for h in read.haplotype] == [row[5] for row in rows]
    assert built.reference.to_frame().equals(read.to_frame())
    with pytest.raises(OutputError, match="exists already"):
        build_folder(table, out=out)
    assert build_folder(table, out=out, name="named", force=True).reference.name == "named"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        build_folder(table, out=tmp_path / "other", force=True)
    assert (tmp_path / "other" / "file").read_text() == "mine"


def test_records_left_out(table: Path, tmp_path: Path) -> None:
    listing = tmp_path / "ids.txt"
    listing.write_text("r0\nr5\n\nnobody\n")
    packed = tmp_path / "ids.txt.gz"
    packed.write_bytes(gzip.compress(listing.read_bytes()))
    for path in (listing, packed):
        out = tmp_path / f"ref-{path.suffix}"
        ids = build_folder(table, out=out, exclude=path).reference.record_ids
        assert {"r0", "r5"}.isdisjoint(ids)
        assert "r1" in ids
    listing.write_text("nobody\n")
    with pytest.raises(InputError, match="none of its 1 ids is a record"):
        build_folder(table, out=tmp_path / "none", exclude=listing)
    with pytest.raises(InputError, match="the list of records cannot be read"):
        build_folder(table, out=tmp_path / "none", exclude=tmp_path / "missing.txt")
    assert not (tmp_path / "none").exists()


def test_synonyms_and_what_cannot_be_read(table: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.tsv"
    names.write_text("name\taccepted\nAlpha dubius\tAlpha elegans\n")
    built = build_folder(table, out=tmp_path / "ref", synonyms=names)
    assert len(built.reference.taxonomy) == 23
    with pytest.raises(InputError):
        build_folder(tmp_path / "missing.csv", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
