"""A taxonomy model in a studio: taken in, asked about samples, and what pages show of it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strandloom.errors import BundleError, InputError, UsageError
from strandloom.studio.samples import (
    Given,
    answers,
    ask_model,
    bring_back,
    calls,
    find_answer,
    find_model,
    forget,
    sample_models,
    sightings,
    take_in,
)
from strandloom.studio.workspace import Workspace, open_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return open_workspace(tmp_path / "studio")


def fasta(folder: Path, tiny: Any) -> Path:
    """Three sequences."""
    rows, _ = tiny.world()
    path = folder / "asv.fa"
    path.write_text("".join(f">a{i}\n{rows[i][5]}\n" for i in (0, 15, 30)))
    return path


def test_a_model_is_asked_about_samples(space: Workspace, trained: SimpleNamespace, tiny: Any, tmp_path: Path) -> None:
    model = take_in(space, trained.folder / "run", "Fish of <b>home</b>")
    assert (model.kind, model.name, [x.name for x in sample_models(space)]) == (
        "taxonomy",
        "fish-of-b-home-b",
        [model.name],
    )
    counts, samples = tmp_path / "counts.tsv", tmp_path / "samples.tsv"
    counts.write_text("id\tS1\tS2\na0\t5\t0\na15\t3\t7\na30\t0\t2\n")
    samples.write_text("sample\tlat\tlon\nS1\t60.25\t5.25\nS2\t-30.25\t30.25\n")
    files = ((fasta(tmp_path, tiny), "asv.fa"), (counts, "counts.tsv"), (samples, "samples.tsv"))
    made = ask_model(space, model, Given(files, counts=1, samples=2), name="first", author="Ada")
    assert calls(made)["id"].to_list() == ["a0", "a15", "a30"]
    assert set(sightings(made).select("sample", "lat").iter_rows()) == {("S1", 60.25), ("S2", -30.25)}
    assert made.facts["command"] == (
        f"strandloom taxonomy assign models/{model.name} answers/first/given/asv.fa --counts answers/first/given/counts.tsv "
        "--samples answers/first/given/samples.tsv --out answers/first/out"
    )
    assert (made.out / "report.html").is_file()
    forget(space, find_answer(space, "first"))
    assert answers(space) == []
    assert [x.facts["name"] for x in answers(space, deleted=True)] == ["first"]
    assert bring_back(space, "answer-first").name == "first"
    (made.folder / "answer.json").write_text("{")
    assert answers(space) == []  # what cannot be read hides nothing else


def test_a_place_of_all(space: Workspace, trained: SimpleNamespace, tiny: Any, tmp_path: Path) -> None:
    model = take_in(space, trained.folder / "run" / "bundle", "fish")
    made = ask_model(space, model, Given(((fasta(tmp_path, tiny), "asv.fa"),), at=(60.25, 5.25)), name="", author="Ada")
    assert made.name == "asv"
    assert sightings(made)["lat"].to_list() == [60.25] * 3


def test_a_fault_leaves_nothing_behind_and_names_no_place_of_the_machine(
    space: Workspace, trained: SimpleNamespace, tmp_path: Path
) -> None:
    model = take_in(space, trained.folder / "run" / "bundle", "fish")
    bad = tmp_path / "bad.fa"
    bad.write_text(">a\nACGT!\n")
    with pytest.raises(InputError) as found:
        ask_model(space, model, Given(((bad, "bad.fa"),)), name="x", author="Ada")
    assert str(space.root) not in str(found.value)
    assert list(space.answers.iterdir()) == []
    with pytest.raises(UsageError):
        ask_model(space, model, Given(()), name="x", author="Ada")
    with pytest.raises(UsageError):
        find_model(space, "../models/fish")


def test_zip_files(space: Workspace, trained: SimpleNamespace, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "fish"), "zip", trained.folder, "run/bundle"))
    assert take_in(space, packed, "fish").kind == "taxonomy"
    assert [x.name for x in space.models.iterdir()] == ["fish"]
    outside = tmp_path / "outside.zip"
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    with pytest.raises(InputError, match="which no zip file of a bundle does"):
        take_in(space, outside, "evil")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(packed.read_bytes()[:2000])
    with pytest.raises(InputError, match="no zip file of a bundle"):
        take_in(space, broken, "broken")
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("a.txt", "x")
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("a", "x")
        archive.writestr("a/b", "x")
    with pytest.raises(InputError, match="damaged"):
        take_in(space, outside, "twice")
    with zipfile.ZipFile(outside, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(BundleError, match="no bundle in it"):
        take_in(space, outside, "empty")
    assert [x.name for x in space.models.iterdir()] == ["fish"]
