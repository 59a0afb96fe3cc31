"""Byte kernels of the readers: buffers and row ranges in, codes out; no files, no Python object per row.

Each kernel has two forms with equal results: plain numpy, and a compiled one that needs about a second to load and then
runs several times as fast. :class:`Kernels` starts with numpy and changes over once enough bytes have passed.

Row ranges ``[starts, ends)`` are int64 ``(N,)``, in file order, and never overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]

DROP = np.uint16(0x8000)
"""Bit of a table entry: the letter leaves no code."""
COMPILE_AFTER = 16 << 20
"""Bytes read before the compiled kernels are loaded."""


class Encoded(NamedTuple):
    """Codes of a block of rows."""

    codes: Bytes
    """uint8 (total bases,)."""
    lengths: Positions
    """int64 (N,): codes per row."""
    flags: Bytes
    """uint8 (N,): the kinds of letters met in the row, or-ed together."""


def as_bytes(data: bytes) -> Bytes:
    """A read-only uint8 view ``(len(data),)`` of bytes."""
    return np.frombuffer(data, np.uint8)


def line_ends(buffer: Bytes) -> Positions:
    """Positions of the newlines, int64 ``(lines,)``."""
    return np.flatnonzero(buffer == 10)


def _mask(size: int, starts: Positions, ends: Positions) -> NDArray[np.bool_]:
    """True inside the ranges, bool ``(size,)``."""
    full = ends > starts
    steps = np.zeros(size + 1, np.int8)
    steps[starts[full]] = 1
    steps[ends[full]] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)


def gather_numpy(buffer: Bytes, starts: Positions, ends: Positions, delimiter: int) -> Bytes:
    """The rows' bytes, each row followed by ``delimiter``."""
    lengths = ends - starts
    joined = np.full(int(lengths.sum()) + len(lengths), delimiter, np.uint8)
    kept = np.ones(len(joined), np.bool_)
    kept[np.cumsum(lengths + 1) - 1] = False
    joined[kept] = buffer[_mask(len(buffer), starts, ends)]
    return joined


def encode_numpy(buffer: Bytes, starts: Positions, ends: Positions, table: NDArray[np.uint16]) -> Encoded:
    """Rows to codes by ``table`` uint16 ``(256,)``: low byte the code, bits 8-14 the flags, bit 15 :data:`DROP`."""
    entries = table[buffer[_mask(len(buffer), starts, ends)]]
    offsets = np.concatenate(([0], np.cumsum(ends - starts)))
    flags = np.zeros(len(starts), np.uint8)
    lengths = ends - starts
    if len(entries):
        full = lengths > 0
        flags[full] = np.bitwise_or.reduceat(entries >> 8, offsets[:-1][full]).astype(np.uint8) & 0x7F
        if (dropped := (entries & DROP) != 0).any():
            lengths = np.diff(np.concatenate(([0], np.cumsum(~dropped)))[offsets])
            entries = entries[~dropped]
    return Encoded(entries.astype(np.uint8), lengths, flags)


def word_ends_numpy(buffer: Bytes, starts: Positions, ends: Positions) -> Positions:
    """Where the first word of each row ends (at a space or tab, or at the row's end), int64 ``(N,)``."""
    blanks = np.append(np.flatnonzero((buffer == 32) | (buffer == 9)), len(buffer))
    return np.minimum(blanks[np.searchsorted(blanks, starts)], ends)


class _Compiled(NamedTuple):
    gather: Callable[..., None]
    encode: Callable[..., int]
    word_ends: Callable[..., None]
    fasta: Callable[..., tuple[int, int, int]]
    fastq: Callable[..., tuple[int, int, int]]


@cache
def load_compiled() -> _Compiled:
    """The compiled kernels, from numba's cache on disk where that can be written."""
    import numba

    from strandloom.io import compiled

    data = numba.types.Array(numba.uint8, 1, "C", readonly=True)
    table = numba.types.Array(numba.uint16, 1, "C", readonly=True)
    number, rows, out = numba.int64, numba.int64[::1], numba.uint8[::1]
    scan = numba.types.UniTuple(number, 3)(
        data, number, number, table, number, numba.boolean, out, out, out, out, numba.int64[:, ::1], out, rows
    )
    functions = (
        (compiled.gather, numba.void(data, rows, rows, numba.uint8, number, out)),
        (compiled.encode, number(data, rows, rows, table, out, rows, out)),
        (compiled.word_ends, numba.void(data, rows, rows, rows)),
        (compiled.fasta, scan),
        (compiled.fastq, scan),
    )

    def build(*, on_disk: bool) -> _Compiled:
        return _Compiled(*(numba.njit(signature, nogil=True, cache=on_disk)(f) for f, signature in functions))

    try:
        return build(on_disk=True)
    except (OSError, RuntimeError):  # no folder for the cache can be written, or the disk is full
        return build(on_disk=False)


class Kernels:
    """The kernels of one reader: numpy for a small file, compiled for a large one.

    Parameters
    ----------
    compile_after
        Bytes to pass before the compiled forms are loaded; 0 loads them at once.
    """

    def __init__(self, *, compile_after: int = COMPILE_AFTER) -> None:
        self._left = compile_after

    def seen(self, size: int) -> None:
        """Count the bytes of one more block."""
        self._left -= size

    @property
    def compiled(self) -> bool:
        """Whether the compiled forms are in use: after enough bytes, or at once where they are loaded already."""
        return self._left <= 0 or load_compiled.cache_info().currsize > 0

    def gather(self, buffer: Bytes, starts: Positions, ends: Positions, delimiter: int) -> Bytes:
        """See :func:`gather_numpy`."""
        if not self.compiled:
            return gather_numpy(buffer, starts, ends, delimiter)
        out = np.empty(int((ends - starts).sum()) + len(starts), np.uint8)
        load_compiled().gather(buffer, _rows(starts), _rows(ends), np.uint8(delimiter), 1, out)
        return out

    def select(self, buffer: Bytes, starts: Positions, ends: Positions) -> Bytes:
        """The rows' bytes one after the other; rows may touch."""
        if not self.compiled:
            return buffer[_mask(len(buffer), starts, ends)]
        out = np.empty(int((ends - starts).sum()) + 1, np.uint8)
        load_compiled().gather(buffer, _rows(starts), _rows(ends), np.uint8(0), 0, out)
        return out[:-1]

    def encode(self, buffer: Bytes, starts: Positions, ends: Positions, table: NDArray[np.uint16]) -> Encoded:
        """See :func:`encode_numpy`."""
        if not self.compiled:
            return encode_numpy(buffer, starts, ends, table)
        n = len(starts)
        codes = np.empty(int((ends - starts).sum()) + 1, np.uint8)  # a dropped last letter still writes
        lengths, flags = np.empty(n, np.int64), np.empty(n, np.uint8)
        used = load_compiled().encode(buffer, _rows(starts), _rows(ends), table, codes, lengths, flags)
        return Encoded(codes[:used], lengths, flags)

    def word_ends(self, buffer: Bytes, starts: Positions, ends: Positions) -> Positions:
        """See :func:`word_ends_numpy`."""
        if not self.compiled:
            return word_ends_numpy(buffer, starts, ends)
        out = np.empty(len(starts), np.int64)
        load_compiled().word_ends(buffer, _rows(starts), _rows(ends), out)
        return out


def _rows(positions: Positions) -> Positions:
    return np.ascontiguousarray(positions, np.int64)
