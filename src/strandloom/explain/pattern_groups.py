"""Seqlets to groups: windows that are alike, laid over each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.explain.pattern_windows import Members, SignedMap, cut_out, mean_of
from strandloom.explain.similarity import Matches, best_matches, chance_similarity, groups

_ALIKE = 0.8  # similarity from which two groups of windows are one
_SHARED = 2  # columns of their cores
_EQUAL = 0.88  # of two means, each with the other's motif in six of ten members
_SAME = 0.7  # the same of two means, which hold less noise: variants of one site, cut at different ends, are one motif


def group_alike(
    view: SignedMap, members: Members, both: bool, width: int, smallest: int, generator: np.random.Generator
) -> list[Members]:
    """Groups of alike windows, aligned, the largest first."""
    cut = cut_out(view, members, width, own=True)
    floor = chance_similarity(cut, generator, shift=width // 2, both_strands=both)
    found = best_matches(cut, cut, shift=width // 2, both_strands=both)
    labels = groups(found.similarity, floor=floor, same=_ALIKE, least=smallest)
    clusters = []
    for label in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == label)
        centre = rows[found.similarity[np.ix_(rows, rows)].sum(axis=1).argmax()]
        clusters.append(_aligned(view, members.take(rows), cut[centre], both))
    return clusters


def merge_alike(view: SignedMap, clusters: list[Members], both: bool, width: int) -> list[Members]:
    """Clusters whose means are alike made one, the most alike first.

    Where their own cores do not overlap they are the halves of a dyad if the means are nearly equal; two motifs that are often neighbours
    have means that are only alike, and stay two.
    """
    margin = width // 2
    clusters = list(clusters)
    while len(clusters) > 1:
        means = np.stack([mean_of(view, members, width, margin) for members in clusters])
        found = best_matches(means, means, shift=width, both_strands=both)
        np.fill_diagonal(found.similarity, -1)
        overlap = _overlapping(found, [_own_core(view, members, width) for members in clusters], width)
        likeness = np.where(overlap | (found.similarity >= _EQUAL), found.similarity, -1)
        i, j = np.unravel_index(int(likeness.argmax()), likeness.shape)
        if likeness[i, j] < _SAME:
            break
        big, small = (int(x) for x in ((i, j) if len(clusters[i].row) >= len(clusters[j].row) else (j, i)))
        moved = clusters[small].moved(int(found.offset[big, small]), bool(found.reverse[big, small]))
        joined = Members._make(np.concatenate(pair) for pair in zip(clusters[big], moved, strict=True))
        if overlap[big, small]:
            joined = _aligned(view, joined, cut_out(view, clusters[big], width, own=True).mean(axis=0), both)
        clusters = [*(x for k, x in enumerate(clusters) if k not in (big, small)), joined]
    return sorted(clusters, key=lambda members: -len(members.row))


def _own_core(view: SignedMap, members: Members, width: int) -> tuple[int, int]:
    """First column and end, in their window, of what the members hold in their own cores."""
    weight = np.abs(cut_out(view, members, width, own=True).mean(axis=0)).sum(axis=1)
    strong = np.flatnonzero(weight >= 0.25 * weight.max())
    return int(strong[0]), int(strong[-1]) + 1


def _overlapping(found: Matches, cores: list[tuple[int, int]], width: int) -> NDArray[np.bool_]:
    """Which pairs of clusters have cores that share ``_SHARED`` columns where their means match, ``(K, K)``."""
    low, high = np.array(cores).T
    first = (
        np.where(found.reverse, width - high, low) + found.offset
    )  # of the second cluster in the window of the first
    end = first + (high - low)
    shared = np.minimum(end, high[:, None]) - np.maximum(first, low[:, None])
    return np.asarray(shared >= _SHARED)


def _aligned(view: SignedMap, members: Members, template: NDArray[np.floating], both: bool) -> Members:
    """Members moved and turned to match a template ``(W, 4)``, then twice their own mean."""
    width = len(template)
    for _ in range(3):
        cut = cut_out(view, members, width, own=True)
        found = best_matches(template[None], cut, shift=width // 2, both_strands=both)
        members = members.moved(found.offset[0], found.reverse[0])
        template = cut_out(view, members, width, own=True).mean(axis=0)
    return members
