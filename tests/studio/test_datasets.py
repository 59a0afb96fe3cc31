"""Data in versions: what is imported stays as it was, changes make new versions, and only one at a time."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
from pathlib import Path

import polars as pl
import pytest

from strandloom.data.settings import DataSettings
from strandloom.data.split.settings import Condition, StratifiedSplit
from strandloom.errors import InputError, UsageError
from strandloom.studio.datasets import (
    DropDuplicates,
    KeepRows,
    LogColumn,
    RenameColumn,
    change_version,
    check_lines,
    columns_of,
    import_file,
    preview,
)
from strandloom.studio.dividing import try_split
from strandloom.studio.store import Store, Version
from strandloom.studio.workspace import Workspace, file_name, open_workspace, slug, sweep


def take(space: Workspace, store: Store, path: Path, **more: object) -> Version:
    return import_file(space, store, path, name="Mine", project=1, sent_as=path.name, author="Ada", **more)  # type: ignore[arg-type]


def test_an_import_is_kept_as_it_was(space: Workspace, store: Store, table: Path) -> None:
    version = take(space, store, table)
    kept = space.inside(version.file)
    assert kept.read_bytes() == table.read_bytes()
    assert version.digest == hashlib.sha256(table.read_bytes()).hexdigest()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    assert version.number == 1
    assert version.facts["facts"]["rows"] > 0
    assert "path" not in version.facts
    assert not list(space.uploads.iterdir())
    again = take(space, store, table)
    assert again.dataset.folder != version.dataset.folder


def test_an_upload_is_moved(space: Workspace, store: Store, table: Path) -> None:
    sent = space.uploads / "upload-1"
    sent.write_bytes(table.read_bytes())
    version = import_file(space, store, sent, name="x", project=1, sent_as="../../etc/pass wd.csv", author="Ada")
    assert not sent.exists()
    assert space.inside(version.file).name == "pass_wd.csv"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"a,b\n1,2\n", b"<html>", b"\x1f\x8bbroken"])
def test_what_is_no_file_of_sequences_leaves_nothing(
    space: Workspace, store: Store, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        take(space, store, path)
    assert not list(space.data.iterdir())
    assert not list(space.uploads.iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_lines_that_never_end(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.fa"
    body = b">a\n" + b"ACGT" * 1000 + b"\n>b\n" + b"ACGT" * 700_000 + b"\n"
    path.write_bytes(gzip.compress(body) if packed else body)
    check_lines(path, most=3_000_000)
    for most in (2_799_999, 100, 3):
        with pytest.raises(InputError, match=f"longer than {most:,} bytes"):
            check_lines(path, most=most)


def values(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t")


def test_changes_make_new_versions(space: Workspace, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,reads,kind\nACGT,8,a\nacgt,2,a\nTTTT,4,b\nGGGG,16,b\n")
    first = take(space, store, path)
    second = change_version(
        space, store, first.id, KeepRows(conditions=(Condition(column="reads", op=">", value=2),)), author="Bob"
    )
    assert values(space.inside(second.file))["sequence"].to_list() == ["ACGT", "TTTT", "GGGG"]
    assert (second.number, second.note, second.author) == (2, "rows with reads > 2", "Bob")
    third = change_version(space, store, second.id, LogColumn(column="reads", name="log_reads"), author="Bob")
    assert values(space.inside(third.file))["log_reads"].to_list() == [3, 2, 4]
    fourth = change_version(space, store, third.id, RenameColumn(column="kind", name="class"), author="Bob")
    assert "class" in values(space.inside(fourth.file)).columns
    assert columns_of(space.inside(fourth.file)) == {"reads": "number", "class": "text", "log_reads": "number"}
    assert fourth.number == 4
    assert path.read_bytes() == space.inside(first.file).read_bytes()


def test_rows_that_cannot_be_read_are_counted(space: Workspace, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,k\nACGT,1\nAC!T,2\n,3\nGGGG,4\n")
    second = change_version(
        space, store, take(space, store, path).id, RenameColumn(column="k", name="kk"), author="Ada"
    )
    assert second.note == "k is called kk; 2 rows that cannot be read left out"


def test_what_a_killed_studio_left_is_no_obstacle(space: Workspace, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.fa"
    path.write_text(">a\nACGT\n>b\nacgt\n")
    first = take(space, store, path)
    (space.inside(first.file).parent.parent / "v2").mkdir()
    (space.uploads / ".half.part").write_bytes(b"x")
    (space.uploads / ".change-1").mkdir()
    sweep(space)
    assert not list(space.uploads.iterdir())
    assert change_version(space, store, first.id, DropDuplicates(), author="Ada").number == 2


def test_duplicates_are_left_out(space: Workspace, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.fa"
    path.write_text(">a\nACGT\n>b\nacgt\n>c\nTTTT\n")
    second = change_version(space, store, take(space, store, path).id, DropDuplicates(), author="Ada")
    assert values(space.inside(second.file))["id"].to_list() == ["a", "c"]


def test_changes_that_do_not_work(space: Workspace, store: Store, table: Path) -> None:
    version = take(space, store, table)
    for change, words in (
        (KeepRows(conditions=(Condition(column="no", op="==", value=1),)), "no column"),
        (RenameColumn(column="no", name="x"), "no column"),
        (LogColumn(column="no", name="x"), "no column"),
    ):
        with pytest.raises(UsageError, match=words):
            change_version(space, store, version.id, change, author="Ada")
    change_version(space, store, version.id, DropDuplicates(), author="Ada")
    with pytest.raises(UsageError, match="version 2 was made meanwhile"):
        change_version(space, store, version.id, DropDuplicates(), author="Bob")
    assert not list(space.uploads.iterdir())


def test_a_preview_shows_letters_and_columns(space: Workspace, store: Store, table: Path) -> None:
    found = preview(table, rows=5)
    assert len(found.rows) == 5
    _, letters, length, cells = found.rows[0]
    assert set(letters) <= set("ACGTN")
    assert length == len(letters)
    assert len(cells) == len(found.columns)


def test_a_split_is_tried_before_training(space: Workspace, store: Store, table: Path) -> None:
    version = take(space, store, table)
    path = space.inside(version.file)
    data = DataSettings(table="x", target=version.facts["recognised"]["target"])
    found = try_split(path, data, StratifiedSplit(), task="classes")
    assert sum(x["rows"] for x in found["parts"].values()) == version.facts["facts"]["rows"]
    assert found["leakage"]["verdict"]
    assert set(found["parts"]) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b\\c.fa", "c.fa"),
        ("<script>.csv", "script_.csv"),
        ("..", "data"),
        ("é à.tsv.gz", "e_a.tsv.gz"),
    ],
)
def test_names_lead_nowhere(name: str, safe: str) -> None:
    assert file_name(name) == safe


def test_slugs_and_workspaces(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert slug("Mine!", taken=tmp_path) == "mine-2"
    assert slug("../..", taken=tmp_path) == "unnamed"
    space = open_workspace(tmp_path / "new")
    assert open_workspace(space.root) == space
    assert space.secret == space.secret
    assert stat.S_IMODE(os.stat(space.root / "secret.txt").st_mode) == 0o600
    with pytest.raises(UsageError):
        space.inside("../x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(Exception, match="other things"):
        open_workspace(tmp_path / "full")
