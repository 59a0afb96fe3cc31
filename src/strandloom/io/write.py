"""Outputs that appear whole or not at all: written beside, flushed to disk, renamed into place."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import queue
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, overload

import polars as pl

from strandloom.errors import InputError, OutputError

_OUTPUT_FAULTS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another folder"),
    errno.EFBIG: ("the file is too large for this disk", "choose another folder"),
    errno.EROFS: ("the folder is read-only", "choose a folder that can be written"),
    errno.EACCES: ("the folder may not be written", "choose another folder, or ask for write permission"),
    errno.EPERM: ("the folder may not be written", "choose another folder, or ask for write permission"),
    errno.ENOENT: ("the folder does not exist", "create it first"),
    errno.EEXIST: ("a part of the path is a file, not a folder", "choose another path"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another path"),
    errno.EISDIR: ("this is a folder", "name a file in it"),
    errno.EIO: ("the disk reported an error", "check the disk, or choose another folder"),
}
_BODY_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def output_error(error: OSError, path: Path) -> OutputError:
    """The error for an output that cannot be written."""
    message, hint = _OUTPUT_FAULTS.get(error.errno or 0, (error.strerror or str(error), "choose another path"))
    return OutputError(f"cannot be written: {message}", where=path, hint=hint)


@overload
def replacing(path: str | Path, *, text: Literal[True]) -> AbstractContextManager[IO[str]]: ...
@overload
def replacing(path: str | Path, *, text: Literal[False]) -> AbstractContextManager[IO[bytes]]: ...
def replacing(path: str | Path, *, text: bool) -> AbstractContextManager[IO[Any]]:
    """A handle whose content replaces ``path`` when the block ends well; otherwise nothing changes.

    Missing folders above ``path`` are made, and taken away again when the block fails. A device or pipe
    (``/dev/stdout``) is written directly; a link keeps pointing at the file that is replaced.

    Parameters
    ----------
    path
        The file to write.
    text
        UTF-8 text, or bytes.

    Raises
    ------
    OutputError
        The folder is read-only, the disk is full, ``path`` is a folder or lies below a file.
    """
    return _replacing(Path(path), text=text)


@contextmanager
def _replacing(path: Path, *, text: bool) -> Iterator[IO[Any]]:
    with _replacing_path(path) as (temporary, atomic):
        handle: IO[Any] = temporary.open("w", encoding="utf-8", newline="") if text else temporary.open("wb")
        with handle:
            yield handle
            handle.flush()
            if atomic:
                os.fsync(handle.fileno())


@contextmanager
def _replacing_path(path: Path) -> Iterator[tuple[Path, bool]]:
    """A fresh path beside ``path`` that is renamed to it, and whether it is (False: a device, written directly)."""
    made: list[Path] = []
    try:
        path = path.resolve() if path.is_symlink() else path
        made = make_folder(path.parent)
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        regular = stat.S_ISREG(mode)
        temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part") if regular else path
        if regular:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        remove_empty(made)
        raise output_error(error, path) from error
    finished = False
    try:
        yield temporary, regular
        finished = True
        if regular:
            os.replace(temporary, path)
            _sync_folder(path.parent)
    except OSError as error:
        if not finished and error.errno not in _BODY_FAULTS:
            raise  # not about this output
        raise output_error(error, path) from error
    finally:
        if regular:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if not finished:
            remove_empty(made)


def make_folder(path: Path) -> list[Path]:
    """Make a folder and the missing ones above it; those that were made, the innermost first.

    Raises
    ------
    OSError
        It cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(folders: list[Path]) -> None:
    """Take away folders that were made for nothing; one that holds something stays."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot flush a folder
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


class TableWriter:
    """Writes frames to one file, by suffix ``.tsv .csv .ndjson .jsonl`` (each also ``.gz``) or ``.parquet``.

    The file appears when the ``with`` block ends well; an exception or Ctrl-C leaves what was there before. Frames are
    written as they come, and every frame must have the columns and types of the first.

    Parameters
    ----------
    path
        The file to write.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        name = self.path.name.lower()
        self._gzip = name.endswith(".gz")
        suffix = Path(name.removesuffix(".gz")).suffix
        known = {".tsv": "tsv", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
        if suffix not in known or (suffix == ".parquet" and self._gzip):
            raise OutputError(
                f"'{self.path.name}' has no suffix of a table format",
                where=self.path,
                hint="end it in .tsv, .csv, .ndjson (each also .gz) or .parquet",
            )
        self._kind = known[suffix]
        self._schema: pl.Schema | None = None
        self._stack = ExitStack()
        self._handle: IO[bytes] | None = None
        self._parquet: _ParquetSink | None = None
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._kind == "parquet":
                self._temporary, _ = stack.enter_context(_replacing_path(self.path))
            else:
                handle: Any = stack.enter_context(_replacing(self.path, text=False))
                if self._gzip:
                    handle = stack.enter_context(gzip.GzipFile("", "wb", 6, handle, mtime=0))
                self._handle = handle
            self._stack = stack.pop_all()
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows.

        Raises
        ------
        OutputError
            The disk is full.
        ValueError
            The columns or types differ from the first frame's.
        """
        first = self._schema is None
        if first:
            self._schema = frame.schema
        elif frame.schema != self._schema:
            raise ValueError(f"every frame needs the same columns and types: {frame.schema} after {self._schema}")
        try:
            if self._kind == "parquet":
                if self._parquet is None:
                    assert self._temporary is not None, "write inside the with block"
                    self._parquet = _ParquetSink(self._temporary, frame.schema)
                self._parquet.write(frame)
                return
            assert self._handle is not None, "write inside the with block"
            if self._kind == "ndjson":
                self._handle.write(frame.write_ndjson().encode() if frame.height else b"")
            else:
                separator = "\t" if self._kind == "tsv" else ","
                self._handle.write(frame.write_csv(separator=separator, include_header=first).encode())
        except OSError as error:
            raise output_error(error, self.path) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._schema is None:
                raise OutputError("no row was written, so there is no table", where=self.path)
            if self._parquet is not None:
                self._parquet.close(finished=kind is None)
                if kind is None and self._temporary is not None:
                    with self._temporary.open("rb") as file:
                        os.fsync(file.fileno())
        except BaseException as fault:
            if isinstance(fault, OSError):
                fault = output_error(fault, self.path)
            if not self._stack.__exit__(type(fault), fault, fault.__traceback__):
                raise fault from None
            return
        self._stack.__exit__(kind, error, trace)


class _Abandoned(Exception):
    """Stops a Parquet file that nobody wants any more."""


class _ParquetSink:
    """Frames pushed one by one into a streaming Parquet file, which polars writes in a thread of its own."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        from polars.io.plugins import register_io_source

        self._frames: queue.Queue[pl.DataFrame | None] = queue.Queue(2)
        self._error: BaseException | None = None
        self._abandoned = False

        def source(
            with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
        ) -> Iterator[pl.DataFrame]:
            yield pl.DataFrame(schema=schema)
            while (frame := self._frames.get()) is not None:
                yield frame
            if self._abandoned:
                raise _Abandoned

        def work() -> None:
            try:
                register_io_source(source, schema=schema).sink_parquet(path, engine="streaming")
            except BaseException as error:  # raised again by the writing thread
                self._error = error

        self._worker = threading.Thread(target=work, name=f"parquet {path.name}", daemon=True)
        self._worker.start()

    def _put(self, frame: pl.DataFrame | None) -> None:
        while self._worker.is_alive():
            with suppress(queue.Full):
                self._frames.put(frame, timeout=0.05)
                return

    def write(self, frame: pl.DataFrame) -> None:
        """Hand a frame to the writing thread; raises what that thread met."""
        self._put(frame)
        if not self._worker.is_alive():
            self._fail()

    def close(self, *, finished: bool) -> None:
        """End the file, or give it up where it is not ``finished``."""
        self._abandoned = not finished
        self._put(None)
        self._worker.join()
        if finished and self._error is not None:
            self._fail()

    def _fail(self) -> None:
        error = self._error
        if isinstance(error, OSError):
            raise error
        if error is not None and "No space left" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        if error is not None:
            raise error


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror or error}", where=path, hint="check the path and its permissions"
        ) from error
