"""The compiled loop that cuts windows out of a genome; imported when it is needed, because numba takes a second to load."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def cut(
    codes: Any,
    starts: Any,
    sizes: Any,
    contig: Any,
    start: Any,
    minus: Any,
    complement: Any,
    pad: Any,
    out: Any,
    lengths: Any,
) -> None:
    """Windows ``out (N, L)`` of contigs, with the columns of each that lie on its contig.

    Parameters
    ----------
    codes, starts, sizes
        The genome.
    contig, start, minus
        Of each window: its contig, first base from 0, and whether it is read on the other strand.
    complement
        Code to the code of its complement.
    pad
        Code beyond the ends.
    """
    length = out.shape[1]
    for i in range(len(contig)):
        size, base = sizes[contig[i]], starts[contig[i]]
        first = min(max(-start[i], 0), length)  # columns before the contig
        last = max(min(size - start[i], length), first)
        row = out[i]
        lengths[i] = last - first
        if not minus[i]:
            row[:first] = pad
            at = base + start[i]
            for j in range(first, last):
                row[j] = codes[at + j]
            row[last:] = pad
        else:
            row[: length - last] = pad
            at = base + start[i]
            for j in range(first, last):
                row[length - 1 - j] = complement[codes[at + j]]
            row[length - first :] = pad


@njit(cache=True, nogil=True)
def strong(codes: Any, starts: Any, sizes: Any, contig: Any, start: Any, lengths: Any, out: Any) -> None:
    """Bases C and G of intervals, into ``out (N,)``; what lies beyond the ends of a contig has none."""
    for i in range(len(contig)):
        first = max(start[i], 0)
        last = min(start[i] + lengths[i], sizes[contig[i]])
        base = starts[contig[i]]
        found = 0
        for j in range(first, last):
            code = codes[base + j]
            found += code == 1 or code == 2
        out[i] = found
