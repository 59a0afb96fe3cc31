"""Motifs from the significant windows of an attribution map: alike windows are grouped, aligned, averaged and searched for again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strandloom import pwm
from strandloom.explain.attribution import AttributionMap, contributions
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.pattern_groups import group_alike, merge_alike
from strandloom.explain.pattern_sites import NARROWEST, place_sites
from strandloom.explain.pattern_windows import FLANK, Members, SignedMap, cut_out
from strandloom.explain.seqlets import Seqlets

_ROUNDS = 6  # times that what no pattern explains is grouped again


@dataclass(frozen=True, eq=False)
class Patterns:
    """Motifs of a map.

    Parameters
    ----------
    motifs
        ``pattern-1`` …, the largest total contribution (of either sign) first. The score of a site is the sum of its
        contributions; ``contributions`` is the mean over the sites of what stands there, so a base that is seldom there is near 0.
    found
        Seqlets that were grouped.
    used
        Seqlets at least half of which lie in a site of a motif.
    reason
        Why there is no motif, in plain words; None where there is one.
    """

    motifs: tuple[Motif, ...]
    found: int
    used: int
    reason: str | None


def find_patterns(
    found: AttributionMap,
    seqlets: Seqlets,
    *,
    strand: Literal["both", "one"] = "both",
    width: int = 24,
    least: int = 20,
    limit: int = 3000,
    seed: int = 1,
) -> Patterns:
    """Group seqlets to motifs and find all of their sites.

    Parameters
    ----------
    found
        The map that the seqlets are of.
    seqlets
        Its significant windows. Those that raise the score and those that lower it are grouped apart.
    strand
        ``both``: a motif and its reverse complement are one motif. ``one``: they are two.
    width
        Bases around the middle of each seqlet that are compared; at least the widest core.
    least
        Sites that a motif needs.
    limit
        Seqlets compared pair by pair at once; of more, so many are drawn by the seed. The rest is found by the patterns that these
        make, and what no pattern explains is grouped in its turn.
    seed
        Fixes what is drawn.
    """
    generator = np.random.default_rng(seed)
    values = contributions(found.codes, found.scores)
    both = strand == "both"
    motifs: list[Motif] = []
    used = np.zeros(len(seqlets), np.bool_)
    for sign in (1, -1):
        rows = np.flatnonzero(seqlets.sites.score * sign > 0)
        whole = SignedMap(found.codes, values if sign > 0 else -values)
        view = _without(whole, seqlets, np.flatnonzero(seqlets.sites.score * sign < 0))
        placed = _patterns(view, seqlets, rows, both, width, least, limit, generator)
        motifs += [_motif(whole, members, span, sign, seqlets.starts, both) for members, span in placed]
        used[rows] = _half_covered(_cover(placed, values.shape), seqlets, rows)
    motifs.sort(key=lambda motif: (-float(np.abs(motif.sites.score).sum()), motif.matrix.tolist()))
    named = tuple(
        Motif(f"pattern-{i}", motif.matrix, motif.sites, motif.contributions) for i, motif in enumerate(motifs, start=1)
    )
    reason = None if named else _reason(len(seqlets), seqlets.null.rate, least)
    return Patterns(named, len(seqlets), int(used.sum()), reason)


def _without(view: SignedMap, seqlets: Seqlets, rows: NDArray[np.int64]) -> SignedMap:
    """The map silent at some seqlets: a strong site of the other sign would stand in the windows beside it."""
    values = view.values.copy()
    for row, start, end in zip(*(x[rows].tolist() for x in seqlets.sites[:3]), strict=True):
        values[row, start + seqlets.starts[row] : end + seqlets.starts[row]] = 0
    return SignedMap(view.codes, values)


def _reason(count: int, rate: float, least: int) -> str:
    many = f"{count:,} seqlet{'' if count == 1 else 's'} at a false discovery rate of {rate:g}"
    return (
        f"{many}; {least} are needed"
        if count < least
        else f"{many}, but no {least} of them are alike in {NARROWEST} bases or more"
    )


def _patterns(
    view: SignedMap,
    seqlets: Seqlets,
    rows: NDArray[np.int64],
    both: bool,
    width: int,
    least: int,
    limit: int,
    generator: np.random.Generator,
) -> list[tuple[Members, int]]:
    """Sites and width of every pattern among some seqlets."""
    sites = seqlets.sites.take(rows)
    shift = seqlets.starts[sites.row]
    middle = (sites.start + sites.end + 1) // 2 + shift
    windows = Members(
        sites.row,
        middle - width // 2,
        np.zeros(len(rows), np.bool_),
        sites.start + shift - FLANK,
        sites.end + shift + FLANK,
    )
    left = np.arange(len(rows))
    clusters: list[Members] = []
    placed: list[tuple[Members, int]] = []
    for _ in range(_ROUNDS):
        if len(left) < least:
            break
        some = left if len(left) <= limit else np.sort(generator.choice(left, limit, replace=False))
        smallest = max(4, math.ceil(least / 2 * len(some) / len(left)))
        new = group_alike(view, windows.take(some), both, width, smallest, generator)
        if not new:
            break
        clusters = merge_alike(view, clusters + new, both, width)
        placed, clusters = place_sites(view, clusters, both, width, least)
        before = len(left)
        left = np.flatnonzero(~_half_covered(_cover(placed, view.codes.shape), seqlets, rows))
        if len(left) >= before:
            break
    return placed


def _motif(view: SignedMap, members: Members, span: int, sign: int, starts: NDArray[np.int64], both: bool) -> Motif:
    """The motif of sites, turned so that most of them are forward."""
    forward = int(np.count_nonzero(~members.reverse))
    weights = cut_out(view, members, span)
    counts = cut_out(SignedMap(view.codes, np.ones_like(view.values)), members, span).sum(axis=0, dtype=np.float64)
    matrix = pwm.probabilities(counts, pseudocount=1e-6)
    mean = weights.mean(axis=0, dtype=np.float64) * sign
    reverse = members.reverse
    turned = pwm.reverse_complement(matrix)
    tie = 2 * forward == len(reverse) and turned.tolist() > matrix.tolist()
    if both and (2 * forward < len(reverse) or tie):
        matrix, mean, reverse = turned, pwm.reverse_complement(mean), ~reverse
    start = members.start - starts[members.row]
    score = weights.sum(axis=(1, 2), dtype=np.float64) * sign
    return Motif("", matrix, Sites(members.row, start, start + span, reverse, score), mean)


def _cover(placed: Sequence[tuple[Members, int]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The columns ``(N, L)`` that lie in a site."""
    covered = np.zeros(shape, np.bool_)
    for members, span in placed:
        covered[members.row[:, None], members.start[:, None] + np.arange(span)] = True
    return covered


def _half_covered(covered: NDArray[np.bool_], seqlets: Seqlets, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of some seqlets lie at least half in covered columns ``(N, L)``."""
    running = np.zeros((len(covered), covered.shape[1] + 1), np.int32)
    np.cumsum(covered, axis=1, out=running[:, 1:])
    row, start, end = seqlets.sites.row[rows], seqlets.sites.start[rows], seqlets.sites.end[rows]
    shift = seqlets.starts[row]
    return 2 * (running[row, end + shift] - running[row, start + shift]) >= end - start
