"""Compiled loop that cuts reads out of genomes with errors; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any
_UNIT = 1.0 / (1 << 53)


@nb.njit(cache=True, nogil=True, inline="always")
def mix(x: Any) -> Any:
    """SplitMix64's finaliser, as :func:`strandloom.kmers.mix64`."""
    x += np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@nb.njit(cache=True, nogil=True)
def cut(
    codes: Array,
    first: Array,
    last: Array,
    reverse: Array,
    wanted: Array,
    seeds: Array,
    substitution: Array,
    insertion: float,
    deletion: float,
    pad: int,
    out: Array,
    lengths: Array,
) -> None:
    """Copy stretches of a pool, one a read, with errors.

    Parameters
    ----------
    codes
        uint8 ``(T,)``.
    first, last
        int64 ``(N,)``: the part ``[first, last)`` of a contig that a read may use; on the other strand it begins at ``last - 1``.
    reverse
        bool ``(N,)``.
    wanted
        int64 ``(N,)``: bases of the read; fewer come out where the part ends.
    seeds
        uint64 ``(N,)``, one stream of random numbers for each read.
    substitution
        float64 ``(L,)``: chance of a wrong base at each position of the read.
    insertion, deletion
        Chances at each base.
    out, lengths
        uint8 ``(N, L)``, filled up with ``pad``, and int32 ``(N,)``.
    """
    for i in range(len(first)):
        state = seeds[i]
        at = last[i] - 1 if reverse[i] else first[i]
        step = -1 if reverse[i] else 1
        n = 0
        while n < wanted[i] and first[i] <= at < last[i]:
            state += np.uint64(0x9E3779B97F4A7C15)
            chance = (mix(state) >> np.uint64(11)) * _UNIT
            if chance < insertion:
                state += np.uint64(0x9E3779B97F4A7C15)
                out[i, n] = mix(state) & np.uint64(3)
                n += 1
                continue
            base = codes[at]
            at += step
            if chance < insertion + deletion:
                continue
            if reverse[i] and base < 4:
                base = 3 - base
            if base < 4:
                chance -= insertion + deletion
                if chance < substitution[n]:
                    state += np.uint64(0x9E3779B97F4A7C15)
                    base = (base + 1 + mix(state) % np.uint64(3)) & 3
            out[i, n] = base
            n += 1
        lengths[i] = n
        for j in range(n, out.shape[1]):
            out[i, j] = pad
