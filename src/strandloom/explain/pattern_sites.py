"""Groups to sites: every place of a map that looks like the core of a group, given to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from strandloom.alphabet import DNA
from strandloom.explain.pattern_windows import FLANK, Members, SignedMap, cut_out, mean_of, weighted
from strandloom.explain.seqlets import apart
from strandloom.explain.similarity import Windows

_GAP = 3  # silent positions inside a motif
_SPACER, _HALF, _HALF_BASES = 11, 0.4, 3
"""Of a dyad: silent positions between its halves at most (Abf1 has 5, Gal4 11), what the weaker half weighs of the other at least, and
bases of a half at least."""
_TOGETHER = 0.6
"""Share of the members that must have the other half too: what stands beside a motif in fewer of its sites is another one."""
NARROWEST = 4  # bases of a core; less is a base, not a motif
_FALSE = 0.02  # share of a pattern's sites that may be chance matches
_BLOCK_VALUES = 1 << 22  # one-hot values scanned at once (16 MB)


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


def place_sites(
    view: SignedMap, clusters: Sequence[Members], both: bool, width: int, least: int
) -> tuple[list[tuple[Members, int]], list[Members]]:
    """All sites of each cluster's core, each place given to the pattern that explains most of it: cores, and the clusters kept."""
    current = list(clusters)
    placed: list[tuple[Members, int]] = []
    for _ in range(2):  # the second time with cores from all sites
        templates = [x for members in current if (x := _template(view, members, width)) is not None]
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
            sites = Members(joined.row[own], start, joined.reverse[own], start - FLANK, start + span + FLANK)
            before = np.where(sites.reverse, width - span - first, first)
            placed.append((sites, span))
            kept.append(sites._replace(start=start - before))
        current = kept
        if not current:
            break
    return placed, current


def _template(view: SignedMap, members: Members, width: int) -> tuple[int, _Template] | None:
    """The core of aligned members, and where it begins in their window; None where too few bases are strong."""
    margin = width // 2
    mean = mean_of(view, members, width, margin)  # (W + 2 * margin, 4)
    weight = np.abs(mean).sum(axis=1)
    strong = np.flatnonzero(weight >= 0.25 * weight.max())
    first, end = _core(
        mean, strong, cut_out(view, members._replace(start=members.start - margin), len(mean)), most=width
    )
    if np.count_nonzero((strong >= first) & (strong < end)) < NARROWEST or mean[first:end].sum() <= 0:
        return None
    core = mean[first:end]
    core = (core / np.linalg.norm(core)).astype(np.float32)
    start = members.start + np.where(members.reverse, width + margin - end, first - margin)
    cut = cut_out(view, members._replace(start=start), end - first)
    projection = np.einsum("swc,wc->s", cut, core)
    norm = np.linalg.norm(cut.reshape(len(cut), -1), axis=1)
    cosine = np.divide(projection, norm, out=np.zeros_like(projection), where=norm > 0)
    least, alike = _lowest(projection, 0.4), _lowest(cosine, 0.6)
    return first - margin, _Template(core, least, alike)


def _core(mean: Windows, strong: NDArray[np.int64], cut: Windows, *, most: int) -> tuple[int, int]:
    """First column and end of the core: the strongest run of columns, and the other half of a dyad.

    Parameters
    ----------
    mean
        Of the members ``(W, 4)``.
    strong
        Columns that weigh enough to be of a motif, rising.
    cut
        The members ``(S, W, 4)``.
    most
        Bases of a core that is joined of two halves.
    """
    weight = np.abs(mean).sum(axis=1)
    runs = np.split(strong, np.flatnonzero(np.diff(strong) > _GAP + 1) + 1)
    totals = [float(weight[run].sum()) for run in runs]
    best = int(np.argmax(totals))
    first, end = int(runs[best][0]), int(runs[best][-1]) + 1
    beside = [i for i in (best - 1, best + 1) if 0 <= i < len(runs)]
    for i in sorted(beside, key=lambda i: -totals[i]):
        low, high = int(runs[i][0]), int(runs[i][-1]) + 1
        apart_by, whole = (first - high if i < best else low - end), max(end, high) - min(first, low)
        if apart_by > _SPACER or whole > most or len(runs[i]) < _HALF_BASES or totals[i] < _HALF * totals[best]:
            continue
        half = mean[low:high]
        own = np.einsum("swc,wc->s", cut[:, low:high], half) / float((half**2).sum())  # 1: as much of it as the mean
        if (own > _TOGETHER / 2).mean() >= _TOGETHER:
            return min(first, low), max(end, high)
    return first, end


def _lowest(values: NDArray[np.floating], share: float) -> float:
    """Where members stop: 3 deviations (of the lower half) below the median, but no less than a share of it and no more than 0.85."""
    low, median = np.quantile(values, [0.16, 0.5])
    return float(np.clip(median - 3 * (median - low), share * median, 0.85 * median))


def _scan(view: SignedMap, template: _Template, both: bool) -> _Hits:
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
        x = torch.from_numpy(weighted(codes, values)).transpose(1, 2)  # (n, 4, L)
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
