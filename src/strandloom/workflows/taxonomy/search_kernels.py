"""Compiled inner loops of the search; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any
FAR = 32_000


@nb.njit(cache=True, nogil=True)
def profile(query: Array, out: Array) -> None:
    """Where each base mask agrees with a query of masks ``(n,)``: bit i of ``out[mask]``, uint64 ``(16, words)``."""
    out[:] = 0
    for i in range(len(query)):
        bit = np.uint64(1) << np.uint64(i & 63)
        for mask in range(1, 16):
            if query[i] & mask:
                out[mask, i >> 6] |= bit


@nb.njit(cache=True, nogil=True)
def differences_of(peq: Array, n: int, target: Array, slack: int, plus: Array, minus: Array) -> int:
    """Fewest differences between a query and a target of base masks ``(m,)``, ends free.

    Edit distance in which up to ``slack`` bases that overhang at an end cost nothing (more where the lengths differ by more),
    of the query or of the target. Computed 64 rows at a time: Myers, J. ACM 1999; Hyyrö, Nordic J. Computing 2003.

    Parameters
    ----------
    peq, n
        The query's :func:`profile` and its length.
    plus, minus
        Work space, uint64 ``(words,)``.
    """
    m = len(target)
    words = (n + 63) >> 6
    free_query, free_target = max(slack, n - m), max(slack, m - n)
    one = np.uint64(1)
    for w in range(words):  # the first column: rows up to free_query cost nothing, each further one costs 1
        plus[w] = 0
        minus[w] = 0
        for bit in range(64):
            if w * 64 + bit >= free_query:
                plus[w] |= one << np.uint64(bit)
    score: Any = max(0, n - free_query)
    best = score if free_target >= m else FAR
    top = np.uint64((n - 1) & 63)
    for j in range(m):
        carry: Any = 0 if j < free_target else 1
        mask = target[j]
        for w in range(words):
            eq, pv, mv = peq[mask, w], plus[w], minus[w]
            xv = eq | mv
            if carry < 0:
                eq |= one
            xh = (((eq & pv) + pv) ^ pv) | eq
            ph = mv | ~(xh | pv)
            mh = pv & xh
            high = top if w == words - 1 else np.uint64(63)
            out = np.int64((ph >> high) & one) - np.int64((mh >> high) & one)
            ph <<= one
            mh <<= one
            if carry > 0:
                ph |= one
            elif carry < 0:
                mh |= one
            plus[w] = mh | ~(xv | ph)
            minus[w] = ph & xv
            carry = out
        score += carry
        if m - 1 - j <= free_target:
            best = min(best, score)
    for i in range(n - 1, max(n - 1 - free_query, -1), -1):  # up the last column
        place: Any = np.uint64(i & 63)
        score -= np.int64((plus[i >> 6] >> place) & one) - np.int64((minus[i >> 6] >> place) & one)
        best = min(best, score)
    return best


@nb.njit(cache=True, nogil=True)
def _distinct(ids: Array, seen: Array, mark: int, out: Array) -> int:
    """The distinct k-mers of a row (-1 is none) into ``out``; how many."""
    found = 0
    for x in ids:
        if x >= 0 and seen[x] != mark:
            seen[x] = mark
            out[found] = x
            found += 1
    return found


@nb.njit(cache=True, nogil=True)
def kmers(codes: Array, k: int, out: Array) -> int:
    """The id of each window of k bases of one sequence into ``out``, -1 where it holds anything but A, C, G, T; how many."""
    whole, value = 0, 0
    mask = (1 << (2 * k)) - 1
    for i in range(len(codes)):
        if codes[i] > 3:
            whole, value = 0, 0
        else:
            whole, value = whole + 1, ((value << 2) | codes[i]) & mask
        if i >= k - 1:
            out[i - k + 1] = value if whole >= k else -1
    return max(len(codes) - k + 1, 0)


@nb.njit(cache=True, nogil=True)
def search(
    codes: Array, offsets: Array, masks: Array, ref_masks: Array, ref_offsets: Array, posting_offsets: Array, postings: Array,
    common: Array, k: int, aligned: int, margin: int, most: int, slack: int, key: Array, banned: Array,
    found: Array, hits: Array, differences: Array, columns: Array,
) -> None:  # fmt: skip
    """See :meth:`~strandloom.workflows.taxonomy.search.Index.search`.

    ``found (N,)`` receives the number of hits of each query, ``hits``, ``differences`` and ``columns`` ``(N, most)`` the hits.
    """
    references = len(ref_offsets) - 1
    shared = np.zeros(references, np.int32)
    longest_query = 0
    for q in range(len(offsets) - 1):
        longest_query = max(longest_query, offsets[q + 1] - offsets[q])
    ids = np.empty(max(longest_query, k), np.int64)
    distinct = np.empty(max(longest_query, k, aligned), np.int64)
    seen = np.full(1 << (2 * k), -1, np.int64)
    chosen = np.empty(aligned, np.int64)
    cost = np.empty(aligned, np.int64)
    words = (longest_query + 63) >> 6
    peq, plus, minus = np.empty((16, words), np.uint64), np.empty(words, np.uint64), np.empty(words, np.uint64)
    histogram = np.zeros(max(longest_query, k) + 2, np.int64)
    for q in range(len(offsets) - 1):
        start, end = offsets[q], offsets[q + 1]
        own = _distinct(ids[: kmers(codes[start:end], k, ids)], seen, q, distinct)
        shared[:] = 0
        rare = 0
        for i in range(own):
            rare += 0 if common[distinct[i]] else 1
            for p in range(posting_offsets[distinct[i]], posting_offsets[distinct[i] + 1]):
                shared[postings[p]] += 1
        own = rare
        histogram[: own + 2] = 0
        for h in range(references):
            if banned[q] >= 0 and key[h] == banned[q]:
                shared[h] = -1
            else:
                histogram[shared[h]] += 1
        least, room = own, aligned
        while least > 0 and histogram[least] <= room:
            room -= histogram[least]
            least -= 1
        # everything above `least` fits; of those at `least` the first ones, while there is room
        count = 0
        for h in range(references):
            if shared[h] > least or (shared[h] == least and shared[h] > 0 and room > 0):
                if shared[h] == least:
                    room -= 1
                chosen[count] = h
                count += 1
        profile(masks[start:end], peq)
        order = np.argsort(-shared[chosen[:count]], kind="mergesort")
        best, kept = FAR, 0
        for i in range(count):
            h = chosen[order[i]]
            free = max(slack, end - start - (ref_offsets[h + 1] - ref_offsets[h]))
            if own - shared[h] > k * (best + margin) + 2 * free:
                break  # a difference breaks at most k k-mers, and the overhanging ends hold some
            d = differences_of(peq, end - start, ref_masks[ref_offsets[h] : ref_offsets[h + 1]], slack, plus, minus)
            best = min(best, d)
            cost[kept] = d
            distinct[kept] = h  # the k-mers are no longer needed
            kept += 1
        rank = np.argsort(cost[:kept], kind="mergesort")
        n = 0
        for i in range(kept):
            at = rank[i]
            if cost[at] > best + margin or n == most:
                break
            hits[q, n] = distinct[at]
            differences[q, n] = cost[at]
            columns[q, n] = min(end - start, ref_offsets[distinct[at] + 1] - ref_offsets[distinct[at]])
            n += 1
        found[q] = n
