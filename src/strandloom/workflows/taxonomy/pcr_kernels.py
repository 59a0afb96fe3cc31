"""Compiled inner loops of the in-silico PCR; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any
FAR = 10_000
LEAST_PARTIAL, LEAST_ALONE, MISMATCH_COST = 3, 10, 3


@nb.njit(cache=True, nogil=True)
def _mismatches(row: Array, at: int, primer: Array, most: int, first: int, last: int, inner_most: int) -> int:
    """Bases of ``primer`` that differ from ``row`` at ``at``; FAR where they are too many, or too many in ``[first, last)``."""
    count, inner = 0, 0
    for i in range(len(primer)):
        if row[at + i] & primer[i] == 0:
            count += 1
            if first <= i < last:
                inner += 1
            if count > most or inner > inner_most:
                return FAR
    return count


@nb.njit(cache=True, nogil=True)
def _partial(row: Array, primer: Array, at_start: bool) -> tuple[int, int]:
    """The part of a primer that still stands at an end of ``row``: its length (0: none) and its mismatches.

    At the start its last bases, at the end its first ones. A mismatch costs as much as three matches bring.
    """
    best, length, differing = LEAST_PARTIAL - 1, 0, 0
    for p in range(LEAST_PARTIAL, min(len(primer) - 1, len(row)) + 1):
        count = 0
        for i in range(p):
            base = row[i] if at_start else row[len(row) - p + i]
            letter = primer[len(primer) - p + i] if at_start else primer[i]
            count += base & letter == 0
        if p - MISMATCH_COST * count > best:
            best, length, differing = p - MISMATCH_COST * count, p, count
    return length, differing


@nb.njit(cache=True, nogil=True)
def _strand(
    row: Array, left: Array, right: Array, left_most: int, right_most: int, inner: int, inner_most: int,
    low: int, high: int, at_left: Array, at_right: Array,
) -> tuple[int, int, int, int, int, int, int]:  # fmt: skip
    """The best insert between ``left`` and ``right`` on one strand: quality, start, end, kinds and mismatches of the two sites.

    Quality: 5 both sites whole, 4 one whole and one in part, 3 both in part, 2 one whole and an end of the sequence, 1 one in part
    and an end, 0 none. Kinds: 2 whole site, 1 part of it, 0 end of the sequence. A part counts where the other site is whole, or
    where it is long.
    """
    n, wide, narrow = len(row), len(left), len(right)
    out = (0, -1, -1, 0, 0, 0, 0)
    any_left, any_right = False, False
    for i in range(n):
        at_left[i], at_right[i] = FAR, FAR
        if i + wide <= n:
            at_left[i] = _mismatches(row, i, left, left_most, wide - inner, wide, inner_most)
            any_left = any_left or at_left[i] < FAR
        if i + narrow <= n:
            at_right[i] = _mismatches(row, i, right, right_most, 0, inner, inner_most)
            any_right = any_right or at_right[i] < FAR
    best = FAR
    if any_left and any_right:
        for i in range(n - wide + 1):
            if at_left[i] == FAR:
                continue
            start = i + wide
            for end in range(start + low, min(start + high, n - narrow) + 1):
                if at_left[i] + at_right[end] < best:
                    best = at_left[i] + at_right[end]
                    out = (5, start, end, 2, 2, at_left[i], at_right[end])
    if out[0] == 5:
        return out
    head, head_differing = _partial(row, left, True)
    tail, tail_differing = _partial(row, right, False)
    for i in range(n):
        if at_left[i] < FAR:
            start = i + wide
            if tail > 0 and low <= n - tail - start <= high and (out[0] < 4 or at_left[i] + tail_differing < best):
                best = at_left[i] + tail_differing
                out = (4, start, n - tail, 2, 1, at_left[i], tail_differing)
            elif low <= n - start <= high and (out[0] < 2 or (out[0] == 2 and at_left[i] < best)):
                best = at_left[i]
                out = (2, start, n, 2, 0, at_left[i], 0)
        if at_right[i] < FAR:
            if head > 0 and low <= i - head <= high and (out[0] < 4 or at_right[i] + head_differing < best):
                best = at_right[i] + head_differing
                out = (4, head, i, 1, 2, head_differing, at_right[i])
            elif low <= i <= high and (out[0] < 2 or (out[0] == 2 and at_right[i] < best)):
                best = at_right[i]
                out = (2, 0, i, 0, 2, 0, at_right[i])
    head_alone = head - MISMATCH_COST * head_differing >= LEAST_ALONE
    tail_alone = tail - MISMATCH_COST * tail_differing >= LEAST_ALONE
    if out[0] < 3 and head_alone and tail_alone and low <= n - head - tail <= high:
        out = (3, head, n - tail, 1, 1, head_differing, tail_differing)
    elif out[0] < 1 and head_alone and low <= n - head <= high:
        out = (1, head, n, 1, 0, head_differing, 0)
    elif out[0] < 1 and tail_alone and low <= n - tail <= high:
        out = (1, 0, n - tail, 0, 1, 0, tail_differing)
    if out[0] == 0:
        out = (0, -1, -1, 2 * int(any_left), 2 * int(any_right), 0, 0)
    return out


@nb.njit(cache=True, nogil=True)
def locate(
    masks: Array, offsets: Array, forward: Array, reverse_rc: Array, reverse: Array, forward_rc: Array,
    forward_most: int, reverse_most: int, inner: int, inner_most: int, low: int, high: int, found: Array, strand: Array,
) -> None:  # fmt: skip
    """See :func:`~strandloom.workflows.taxonomy.pcr.locate`; ``found (N, 7)`` as :func:`_strand` fills it, ``strand (N,)``."""
    longest = 0
    for i in range(len(strand)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    work = np.empty((2, longest), np.int64)
    for i in range(len(strand)):
        row = masks[offsets[i] : offsets[i + 1]]
        own = _strand(
            row, forward, reverse_rc, forward_most, reverse_most, inner, inner_most, low, high, work[0], work[1]
        )
        other = _strand(
            row, reverse, forward_rc, reverse_most, forward_most, inner, inner_most, low, high, work[0], work[1]
        )
        back = other[0] > own[0] or (other[0] == own[0] and _rank(other) > _rank(own))
        best = other if back else own
        for j in range(7):
            found[i, j] = best[j]
        strand[i] = 0 if best[0] == 0 and best[3] + best[4] == 0 else (-1 if back else 1)


@nb.njit(cache=True, nogil=True)
def _rank(out: tuple[int, int, int, int, int, int, int]) -> int:
    """Among equal qualities: fewer mismatches, then more sites."""
    return -8 * (out[5] + out[6]) + out[3] + out[4]
