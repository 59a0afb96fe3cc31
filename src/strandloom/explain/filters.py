"""The kernels of a network's first convolutions as matrices, from the windows of real sequences that excite them.

The largest activations over a data set and the windows near them, as in DeepBind (Alipanahi et al. 2015) and Basset (Kelley et al. 2016).
An activation is the convolution with its bias, a batch norm that follows it, and the non-linearity after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom import pwm
from strandloom.alphabet import DNA, Codes
from strandloom.errors import SettingsError, UsageError
from strandloom.explain.first_layer import Kernels, first_kernels
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.similarity import best_matches
from strandloom.training.onehot import one_hot, one_hot_table

_BLOCK_VALUES = 1 << 24  # activations held at once (64 MB)
_PENDING = 4_000_000  # windows held before the strongest are chosen


@dataclass(frozen=True, eq=False)
class Filter:
    """One kernel and what came of it.

    Parameters
    ----------
    name
        ``filter-17``: its number among all first-layer kernels, from 0.
    layer, index
        Path of its convolution in the network, and its number there, from 0.
    largest
        Largest activation over the data set; NaN where no window fits into any sequence.
    threshold
        Activation that a site reaches.
    count
        Sites.
    merged
        Name of the motif that stands for it; None where it is dead.
    dead
        Why it has no motif, in plain words; None where it has one.
    """

    name: str
    layer: str
    index: int
    largest: float
    threshold: float
    count: int
    merged: str | None
    dead: str | None


@dataclass(frozen=True, eq=False)
class FilterMotifs:
    """Motifs of the first layer.

    Parameters
    ----------
    motifs
        One for each group of kernels that hold the same motif, that of most sites, named after its filter; most sites first. The
        score of a site is its activation.
    filters
        Every kernel, in the order of the network.
    rule
        How sites were chosen, in plain words.
    """

    motifs: tuple[Motif, ...]
    filters: tuple[Filter, ...]
    rule: str


class _Hits(NamedTuple):
    """Windows of all filters of a layer."""

    row: NDArray[np.int64]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    score: NDArray[np.float32]


class _Found(NamedTuple):
    """Windows of one filter."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    score: NDArray[np.float32]


def filters_to_motifs(
    module: nn.Module | Sequence[nn.Module],
    codes: Codes,
    *,
    share: float = 0.5,
    least: int = 20,
    most: int = 20_000,
    same: float = 0.9,
    starts: NDArray[np.integer] | None = None,
    batch_size: int = 256,
) -> FilterMotifs:
    """Matrices of the kernels that see the bases.

    Parameters
    ----------
    module
        A network from one-hot ``(B, 4, L)``, or several (the members of a bundle).
    codes
        uint8 ``(N, L)``: sequences in the network's window; may be memory-mapped. Read twice, a batch at a time.
    share
        A window is a site where its activation is above this share of the filter's largest, and above zero.
    least
        Sites that a motif needs; a filter with fewer is dead.
    most
        Sites kept of a filter; where more pass, the threshold is raised to keep the strongest.
    same
        Correlation of the matrices, at the best offset on either strand, from which two filters hold one motif.
    starts
        int ``(N,)``: column of the first base of each sequence; 0 where not given. Sites are told from there on.
    batch_size
        Sequences at once; fewer where there are many filters.

    Raises
    ------
    UsageError
        The network has no convolution over the four bases, or there are no sequences.
    SettingsError
        A share out of range.
    """
    if not 0 < share < 1 or not 0 < same <= 1:
        raise SettingsError(f"shares lie between 0 and 1, not {share:g} and {same:g}")
    if not len(codes):
        raise UsageError("filters need sequences to be seen in; there are none")
    members = [module] if isinstance(module, nn.Module) else list(module)
    first = np.zeros(len(codes), np.int64) if starts is None else np.asarray(starts, np.int64)
    filters: list[Filter] = []
    motifs: list[Motif] = []
    for i, member in enumerate(members):
        for layer in first_kernels(member, codes.shape[1]):
            path = layer.name if len(members) == 1 else f"{i}.{layer.name}"
            size = max(min(batch_size, _BLOCK_VALUES // (len(layer.weight) * codes.shape[1])), 1)
            with torch.inference_mode():
                largest = _largest(layer, codes, size)
                chosen = _windows(layer, codes, size, np.maximum(largest * share, 0), most)
            for index, (found, level) in enumerate(chosen):
                name, peak, count = f"filter-{len(filters)}", float(largest[index]), len(found.row)
                dead = _dead(peak, count, least, layer.span)
                filters.append(Filter(name, path, index, peak, level, count, None, dead))
                if dead is None:
                    start = found.start - first[found.row]
                    forward = np.zeros(count, np.bool_)
                    sites = Sites(found.row, start, start + layer.span, forward, found.score.astype(np.float64))
                    motifs.append(Motif(name, _matrix(codes, found, layer.span), sites))
    motifs.sort(key=lambda x: -len(x.sites))
    kept, stands_for = merge(motifs, same=same)
    named = tuple(replace(x, merged=stands_for.get(x.name)) for x in filters)
    rule = f"all windows above {share:g} of the filter's largest activation and above zero, at most {most:,}"
    return FilterMotifs(tuple(kept), named, rule)


def merge(motifs: Sequence[Motif], *, same: float) -> tuple[list[Motif], dict[str, str]]:
    """The first of each group of motifs that are one, and for each name that of its group's first.

    Matrices are compared by what raises them above an even base composition, at the best offset on either strand; the motif
    that stands for a group is the one that all others of it are like.
    """
    kept: list[Motif] = []
    stands_for: dict[str, str] = {}
    if not motifs:
        return kept, stands_for
    width = max(motif.width for motif in motifs)
    weights = np.zeros((len(motifs), width, 4), np.float32)
    for i, motif in enumerate(motifs):
        bits = pwm.information(motif.matrix)[:, None]
        weights[i, : motif.width] = (motif.matrix - 0.25) * bits
    alike = best_matches(weights, weights, shift=width // 2, both_strands=True).similarity >= same
    first: list[int] = []
    for i, motif in enumerate(motifs):
        group = next((j for j in first if alike[j, i]), None)
        if group is None:
            first.append(i)
            kept.append(motif)
        stands_for[motif.name] = motif.name if group is None else motifs[group].name
    return kept, stands_for


def _activations(layer: Kernels, codes: Codes, size: int) -> Iterator[tuple[int, Tensor]]:
    """First row and activations ``(n, F, P)`` of blocks of sequences; -inf at windows that hold padding."""
    table = one_hot_table()
    positions = codes.shape[1] - layer.span + 1
    for at in range(0, len(codes) if positions > 0 else 0, size):
        block = torch.from_numpy(np.ascontiguousarray(codes[at : at + size]))
        values = F.conv1d(one_hot(block, table), layer.weight, layer.bias, dilation=layer.dilation)
        if layer.activation is not None:
            values = layer.activation(values)
        pad = (block == DNA.pad).float()[:, None]
        if bool(pad.any()):
            values = values.masked_fill(F.max_pool1d(pad, layer.span, 1) > 0, -torch.inf)
        yield at, values


def _largest(layer: Kernels, codes: Codes, size: int) -> NDArray[np.float64]:
    """Largest activation of each filter, ``(F,)``; NaN where no window fits."""
    largest = torch.full((len(layer.weight),), -torch.inf)
    for _, values in _activations(layer, codes, size):
        largest = torch.maximum(largest, values.amax(dim=(0, 2)))
    found = largest.double().numpy()
    return np.where(np.isneginf(found), np.nan, found)


def _windows(
    layer: Kernels, codes: Codes, size: int, level: NDArray[np.float64], most: int
) -> list[tuple[_Found, float]]:
    """Windows above each filter's level ``(F,)``, by sequence and place, and the level that keeps at most ``most`` of them."""
    bars = np.nextafter(np.nan_to_num(level, nan=np.inf).astype(np.float32), np.float32(np.inf))
    many = len(bars)
    kept = _Hits._make(np.empty(0, kind) for kind in (np.int64, np.int64, np.int64, np.float32))
    parts = [kept]
    pending = 0
    for at, values in _activations(layer, codes, size):
        row, number, start = torch.nonzero(values >= torch.from_numpy(bars)[None, :, None], as_tuple=True)
        score = values[row, number, start]
        parts.append(_Hits._make(x.numpy() for x in (row + at, number, start, score)))
        pending += len(row)
        if pending > max(many * most, _PENDING):
            parts, bars = _strongest(parts, bars, most)
            pending = 0
    (kept,), bars = _strongest(parts, bars, most)
    order = np.lexsort((kept.start, kept.row, kept.number))
    kept = _Hits._make(x[order] for x in kept)
    edges = np.searchsorted(kept.number, np.arange(many + 1))
    return [
        (_Found(kept.row[a:b], kept.start[a:b], kept.score[a:b]), float(bars[i]))
        for i, (a, b) in enumerate(pairwise(edges))
    ]


def _strongest(parts: Sequence[_Hits], bars: NDArray[np.float32], most: int) -> tuple[list[_Hits], NDArray[np.float32]]:
    """At most ``most`` windows of each filter in their order, and the activation that more of them must reach.

    Among equals, of which narrow kernels have many, those with the smallest hash of their place are kept.
    """
    joined = _Hits._make(np.concatenate(x) for x in zip(*parts, strict=True))
    by_filter = np.argsort(joined.number, kind="stable")
    edges = np.searchsorted(joined.number[by_filter], np.arange(len(bars) + 1))
    keep = np.ones(len(by_filter), np.bool_)
    bars = bars.copy()
    for number in np.flatnonzero(np.diff(edges) > most):
        own = by_filter[edges[number] : edges[number + 1]]
        place = joined.row[own] * 2654435761 + joined.start[own] * 40503
        mixed = (place ^ (place >> 15)) * 2246822519 % (1 << 31)
        order = own[np.lexsort((mixed, -joined.score[own]))]
        keep[order[most:]] = False
        bars[number] = joined.score[order[most - 1]]
    return [_Hits._make(x[keep] for x in joined)], bars


def _matrix(codes: Codes, found: _Found, span: int) -> pwm.Matrix:
    """Base probabilities ``(w, 4)`` of windows."""
    table = DNA.one_hot_table.astype(np.float64)
    counts = np.zeros((span, 4))
    for at in range(0, len(found.row), 4096):
        row, start = found.row[at : at + 4096, None], found.start[at : at + 4096, None]
        counts += table[codes[row, start + np.arange(span)]].sum(axis=0)
    return pwm.probabilities(counts, pseudocount=1e-6)


def _dead(largest: float, count: int, least: int, span: int) -> str | None:
    if np.isnan(largest):
        return f"no window of {span} bases fits into a sequence"
    if largest <= 0:
        return "its activation is never above zero"
    if count < least:
        return f"{count} window{'' if count == 1 else 's'} above the threshold; {least} are needed"
    return None
