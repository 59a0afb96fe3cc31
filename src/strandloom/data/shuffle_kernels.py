"""Compiled inner loops of the shuffles; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from strandloom.alphabet import DNA
from strandloom.data.split.kernels import mix

Array = Any
_PAD = DNA.pad


@nb.njit(cache=True)
def _start(row: Array, seed: Array) -> Array:
    """State of the stream of one row ``(L,)``."""
    state = mix(seed + np.uint64(0x9E3779B97F4A7C15))
    for j in range(len(row)):
        if row[j] != _PAD:
            state = mix(state + np.uint64(row[j]) + np.uint64(1))
    return state


@nb.njit(cache=True, inline="always")
def _below(state: Array, bound: Array) -> Array:
    """Uniform integer below ``bound``; ``state`` ``(1,)`` moves on."""
    limit = np.uint64(0xFFFFFFFFFFFFFFFF) - np.uint64(0xFFFFFFFFFFFFFFFF) % bound
    while True:
        state[0] += np.uint64(0x9E3779B97F4A7C15)
        x = mix(state[0])
        if x < limit:
            return x % bound


@nb.njit(cache=True)
def _permute(values: Array, first: int, end: int, state: Array) -> None:
    """Fisher and Yates' shuffle of ``values[first:end]``."""
    for i in range(end - first - 1, 0, -1):
        j = first + np.int64(_below(state, np.uint64(i + 1)))
        kept = values[first + i]
        values[first + i] = values[j]
        values[j] = kept


@nb.njit(cache=True)
def bases(codes: Array, seed: Array, out: Array) -> None:
    """See :func:`strandloom.data.shuffle.shuffle`; ``codes (N, L)`` to ``out (N, R, L)``."""
    rows, copies, length = out.shape
    places = np.empty(length, np.int64)
    values = np.empty(length, np.uint8)
    state = np.empty(1, np.uint64)
    for i in range(rows):
        state[0] = _start(codes[i], seed)
        found = 0
        for j in range(length):
            if codes[i, j] < 4:
                places[found] = j
                values[found] = codes[i, j]
                found += 1
        for r in range(copies):
            _permute(values, 0, found, state)
            out[i, r] = codes[i]
            for k in range(found):
                out[i, r, places[k]] = values[k]


@nb.njit(cache=True)
def _trees(counts: Array, last: Array, targets: Array, weights: Array) -> int:
    """Trees of last edges: the next base of each base ``targets (T, 4)`` and how many edges make it, ``weights (T,)``.

    ``counts (4, 4)`` holds the edges from base to base; every base that has any leads to ``last`` in a tree.
    """
    found = 0
    target = np.empty(4, np.int64)
    for number in range(256):
        weight = np.uint64(1)
        for base in range(4):
            target[base] = (number >> (2 * base)) & 3
            if base == last or counts[base].sum() == 0:
                weight *= np.uint64(target[base] == 0)  # has no choice to make: counted once
            else:
                weight *= np.uint64(counts[base, target[base]])
        if weight == 0:
            continue
        whole = True
        for base in range(4):
            if counts[base].sum() > 0:
                at = base
                for _ in range(3):
                    if at != last:
                        at = target[at]
                whole = whole and at == last
        if whole:
            targets[found] = target
            weights[found] = weight
            found += 1
    return found


@nb.njit(cache=True)
def dinucleotides(codes: Array, seed: Array, out: Array) -> None:
    """See :func:`strandloom.data.shuffle.dinucleotide_shuffle`; ``codes (N, L)`` to ``out (N, R, L)``."""
    rows, copies, length = out.shape
    edges = np.empty(length, np.uint8)
    counts = np.empty((4, 4), np.int64)
    starts = np.empty(5, np.int64)
    used = np.empty(4, np.int64)
    targets = np.empty((64, 4), np.int64)
    weights = np.empty(64, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(rows):
        row = codes[i]
        for r in range(copies):
            out[i, r] = row
        state[0] = _start(row, seed)
        end = 0
        while end < length:
            first = end
            while first < length and row[first] > 3:
                first += 1
            end = first
            while end < length and row[end] < 4:
                end += 1
            if end - first < 4:
                continue  # its ends and its pairs leave one order only
            counts[:] = 0
            for j in range(first, end - 1):
                counts[row[j], row[j + 1]] += 1
            starts[0] = 0
            for base in range(4):
                starts[base + 1] = starts[base] + counts[base].sum()
            last = np.int64(row[end - 1])
            found = _trees(counts, last, targets, weights)
            total = weights[:found].sum()
            for r in range(copies):
                left = _below(state, total)
                tree = 0
                while left >= weights[tree]:
                    left -= weights[tree]
                    tree += 1
                for base in range(4):
                    at = starts[base]
                    final = np.int64(targets[tree, base]) if base != last and starts[base + 1] > at else np.int64(-1)
                    for target in range(4):
                        for _ in range(counts[base, target] - np.int64(target == final)):
                            edges[at] = target
                            at += 1
                    _permute(edges, starts[base], at, state)
                    if final >= 0:
                        edges[at] = final
                    used[base] = starts[base]
                here = np.int64(row[first])
                for j in range(first + 1, end):
                    at = used[here]
                    used[here] = at + 1
                    here = np.int64(edges[at])
                    out[i, r, j] = here
