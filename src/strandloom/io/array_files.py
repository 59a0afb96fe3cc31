"""Arrays in HDF5 and MATLAB files, read by rows: HDF5, MATLAB 7.3 (which is HDF5 turned round) and MATLAB 5.

DeepSEA's files are of these kinds: ``train.mat`` (7.3; in HDF5 ``(1000, 4, N)`` and ``(919, N)``), ``valid.mat`` and ``test.mat`` (5;
``(N, 4, 1000)`` and ``(N, 919)``), bases in the order A, G, C, T.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError

_CHUNK = 1 << 22
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""MATLAB 5's numbers of data types."""
_NUMERIC = frozenset(range(6, 16))
"""Its numbers of classes that are plain numeric arrays."""
_HEADER = 128


class StoredRows(Protocol):
    """An array whose rows are read from the first to the last."""

    shape: tuple[int, ...]
    """Rows first."""
    dtype: np.dtype[Any]
    where: str
    """The file and the array, for messages."""

    def read(self, rows: int) -> NDArray[Any]:
        """The next ``rows`` rows (fewer at the end), ``(rows, ...)``."""
        ...


class AxisRows:
    """Rows along the first or the last axis of an array on disk.

    Parameters
    ----------
    stored
        Anything that gives slices: an HDF5 data set, a memory map.
    last
        Whether the last axis counts rows.
    where
        For messages.
    """

    def __init__(self, stored: Any, *, last: bool, where: str) -> None:
        self._stored, self._last, self.where = stored, last, where
        shape = tuple(int(x) for x in stored.shape)
        self.shape = (shape[-1], *shape[:-1]) if last else shape
        self.dtype = np.dtype(stored.dtype)
        self._done = 0

    def read(self, rows: int) -> NDArray[Any]:
        """The next rows."""
        first, self._done = self._done, min(self._done + rows, self.shape[0])
        try:
            if self._last:
                return np.moveaxis(np.asarray(self._stored[..., first : self._done]), -1, 0)
            return np.asarray(self._stored[first : self._done])
        except OSError as error:
            raise InputError(f"the array is damaged: {error}", where=self.where, hint="copy the file again") from None


def open_hdf5(path: Path, stack: ExitStack) -> dict[str, StoredRows]:
    """The numeric arrays of an HDF5 file by name; of MATLAB 7.3 the last axis counts rows, as MATLAB writes axes the other way round.

    Raises
    ------
    InputError
        It cannot be opened, holds no numeric array, or its arrays do not agree on the number of rows.
    """
    import h5py

    try:
        file = stack.enter_context(h5py.File(path, "r"))
    except OSError as error:
        raise InputError(f"the HDF5 file cannot be opened: {error}", where=path, hint="copy the file again") from None
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and item.ndim >= 1 and not name.startswith("#"):
            found[name] = item

    file.visititems(visit)
    if not found:
        raise InputError("the file holds no array of numbers", where=path)
    turned = {name: "MATLAB_class" in item.attrs for name, item in found.items()}
    if not any(turned.values()):
        turned = dict.fromkeys(found, _rows_last(found))
    return {name: AxisRows(item, last=turned[name], where=f"{path}, array '{name}'") for name, item in found.items()}


def _rows_last(arrays: Mapping[str, Any]) -> bool:
    """Whether plain arrays agree on their last axes and not on their first ones."""
    shapes = [item.shape for item in arrays.values() if item.ndim > 1]
    agree = [len({shape[axis] for shape in shapes}) == 1 for axis in (0, -1)]
    return len(shapes) > 1 and agree == [False, True]


def open_mat5(path: Path, stack: ExitStack) -> dict[str, StoredRows]:
    """The numeric arrays of a MATLAB 5 file by name; packed ones are unpacked into files that vanish, so memory stays flat.

    Raises
    ------
    InputError
        The file is damaged or cut off, or holds no numeric array.
    """
    found: dict[str, StoredRows] = {}
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER)
            order = "<" if head[126:128] == b"IM" else ">"
            for kind, size, at in _elements(file, order):
                file.seek(at)
                source: IO[bytes] = file
                if kind == _COMPRESSED:
                    source = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                    _unpack(file, size, source)
                    source.seek(8)
                matrix = _matrix(source, order)
                if matrix is None:
                    continue
                name, dtype, shape, start = matrix
                stored = np.memmap(source if kind == _COMPRESSED else path, dtype, "r", start, shape, order="F")
                found[name] = AxisRows(stored, last=False, where=f"{path}, array '{name}'")
    except (struct.error, zlib.error, ValueError, KeyError, IndexError) as error:
        raise InputError(f"the MATLAB file is damaged: {error}", where=path, hint="copy the file again") from None
    except OSError as error:
        raise InputError(
            f"the file cannot be unpacked: {error.strerror or error}", where=path, hint="free space in TMPDIR"
        ) from None
    if not found:
        raise InputError("the file holds no array of numbers", where=path)
    return found


def _elements(file: IO[bytes], order: str) -> Iterator[tuple[int, int, int]]:
    """Kind, bytes and place of the content of every array."""
    at = _HEADER
    while True:
        file.seek(at)
        tag = file.read(8)
        if not tag:
            return
        kind, size = struct.unpack(f"{order}II", tag)
        if kind not in (_MATRIX, _COMPRESSED):
            raise ValueError(f"an element of kind {kind} stands where an array is expected")
        yield kind, size, at + 8
        at += 8 + size


def _unpack(file: IO[bytes], size: int, target: IO[bytes]) -> None:
    unpacker = zlib.decompressobj()
    while size > 0:
        part = file.read(min(size, _CHUNK))
        if not part:
            raise ValueError("it is cut off")
        size -= len(part)
        while part:
            target.write(unpacker.decompress(part, _CHUNK))
            part = unpacker.unconsumed_tail
    target.write(unpacker.flush())
    target.flush()


def _matrix(file: IO[bytes], order: str) -> tuple[str, np.dtype[Any], tuple[int, ...], int] | None:
    """Name, type, shape and place of the numbers of an array; None of anything but a real numeric one."""
    flags = _content(file, order)[1]
    kind, marks = (flags[0], flags[1]) if order == "<" else (flags[3], flags[2])
    if kind not in _NUMERIC or marks & 0x08:  # complex
        return None
    dims = np.frombuffer(_content(file, order)[1], f"{order}i4")
    name = _content(file, order)[1].decode("ascii", "replace")
    number, size, start = _tag(file, order)
    dtype = np.dtype(order + _NUMBERS[number])
    shape = tuple(int(x) for x in dims)
    if int(np.prod(shape)) * dtype.itemsize != size:
        raise ValueError(f"array '{name}' of shape {shape} has {size} bytes")
    return name, dtype, shape, start


def _tag(file: IO[bytes], order: str) -> tuple[int, int, int]:
    """Kind, bytes and place of a part; small parts stand inside their tag."""
    tag = file.read(8)
    first, second = struct.unpack(f"{order}II", tag)
    if first >> 16:
        return first & 0xFFFF, first >> 16, file.tell() - 4
    return first, second, file.tell()


def _content(file: IO[bytes], order: str) -> tuple[int, bytes]:
    """Kind and bytes of a part; the file stands behind it then."""
    kind, size, at = _tag(file, order)
    small = at < file.tell()
    file.seek(at)
    content = file.read(size)
    if len(content) < size:
        raise ValueError("it is cut off")
    file.seek(at + 4 if small else at + size + -size % 8)
    return kind, content
