"""Bytes of a file in blocks, decompressed in a thread of their own, with one clear error for what can go wrong."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from strandloom.errors import InputError

BLOCK_BYTES = 4 << 20
Compression = Literal["none", "gzip"]
_COMPRESSED_BYTES = 1 << 18
_INFLATED_BYTES = 1 << 20
_WAITING = 8
_MAGIC = b"\x1f\x8b"


def open_error(error: OSError, path: Path) -> InputError:
    """The error for a file that cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        return InputError(
            "there is no such file", where=path, hint="check the path; a relative one starts at the current folder"
        )
    if isinstance(error, IsADirectoryError):
        return InputError("this is a folder, not a file", where=path, hint="name one file in it")
    if isinstance(error, PermissionError):
        return InputError("the file may not be read", where=path, hint="ask for read permission (ls -l shows it)")
    return InputError(f"the file cannot be read: {error.strerror or error}", where=path, hint="check the disk")


class ByteStream:
    """A file as decompressed bytes.

    Parameters
    ----------
    path
        The file.
    compression
        ``gzip`` covers several members one after the other (bgzf too).

    Attributes
    ----------
    line
        Lines that the reader has taken; it is named when the data turn out to be damaged later on.
    """

    def __init__(self, path: str | Path, compression: Compression) -> None:
        self.path, self.compression = Path(path), compression
        self.line = 0
        self._pieces: deque[bytes] = deque()
        self._source = _threaded(self) if compression == "gzip" else _plain(self.path)
        self._error: InputError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def read(self, size: int) -> bytes:
        """At least one and at most ``size`` bytes; ``b""`` at the end. All sound data come before an error.

        Raises
        ------
        InputError
            The file cannot be read, is cut short or is damaged.
        """
        have = sum(map(len, self._pieces))
        while have < size and self._error is None:
            try:
                piece = next(self._source)
            except StopIteration:
                break
            except InputError as error:
                self._error = error
                break
            self._pieces.append(piece)
            have += len(piece)
        if have == 0 and self._error is not None:
            raise InputError(self._error.message, where=self._where(), hint=self._error.hint)
        parts, need = [], size
        while need and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > need:
                self._pieces.appendleft(piece[need:])
                piece = piece[:need]
            parts.append(piece)
            need -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _where(self) -> str:
        return f"{self.path}, after line {self.line}" if self.line else str(self.path)


def _plain(path: Path) -> Generator[bytes, None, None]:
    try:
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                yield data
    except OSError as error:
        raise open_error(error, path) from error


def inflate(path: Path) -> Generator[bytes, None, None]:
    """Decompressed pieces of a gzip file, member after member; checksums are verified."""
    from isal import igzip_lib

    damaged = InputError(
        "the gzip data are damaged", where=path, hint="copy or download the file again; `gzip -t FILE` tests it"
    )
    try:
        with path.open("rb") as file:
            data, member = file.read(_COMPRESSED_BYTES), None
            while data:
                if member is None:
                    data = data.lstrip(b"\0") or file.read(_COMPRESSED_BYTES)  # tapes pad the end with zeros
                    if not data:
                        return
                    if data[0] == 0:
                        continue
                    if data[:2] not in (_MAGIC, _MAGIC[:1]):
                        raise damaged
                    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
                try:
                    while out := member.decompress(data, _INFLATED_BYTES):
                        yield out
                        data = b""
                        if member.eof or member.needs_input:
                            break
                except igzip_lib.IsalError as error:  # type: ignore[misc]  # wrong stub
                    raise damaged from error
                if member.eof:
                    data, member = member.unused_data, None
                    data = data or file.read(_COMPRESSED_BYTES)
                else:
                    data = file.read(_COMPRESSED_BYTES)
            if member is not None:
                raise InputError(
                    "the gzip data end too early: the file is cut short",
                    where=path,
                    hint="copy or download the file again; `gzip -t FILE` tests it",
                )
    except OSError as error:
        raise open_error(error, path) from error


def _threaded(stream: ByteStream) -> Generator[bytes, None, None]:
    """The pieces of :func:`inflate`, made in a thread that stops as soon as nobody listens."""
    pieces: queue.Queue[bytes | Exception | None] = queue.Queue(_WAITING)
    stop = threading.Event()

    def put(item: bytes | Exception | None) -> None:
        while not stop.is_set():
            try:
                pieces.put(item, timeout=0.05)
                return
            except queue.Full:
                continue

    def work() -> None:
        source = inflate(stream.path)
        try:
            for piece in source:
                put(piece)
                if stop.is_set():
                    return
        except Exception as error:  # handed to the reading thread, which raises it
            put(error)
        else:
            put(None)
        finally:
            source.close()

    worker = threading.Thread(target=work, name=f"inflate {stream.path.name}", daemon=True)
    worker.start()
    try:
        while (item := pieces.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        worker.join()
