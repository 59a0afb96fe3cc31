"""Outputs appear whole or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError, OutputError
from strandloom.io.write import TableWriter, replacing, sha256

FRAME = pl.DataFrame({"id": ["a", "b"], "p": [0.5, 1.0]})
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "a.csv": pl.read_csv,
    "a.tsv": lambda p: pl.read_csv(p, separator="\t"),
    "a.tsv.gz": lambda p: pl.read_csv(p, separator="\t"),
    "a.ndjson": lambda p: pl.read_ndjson(p),
    "a.ndjson.gz": lambda p: pl.read_ndjson(gzip.decompress(p.read_bytes())),
    "a.parquet": pl.read_parquet,
}


@pytest.mark.parametrize("name", READERS)
def test_blocks_become_one_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with TableWriter(path) as writer:
        for _ in range(5):
            writer.write(FRAME)
        assert not path.exists()
    assert READERS[name](path).equals(pl.concat([FRAME] * 5))
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, InputError("no")])
def test_an_interruption_leaves_what_was_there(tmp_path: Path, name: str, error: BaseException) -> None:
    path = tmp_path / name
    path.write_text("before")

    def interrupted() -> None:
        with TableWriter(path) as writer:
            writer.write(FRAME)
            raise error

    with pytest.raises(type(error) if isinstance(error, BaseException) else error):
        interrupted()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_replacing(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    link.symlink_to(path)
    with replacing(link, text=True) as handle:
        handle.write("é\n")
        assert path.read_text() == "old"
    assert link.is_symlink()
    assert path.read_bytes() == "é\n".encode()
    with replacing(path, text=False) as handle:
        handle.write(b"\x00")
    assert path.read_bytes() == b"\x00"
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_device_is_not_replaced() -> None:
    with replacing("/dev/null", text=True) as handle:
        handle.write("x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("place", "words"),
    [("file/a.csv", "a file, not a folder"), ("folder.csv", "a folder")],
)
def test_places_that_cannot_be_written(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match=words) as caught, TableWriter(tmp_path / place) as writer:
        writer.write(FRAME)
    assert caught.value.hint


def test_missing_folders_are_made_and_taken_away_again(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "a" / "b" / "t.csv") as writer:
        writer.write(FRAME)
    assert (tmp_path / "a" / "b" / "t.csv").is_file()

    def fails() -> None:
        with replacing(tmp_path / "a" / "c" / "d" / "t.txt", text=True):
            raise InputError("no")

    with pytest.raises(InputError):
        fails()
    assert [x.name for x in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    for name in ("a.tsv", "a.parquet"):
        with pytest.raises(OutputError, match=r"full|read-only") as caught, TableWriter(tmp_path / name) as writer:
            writer.write(FRAME)
        assert caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_full() -> None:
    with pytest.raises(OutputError, match="the disk is full"), replacing("/dev/full", text=False) as handle:
        handle.write(b"x" * 100_000)


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no suffix"):
        TableWriter(tmp_path / "a.xlsx")
    with pytest.raises(OutputError, match="no row"), TableWriter(tmp_path / "a.csv"):
        pass
    with TableWriter(tmp_path / "b.csv") as writer:
        writer.write(FRAME)
        with pytest.raises(ValueError, match="same columns"):
            writer.write(FRAME.select("id"))
    (tmp_path / "b.csv").unlink()
    assert not list(tmp_path.iterdir())


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(InputError):
        sha256(tmp_path / "none")
