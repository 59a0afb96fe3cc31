"""The compiled loops: bytes in, codes out. Imported when they are needed, because numba takes a second to load."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import register_jitable

from strandloom.io.scan import FULL, MORE, ODD

_memcpy = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))
_memchr = types.ExternalFunction("memchr", types.intp(types.intp, types.intc, types.intp))


def gather(buffer, starts, ends, delimiter, width, out):  # type: ignore[no-untyped-def]
    """See :func:`~strandloom.io.kernels.gather_numpy`; without delimiters where ``width`` is 0."""
    o = 0
    for i in range(len(starts)):
        for j in range(starts[i], ends[i]):
            out[o] = buffer[j]
            o += 1
        out[o] = delimiter
        o += width


def encode(buffer, starts, ends, table, codes, lengths, flags):  # type: ignore[no-untyped-def]
    """See :func:`~strandloom.io.kernels.encode_numpy`."""
    o = 0
    for i in range(len(starts)):
        lengths[i], flags[i] = _row(buffer, starts[i], ends[i], table, codes, o)
        o += lengths[i]
    return o


def word_ends(buffer, starts, ends, out):  # type: ignore[no-untyped-def]
    """See :func:`~strandloom.io.kernels.word_ends_numpy`."""
    for i in range(len(starts)):
        out[i] = _word_end(buffer.ctypes.data, starts[i], ends[i])


def fastq(buffer, at, line, table, bases, described, codes, ids, descriptions, texts, rows, flags, state):  # type: ignore[no-untyped-def]
    """Plain FASTQ records from byte ``at`` on; see :class:`~strandloom.io.scan.Scan`."""
    text, size, why = buffer.ctypes.data, len(buffer), FULL
    n, o, named, told, kept = state[0], state[1], state[2], state[3], state[4]
    while n < len(flags) and o < bases:
        why = MORE
        if at >= size:
            break
        if buffer[at] != 64:  # @
            why = ODD
            break
        newline = _find(text, 10, at + 1, size)
        start = newline + 1
        if start >= size:
            break
        stop = _find(text, 10, start, size)
        if stop + 1 >= size:
            break
        if buffer[stop + 1] != 43:  # +
            why = ODD
            break
        end = stop - (stop > start and buffer[stop - 1] == 13)
        quality = _find(text, 10, stop + 2, size) + 1
        last = quality + end - start
        if last >= size:
            break
        shorter = last > quality and buffer[last - 1] == 13  # a line that ends in CR LF
        last += buffer[last] == 13
        if last >= size:
            break
        if shorter or buffer[last] != 10 or _find(text, 10, quality, last) < last:
            why = ODD
            break
        head_end = newline - (buffer[newline - 1] == 13)
        word = _word_end(text, at + 1, head_end)
        named = _append(text, at + 1, word, ids, named)
        if described:
            told = _append(text, min(word + 1, head_end), head_end, descriptions, told)
        rows[0, n], flags[n] = _row(buffer, start, end, table, codes, o)
        rows[1, n] = 0
        if flags[n]:
            kept = _append(text, start, end, texts, kept)
            rows[1, n] = end - start + 1
        rows[2, n] = line
        o += rows[0, n]
        n += 1
        at = last + 1
        line += 4
        why = FULL
    state[0], state[1], state[2], state[3], state[4] = n, o, named, told, kept
    return at, line, why


def fasta(buffer, at, line, table, bases, described, codes, ids, descriptions, texts, rows, flags, state):  # type: ignore[no-untyped-def]
    """FASTA records from byte ``at`` to the end; see :class:`~strandloom.io.scan.Scan`."""
    text, size = buffer.ctypes.data, len(buffer)
    n, o, named, told, kept = state[0], state[1], state[2], state[3], state[4]
    while at < size and n < len(flags) and o < bases:
        newline = _find(text, 10, at + 1, size)
        head_end = newline - (buffer[newline - 1] == 13)
        word = _word_end(text, at + 1, head_end)
        named = _append(text, at + 1, word, ids, named)
        if described:
            told = _append(text, min(word + 1, head_end), head_end, descriptions, told)
        rows[2, n] = line
        first = o
        seen = 0
        start = at = newline + 1
        line += 1
        while at < size and buffer[at] != 62:  # >
            newline = _find(text, 10, at, size)
            length, met = _row(buffer, at, newline - (newline > at and buffer[newline - 1] == 13), table, codes, o)
            o += length
            seen |= met
            at = newline + 1
            line += 1
        rows[0, n] = o - first
        rows[1, n] = 0
        flags[n] = seen
        if seen:
            kept = _append(text, start, at - 1, texts, kept)
            rows[1, n] = at - start
        n += 1
    state[0], state[1], state[2], state[3], state[4] = n, o, named, told, kept
    return at, line, MORE if at == size else FULL


@register_jitable
def _find(text, byte, first, last):  # type: ignore[no-untyped-def]
    """Where ``byte`` stands next in ``[first, last)`` of the bytes at address ``text``; ``last`` where it does not."""
    found = _memchr(text + first, byte, last - first)
    return found - text if found else last


@register_jitable
def _word_end(text, first, last):  # type: ignore[no-untyped-def]
    """Where the first word of ``[first, last)`` ends: at a space or tab, or at ``last``."""
    return _find(text, 9, first, _find(text, 32, first, last))


@register_jitable
def _append(text, first, last, out, at):  # type: ignore[no-untyped-def]
    """Copy the bytes ``[first, last)`` to ``out`` from ``at`` on, with a newline; where they end there."""
    _memcpy(out.ctypes.data + at, text + first, last - first)
    at += last - first
    out[at] = 10
    return at + 1


@register_jitable
def _row(buffer, first, last, table, codes, at):  # type: ignore[no-untyped-def]
    """Encode the bytes ``[first, last)`` to ``codes`` from ``at`` on; how many codes, and which kinds of letters."""
    row, out = buffer[first:last], codes[at : at + last - first]
    other = np.uint8(0)
    for i in range(len(row)):  # A C G T alone, as most rows are: many at a time
        letter = row[i]
        out[i] = (letter >> 1 ^ letter >> 2) & 3
        other |= np.uint8((letter != 65) & (letter != 67) & (letter != 71) & (letter != 84))
    if other == 0:
        return len(row), 0
    n = 0
    seen = np.uint16(0)
    for letter in row:
        entry = table[letter]
        codes[at + n] = np.uint8(entry)  # a dropped letter is overwritten by the next
        seen |= entry
        n += 1 - (entry >> 15)
    return n, (seen >> 8) & 0x7F
