"""Frames put aside on disk and read again one by one, so that memory does not grow with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from strandloom.io.write import output_error


class Spill:
    """Frames in a folder of their own, which is taken away at the end of the ``with`` block.

    Parameters
    ----------
    beside
        The folder in which that folder is made.
    """

    def __init__(self, beside: str | Path) -> None:
        self.beside = Path(beside)
        self._files: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=".spill-", dir=self.beside)
        except OSError as error:
            raise output_error(error, self.beside) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, frame: pl.DataFrame) -> None:
        """Put a frame aside; one without rows is forgotten.

        Raises
        ------
        OutputError
            The disk is full.
        """
        if frame.is_empty():
            return
        path = Path(self._folder.name) / f"{len(self._files)}.arrow"
        try:
            frame.write_ipc(path, compression="zstd")
        except OSError as error:
            raise output_error(error, self.beside) from error
        self._files.append(path)

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The frames in the order in which they came, as often as wanted."""
        for path in self._files:
            yield pl.read_ipc(path)
