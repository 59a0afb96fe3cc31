"""Where a known motif stands in sequences, after FIMO: log odds at every position, with exact p-values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.motif import Motif, Sites
from strandloom.pwm import UNIFORM, Matrix, log_odds, reverse_complement, richest_window

STEP = 0.01
"""Bits of a step of the score: log odds are rounded to it, and p-values are exact for the rounded matrix."""
CORE = 8
"""Positions of a motif that are looked up in a table first; most windows go no further."""
BLOCK = 64 << 20
"""Bases scanned at a time."""
ROOM = 1 << 16
"""Sites that a call of the compiled loop has room for."""

Steps = NDArray[np.int64]
"""Log odds ``(w, 4)`` in whole steps."""


@dataclass(frozen=True, eq=False)
class Scanned:
    """Where a motif stands.

    Parameters
    ----------
    sites
        The S places by sequence, start and strand; ``score`` is the log odds in bits.
    p_values
        float64 ``(S,)``: probability that a window of random bases scores as much on that strand.
    threshold
        Lowest score of a site, on the forward strand; infinity where even the best word is too likely by chance (a short motif).
    windows
        Windows that were scored, both strands counted: up to ``windows * p`` of them are sites by chance.
    """

    sites: Sites
    p_values: NDArray[np.float64]
    threshold: float
    windows: int

    def __len__(self) -> int:
        """Number of sites S."""
        return len(self.sites)


def scan(
    codes: Codes,
    motif: Matrix | Motif,
    *,
    p: float = 1e-4,
    background: NDArray[np.float64] = UNIFORM,
    both_strands: bool = True,
) -> Scanned:
    """Find the windows that score so high that random bases do so with a probability of at most ``p``.

    Windows with an ambiguity code, gap or padding never match. A palindrome is found on both strands.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``: sequences, padded at either end; may be memory-mapped. Memory is bounded but for the sites.
    motif
        Base probabilities ``(w, 4)``, or a motif with such.
    p
        Highest p-value of a site: of one window on one strand, as in FIMO, not corrected for their number.
    background
        Probabilities ``(4,)`` of A, C, G, T by chance, on the strand as given.
    both_strands
        Look for the reverse complement too.

    Raises
    ------
    UsageError
        The codes, the matrix, the background or ``p`` is none.

    References
    ----------
    Grant, Bailey & Noble, "FIMO", Bioinformatics 27:1017 (2011); Staden, "Methods for calculating the probabilities of finding
    patterns in sequences", CABIOS 5:89 (1989).
    """
    matrix = motif.matrix if isinstance(motif, Motif) else np.asarray(motif, np.float64)
    chances = np.asarray(background, np.float64)
    if codes.ndim != 2 or codes.dtype != np.uint8:
        raise UsageError(f"codes uint8 (N, L) are needed, not {codes.dtype} {codes.shape}")
    if matrix.ndim != 2 or matrix.shape[1] != 4 or not len(matrix) or not (np.isfinite(matrix) & (matrix >= 0)).all():
        raise UsageError(f"a matrix (w, 4) of probabilities is needed, not {matrix.shape}")
    if chances.shape != (4,) or not (chances > 0).all() or not np.isclose(chances.sum(), 1, atol=1e-6):
        raise UsageError("the background is four probabilities above 0 that sum to 1")
    if not 0 < p <= 1:
        raise UsageError(f"p is a probability above 0, not {p}")
    turns = [matrix, reverse_complement(matrix)] if both_strands else [matrix]
    strands = [_strand(turn, chances, p) for turn in turns]
    found, windows = _places(codes, strands)
    order = np.lexsort((found.strand, found.start, found.row))
    found = _Places(*(column[order] for column in found))
    p_values, score = np.empty(len(order)), np.empty(len(order))
    for number, strand in enumerate(strands):
        own = found.strand == number
        p_values[own] = strand.tail[found.above[own]]
        score[own] = (found.above[own] + strand.lowest) * STEP
    first = strands[0]
    threshold = (first.limit + first.lowest) * STEP if first.limit < len(first.tail) else float("inf")
    sites = Sites(found.row, found.start, found.start + len(matrix), found.strand == 1, score)
    return Scanned(sites, p_values, threshold, windows)


def score_steps(matrix: Matrix, *, background: NDArray[np.float64] = UNIFORM) -> Steps:
    """Log odds ``(w, 4)`` in steps of 0.01 bits."""
    return np.rint(log_odds(matrix, background=background) / STEP).astype(np.int64)


def tail_probabilities(steps: Steps, *, background: NDArray[np.float64] = UNIFORM) -> NDArray[np.float64]:
    """Chance of a score of at least the lowest one + k steps, float64 ``(highest - lowest + 1,)``, for random bases.

    The distribution of the sum is built position by position (a dynamic programme over scores), without approximation.
    """
    density = np.ones(1)
    for column in steps - steps.min(axis=1, keepdims=True):
        wider = np.zeros(len(density) + int(column.max()))
        for base, rise in enumerate(column):
            wider[rise : rise + len(density)] += background[base] * density
        density = wider
    return np.cumsum(density[::-1])[::-1].clip(max=1)


class _Strand(NamedTuple):
    """What is needed to find a motif in one orientation; scores count from the lowest, in steps."""

    steps: NDArray[np.int32]
    """``(w, 4)``, the lowest of each position 0."""
    lowest: int
    tail: NDArray[np.float64]
    limit: int
    """The first score that counts; one past the highest where none does."""
    core: int
    """First position of the part that is looked up."""
    passes: NDArray[np.bool_]
    """``(4^q,)``: whether a word there leaves a chance to reach the limit."""


def _strand(matrix: Matrix, background: NDArray[np.float64], p: float) -> _Strand:
    steps = score_steps(matrix, background=background)
    lows = steps.min(axis=1, keepdims=True)
    raised = (steps - lows).astype(np.int32)
    tail = tail_probabilities(steps, background=background)
    limit = int((tail > p * (1 + 1e-9)).sum())
    size = min(CORE, len(matrix))
    core = richest_window(matrix, size)
    highest = raised.max(axis=1)
    words = np.zeros(1, np.int32)
    for column in raised[core : core + size]:
        words = (words[:, None] + column).ravel()  # the first base of a word is its highest digit
    rest = int(highest.sum() - highest[core : core + size].sum())
    return _Strand(raised, int(lows.sum()), tail, limit, core, words + rest >= limit)


class _Places(NamedTuple):
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int64]
    above: NDArray[np.int64]
    """Score above the lowest, in steps."""


def _places(codes: Codes, strands: list[_Strand]) -> tuple[_Places, int]:
    """The sites in any order, starts in the sequence, and the windows that were scored."""
    find = load_compiled()
    flags = np.zeros(len(strands[0].passes), np.uint8)
    for number, strand in enumerate(strands):
        flags |= strand.passes.astype(np.uint8) << number
    steps = np.stack([strand.steps for strand in strands])  # (strands, w, 4)
    limits, cores = (np.array(x, np.int64) for x in zip(*((s.limit, s.core) for s in strands), strict=True))
    length = codes.shape[1]
    codes = codes[:0] if length < steps.shape[1] else codes
    out = np.empty((4, max(ROOM, len(strands) * length)), np.int64)
    parts: list[NDArray[np.int64]] = [out[:, :0].copy()]
    windows = 0
    rows = max(1, BLOCK // max(length, 1))
    for first in range(0, len(codes), rows):
        block = np.ascontiguousarray(codes[first : first + rows])
        at = 0
        while at < len(block):
            at, count, seen = find(block, steps, limits, flags, cores, at, out)
            windows += seen * len(strands)
            part = out[:, :count].copy()
            part[1] -= (block[part[0]] != DNA.pad).argmax(axis=1)  # padding on the left
            part[0] += first
            parts.append(part)
    return _Places(*np.concatenate(parts, axis=1)), windows


def find_sites(codes, steps, limits, flags, cores, row, out):  # type: ignore[no-untyped-def]
    """Windows that reach the limit, from ``row`` on, until ``out`` could overflow.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    steps, limits, cores
        int32 ``(strands, w, 4)``; int64 ``(strands,)``; int64 ``(strands,)``: scores, what they must reach, and where the part of each
        strand starts that is looked up.
    flags
        uint8 ``(4^q,)``: a bit a strand, whether a word of q bases there leaves a chance.
    row
        First row to look at.
    out
        int64 ``(4, room)``: row, column, strand and score of each site are written here.

    Returns
    -------
    tuple
        The row to go on with, the sites written, and the windows of a strand that hold bases alone.
    """
    strands, width, _ = steps.shape
    n, length = codes.shape
    room = out.shape[1]
    size = 0
    while 1 << (2 * size) < len(flags):
        size += 1
    mask = len(flags) - 1
    count = 0
    windows = 0
    while row < n and count + strands * length <= room:
        run = 0
        word = 0
        for j in range(length):
            code = int(codes[row, j])
            if code > 3:
                run = 0
                continue
            run += 1
            word = ((word << 2) | code) & mask
            windows += run >= width
            if run < size or flags[word] == 0:
                continue
            for s in range(strands):
                start = j - size + 1 - cores[s]
                if not (flags[word] >> s) & 1 or start < 0 or start + width > length:
                    continue
                total = 0
                for i in range(width):
                    base = codes[row, start + i]
                    if base > 3:
                        total = -1
                        break
                    total += steps[s, i, base]
                if total >= limits[s]:
                    out[0, count] = row
                    out[1, count] = start
                    out[2, count] = s
                    out[3, count] = total
                    count += 1
        row += 1
    return row, count, windows


@cache
def load_compiled() -> Callable[..., tuple[int, int, int]]:
    """:func:`find_sites` compiled, from numba's cache on disk where that can be written."""
    import numba

    def fixed(kind: Any, dimensions: int) -> Any:
        return numba.types.Array(kind, dimensions, "C", readonly=True)

    number, byte = numba.int64, numba.uint8
    signature = numba.types.UniTuple(number, 3)(
        fixed(byte, 2), fixed(numba.int32, 3), fixed(number, 1), fixed(byte, 1), fixed(number, 1), number, number[:, ::1]
    )  # fmt: skip
    try:
        return numba.njit(signature, nogil=True, cache=True)(find_sites)
    except (OSError, RuntimeError):  # no folder for the cache can be written, or the disk is full
        return numba.njit(signature, nogil=True)(find_sites)
