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
MOST_RECORDS = 1 << 16
"""FASTQ records scanned at once."""
COMPILE_AFTER = 24 << 20
"""Bytes read before the compiled kernels are loaded."""


class Encoded(NamedTuple):
    """Codes of a block of rows."""

    codes: Bytes
    """uint8 (total bases,)."""
    lengths: Positions
    """int64 (N,): codes per row."""
    flags: Bytes
    """uint8 (N,): the kinds of letters met in the row, or-ed together."""


class FastqRows(NamedTuple):
    """Consecutive FASTQ records of a block, scanned and encoded in one pass. Positions are int64 (N,), in the block."""

    encoded: Encoded
    ids: Bytes
    """The ids, each followed by a newline."""
    heads: Positions
    """First byte after the ``@``."""
    words: Positions
    """Where the id ends."""
    head_ends: Positions
    """Where the header ends."""
    starts: Positions
    ends: Positions
    """The sequence."""
    used: int
    """Bytes of the block that these records take."""
    odd: bool
    """Whether the record after them is complete but not of the plain form."""


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
    fastq: Callable[..., tuple[int, int, int, int, bool]]


def _gather(buffer, starts, ends, delimiter, width, out):  # type: ignore[no-untyped-def]  # compiled
    o = 0
    for i in range(len(starts)):
        for j in range(starts[i], ends[i]):
            out[o] = buffer[j]
            o += 1
        out[o] = delimiter
        o += width


def _encode(buffer, starts, ends, table, codes, lengths, flags):  # type: ignore[no-untyped-def]  # compiled
    o = 0
    for i in range(len(starts)):
        first = o
        seen = np.uint16(0)
        for j in range(starts[i], ends[i]):
            entry = table[buffer[j]]
            codes[o] = entry & 0xFF
            seen |= entry
            o += 1 - (entry >> 15)
        lengths[i] = o - first
        flags[i] = (seen >> 8) & 0x7F
    return o


def _word_ends(buffer, starts, ends, out):  # type: ignore[no-untyped-def]  # compiled
    for i in range(len(starts)):
        j = starts[i]
        while j < ends[i] and buffer[j] != 32 and buffer[j] != 9:
            j += 1
        out[i] = j


def _fastq(buffer, first, table, codes, flags, rows, ids):  # type: ignore[no-untyped-def]  # compiled
    """Plain records from ``first`` on, into ``rows`` (6, most): heads, words, head ends, starts, ends, lengths."""
    size, most = len(buffer), rows.shape[1]
    at, n, o, usual, named = first, 0, 0, 0, 0
    while n < most:
        if at >= size:
            return n, at, o, named, False
        if buffer[at] != 64:  # @
            return n, at, o, named, True
        j = at + 1
        m = named
        while j < size and (buffer[j] > 32 or (buffer[j] != 10 and buffer[j] != 32 and buffer[j] != 9)):
            ids[m] = buffer[j]
            m += 1
            j += 1
        word = j
        while j < size and buffer[j] != 10:
            j += 1
        if j + 1 >= size:
            return n, at, o, named, False
        head_end = j - 1 if buffer[j - 1] == 13 else j
        start = j + 1
        begun = o
        seen = np.uint16(0)
        j = start + usual
        guessed = j < size and buffer[j] == 10  # most reads of a file are as long as the one before
        if guessed:
            for i in range(usual):
                entry = table[buffer[start + i]]
                codes[o + i] = np.uint8(entry)
                seen |= entry
            guessed = seen >> 15 == 0  # a newline would be a dropped letter
            o += usual
        if not guessed:
            j, o = start, begun
            seen = np.uint16(0)
            while j < size and buffer[j] != 10:
                entry = table[buffer[j]]
                codes[o] = np.uint8(entry)
                seen |= entry
                o += 1 - (entry >> 15)
                j += 1
        if j + 1 >= size:
            return n, at, begun, named, False
        end = j - 1 if j > start and buffer[j - 1] == 13 else j
        usual = j - start
        j += 1
        if buffer[j] != 43:  # +
            return n, at, begun, named, True
        while j < size and buffer[j] != 10:
            j += 1
        quality = j + 1
        stop = quality + end - start
        if stop >= size:
            return n, at, begun, named, False
        broken = stop > quality and buffer[stop - 1] == 13  # a shorter line that ends in CR LF
        for i in range(quality, stop):
            broken |= buffer[i] == 10
        if buffer[stop] == 13:
            stop += 1
            if stop >= size:
                return n, at, begun, named, False
        if broken or buffer[stop] != 10:
            return n, at, begun, named, True
        rows[0, n] = at + 1
        if word > head_end:  # a carriage return
            word = head_end
            m -= 1
        ids[m] = 10
        named = m + 1
        rows[1, n] = word
        rows[2, n] = head_end
        rows[3, n] = start
        rows[4, n] = end
        rows[5, n] = o - begun
        flags[n] = (seen >> 8) & 0x7F
        n += 1
        at = stop + 1
    return n, at, o, named, False


@cache
def _compiled() -> _Compiled:
    """The compiled kernels, from numba's cache on disk where that can be written."""
    import numba

    data = numba.types.Array(numba.uint8, 1, "C", readonly=True)
    table = numba.types.Array(numba.uint16, 1, "C", readonly=True)
    rows, out = numba.int64[::1], numba.uint8[::1]
    result = numba.types.Tuple((numba.int64, numba.int64, numba.int64, numba.int64, numba.boolean))
    functions = (
        (_gather, numba.void(data, rows, rows, numba.uint8, numba.int64, out)),
        (_encode, numba.int64(data, rows, rows, table, out, rows, out)),
        (_word_ends, numba.void(data, rows, rows, rows)),
        (_fastq, result(data, numba.int64, table, out, out, numba.int64[:, ::1], out)),
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
        return self._left <= 0 or _compiled.cache_info().currsize > 0

    def gather(self, buffer: Bytes, starts: Positions, ends: Positions, delimiter: int) -> Bytes:
        """See :func:`gather_numpy`."""
        if not self.compiled:
            return gather_numpy(buffer, starts, ends, delimiter)
        out = np.empty(int((ends - starts).sum()) + len(starts), np.uint8)
        _compiled().gather(buffer, _rows(starts), _rows(ends), np.uint8(delimiter), 1, out)
        return out

    def select(self, buffer: Bytes, starts: Positions, ends: Positions) -> Bytes:
        """The rows' bytes one after the other; rows may touch."""
        if not self.compiled:
            return buffer[_mask(len(buffer), starts, ends)]
        out = np.empty(int((ends - starts).sum()) + 1, np.uint8)
        _compiled().gather(buffer, _rows(starts), _rows(ends), np.uint8(0), 0, out)
        return out[:-1]

    def encode(self, buffer: Bytes, starts: Positions, ends: Positions, table: NDArray[np.uint16]) -> Encoded:
        """See :func:`encode_numpy`."""
        if not self.compiled:
            return encode_numpy(buffer, starts, ends, table)
        n = len(starts)
        codes = np.empty(int((ends - starts).sum()) + 1, np.uint8)  # a dropped last letter still writes
        lengths, flags = np.empty(n, np.int64), np.empty(n, np.uint8)
        used = _compiled().encode(buffer, _rows(starts), _rows(ends), table, codes, lengths, flags)
        return Encoded(codes[:used], lengths, flags)

    def word_ends(self, buffer: Bytes, starts: Positions, ends: Positions) -> Positions:
        """See :func:`word_ends_numpy`."""
        if not self.compiled:
            return word_ends_numpy(buffer, starts, ends)
        out = np.empty(len(starts), np.int64)
        _compiled().word_ends(buffer, _rows(starts), _rows(ends), out)
        return out

    def fastq(self, buffer: Bytes, first: int, table: NDArray[np.uint16]) -> FastqRows:
        """Whole records of the plain form (four lines, as many bases as quality values) from byte ``first`` on.

        At most :data:`MOST_RECORDS`. Compiled only: see :attr:`compiled`.
        """
        size = len(buffer) - first
        codes, flags = np.empty(size + 1, np.uint8), np.empty(MOST_RECORDS, np.uint8)
        rows, ids = np.empty((6, MOST_RECORDS), np.int64), np.empty(size + 1, np.uint8)
        n, used, bases, named, odd = _compiled().fastq(buffer, first, table, codes, flags, rows, ids)
        heads, words, head_ends, starts, ends, lengths = rows[:, :n]
        encoded = Encoded(codes[:bases], lengths, flags[:n])
        return FastqRows(encoded, ids[:named], heads, words, head_ends, starts, ends, used, odd)


def _rows(positions: Positions) -> Positions:
    return np.ascontiguousarray(positions, np.int64)
