"""Motifs from the significant windows of an attribution map: alike windows are grouped, aligned, averaged and searched for again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from strandloom import pwm
from strandloom.alphabet import DNA, Codes
from strandloom.explain.attribution import AttributionMap, contributions
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.seqlets import Seqlets, apart
from strandloom.explain.similarity import Windows, best_matches, chance_similarity, groups

_ROUNDS = 6  # times that what no pattern explains is grouped again
_SAME = 0.8  # similarity from which two patterns are one
_GAP = 3  # silent positions inside a motif
_FLANK = 3  # bases on either side of a seqlet's core that are compared with it
_NARROWEST = 4  # bases of a core; less is a base, not a motif
_FALSE = 0.02  # share of a pattern's sites that may be chance matches
_BLOCK_VALUES = 1 << 22  # one-hot values scanned at once (16 MB)


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


class _Map(NamedTuple):
    """Contributions of one sign: what is looked for is positive."""

    codes: Codes
    values: NDArray[np.float32]


class _Members(NamedTuple):
    """Windows laid over each other; ``start`` is a column of the map."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    low: NDArray[np.int64]
    """First column of the member's own core and its flank: what lies beyond may be another's."""
    high: NDArray[np.int64]
    """End of the same."""

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> _Members:
        return _Members._make(column[rows] for column in self)

    def moved(self, offset: NDArray[np.integer] | int, turned: NDArray[np.bool_] | bool) -> _Members:
        """Laid over a template of which they matched an offset, turned or not."""
        reverse = self.reverse ^ turned
        step = np.asarray(offset, np.int64)
        return self._replace(start=self.start + np.where(reverse, step, -step), reverse=reverse)


class _Template(NamedTuple):
    """What is searched for: unit weights ``(w, 4)``, and the least projection and cosine of a site."""

    weights: NDArray[np.float32]
    projection: float
    cosine: float


class _Hits(NamedTuple):
    """Places that match a template, ``start`` a column of the map."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    projection: NDArray[np.float32]

    def take(self, rows: NDArray[np.integer]) -> _Hits:
        return _Hits._make(column[rows] for column in self)


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
        whole = _Map(found.codes, values if sign > 0 else -values)
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


def _without(view: _Map, seqlets: Seqlets, rows: NDArray[np.int64]) -> _Map:
    """The map silent at some seqlets: a strong site of the other sign would stand in the windows beside it."""
    values = view.values.copy()
    for row, start, end in zip(*(x[rows].tolist() for x in seqlets.sites[:3]), strict=True):
        values[row, start + seqlets.starts[row] : end + seqlets.starts[row]] = 0
    return _Map(view.codes, values)


def _reason(count: int, rate: float, least: int) -> str:
    many = f"{count:,} seqlet{'' if count == 1 else 's'} at a false discovery rate of {rate:g}"
    return f"{many}; {least} are needed" if count < least else f"{many}, but no {least} of them are alike"


def _patterns(
    view: _Map,
    seqlets: Seqlets,
    rows: NDArray[np.int64],
    both: bool,
    width: int,
    least: int,
    limit: int,
    generator: np.random.Generator,
) -> list[tuple[_Members, int]]:
    """Sites and width of every pattern among some seqlets."""
    sites = seqlets.sites.take(rows)
    shift = seqlets.starts[sites.row]
    middle = (sites.start + sites.end + 1) // 2 + shift
    windows = _Members(
        sites.row,
        middle - width // 2,
        np.zeros(len(rows), np.bool_),
        sites.start + shift - _FLANK,
        sites.end + shift + _FLANK,
    )
    left = np.arange(len(rows))
    clusters: list[_Members] = []
    placed: list[tuple[_Members, int]] = []
    for _ in range(_ROUNDS):
        if len(left) < least:
            break
        some = left if len(left) <= limit else np.sort(generator.choice(left, limit, replace=False))
        smallest = max(4, math.ceil(least / 2 * len(some) / len(left)))
        new = _cluster(view, windows.take(some), both, width, smallest, generator)
        if not new:
            break
        clusters = _merged(view, clusters + new, both, width)
        placed, clusters = _search(view, clusters, both, width, least)
        before = len(left)
        left = np.flatnonzero(~_half_covered(_cover(placed, view.codes.shape), seqlets, rows))
        if len(left) >= before:
            break
    return placed


def _cluster(
    view: _Map, members: _Members, both: bool, width: int, smallest: int, generator: np.random.Generator
) -> list[_Members]:
    """Groups of alike windows, aligned, the largest first."""
    cut = _cut(view, members, width, own=True)
    floor = chance_similarity(cut, generator, shift=width // 2, both_strands=both)
    found = best_matches(cut, cut, shift=width // 2, both_strands=both)
    labels = groups(found.similarity, floor=floor, same=_SAME, least=smallest)
    clusters = []
    for label in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == label)
        centre = rows[found.similarity[np.ix_(rows, rows)].sum(axis=1).argmax()]
        clusters.append(_aligned(view, members.take(rows), cut[centre], both))
    return clusters


def _aligned(view: _Map, members: _Members, template: NDArray[np.floating], both: bool) -> _Members:
    """Members moved and turned to match a template ``(W, 4)``, then twice their own mean."""
    width = len(template)
    for _ in range(3):
        cut = _cut(view, members, width, own=True)
        found = best_matches(template[None], cut, shift=width // 2, both_strands=both)
        members = members.moved(found.offset[0], found.reverse[0])
        template = _cut(view, members, width, own=True).mean(axis=0)
    return members


def _merged(view: _Map, clusters: list[_Members], both: bool, width: int) -> list[_Members]:
    """Clusters whose means are alike made one, the most alike first."""
    margin = width // 2
    clusters = list(clusters)
    while len(clusters) > 1:
        means = np.stack([_mean(view, members, width, margin) for members in clusters])
        found = best_matches(means, means, shift=width, both_strands=both)
        np.fill_diagonal(found.similarity, -1)
        i, j = np.unravel_index(int(found.similarity.argmax()), found.similarity.shape)
        if found.similarity[i, j] < _SAME:
            break
        big, small = (int(x) for x in ((i, j) if len(clusters[i].row) >= len(clusters[j].row) else (j, i)))
        moved = clusters[small].moved(int(found.offset[big, small]), bool(found.reverse[big, small]))
        joined = _Members._make(np.concatenate(pair) for pair in zip(clusters[big], moved, strict=True))
        template = _cut(view, clusters[big], width, own=True).mean(axis=0)
        clusters = [x for k, x in enumerate(clusters) if k not in (big, small)]
        clusters.append(_aligned(view, joined, template, both))
    return sorted(clusters, key=lambda members: -len(members.row))


def _search(
    view: _Map, clusters: Sequence[_Members], both: bool, width: int, least: int
) -> tuple[list[tuple[_Members, int]], list[_Members]]:
    """All sites of each cluster's core, each place given to the pattern that explains most of it: cores, and the clusters kept."""
    current = list(clusters)
    placed: list[tuple[_Members, int]] = []
    for _ in range(2):  # the second time with cores from all sites
        templates = [_template(view, members, width) for members in current]
        templates = [x for x in templates if len(x[1].weights) >= _NARROWEST and x[1].weights.sum() > 0]
        if not templates:
            return [], []
        hits = [_scan(view, template, both) for _, template in templates]
        label = np.repeat(np.arange(len(hits)), [len(hit.row) for hit in hits])
        joined = _Hits._make(np.concatenate(columns) for columns in zip(*hits, strict=True))
        spans = np.array([len(template.weights) for _, template in templates])[label]
        order = np.lexsort((joined.reverse, joined.start, joined.row, label, -joined.projection))
        order = order[apart(joined.row[order], joined.start[order], (joined.start + spans)[order], share=0.5)]
        order = order[np.lexsort((joined.start[order], joined.row[order]))]
        placed, kept = [], []
        for k, (first, template) in enumerate(templates):
            own = order[label[order] == k]
            if len(own) < least:
                continue
            span = len(template.weights)
            start = joined.start[own]
            sites = _Members(joined.row[own], start, joined.reverse[own], start - _FLANK, start + span + _FLANK)
            before = np.where(sites.reverse, width - span - first, first)
            placed.append((sites, span))
            kept.append(sites._replace(start=start - before))
        current = kept
        if not current:
            break
    return placed, current


def _template(view: _Map, members: _Members, width: int) -> tuple[int, _Template]:
    """The core of aligned members, and where it begins in their window."""
    margin = width // 2
    mean = _mean(view, members, width, margin)  # (W + 2 * margin, 4)
    weight = np.abs(mean).sum(axis=1)
    strong = np.flatnonzero(weight >= 0.25 * weight.max())
    runs = np.split(strong, np.flatnonzero(np.diff(strong) > _GAP + 1) + 1)
    best = max(runs, key=lambda run: float(weight[run].sum()))
    first, end = int(best[0]), int(best[-1]) + 1
    core = mean[first:end]
    core = (core / np.linalg.norm(core)).astype(np.float32)
    start = members.start + np.where(members.reverse, width + margin - end, first - margin)
    cut = _cut(view, members._replace(start=start), end - first)
    projection = np.einsum("swc,wc->s", cut, core)
    norm = np.linalg.norm(cut.reshape(len(cut), -1), axis=1)
    cosine = np.divide(projection, norm, out=np.zeros_like(projection), where=norm > 0)
    least, alike = _lowest(projection, 0.4), _lowest(cosine, 0.6)
    return first - margin, _Template(core, least, alike)


def _lowest(values: NDArray[np.floating], share: float) -> float:
    """Where members stop: 3 deviations (of the lower half) below the median, but no less than a share of it and no more than 0.85."""
    low, median = np.quantile(values, [0.16, 0.5])
    return float(np.clip(median - 3 * (median - low), share * median, 0.85 * median))


def _scan(view: _Map, template: _Template, both: bool) -> _Hits:
    """Places where the map looks like the template and is as strong, inside the sequences.

    Noise matches the template and its negative alike, so the weakest are left out where the negative has too many matches.
    """
    width = len(template.weights)
    rows, length = view.codes.shape
    kernels = np.stack([template.weights.T, template.weights[::-1, ::-1].T][: 1 + both])
    weight = torch.from_numpy(np.ascontiguousarray(kernels))  # (strands, 4, w)
    none = _Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.float32))
    parts = {1: [none], -1: [none]}
    size = max(_BLOCK_VALUES // (4 * max(length, 1)), 1)
    for at in range(0, rows if length >= width else 0, size):
        codes, values = view.codes[at : at + size], view.values[at : at + size]
        x = torch.from_numpy(_weighted(codes, values)).transpose(1, 2)  # (n, 4, L)
        projection = F.conv1d(x, weight).numpy()  # (n, strands, P)
        energy = F.avg_pool1d(x.square().sum(1, keepdim=True), width, 1).numpy() * width  # (n, 1, P)
        outside = F.max_pool1d(torch.from_numpy((codes == DNA.pad)[:, None].astype(np.float32)), width, 1).numpy() > 0
        norm = np.sqrt(energy.clip(min=0))
        for sign in (1, -1):
            strength = projection * sign
            hit = (strength >= template.projection) & (strength >= template.cosine * norm) & ~outside
            row, strand, start = np.nonzero(hit)
            parts[sign].append(_Hits(row + at, start, strand == 1, strength[hit]))
    hits, mirrored = (_Hits._make(np.concatenate(columns) for columns in zip(*x, strict=True)) for x in parts.values())
    order = np.argsort(-hits.projection, kind="stable")
    false = len(mirrored.row) - np.searchsorted(np.sort(mirrored.projection), hits.projection[order])
    passed = np.flatnonzero(false <= _FALSE * np.arange(1, len(order) + 1))
    return hits.take(order[: int(passed[-1]) + 1 if len(passed) else 0])


def _motif(view: _Map, members: _Members, span: int, sign: int, starts: NDArray[np.int64], both: bool) -> Motif:
    """The motif of sites, turned so that most of them are forward."""
    forward = int(np.count_nonzero(~members.reverse))
    weights = _cut(view, members, span)
    counts = _cut(_Map(view.codes, np.ones_like(view.values)), members, span).sum(axis=0, dtype=np.float64)
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


def _mean(view: _Map, members: _Members, width: int, margin: int) -> NDArray[np.float32]:
    """Mean of aligned members ``(width + 2 * margin, 4)``, with a margin on either side."""
    return _cut(view, members._replace(start=members.start - margin), width + 2 * margin).mean(axis=0)


def _cut(view: _Map, members: _Members, width: int, *, own: bool = False) -> Windows:
    """Contributions of the bases at each position of the members ``(S, width, 4)``.

    Zeros beyond the edges of the map and, with ``own``, beyond each member's own core and flank.
    """
    columns = members.start[:, None] + np.arange(width)
    length = view.codes.shape[1]
    inside = (columns >= 0) & (columns < length)
    if own:
        inside &= (columns >= members.low[:, None]) & (columns < members.high[:, None])
    columns = columns.clip(0, max(length - 1, 0))
    codes = np.where(inside, view.codes[members.row[:, None], columns], DNA.pad)
    cut = _weighted(codes, view.values[members.row[:, None], columns])
    cut[members.reverse] = cut[members.reverse][:, ::-1, ::-1]
    return cut


def _weighted(codes: Codes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One-hot ``(..., 4)`` of codes times the contribution of each."""
    return DNA.one_hot_table.astype(np.float32)[codes] * values[..., None]


def _cover(placed: Sequence[tuple[_Members, int]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
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
