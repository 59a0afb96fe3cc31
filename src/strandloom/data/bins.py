"""Bins of a genome with the labels that their peaks give them, by the rule of DeepSEA (Zhou and Troyanskaya 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.interval_sets import merge
from strandloom.errors import InputError
from strandloom.io.genome import called_here
from strandloom.io.intervals import Intervals

Rule = Literal["half", "any"]


@dataclass(frozen=True, eq=False)
class LabelledBins:
    """N bins of equal length, sorted by contig and place, with their labels.

    Parameters
    ----------
    names
        Contig names.
    contig, start
        int64 ``(N,)``.
    size
        Bases of a bin.
    labels
        Names of the K labels.
    row, label
        int64 ``(P,)``: the positive pairs of a bin and a label, sorted by bin, then label.
    dropped
        Peaks that lie on contigs which are not binned.
    """

    names: tuple[str, ...]
    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    size: int
    labels: tuple[str, ...]
    row: NDArray[np.int64]
    label: NDArray[np.int64]
    dropped: int

    def __len__(self) -> int:
        return len(self.start)

    def matrix(self) -> NDArray[np.uint8]:
        """Labels as uint8 ``(N, K)``."""
        out = np.zeros((len(self), len(self.labels)), np.uint8)
        out[self.row, self.label] = 1
        return out

    def texts(self) -> list[str]:
        """The labels of each bin as one text, names separated by commas; empty for a bin without any."""
        bounds = np.searchsorted(self.row, np.arange(len(self) + 1))
        names = np.array(self.labels, object)[self.label]
        return [",".join(names[a:b]) for a, b in pairwise(bounds.tolist())]

    def only(self, labels: Sequence[str]) -> LabelledBins:
        """The same bins with some of the labels; bins of other labels only are left without one.

        Parameters
        ----------
        labels
            Names, each once and among those of the bins, in the order wanted.
        """
        number = np.full(len(self.labels), -1, np.int64)
        number[[self.labels.index(name) for name in labels]] = np.arange(len(labels))
        label = number[self.label]
        row, label = self.row[label >= 0], label[label >= 0]
        order = np.lexsort((label, row))
        return replace(self, labels=tuple(labels), row=row[order], label=label[order])

    def take(self, bins: NDArray[np.integer]) -> LabelledBins:
        """Some of the bins, rising int ``(n,)``, with their labels."""
        kept = np.isin(self.row, bins)
        row = np.searchsorted(bins, self.row[kept])
        return replace(self, contig=self.contig[bins], start=self.start[bins], row=row, label=self.label[kept])

    def positives(self) -> NDArray[np.int64]:
        """Positive bins of each label, int64 ``(K,)``."""
        return np.bincount(self.label, minlength=len(self.labels))


def label_bins(
    peaks: Intervals,
    sizes: Mapping[str, int],
    *,
    size: int = 200,
    rule: Rule = "half",
    labels: Sequence[str] | None = None,
    empty: bool = False,
) -> LabelledBins:
    """Cut contigs into bins and label each with the features whose peaks cover it.

    Parameters
    ----------
    peaks
        Their labels are the features; peaks of one feature that overlap count once.
    sizes
        Bases of every contig to bin; the last bin of a contig is left out where it is not whole.
    size
        Bases of a bin.
    rule
        ``half``: more than half of the bin lies in peaks of the feature, as in DeepSEA; ``any``: at least one base does.
    labels
        The features, in this order; None: all of them, sorted.
    empty
        Whether bins without any label are kept.

    Raises
    ------
    InputError
        A feature has no name, a listed one has no peak, a contig is not known, or a peak lies beyond its end (the line is named).
    """
    if size < 1:
        raise InputError(f"bins of {size} bases are none")
    unknown = [name for name in peaks.names if name not in sizes]
    if len(unknown) == len(peaks.names):
        raise InputError(
            f"no peak lies on a contig of the genome: peaks have {', '.join(peaks.names[:5])}", where=peaks.path,
            hint=f"{_called(peaks.names, sizes)}the genome has {', '.join(list(sizes)[:5])}; --alias TABLE translates names",
        )  # fmt: skip
    known = np.array([name in sizes for name in peaks.names], bool)
    inside = known[peaks.contig]
    kept = peaks.take(inside)
    contigs = tuple(sizes)
    number = {name: i for i, name in enumerate(contigs)}
    contig = np.array([number.get(name, -1) for name in kept.names], np.int64)[kept.contig]
    length = np.array([sizes[name] for name in contigs], np.int64)
    beyond = np.flatnonzero(kept.end > length[contig])
    if len(beyond):
        row = int(beyond[0])
        raise InputError(
            f"the interval ends at {int(kept.end[row]):,}, beyond its contig '{contigs[contig[row]]}' of "
            f"{int(length[contig[row]]):,} bases",
            where=kept.where(row),
            hint="the file belongs to another version of the genome",
        )
    if bool((kept.label == "").any()):
        row = int((kept.label == "").arg_max() or 0)
        raise InputError(
            "the interval has no name to be its label", where=kept.where(row), hint="the fourth column of BED names it"
        )
    names = tuple(labels) if labels is not None else tuple(kept.label.unique().sort().to_list())
    place = {name: i for i, name in enumerate(names)}
    found = set(kept.label.unique().to_list())
    missing = [name for name in names if name not in found]
    if labels is not None and missing:
        raise InputError(f"no peak is called '{missing[0]}'", where=peaks.path)
    feature = kept.label.replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    named = feature >= 0
    # the contigs of every feature as contigs of their own: one merge for all
    flat = merge(
        Intervals(
            tuple(f"{k}" for k in range(len(names) * len(contigs))), (feature * len(contigs) + contig)[named], kept.start[named],
            kept.end[named], np.zeros(int(named.sum()), np.int8), kept.label.filter(pl.Series(named)), pl.DataFrame(),
        )
    )  # fmt: skip
    some = flat.end > flat.start
    feature, contig = flat.contig[some] // len(contigs), flat.contig[some] % len(contigs)
    start, end = flat.start[some], flat.end[some]
    per_contig = length // size
    offset = np.concatenate([[0], np.cumsum(per_contig)])
    first, last = start // size, np.minimum((end - 1) // size, per_contig[contig] - 1)
    counts = np.maximum(last - first + 1, 0)
    piece = np.repeat(np.arange(len(start)), counts)
    bin_number = first[piece] + np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    shared = np.minimum(end[piece], (bin_number + 1) * size) - np.maximum(start[piece], bin_number * size)
    key = (offset[contig[piece]] + bin_number) * len(names) + feature[piece]
    order = np.argsort(key, kind="stable")
    keys, begin = np.unique(key[order], return_index=True)
    covered = np.add.reduceat(shared[order], begin) if len(keys) else np.zeros(0, np.int64)
    hit = keys[covered * 2 > size if rule == "half" else covered >= 1]
    bins, which = hit // max(len(names), 1), hit % max(len(names), 1)
    chosen = np.arange(int(offset[-1])) if empty else np.unique(bins)
    own = np.searchsorted(offset, chosen, side="right") - 1
    return LabelledBins(
        contigs, own, (chosen - offset[own]) * size, size, names, np.searchsorted(chosen, bins), which, int((~inside).sum())
    )  # fmt: skip


def _called(names: Sequence[str], sizes: Mapping[str, int]) -> str:
    """What the genome calls a contig that differs in ``chr`` only, in words; empty where none does."""
    for name in names:
        other = called_here(name, sizes)
        if other is not None:
            return f"the genome calls '{name}' '{other}'; "
    return ""
