"""Compiled inner loops of the search for whole inserts by alignment; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from strandloom.workflows.taxonomy.search_kernels import kmers

Array = Any
FAR = 1_000_000


@nb.njit(cache=True, nogil=True)
def fit(row: Array, target: Array, cost: Array, origin: Array) -> tuple[int, int, int, int, int]:
    """Where a whole ``target`` lies in ``row``, both base masks: start, end, differences, target bases missing on either side.

    Edit distance of all of ``target`` to a part of ``row``; ``cost`` and ``origin`` are int32 work space ``(2, len(row) + 1)`` and
    ``(2, len(row) + 1)``. Target bases that hang over an end of ``row`` count as missing and as a difference each.
    """
    n, m = len(row), len(target)
    above, below = cost[0], cost[1]
    from_above, from_below = origin[0], origin[1]
    for j in range(n + 1):
        above[j] = 0
        from_above[j] = j
    # origin: where in `row` the target began; negative: that many target bases hang over the start
    last_best, last_missing, last_from = FAR, 0, 0
    for i in range(1, m + 1):
        below[0] = i
        from_below[0] = -i
        for j in range(1, n + 1):
            value = above[j - 1] + (0 if row[j - 1] & target[i - 1] else 1)
            begin = from_above[j - 1]
            if above[j] + 1 < value:
                value = above[j] + 1
                begin = from_above[j]
            if below[j - 1] + 1 < value:
                value = below[j - 1] + 1
                begin = from_below[j - 1]
            below[j] = value
            from_below[j] = begin
        if below[n] + m - i < last_best:  # the rest of the target hangs over the end
            last_best, last_missing, last_from = below[n] + m - i, m - i, from_below[n]
        above, below = below, above
        from_above, from_below = from_below, from_above
    best, end, begin = FAR, 0, 0
    for j in range(n + 1):
        if above[j] < best:
            best, end, begin = above[j], j, from_above[j]
    missing = 0
    if last_best < best or (last_best == best and last_missing > 0):  # rather missing than deleted
        best, end, begin, missing = last_best, n, last_from, last_missing
    return max(begin, 0), end, best, max(-begin, 0), missing


@nb.njit(cache=True, nogil=True)
def place(
    codes: Array, masks: Array, offsets: Array, target_masks: Array, target_offsets: Array, posting_offsets: Array,
    postings: Array, k: int, least_shared: int, template: Array, found: Array,
) -> None:  # fmt: skip
    """See :func:`~strandloom.workflows.taxonomy.whole.place`; ``template (N,)`` (-1: none) and ``found (N, 5)`` are filled."""
    longest = 1
    for i in range(len(template)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    ids = np.empty(longest, np.int64)
    cost, origin = np.empty((2, longest + 1), np.int32), np.empty((2, longest + 1), np.int32)
    shared = np.zeros(len(target_offsets) - 1, np.int32)
    for i in range(len(template)):
        row = codes[offsets[i] : offsets[i + 1]]
        shared[:] = 0
        for w in range(kmers(row, k, ids)):
            if ids[w] >= 0:
                for p in range(posting_offsets[ids[w]], posting_offsets[ids[w] + 1]):
                    shared[postings[p]] += 1
        best = np.argmax(shared)
        template[i] = -1
        if shared[best] >= least_shared:
            template[i] = best
            target = target_masks[target_offsets[best] : target_offsets[best + 1]]
            placed = fit(masks[offsets[i] : offsets[i + 1]], target, cost, origin)
            for j in range(5):
                found[i, j] = placed[j]
