"""Bytes of a file in blocks, read and decompressed in a thread of their own, with one clear error for what can go wrong."""

from __future__ import annotations

import gzip
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from strandloom.errors import InputError
from strandloom.io.kernels import Bytes, as_bytes

BLOCK_BYTES = 1 << 20
Compression = Literal["none", "gzip"]
_BUFFERS = 4
_MOST_REST = 1 << 16
"""Bytes kept free before a block for the rest of the one before; a longer rest is copied together with the block."""
_TRY_AGAIN = "copy or download the file again; `gzip -t FILE` tests it"
_COMPRESSED_BYTES = 1 << 19
_INFLATED_BYTES = 1 << 18


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


class _Filled(NamedTuple):
    """A buffer with new bytes from :data:`_MOST_REST` up to ``end``; it is the last one where it is not full."""

    buffer: Bytes
    end: int
    error: Exception | None
    """What stopped the reading after these bytes."""


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
    rest
        What the reader has left of a block; the next block begins with it.
    line
        Lines that the reader has taken; it is named when the data turn out to be damaged later on.
    """

    def __init__(self, path: str | Path, compression: Compression) -> None:
        self.path, self.compression = Path(path), compression
        self.rest = b""
        self.line = 0
        self._source: Generator[Bytes, None, None] | None = None
        self._unread = as_bytes(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._source is not None:
            self._source.close()

    def blocks(self, size: int = BLOCK_BYTES) -> Generator[Bytes, None, None]:
        """The file in blocks, uint8 ``(bytes,)``; each is valid until the next one is asked for.

        A block holds :attr:`rest` and then ``size`` new bytes, or fewer where the file ends; but after a rest of more
        than that, at least as many as the rest has, so that a long record is looked at only a few times.

        Raises
        ------
        InputError
            The file cannot be read, is cut short or is damaged; the sound data come before, except for what was
            inflated in one go with the damage (256 KiB at most).
        """
        self._source = self._blocks(size)
        return self._source

    def _blocks(self, size: int) -> Generator[Bytes, None, None]:
        held: list[bytes] = []
        with closing(self._filled(size)) as source:
            for buffer, end, error in source:
                start = _MOST_REST - len(self.rest)
                if start >= 0:
                    buffer[start:_MOST_REST] = as_bytes(self.rest)
                    if end > _MOST_REST:
                        yield buffer[start:end]
                else:
                    held.append(buffer[_MOST_REST:end].tobytes())
                    new = sum(map(len, held))
                    if new >= len(self.rest) or (new and end < len(buffer)):
                        data, held = b"".join((self.rest, *held)), []
                        yield as_bytes(data)
                if error is not None:
                    raise self._fault(error) from error

    def read(self, size: int) -> bytes:
        """The next bytes, at least one and at most ``size``; ``b""`` at the end."""
        if not len(self._unread):
            self._unread = next(self._source or self.blocks(), self._unread)
        data, self._unread = self._unread[:size].tobytes(), self._unread[size:]
        return data

    def _filled(self, size: int) -> Generator[_Filled, None, None]:
        """Buffers that a thread fills with ``size`` bytes each; it stops as soon as nobody listens."""
        empty: queue.SimpleQueue[Bytes] = queue.SimpleQueue()
        filled: queue.SimpleQueue[_Filled] = queue.SimpleQueue()
        stop = threading.Event()

        def work() -> None:
            buffer, end = empty.get(), _MOST_REST
            try:
                with _opened(self.path, self.compression) as fill:
                    while not stop.is_set():
                        while end < len(buffer) and (n := fill(buffer[end : end + _INFLATED_BYTES].data)):
                            end += n
                        filled.put(_Filled(buffer, end, None))
                        if end < len(buffer):
                            return
                        buffer, end = empty.get(), _MOST_REST
            except Exception as error:  # handed to the reading thread, which raises it
                filled.put(_Filled(buffer, end, error))

        worker = threading.Thread(target=work, name=f"read {self.path.name}", daemon=True)
        for _ in range(_BUFFERS):
            empty.put(np.empty(_MOST_REST + size, np.uint8))
        worker.start()
        try:
            while True:
                item = filled.get()
                yield item
                if item.end < len(item.buffer):
                    return
                empty.put(item.buffer)
        finally:
            stop.set()
            empty.put(as_bytes(b""))  # wakes a worker that waits
            worker.join()

    def _fault(self, error: Exception) -> Exception:
        """What to raise for an error of the reading thread."""
        from isal import igzip_lib

        damage: tuple[Any, ...] = (gzip.BadGzipFile, igzip_lib.IsalError)  # the stub calls the class an instance
        if isinstance(error, EOFError):
            message, hint = "the gzip data end too early: the file is cut short", _TRY_AGAIN
        elif isinstance(error, damage):
            message, hint = "the gzip data are damaged", _TRY_AGAIN
        elif isinstance(error, OSError):
            found = open_error(error, self.path)
            message, hint = found.message, found.hint or ""
        else:
            return error
        where = f"{self.path}, after line {self.line}" if self.line else str(self.path)
        return InputError(message, where=where, hint=hint)


@contextmanager
def _opened(path: Path, compression: Compression) -> Iterator[Callable[[memoryview], int | None]]:
    """The function that puts the next decompressed bytes of a file into a buffer and says how many."""
    with path.open("rb", buffering=0) as file:
        if compression == "none":
            yield file.readinto
        else:
            from isal import igzip

            reader = getattr(igzip, "_IGzipReader", None)  # not public: it writes in place what igzip.open copies
            yield reader(file, _COMPRESSED_BYTES).readinto if reader else igzip.open(file).readinto
