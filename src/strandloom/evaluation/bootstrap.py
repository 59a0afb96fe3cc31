"""The paired bootstrap: the same resampled rows for the model and for every baseline.

Rows (or whole groups of rows) are drawn with replacement; a resample is a column of counts, so every metric is a
weighted sum. Same seed, same bytes, whatever the number of systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.metrics import LOWER_IS_BETTER, Scorer
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.results import Comparison, Interval, Verdict

_CHUNK_VALUES = 1_000_000  # row counts held at once (8 MB of float64)
RANKED_LIMIT = 3_000_000_000  # rows visited by sorted metrics, all systems and resamples: about half a minute
_GROUPS_LIMIT = 50  # labels or targets that get intervals of their own


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Values and resampled values of every metric of every system.

    Parameters
    ----------
    systems, metrics
        Names along the axes.
    values
        The plain values, float64 ``(S, G, M)`` (systems, groups, metrics).
    draws
        Resampled values, float64 ``(S, G or 1, M, R)``; NaN where a resample does not define the metric.
    interval
        Share of the draws inside an interval.
    notes
        What was left out, in plain words.
    """

    systems: tuple[str, ...]
    metrics: tuple[str, ...]
    values: Floats
    draws: Floats
    interval: float
    notes: tuple[str, ...]

    def get(self, system: str, metric: str, *, group: int = 0) -> Interval:
        """The value with its percentile interval; the ends are NaN without resamples."""
        s, m = self.systems.index(system), self.metrics.index(metric)
        value = float(self.values[s, group, m])
        if group >= self.draws.shape[1]:
            return Interval(value, float("nan"), float("nan"))
        return percentile_interval(value, self.draws[s, group, m], interval=self.interval)

    def all(self, system: str, *, group: int = 0) -> dict[str, Interval]:
        """Every metric of one system."""
        return {metric: self.get(system, metric, group=group) for metric in self.metrics}

    def compare(self, system: str, other: str, *, metric: str) -> Comparison:
        """``system`` minus ``other`` on the same resamples."""
        s, o, m = self.systems.index(system), self.systems.index(other), self.metrics.index(metric)
        difference = self.draws[s, 0, m] - self.draws[o, 0, m]
        value = float(self.values[s, 0, m] - self.values[o, 0, m])
        return compare_draws(value, difference, metric=metric, interval=self.interval)


def resample_counts(
    rows: int, *, resamples: int, seed: int, groups: NDArray[np.integer] | None = None
) -> Iterator[Floats]:
    """Row counts of bootstrap resamples, float64 blocks ``(N, r)`` with ``Σ r = resamples``.

    Parameters
    ----------
    rows
        Number of rows, N.
    resamples, seed
        How many, and the seed that fixes them.
    groups
        Component of each row, int ``(N,)``: whole components are drawn (as many as there are).
    """
    generator = np.random.default_rng(seed)
    member = None if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    units = rows if member is None else int(member.max()) + 1
    block = int(np.clip(_CHUNK_VALUES // max(rows, 1), 1, 256))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        counts = np.empty((size, units))
        for row in counts:
            row[:] = np.bincount(generator.integers(0, units, size=units), minlength=units)
        if member is not None:
            counts = counts[:, member]
        yield np.ascontiguousarray(counts.T)


def bootstrap(
    scorers: Mapping[str, Scorer],
    *,
    resamples: int = 1000,
    seed: int = 1,
    interval: float = 0.95,
    groups: NDArray[np.integer] | None = None,
) -> Bootstrap:
    """Score every system on the rows and on shared resamples of them.

    Parameters
    ----------
    scorers
        System name to scorer; all over the same N rows and metrics.
    resamples, seed, interval
        Number of resamples (0: none), their seed, share inside an interval.
    groups
        Component of each row, int ``(N,)``, to resample whole components.
    """
    ready = list(scorers.values())
    first = ready[0]
    rows, count_groups = first.rows, first.groups
    values = np.stack([scorer.score(np.ones((rows, 1)))[..., 0] for scorer in ready])
    kept = count_groups if count_groups <= _GROUPS_LIMIT + 1 else 1
    notes = []
    ranked = sum(scorer.ranking_cost for scorer in ready) * resamples <= RANKED_LIMIT
    if not ranked:
        notes.append("ranking metrics have no interval: too many rows × classes to resample")
    if kept < count_groups and resamples:
        notes.append(f"only the means have intervals: there are more than {_GROUPS_LIMIT} labels or targets")
    draws = np.full((len(ready), kept, len(first.metrics), resamples), np.nan)
    start = 0
    for counts in resample_counts(rows, resamples=resamples, seed=seed, groups=groups):
        stop = start + counts.shape[1]
        for s, scorer in enumerate(ready):
            draws[s, :, :, start:stop] = scorer.score(counts, ranked=ranked)[:kept]
        start = stop
    if groups is not None:
        notes.append(f"resampled by group: {len(np.unique(groups)):,} groups of {rows:,} rows")
    return Bootstrap(tuple(scorers), first.metrics, values, draws, interval, tuple(notes))


def percentile_interval(value: float, draws: Floats, *, interval: float = 0.95) -> Interval:
    """Percentile interval of draws ``(R,)`` around a value, undefined draws left out.

    The interval is widened to hold its own value where resampling shifts the metric (ECE grows under resampling).
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined) or np.isnan(value):
        return Interval(value, float("nan"), float("nan"))
    tail = (1 - interval) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))


def compare_draws(value: float, difference: Floats, *, metric: str, interval: float = 0.95) -> Comparison:
    """A verdict from resampled differences ``(R,)`` (ours minus the other's).

    ``p`` is twice the smaller share of resamples on one side of zero (ties count half), with one added to both
    counts so that it is never 0. The verdict is ``better`` or ``worse`` when the interval leaves out zero, else
    ``not distinguishable``.
    """
    defined = difference[~np.isnan(difference)]
    if not len(defined):
        return Comparison(metric, Interval(value, float("nan"), float("nan")), float("nan"), "not distinguishable")
    found = percentile_interval(value, defined, interval=interval)
    ties = 0.5 * np.count_nonzero(defined == 0)
    below, above = np.count_nonzero(defined < 0) + ties, np.count_nonzero(defined > 0) + ties
    p = min(1.0, 2 * (min(below, above) + 1) / (len(defined) + 1))
    verdict: Verdict = "not distinguishable"
    if found.low > 0 or found.high < 0:
        gained = (found.low > 0) != (metric in LOWER_IS_BETTER)
        verdict = "better" if gained else "worse"
    return Comparison(metric, found, float(p), verdict)
