"""Sets of intervals against one another: sort, merge, overlaps, coverage, subtraction, blacklists, resizing, matched shuffling.

Intervals of different files are compared by contig name. Intervals of no base overlap nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.genome import Genome
from strandloom.io.intervals import Intervals

_TRIES = 200


class Pairs(NamedTuple):
    """Rows of two sets that overlap: int64 ``(P,)`` each, sorted by the first, then the second; and the bases they share."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    shared: NDArray[np.int64]


class _Line(NamedTuple):
    """Two sets on one line: the contigs of both one after the other, far enough apart."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    other_start: NDArray[np.int64]
    other_end: NDArray[np.int64]


def sort(intervals: Intervals) -> Intervals:
    """By contig (in the order of the names), start and end; equal ones keep their order."""
    return intervals.take(np.lexsort((intervals.end, intervals.start, intervals.contig)))


def merge(intervals: Intervals, *, gap: int = 0, stranded: bool = False) -> Intervals:
    """Intervals that overlap or touch (or lie at most ``gap`` bases apart) as one, sorted; labels and columns are dropped.

    Parameters
    ----------
    stranded
        Whether strands are merged apart, and kept.
    """
    strand = intervals.strand.astype(np.int64) if stranded else np.zeros(len(intervals), np.int64)
    if not len(intervals):
        return intervals
    order = np.lexsort((intervals.start, strand, intervals.contig))
    group = intervals.contig[order] * 3 + strand[order]
    start, end = intervals.start[order], intervals.end[order]
    span = int(end.max()) + gap + 2
    furthest = np.maximum.accumulate(end + group * span) - group * span  # the furthest end of the group so far
    fresh = np.ones(len(start), bool)
    fresh[1:] = (group[1:] != group[:-1]) | (start[1:] > furthest[:-1] + gap)
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(start)) - 1
    merged = Intervals(
        intervals.names, intervals.contig[order][first], start[first], furthest[last], strand[order][first].astype(np.int8),
        pl.Series("label", [""], dtype=pl.String).extend_constant("", len(first) - 1), pl.DataFrame(),
    )  # fmt: skip
    return sort(merged)


def overlaps(left: Intervals, right: Intervals) -> Pairs:
    """Every pair of rows that share at least one base."""
    line = _one_line(left, right)
    kept, other = np.flatnonzero(line.end > line.start), np.flatnonzero(line.other_end > line.other_start)
    start, end = line.start[kept], line.end[kept]
    other_start, other_end = line.other_start[other], line.other_end[other]
    a = _begins_inside(start, end, other_start)  # the right one begins inside the left one
    b = _begins_inside(
        other_start + 1, other_end, start
    )  # the left one begins inside the right one, behind its first base
    i = np.concatenate([kept[a[0]], kept[b[1]]])
    j = np.concatenate([other[a[1]], other[b[0]]])
    shared = np.minimum(line.end[i], line.other_end[j]) - np.maximum(line.start[i], line.other_start[j])
    order = np.lexsort((j, i))
    return Pairs(i[order], j[order], shared[order])


def coverage(intervals: Intervals, by: Intervals) -> NDArray[np.int64]:
    """Bases of each interval that any interval of another set covers, int64 ``(N,)``."""
    flat = merge(by)
    line = _one_line(intervals, flat)
    if not len(flat):
        return np.zeros(len(intervals), np.int64)
    order = np.argsort(line.other_start, kind="stable")
    start, end = line.other_start[order], line.other_end[order]
    before = np.concatenate([[0], np.cumsum(end - start)])

    def up_to(place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Covered bases before a place."""
        at = np.searchsorted(start, place, side="left")
        inside = np.where(at > 0, np.minimum(place, end[np.maximum(at - 1, 0)]) - start[np.maximum(at - 1, 0)], 0)
        return np.asarray(before[np.maximum(at - 1, 0)] * (at > 0) + np.maximum(inside, 0))

    return up_to(line.end) - up_to(line.start)


def subtract(intervals: Intervals, by: Intervals) -> Intervals:
    """The parts of intervals that nothing of another set covers; pieces keep label, strand and columns of their interval."""
    flat = merge(by)
    pairs = overlaps(intervals, flat)
    rows, starts, ends = [], [], []
    hit = np.unique(pairs.left)
    untouched = np.setdiff1d(np.arange(len(intervals)), hit)
    rows.append(untouched)
    starts.append(intervals.start[untouched])
    ends.append(intervals.end[untouched])
    if len(hit):
        row = pairs.left
        first = np.append(True, row[1:] != row[:-1])
        last = np.append(row[1:] != row[:-1], True)
        hole_start, hole_end = flat.start[pairs.right], flat.end[pairs.right]
        begin = np.where(first, intervals.start[row], np.append(0, hole_end[:-1]))
        kept = hole_start > begin
        rows += [row[kept], row[last]]
        starts += [begin[kept], hole_end[last]]
        ends += [hole_start[kept], intervals.end[row][last]]
    row_all, start_all, end_all = (np.concatenate(x) for x in (rows, starts, ends))
    some = end_all > start_all
    order = np.lexsort((start_all[some], row_all[some]))
    found = intervals.take(row_all[some][order])
    return replace(found, start=start_all[some][order], end=end_all[some][order])


def without(intervals: Intervals, blacklist: Intervals) -> Intervals:
    """The intervals that overlap none of a blacklist, in their order."""
    kept = np.ones(len(intervals), bool)
    kept[overlaps(intervals, blacklist).left] = False
    return intervals.take(kept)


def resized(intervals: Intervals, length: int) -> Intervals:
    """Every interval as one of so many bases around its centre (rounded down); may begin before its contig."""
    start = (intervals.start + intervals.end) // 2 - length // 2
    return replace(intervals, start=start, end=start + length)


def shuffled(
    intervals: Intervals, genome: Genome, *, seed: int, exclude: Intervals | None = None, gc: float | None = 0.05
) -> Intervals:
    """Other places of the same lengths, drawn anywhere in the genome, with about the same share of C and G.

    Parameters
    ----------
    exclude
        Places that no drawn interval may overlap.
    gc
        Largest difference of the share of C and G; None: any. Where 200 draws give none, the nearest of them is taken.

    Raises
    ------
    InputError
        An interval is longer than every contig, or nothing outside ``exclude`` is long enough.
    """
    generator = np.random.default_rng(seed)
    lengths = intervals.lengths
    if not len(intervals):
        return intervals
    if int(lengths.max()) > int(genome.sizes.max()):
        raise InputError("an interval is longer than every contig of the genome", where=intervals.path)
    wanted = _gc(genome, genome.numbers(list(intervals.names))[intervals.contig], intervals.start, lengths)
    best_contig, best_start = np.zeros(len(intervals), np.int64), np.zeros(len(intervals), np.int64)
    best = np.full(len(intervals), np.inf)
    names = tuple(contig.name for contig in genome.contigs)
    open_rows = np.arange(len(intervals))
    for _ in range(_TRIES):
        size = lengths[open_rows]
        room = np.maximum(genome.sizes[None, :] - size[:, None] + 1, 0)
        share = np.cumsum(room, axis=1)
        drawn = (generator.random(len(open_rows)) * share[:, -1]).astype(np.int64)
        contig = (share <= drawn[:, None]).sum(1)
        start = drawn - np.where(contig > 0, share[np.arange(len(contig)), np.maximum(contig - 1, 0)], 0)
        off = np.abs(_gc(genome, contig, start, size) - wanted[open_rows])
        if exclude is not None:
            made = Intervals(
                names,
                contig,
                start,
                start + size,
                np.zeros(len(size), np.int8),
                pl.Series([""] * len(size)),
                pl.DataFrame(),
            )
            off[overlaps(made, exclude).left] = np.inf
        better = off < best[open_rows]
        rows = open_rows[better]
        best[rows], best_contig[rows], best_start[rows] = off[better], contig[better], start[better]
        open_rows = (
            np.flatnonzero(best > (np.inf if gc is None else gc)) if gc is not None else np.flatnonzero(np.isinf(best))
        )
        if not len(open_rows):
            break
    if np.isinf(best).any():
        raise InputError("no place outside the excluded ones was found", where=intervals.path, hint="exclude less")
    return replace(intervals, names=names, contig=best_contig, start=best_start, end=best_start + lengths)


def _gc(
    genome: Genome, contig: NDArray[np.int64], start: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Share of C and G of each interval, float64 ``(N,)``."""
    from strandloom.io.genome_kernels import strong

    found = np.zeros(len(start), np.int64)
    strong(genome.codes, genome.starts, genome.sizes, contig, start, lengths, found)
    return found / np.maximum(lengths, 1)


def _one_line(left: Intervals, right: Intervals) -> _Line:
    names = tuple(dict.fromkeys((*left.names, *right.names)))
    number = {name: i for i, name in enumerate(names)}
    ends = [int(x.end.max(initial=0)) for x in (left, right)]
    low = min(int(x.start.min(initial=0)) for x in (left, right))
    span = max(*ends) - low + 2

    def placed(x: Intervals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        offset = np.array([number[name] for name in x.names], np.int64) * span - low
        shift = offset[x.contig] if len(x) else np.zeros(0, np.int64)
        return x.start + shift, x.end + shift

    return _Line(*placed(left), *placed(right))


def _begins_inside(
    start: NDArray[np.int64], end: NDArray[np.int64], place: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (interval, place) with start <= place < end."""
    order = np.argsort(place, kind="stable")
    ranked = place[order]
    low, high = np.searchsorted(ranked, start, side="left"), np.searchsorted(ranked, end, side="left")
    counts = np.maximum(high - low, 0)
    row = np.repeat(np.arange(len(start)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, order[low[row] + within]
