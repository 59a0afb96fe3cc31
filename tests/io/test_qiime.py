"""QIIME 2 artefacts: the type decides, the member is read, and errors name the artefact."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from strandloom.errors import InputError
from strandloom.io.frames import read_text_frame
from strandloom.io.qiime import is_artifact, open_artifact

UUID = "0b9a3f6e-1111-4222-8333-444455556666"
TAXONOMY = "FeatureData[Taxonomy]"


def artifact(path: Path, type_: str, member: str, data: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{UUID}/VERSION", "QIIME 2\narchive: 5\nframework: 2024.5.0\n")
        archive.writestr(f"{UUID}/metadata.yaml", f"uuid: {UUID}\ntype: {type_}\nformat: F\n")
        archive.writestr(f"{UUID}/provenance/metadata.yaml", "type: Other\n")
        archive.writestr(f"{UUID}/data/{member}", data)
    return path


@pytest.mark.parametrize("type_", [TAXONOMY, f"'{TAXONOMY}'", "FeatureData[Taxonomy % Properties('x')]"])
def test_the_member_is_unpacked(tmp_path: Path, type_: str) -> None:
    path = artifact(tmp_path / "a.qza", type_, "taxonomy.tsv", "Feature ID\tTaxon\nA\tx\n")
    assert is_artifact(path)
    with open_artifact(path, accepted=(TAXONOMY,)) as found:
        assert found.data.read_text().startswith("Feature ID")
        kept = found.data
    assert not kept.exists()


def test_another_type_is_refused_by_name(tmp_path: Path) -> None:
    path = artifact(tmp_path / "a.qza", "SampleData[AlphaDiversity]", "x.tsv", "")
    with (
        pytest.raises(InputError, match=r"is SampleData\[AlphaDiversity\]; FeatureData\[Taxonomy\] is needed"),
        open_artifact(path, accepted=(TAXONOMY,)),
    ):
        pass


def test_errors_name_the_artefact(tmp_path: Path) -> None:
    path = artifact(tmp_path / "a.qza", TAXONOMY, "taxonomy.tsv", "Feature ID\tTaxon\nA\n")
    with (
        pytest.raises(InputError) as caught,
        open_artifact(path, accepted=(TAXONOMY,)) as found,
    ):
        read_text_frame(found.data)
    assert caught.value.where == f"{path}/{UUID}/data/taxonomy.tsv:2"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: artifact(path, TAXONOMY, "other.tsv", ""), "has no .*taxonomy.tsv"),
        (lambda path: path.write_bytes(b"PK\3\4 cut short"), "damaged"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "no <uuid>/metadata.yaml"),
        (lambda path: None, "no such file"),
    ],
)
def test_faults(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "a.qza"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=message), open_artifact(path, accepted=(TAXONOMY,)):
        pass


def test_what_is_no_artefact(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">a\nACGT\n")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"")
    (tmp_path / "cut.qza").write_bytes(b"PK\3\4 cut short")
    assert not is_artifact(tmp_path / "a.fasta")
    assert not is_artifact(tmp_path / "a.npz")
    assert is_artifact(tmp_path / "cut.qza")  # so that the error speaks of an artefact
