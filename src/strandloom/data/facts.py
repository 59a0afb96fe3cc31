"""What is in a data set and what is wrong with it, in numbers and plain words, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from strandloom.data.cautions import cautions
from strandloom.data.dataset import Dataset
from strandloom.data.profile import RowProfile, profile_rows
from strandloom.data.ranks import auroc, spearman
from strandloom.data.targets import Target
from strandloom.io.records import LetterCounts, Records

_MAX_PROFILED = 50  # classes with their own length and GC profile


@dataclass(frozen=True)
class Spread:
    """Quantiles and mean of a number over rows."""

    lowest: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    highest: float
    mean: float


@dataclass(frozen=True)
class Histogram:
    """Rows per bin; bin ``i`` runs from ``edges[i]`` to ``edges[i + 1]``."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """Repeats among rows; sequences are compared in the window (data set) or whole (records)."""

    distinct: int
    """Distinct sequences."""
    exact_rows: int
    """Rows whose sequence stood in an earlier row."""
    reverse_complement_rows: int
    """Rows whose reverse complement is the sequence of another row."""
    id_rows: int
    """Rows whose id stood in an earlier row."""
    contradictory: int
    """Distinct sequences that stand with more than one class (or set of labels)."""
    contradictory_rows: int
    """Rows of these."""
    example: tuple[str, str] | None
    """Ids of two rows with the same sequence, contradictory ones first."""


@dataclass(frozen=True)
class ClassFacts:
    """One class or label; the profiles are None for an empty one and beyond the first 50."""

    name: str
    rows: int
    length: Spread | None
    gc: Spread | None
    gc_histogram: Histogram | None


@dataclass(frozen=True)
class Separation:
    """How well one trivial number tells the target, alone."""

    feature: str
    """``length`` or ``gc``."""
    measure: str
    """``roc_auc`` (0.5 to 1, in the better direction) or ``spearman`` (absolute)."""
    value: float
    of: str
    """The class told from the rest (the best such class), or the value column."""


@dataclass(frozen=True)
class DataFacts:
    """The facts of N rows; ``dataclasses.asdict`` of it is JSON."""

    rows: int
    letters: LetterCounts
    """What was met while reading."""
    length: Spread
    length_histogram: Histogram
    gc: Spread | None
    """GC fraction; None where no row has a base."""
    gc_histogram: Histogram
    duplicates: Duplicates
    ambiguous_rows: int
    """Rows with an N or another ambiguity code."""
    unknown_rows: int
    """Rows of which at least half is N, another ambiguity code or a gap."""
    empty_rows: int
    low_complexity_rows: int
    """Rows that are mostly a short repeat."""
    cropped_rows: int
    """Rows that fill the window although longer ones were cropped."""
    window: str
    """How the window's length was chosen."""
    task: str | None
    target: str | None
    classes: tuple[ClassFacts, ...]
    value: Spread | None
    """The first value column."""
    separations: tuple[Separation, ...]
    warnings: tuple[str, ...]


def facts(data: Dataset | Records, target: Target | None = None) -> DataFacts:
    """Collect the facts of a data set, or of records with or without a target.

    Parameters
    ----------
    data
        N sequences.
    target
        Their target; None: the data set's own, if any.
    """
    if target is None and isinstance(data, Dataset):
        target = data.target
    rows = profile_rows(data)
    known = np.isfinite(rows.gc)
    window, cropped = "", 0
    if isinstance(data, Dataset):
        window = data.window.note
        cropped = int(np.count_nonzero(rows.length >= data.length)) if "cropped" in window else 0
    found = DataFacts(
        rows=len(rows.length),
        letters=data.letters,
        length=spread(rows.length),
        length_histogram=_length_histogram(rows.length),
        gc=spread(rows.gc[known]) if known.any() else None,
        gc_histogram=_gc_histogram(rows.gc[known]),
        duplicates=_duplicates(rows, data.ids, target),
        ambiguous_rows=int(np.count_nonzero(rows.unknown)),
        unknown_rows=int(np.count_nonzero((rows.length > 0) & (2 * (rows.unknown + rows.gaps) >= rows.length))),
        empty_rows=int(np.count_nonzero(rows.length == 0)),
        low_complexity_rows=int(np.count_nonzero(rows.low_complexity)),
        cropped_rows=cropped,
        window=window,
        task=None if target is None else target.kind,
        target=_name(target),
        classes=_classes(rows, target),
        value=spread(target.values[:, 0]) if target is not None and target.kind == "value" else None,
        separations=_separations(rows, target),
        warnings=(),
    )
    return replace(found, warnings=cautions(found))


def spread(values: ArrayLike) -> Spread:
    """Quantiles and mean of ``(N,)`` finite values (zeros for none)."""
    array = np.asarray(values, np.float64)
    if len(array) == 0:
        return Spread(0, 0, 0, 0, 0, 0, 0, 0)
    quantiles = np.quantile(array, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    return Spread(*[float(x) for x in (*quantiles, array.mean())])


def _histogram(values: ArrayLike, edges: ArrayLike) -> Histogram:
    counts, bounds = np.histogram(values, edges)
    return Histogram(tuple(map(float, bounds)), tuple(map(int, counts)))


def _length_histogram(lengths: NDArray[np.int64]) -> Histogram:
    low, high = int(lengths.min(initial=np.iinfo(np.int64).max)), int(lengths.max(initial=0))
    low = min(low, high)
    step = max(1, -(-(high - low + 1) // 40))
    return _histogram(lengths, np.arange(low, high + step + 1, step) - 0.5)


def _gc_histogram(gc: NDArray[np.float64]) -> Histogram:
    return _histogram(gc, np.linspace(0, 1, 41))


def _name(target: Target | None) -> str | None:
    if target is None:
        return None
    return target.column if isinstance(target.column, str) else ", ".join(target.column)


def _groups(target: Target | None) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each class or label with the rows that have it, bool ``(N,)``; at most the 50 that are profiled."""
    if target is None or target.kind == "value":
        return []
    names = target.names[:_MAX_PROFILED]
    if target.kind == "classes":
        return [(name, target.values == number) for number, name in enumerate(names)]
    return [(name, target.values[:, number] == 1) for number, name in enumerate(names)]


def _classes(rows: RowProfile, target: Target | None) -> tuple[ClassFacts, ...]:
    if target is None or target.kind == "value":
        return ()
    known = np.isfinite(rows.gc)
    found = []
    for name, inside in _groups(target):
        gc = rows.gc[inside & known]
        found.append(
            ClassFacts(
                name=name,
                rows=int(np.count_nonzero(inside)),
                length=spread(rows.length[inside]) if inside.any() else None,
                gc=spread(gc) if len(gc) else None,
                gc_histogram=_gc_histogram(gc) if len(gc) else None,
            )
        )
    rest = list(target.counts().items())[len(found) :]
    return (*found, *(ClassFacts(name, count, None, None, None) for name, count in rest))


def _separations(rows: RowProfile, target: Target | None) -> tuple[Separation, ...]:
    if target is None:
        return ()
    found = []
    gc = np.where(np.isfinite(rows.gc), rows.gc, 0.5)
    for feature, values in (("length", rows.length), ("gc", gc)):
        if len(values) == 0 or (values == values[0]).all():
            continue
        if target.kind == "value":
            score = abs(spearman(values, target.values[:, 0]))
            found.append(Separation(feature, "spearman", score, target.names[0]))
            continue
        groups = _groups(target)
        if target.kind == "classes" and len(groups) == 2:
            groups = groups[1:]
        scores = [
            (auroc(values, inside), name) for name, inside in groups if 0 < np.count_nonzero(inside) < len(inside)
        ]
        if scores:
            score, name = max((max(x, 1 - x), name) for x, name in scores)
            found.append(Separation(feature, "roc_auc", score, name))
    return tuple(found)


def _duplicates(rows: RowProfile, ids: pl.Series, target: Target | None) -> Duplicates:
    table = pl.DataFrame(
        {"sequence": rows.sequence, "other": rows.other_strand, "answer": _answers(target, len(rows.length))}
    )
    table = table.with_row_index("row")
    groups = table.group_by("sequence").agg(
        pl.len().alias("rows"),
        pl.col("answer").n_unique().alias("answers"),
        pl.col("row").min().alias("first"),
        pl.col("row").max().alias("last"),
    )
    clash = groups.filter(pl.col("answers") > 1)
    example = None
    if clash.height:
        chosen = clash.sort("first").row(0, named=True)
        same = table.filter(pl.col("sequence") == chosen["sequence"])
        other = same.filter(pl.col("answer") != same["answer"][0])
        example = (str(ids[int(same["row"][0])]), str(ids[int(other["row"][0])]))
    elif groups.height < table.height:
        chosen = groups.filter(pl.col("rows") > 1).sort("first").row(0, named=True)
        example = (str(ids[int(chosen["first"])]), str(ids[int(chosen["last"])]))
    crossed = table.filter(pl.col("sequence") != pl.col("other")).join(
        groups, left_on="other", right_on="sequence", how="semi"
    )
    return Duplicates(
        distinct=groups.height,
        exact_rows=table.height - groups.height,
        reverse_complement_rows=crossed.height,
        id_rows=len(ids) - ids.n_unique(),
        contradictory=clash.height,
        contradictory_rows=int(clash["rows"].sum()),
        example=example,
    )


def _answers(target: Target | None, rows: int) -> NDArray[np.int64]:
    """One number per row that differs where the classes, or the sets of labels, differ; values never contradict."""
    return np.zeros(rows, np.int64) if target is None or target.kind == "value" else target.answers()
