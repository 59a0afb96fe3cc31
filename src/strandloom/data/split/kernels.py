"""Compiled inner loops of the homology code; import it inside functions only (it loads numba).

Rows are compared through their k-mer sets: distinct canonical k-mers, low-complexity ones left out, stored as CSR
(``kmers`` rising within a row, ``offsets``). The inverted index is CSR too (``posting_rows`` rising within a k-mer).
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from strandloom.alphabet import DNA

Array = Any
_COMPLEMENT = DNA.complement_table
_PAD = DNA.pad


@nb.njit(cache=True, inline="always")
def mix(x: Array) -> Array:
    """The finaliser of :func:`strandloom.kmers.mix64`, without its first addition."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@nb.njit(cache=True)
def strand_hashes(codes: Array, forward: Array, backward: Array) -> None:
    """64-bit hash of each row ``(N, L)`` as read and as read on the other strand; pads are skipped, length counts."""
    rows, length = codes.shape
    for i in range(rows):
        a = np.uint64(0x9E3779B97F4A7C15)
        b = np.uint64(0x9E3779B97F4A7C15)
        for j in range(length):
            c = codes[i, j]
            if c != _PAD:
                a = mix(a + np.uint64(c) + np.uint64(1))
            d = codes[i, length - 1 - j]
            if d != _PAD:
                b = mix(b + np.uint64(_COMPLEMENT[d]) + np.uint64(1))
        forward[i] = a
        backward[i] = b


@nb.njit(cache=True)
def _is_plain(kmer: Array, k: int, most: int) -> bool:
    """Whether a k-mer has at most ``most`` distinct triplets (homopolymers, short tandem repeats)."""
    seen = np.uint64(0)
    distinct = 0
    for _ in range(k - 2):
        bit = np.uint64(1) << np.uint64(kmer & 63)
        if not seen & bit:
            seen |= bit
            distinct += 1
        kmer >>= 2
    return distinct <= most


@nb.njit(cache=True)
def row_kmers(codes: Array, k: int, most: int, out: Array, counts: Array) -> int:
    """Distinct canonical k-mers of each row ``(N, L)``, rising, low-complexity ones dropped, written end to end."""
    rows, length = codes.shape
    mask = (np.int64(1) << (2 * k)) - 1
    top = 2 * (k - 1)
    found = np.empty(max(length, 1), np.uint32)
    total = 0
    for i in range(rows):
        forward = np.int64(0)
        backward = np.int64(0)
        run = 0
        n = 0
        for j in range(length):
            c = np.int64(codes[i, j])
            if c > 3:
                run = 0
                continue
            forward = ((forward << 2) | c) & mask
            backward = (backward >> 2) | ((3 - c) << top)
            run += 1
            if run >= k:
                smaller = min(forward, backward)
                if not _is_plain(smaller, k, most):
                    found[n] = smaller
                    n += 1
        ordered = np.sort(found[:n])
        kept = 0
        for j in range(n):
            if j == 0 or ordered[j] != ordered[j - 1]:
                out[total + kept] = ordered[j]
                kept += 1
        counts[i] = kept
        total += kept
    return total


@nb.njit(cache=True)
def postings(kmers: Array, offsets: Array, starts: Array, rows_out: Array) -> None:
    """Fill the inverted index; ``starts`` ``(4**k + 1,)`` holds first positions on entry and is restored on exit."""
    rows = len(offsets) - 1
    for i in range(rows):
        for p in range(offsets[i], offsets[i + 1]):
            kmer = kmers[p]
            rows_out[starts[kmer]] = i
            starts[kmer] += 1
    for kmer in range(len(starts) - 1, 0, -1):
        starts[kmer] = starts[kmer - 1]
    starts[0] = 0


@nb.njit(cache=True, inline="always")
def _find(parent: Array, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@nb.njit(cache=True)
def _shared(kmers_a: Array, a: int, a_end: int, kmers_b: Array, b: int, b_end: int) -> int:
    n = 0
    while a < a_end and b < b_end:
        x = kmers_a[a]
        y = kmers_b[b]
        if x == y:
            n += 1
            a += 1
            b += 1
        elif x < y:
            a += 1
        else:
            b += 1
    return n


@nb.njit(cache=True)
def join_rows(
    kmers: Array, offsets: Array, hub: Array, starts: Array, rows_out: Array, count: Array,
    threshold: float, floor: int, parent: Array,
) -> None:  # fmt: skip
    """Union in ``parent`` ``(N,)`` every pair of rows whose rare and hub k-mers together reach ``threshold``.

    ``count`` is a zeroed unsigned scratch ``(N,)`` wide enough for the k-mers of one row.
    """
    rows = len(offsets) - 1
    touched = np.empty(rows, np.int32)
    hubs = np.zeros(rows, np.int32)
    for i in range(rows):
        for p in range(offsets[i], offsets[i + 1]):
            hubs[i] += hub[kmers[p]]
    least = max((np.int64(np.ceil(threshold * floor - 1e-9)) + 1) // 2, 1)  # no pair joins on fewer rare k-mers
    for i in range(rows):
        n_touched = 0
        work = 0
        for p in range(offsets[i], offsets[i + 1]):
            kmer = kmers[p]
            if hub[kmer]:
                continue
            for q in range(starts[kmer], starts[kmer + 1]):
                j = rows_out[q]
                if j >= i:
                    break
                count[j] += 1
                work += 1
                if count[j] == least:
                    touched[n_touched] = j
                    n_touched += 1
        size_i = offsets[i + 1] - offsets[i]
        for t in range(n_touched):
            j = touched[t]
            rare = np.int64(count[j])
            need = np.ceil(threshold * max(min(size_i, offsets[j + 1] - offsets[j]), floor) - 1e-9)
            if 2 * rare < need or rare + min(hubs[i], hubs[j]) < need:
                continue
            a = _find(parent, i)
            b = _find(parent, j)
            if a == b:
                continue
            if rare < need:
                true = _shared(kmers, offsets[i], offsets[i + 1], kmers, offsets[j], offsets[j + 1])
                if true < need:
                    continue
            parent[max(a, b)] = min(a, b)
        if work > i // 16:
            count[:i] = 0
        else:
            for p in range(offsets[i], offsets[i + 1]):
                kmer = kmers[p]
                if hub[kmer]:
                    continue
                for q in range(starts[kmer], starts[kmer + 1]):
                    j = rows_out[q]
                    if j >= i:
                        break
                    count[j] = 0


@nb.njit(cache=True)
def hub_hashes(kmers: Array, offsets: Array, hub: Array, least: int, out: Array) -> None:
    """Smallest hash of the hub k-mers of each row under H hash functions, uint64 ``(N, H)``; 0 with under ``least``."""
    rows, functions = out.shape
    for i in range(rows):
        n = 0
        out[i] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for p in range(offsets[i], offsets[i + 1]):
            kmer = kmers[p]
            if hub[kmer]:
                n += 1
                for h in range(functions):
                    value = mix(np.uint64(kmer) + (np.uint64(h + 1) << np.uint64(32)))
                    out[i, h] = min(out[i, h], value)
        if n < least:
            out[i] = 0


@nb.njit(cache=True)
def join_buckets(
    kmers: Array, offsets: Array, order: Array, keys: Array, threshold: float, floor: int, parent: Array
) -> None:
    """Union rows of equal, non-zero key whose plain containment reaches ``threshold``.

    ``order`` ``(N,)`` sorts ``keys``; each row meets the first of its bucket and the four before it.
    """
    first = 0
    for p in range(1, len(order)):
        i = order[p]
        if keys[i] != keys[order[first]]:
            first = p
            continue
        if keys[i] == 0:
            continue
        for back in range(5):
            q = first if back == 4 else max(first, p - 1 - back)
            j = order[q]
            a = _find(parent, i)
            b = _find(parent, j)
            if a == b:
                continue
            base = max(min(offsets[i + 1] - offsets[i], offsets[j + 1] - offsets[j]), floor)
            both = _shared(kmers, offsets[i], offsets[i + 1], kmers, offsets[j], offsets[j + 1])
            if both >= threshold * base - 1e-9:
                parent[max(a, b)] = min(a, b)


@nb.njit(cache=True)
def flatten(parent: Array) -> None:
    """Point every row straight at the root of its component."""
    for i in range(len(parent)):
        parent[i] = _find(parent, i)


@nb.njit(cache=True)
def nearest_rows(
    query_kmers: Array, query_offsets: Array, offsets: Array, hub: Array, starts: Array, rows_out: Array,
    shared: Array, rare: Array, longest_hub: int, floor: int, best: Array, best_row: Array,
) -> None:  # fmt: skip
    """Highest similarity of each query row to any indexed row, and that row (-1: none).

    ``shared`` and ``rare`` are zeroed unsigned scratch ``(N,)``. Hubs in over ``longest_hub`` rows are passed over.
    """
    queries = len(query_offsets) - 1
    rows = len(offsets) - 1
    touched = np.empty(rows, np.int32)
    for i in range(queries):
        n_touched = 0
        for p in range(query_offsets[i], query_offsets[i + 1]):
            kmer = query_kmers[p]
            is_rare = not hub[kmer]
            if not is_rare and starts[kmer + 1] - starts[kmer] > longest_hub:
                continue
            for q in range(starts[kmer], starts[kmer + 1]):
                j = rows_out[q]
                if shared[j] == 0:
                    touched[n_touched] = j
                    n_touched += 1
                shared[j] += 1
                rare[j] += is_rare
        size_i = query_offsets[i + 1] - query_offsets[i]
        top = 0.0
        top_row = -1
        for t in range(n_touched):
            j = touched[t]
            both = np.int64(shared[j])
            alone = np.int64(rare[j])
            shared[j] = 0
            rare[j] = 0
            base = max(min(size_i, offsets[j + 1] - offsets[j]), floor)
            if 2 * both < base:
                both = min(both, 2 * alone)
            value = both / base
            if value > top or (value == top and value > 0 and j < top_row):
                top = value
                top_row = j
        best[i] = top
        best_row[i] = top_row


@nb.njit(cache=True)
def share_groups(starts: Array, members: Array, strata: Array, order: Array, wanted: Array, part: Array) -> None:
    """Place whole groups, in ``order``, where the counts come nearest to ``wanted``; fills ``part`` ``(G,)``.

    The distance is chi-square: squared difference over the wanted count, summed over parts, strata and the part sizes.

    Parameters
    ----------
    starts, members
        Group g owns the rows ``members[starts[g]:starts[g + 1]]``.
    strata
        Stratum of each row, ``(N,)``.
    order
        Groups in the order of placing, ``(G,)``.
    wanted
        float64 ``(P, K + 1)``: rows wanted per part and stratum, in the last column rows per part.
    part
        int64 ``(G,)``, written.
    """
    parts, columns = wanted.shape
    placed = np.zeros(wanted.shape)
    have = np.zeros(columns)
    met = np.empty(columns, np.int64)
    met[0] = columns - 1
    for g in order:
        n_met = 1
        have[columns - 1] = starts[g + 1] - starts[g]
        for p in range(starts[g], starts[g + 1]):
            c = strata[members[p]]
            if have[c] == 0:
                met[n_met] = c
                n_met += 1
            have[c] += 1
        best = 0
        best_cost = np.inf
        for s in range(parts):
            cost = 0.0
            for m in range(n_met):
                c = met[m]
                cost += have[c] * (2 * (placed[s, c] - wanted[s, c]) + have[c]) / wanted[s, c]
            if cost < best_cost:
                best_cost = cost
                best = s
        for m in range(n_met):
            placed[best, met[m]] += have[met[m]]
            have[met[m]] = 0
        part[g] = best
