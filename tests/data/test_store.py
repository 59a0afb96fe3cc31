"""The store appears whole or not at all, and only for what it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.data.store import Stored, build_store, open_store
from strandloom.data.window import Window
from strandloom.errors import OutputError
from strandloom.io.records import LetterCounts, Records


def _blocks(rows: int = 10, size: int = 3) -> list[Records]:
    generator = np.random.default_rng(1)
    blocks = []
    for start in range(0, rows, size):
        count = min(size, rows - start)
        lengths = generator.integers(0, 9, count)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        ids = pl.Series("id", [f"r{start + i}" for i in range(count)], dtype=pl.String)
        columns = pl.DataFrame({"y": np.arange(start, start + count), "id": ids})
        blocks.append(
            Records(
                generator.integers(0, 17, offsets[-1], dtype=np.uint8), offsets, ids, columns, LetterCounts(rows=count)
            )
        )
    return blocks


def _build(folder: Path, blocks: list[Records], key: str = "k", length: int = 6) -> Stored:
    whole = Records.concat(blocks)
    letters = LetterCounts(rows=10, skipped_rows=1, skipped=("record 'x': bad",))
    return build_store(
        folder,
        iter(blocks),
        key=key,
        ids=whole.ids,
        columns=whole.columns,
        window=Window(length, "centre", note="n"),
        letters=letters,
    )


def test_round_trip(tmp_path: Path) -> None:
    blocks = _blocks()
    stored = _build(tmp_path / "deep" / "store", blocks)
    whole = Records.concat(blocks)
    placed = stored.window.place(whole)
    assert isinstance(stored.codes, np.memmap)
    assert not stored.codes.flags.writeable
    assert np.array_equal(stored.codes, placed.codes)
    assert np.array_equal(stored.lengths, placed.lengths)
    assert stored.whole is not None
    assert stored.whole.dtype == np.int32
    assert np.array_equal(stored.whole, whole.lengths)
    assert stored.ids.to_list() == whole.ids.to_list()
    assert stored.columns.equals(whole.columns)
    assert stored.window == Window(6, "centre", note="n")
    assert stored.letters.skipped == ("record 'x': bad",)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["store"]


def test_lengths_of_whole_sequences_are_kept_only_where_some_are_cropped(tmp_path: Path) -> None:
    stored = _build(tmp_path / "store", _blocks(), length=8)
    assert stored.whole is None
    assert not (tmp_path / "store" / "whole.npy").exists()


def test_another_key_version_or_damage_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    assert open_store(folder, key="k") is None
    _build(folder, _blocks())
    assert open_store(folder, key="k") is not None
    assert open_store(folder, key="other") is None
    about = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(about | {"version": 99}))
    assert open_store(folder, key="k") is None
    (folder / "store.json").write_text("[")
    assert open_store(folder, key="k") is None
    for name in ("codes.npy", "lengths.npy", "whole.npy", "rows.parquet"):
        _build(folder, _blocks())
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
        assert open_store(folder, key="k") is None


def test_an_older_store_is_replaced_and_a_leftover_removed(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    _build(folder, _blocks(), key="old")
    (tmp_path / "store.partial").mkdir()
    (tmp_path / "store.partial" / "codes.npy").write_bytes(b"half")
    _build(folder, _blocks(7), key="new")
    assert open_store(folder, key="old") is None
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        _build(tmp_path, _blocks())
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    blocks = _blocks()

    def failing() -> Iterator[Records]:
        yield blocks[0]
        raise KeyboardInterrupt

    whole = Records.concat(blocks)
    with pytest.raises(KeyboardInterrupt):
        build_store(
            folder, failing(), key="k", ids=whole.ids, columns=whole.columns, window=Window(6), letters=LetterCounts()
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="the blocks hold 3 rows, not 10"):
        build_store(
            folder, blocks[:1], key="k", ids=whole.ids, columns=whole.columns, window=Window(6), letters=LetterCounts()
        )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        _build(tmp_path / "file" / "store", _blocks())
