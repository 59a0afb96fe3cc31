"""Where the sites of a motif stand along the sequences, and in which classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import UsageError
from strandloom.explain.motif import Motif, Sites

_Z = 1.959963984540054  # half width of a 95 % interval, in standard errors


@dataclass(frozen=True, eq=False)
class Profile:
    """Sites along the sequences, by the middle of the site.

    Parameters
    ----------
    edges
        int64 ``(bins + 1,)``: first distance of each bin from the anchor, in bases, and the end of the last.
    counts
        int64 ``(bins,)``: sites in each bin.
    density
        float64 ``(bins,)``: sites for every base of the sequences that lies in the bin; NaN where none does.
    best
        The bin of most sites, the densest among equals; None without sites.
    """

    edges: NDArray[np.int64]
    counts: NDArray[np.int64]
    density: NDArray[np.float64]
    best: int | None

    @property
    def place(self) -> tuple[int, int] | None:
        """First and last distance of the best bin."""
        return None if self.best is None else (int(self.edges[self.best]), int(self.edges[self.best + 1]) - 1)

    @property
    def share(self) -> float:
        """Share of all sites that lie in the best bin; 0 without sites."""
        return 0.0 if self.best is None else float(self.counts[self.best] / self.counts.sum())


@dataclass(frozen=True)
class Enrichment:
    """Sequences of a class that have a site, against the sequences of no such class.

    Parameters
    ----------
    motif, label
        Names of both.
    carriers, size
        Sequences of the class with a site, and all of them.
    other_carriers, other_size
        The same of all other sequences.
    log2_odds, low, high
        Log2 odds ratio with half a sequence added to each count (Haldane & Anscombe), and its 95 % interval.
    p, q
        Two-sided p-value of Fisher's exact test (twice the smaller tail), and its Benjamini-Hochberg value over all motifs and
        classes of the call.
    """

    motif: str
    label: str
    carriers: int
    size: int
    other_carriers: int
    other_size: int
    log2_odds: float
    low: float
    high: float
    p: float
    q: float

    @property
    def share(self) -> float:
        """Share of the class that has a site; NaN for an empty class."""
        return self.carriers / self.size if self.size else float("nan")

    @property
    def other_share(self) -> float:
        """The same of the others."""
        return self.other_carriers / self.other_size if self.other_size else float("nan")


def profile(
    sites: Sites,
    lengths: NDArray[np.integer],
    *,
    anchor: Literal["start", "centre", "end"] | NDArray[np.integer] = "start",
    bases: int | None = None,
) -> Profile:
    """Histogram of the sites by their distance from an anchor.

    Parameters
    ----------
    sites
        In sequence coordinates.
    lengths
        int ``(N,)``: bases of each sequence.
    anchor
        Distance 0: the first base, the base ``length // 2``, the last base, or a base given for each sequence (int ``(N,)``; it may
        lie outside, as the start of a sequence that was cropped does).
    bases
        Bases of a bin. Where not given: as many as make at most 50 bins.

    Raises
    ------
    UsageError
        A bin is below 1 base, or the anchors do not fit the sequences.
    """
    sizes: NDArray[np.int64] = np.asarray(lengths, np.int64)
    if bases is not None and bases < 1:
        raise UsageError(f"a bin is at least 1 base wide, not {bases}")
    zero = _anchors(sizes, anchor)
    held = sizes > 0
    if not held.any():
        return Profile(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0), None)
    first, last = int((-zero)[held].min()), int((sizes - 1 - zero)[held].max())
    width = bases or -(-(last - first + 1) // 50)
    low = first // width * width  # a bin begins at the anchor
    bins = (last - low) // width + 1
    edges = low + width * np.arange(bins + 1)
    distance = middles(sites) - zero[sites.row]
    counts = np.bincount((distance - low) // width, minlength=bins)
    steps = np.zeros(bins * width + 1, np.int64)  # +1 where a sequence begins, -1 after its end
    np.add.at(steps, -zero[held] - low, 1)
    np.add.at(steps, (sizes - zero)[held] - low, -1)
    covered = np.cumsum(steps)[:-1].reshape(bins, width).sum(axis=1)
    density = np.divide(counts, covered, out=np.full(bins, np.nan), where=covered > 0)
    best = int(np.lexsort((-np.nan_to_num(density, nan=-1.0), -counts))[0]) if len(sites) else None
    return Profile(edges, counts, density, best)


def middles(sites: Sites) -> NDArray[np.int64]:
    """The base that stands for each site ``(S,)``: its middle, the left one of two."""
    return (sites.start + sites.end - 1) // 2


def enrichment(
    motifs: Sequence[Motif], classes: NDArray[np.integer] | NDArray[np.bool_], names: Sequence[str]
) -> tuple[Enrichment, ...]:
    """How much more often sequences of each class have a site than the others do.

    Parameters
    ----------
    motifs
        Their sites are in the N sequences.
    classes
        Class of each sequence, int ``(N,)`` (-1: not known, the sequence is left out), or which labels it has, bool ``(N, K)``.
    names
        The K classes or labels.

    Returns
    -------
    tuple
        Motif by motif, in each class by class.

    Raises
    ------
    UsageError
        The names do not fit the classes.
    """
    from scipy.stats import false_discovery_control, hypergeom

    table = np.asarray(classes)
    counted = np.ones(len(table), np.bool_)
    if table.ndim == 1:
        if len(table) and not -1 <= int(table.min()) <= int(table.max()) < len(names):
            raise UsageError(f"classes run from 0 to {len(names) - 1}, not from {table.min()} to {table.max()}")
        counted = table >= 0
        table = table[:, None] == np.arange(len(names))
    if table.shape[1] != len(names):
        raise UsageError(f"{table.shape[1]} labels do not fit {len(names)} names")
    table = table.astype(bool)
    total, size = np.count_nonzero(counted), table.sum(axis=0)  # (K,)
    if not motifs or not len(names):
        return ()
    carriers = np.zeros((len(motifs), len(names)), np.int64)
    carrying = np.zeros((len(motifs), 1), np.int64)
    for i, motif in enumerate(motifs):
        rows = np.unique(motif.sites.row)
        rows = rows[counted[rows]]
        carriers[i], carrying[i] = table[rows].sum(axis=0), len(rows)
    others = carrying - carriers
    p = np.minimum(hypergeom.cdf(carriers, total, size, carrying), hypergeom.sf(carriers - 1, total, size, carrying))
    p = np.clip(2 * p, 0, 1)
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    cells = np.stack([carriers, size - carriers, others, total - size - others]) + 0.5  # (4, motifs, K)
    odds = np.log2(cells[0] * cells[3] / (cells[1] * cells[2]))
    half = _Z * np.sqrt((1 / cells).sum(axis=0)) / np.log(2)
    return tuple(
        Enrichment(
            motif.name,
            name,
            int(carriers[i, k]),
            int(size[k]),
            int(others[i, k]),
            int(total - size[k]),
            float(odds[i, k]),
            float(odds[i, k] - half[i, k]),
            float(odds[i, k] + half[i, k]),
            float(p[i, k]),
            float(q[i, k]),
        )
        for i, motif in enumerate(motifs)
        for k, name in enumerate(names)
    )


def _anchors(lengths: NDArray[np.int64], anchor: str | NDArray[np.integer]) -> NDArray[np.int64]:
    """Base of each sequence that distances are counted from, ``(N,)``."""
    if isinstance(anchor, str):
        return {"start": np.zeros_like(lengths), "centre": lengths // 2, "end": lengths - 1}[anchor]
    given = np.asarray(anchor, np.int64)
    if given.shape != lengths.shape:
        raise UsageError(f"anchors of shape {given.shape} do not fit {len(lengths)} sequences")
    return given
