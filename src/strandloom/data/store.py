"""Coded sequences on disk: a memory-mapped array and its row table, built once and reopened.

A store is a folder: ``codes.npy`` (uint8 ``(N, L)``), ``lengths.npy`` (int32 ``(N,)``), ``whole.npy`` (the same of the
whole sequences, where some were cropped), ``rows.parquet`` (ids and columns) and ``store.json`` (format version, key,
window, letter counts, whether some were cropped). It appears whole or not at all: it is built beside and renamed into
place. The key says what it was made of; a store with another key is never used.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.window import Window
from strandloom.errors import OutputError
from strandloom.io.records import LetterCounts, Records

VERSION = 2
_ID = "strandloom:id"


@dataclass(frozen=True, eq=False)
class Stored:
    """What a store holds: codes as a read-only memory map ``(N, L)``, the rest in memory."""

    codes: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    ids: pl.Series
    columns: pl.DataFrame
    window: Window
    letters: LetterCounts
    whole: NDArray[np.int32] | None = None
    """int32 ``(N,)``: bases of each whole sequence; None where none is longer than the window."""


def build_store(
    folder: str | Path,
    blocks: Iterable[Records],
    *,
    key: str,
    ids: pl.Series,
    columns: pl.DataFrame,
    window: Window,
    letters: LetterCounts,
) -> Stored:
    """Write a store block by block (memory stays flat) and open it; an older one in its place is removed.

    Parameters
    ----------
    folder
        The store's folder; its parent is made when missing.
    blocks
        Records, N rows in all, in the order of ``ids``.
    key
        What the store is made of.
    ids, columns
        Row names and every other column, N rows.
    window
        How sequences are placed.
    letters
        What was met while reading.

    Raises
    ------
    OutputError
        The folder cannot be written (read-only, disk full), or holds something else.
    """
    folder = Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "store.json").is_file():
        raise OutputError(
            "the folder holds other files, so no store is put in its place", where=folder, hint="choose a new folder"
        )
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with open(partial / "codes.npy", "wb") as handle:
            lengths, whole = _write_codes(handle, blocks, rows=len(ids), window=window)
        np.save(partial / "lengths.npy", lengths)
        cropped = window.cropped(whole) > 0
        if cropped:
            np.save(partial / "whole.npy", whole)
        pl.DataFrame([ids.alias(_ID), *columns.get_columns()]).write_parquet(partial / "rows.parquet")
        about = {"format": "strandloom store", "version": VERSION, "key": key, "cropped": cropped}
        (partial / "store.json").write_text(
            json.dumps(about | {"window": asdict(window), "letters": asdict(letters)}, indent=1)
        )
        for name in sorted(partial.iterdir()):
            _flush(name)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    except OSError as error:
        raise OutputError(
            f"the memory-mapped store cannot be written: {error.strerror or error}",
            where=folder,
            hint=f"it needs {len(ids) * window.length / 1e9:.1f} GB; choose a folder with room, or raise data.memory",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    stored = open_store(folder, key=key)
    assert stored is not None
    return stored


def open_store(folder: str | Path, *, key: str) -> Stored | None:
    """The store in ``folder``, or None when there is none that was made of ``key`` in this format, or it is damaged."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "store.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(about, dict) or about.get("version") != VERSION or about.get("key") != key:
        return None
    try:
        rows = pl.read_parquet(folder / "rows.parquet", glob=False)
        codes, lengths = np.load(folder / "codes.npy", mmap_mode="r"), np.load(folder / "lengths.npy")
        whole = np.load(folder / "whole.npy") if about["cropped"] else None
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return None
    letters = about["letters"] | {"skipped": tuple(about["letters"]["skipped"])}
    return Stored(
        codes=codes,
        lengths=lengths,
        ids=rows[_ID].alias("id"),
        columns=rows.drop(_ID),
        window=Window(**about["window"]),
        letters=LetterCounts(**letters),
        whole=whole,
    )


def _write_codes(
    handle: IO[bytes], blocks: Iterable[Records], *, rows: int, window: Window
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Append the placed blocks to an NPY file: bases in the window and of the whole sequence, each ``(N,)``.

    Plain writes, since a full disk under a memory map kills the process.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, window.length)}
    np.lib.format.write_array_header_1_0(handle, header)
    lengths, whole = np.empty((2, rows), np.int32)
    done = 0
    for block in blocks:
        placed = window.place(block)
        handle.write(np.ascontiguousarray(placed.codes).data)
        stop = done + len(placed.lengths)
        lengths[done:stop], whole[done:stop] = placed.lengths, block.lengths
        done = stop
    if done != rows:
        raise ValueError(f"the blocks hold {done} rows, not {rows}")
    return lengths, whole


def _flush(path: Path) -> None:
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())
