"""Ways of naming sequences judged side by side on the same queries and the same resamples of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.bootstrap import bootstrap
from strandloom.evaluation.calibration import ReliabilityBin
from strandloom.evaluation.results import Comparison, Interval
from strandloom.io.plain import plain
from strandloom.workflows.taxonomy.baselines.types import Calls
from strandloom.workflows.taxonomy.lineage import RANKS, Rank
from strandloom.workflows.taxonomy.measures import LOWER_IS_BETTER, PRECISION, RankScorer
from strandloom.workflows.taxonomy.selective import SelectivePoint, call_reliability, coverage_at_precision
from strandloom.workflows.taxonomy.truth import UNSAID, Truth

THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
Measures = dict[str, Interval]


@dataclass(frozen=True)
class ThresholdPoint:
    """The measures of one rank (see :mod:`~strandloom.workflows.taxonomy.measures`) when only calls at least so sure are kept."""

    threshold: float
    coverage: float
    precision: float
    recall: float
    f1: float
    precision_macro: float
    recall_macro: float
    f1_macro: float
    misclassified: float
    underclassified: float
    overclassified: float


@dataclass(frozen=True)
class UnknownPoint:
    """Queries without a call at any rank when only calls at least so sure are kept.

    Parameters
    ----------
    foreign, uncalled
        Queries of no taxon of the reference, and queries without a call.
    recall, precision
        Share of the former that is among the latter, and the reverse; NaN where there is none.
    """

    threshold: float
    foreign: int
    uncalled: int
    recall: float
    precision: float


@dataclass(frozen=True)
class RankJudgement:
    """The calls of one rank.

    Parameters
    ----------
    queries, listed
        Queries of which something is said at the rank, and those whose true taxon is in the reference.
    measures
        Name to value and interval, every call counting.
    curve
        The measures at confidence thresholds.
    selective
        Coverage at the wanted precision.
    reliability
        Confidence against the share that is right.
    """

    queries: int
    listed: int
    measures: Measures
    curve: tuple[ThresholdPoint, ...]
    selective: SelectivePoint
    reliability: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Judgement:
    """All calls of one way of naming: by rank, for queries that are nothing, and by group of queries (group, then rank)."""

    ranks: dict[Rank, RankJudgement]
    unknowns: tuple[UnknownPoint, ...]
    groups: dict[str, dict[Rank, Measures]]


@dataclass(frozen=True)
class Judgements:
    """Several ways of naming the same queries.

    Parameters
    ----------
    queries, groups
        All queries, and those of each group.
    systems
        Name to judgement.
    comparisons
        The first system minus each other one: name, rank, measure.
    """

    queries: int
    groups: dict[str, int]
    systems: dict[str, Judgement]
    comparisons: dict[str, dict[Rank, dict[str, Comparison]]]

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN is None."""
        return _plain(self)


def judge(
    truth: Truth,
    systems: Mapping[str, Calls],
    *,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
    clusters: NDArray[np.integer] | None = None,
    precision: float = PRECISION,
    thresholds: Sequence[float] = THRESHOLDS,
    resamples: int = 1000,
    seed: int = 1,
) -> Judgements:
    """Judge calls against the truth.

    Parameters
    ----------
    truth
        Of N queries.
    systems
        Name to calls of the same queries; the first is compared with the others.
    groups
        Name to the queries of a group, bool ``(N,)``; empty groups are left out.
    clusters
        int ``(N,)``: queries drawn together in a resample, such as those of one sequence; by default each stands alone.
    precision
        Of the coverage at a wanted precision.
    thresholds
        Of the curves.
    resamples, seed
        Resamples behind the intervals, 0: none.
    """
    rows = {name: np.flatnonzero(own) for name, own in (groups or {}).items() if own.any()}
    everything = np.arange(len(truth))
    whole: dict[str, dict[Rank, Measures]] = {name: {} for name in systems}
    by_group: dict[str, dict[str, dict[Rank, Measures]]] = {name: {group: {} for group in rows} for name in systems}
    first, *others = systems
    comparisons: dict[str, dict[Rank, dict[str, Comparison]]] = {name: {} for name in others}
    for rank in RANKS:
        for group, own in [(None, everything), *rows.items()]:
            own = own[truth.taxon[rank][own] != UNSAID]
            if not len(own):
                continue
            scorers = {
                name: RankScorer(
                    truth.taxon[rank][own], calls.taxon[rank][own], calls.confidence[rank][own], precision=precision
                )
                for name, calls in systems.items()
            }
            found = bootstrap(
                scorers, resamples=resamples, seed=seed, groups=None if clusters is None else clusters[own]
            )
            for name in systems:
                if group is None:
                    whole[name][rank] = found.all(name)
                else:
                    by_group[name][group][rank] = found.all(name)
            if group is None:
                for other in others:
                    comparisons[other][rank] = {
                        measure: _compared(found.compare(first, other, metric=measure)) for measure in found.metrics
                    }
    judged = {
        name: Judgement(
            {
                rank: _rank(truth, calls, rank, whole[name][rank], precision=precision, thresholds=thresholds)
                for rank in whole[name]
            },
            tuple(unknown_point(truth, calls, threshold=threshold) for threshold in thresholds),
            by_group[name],
        )
        for name, calls in systems.items()
    }
    return Judgements(len(truth), {name: len(own) for name, own in rows.items()}, judged, comparisons)


def unknown_point(truth: Truth, calls: Calls, *, threshold: float) -> UnknownPoint:
    """How well queries that are nothing of the reference are left without a call."""
    called = calls.at(threshold)
    uncalled = np.all([called.taxon[rank] < 0 for rank in RANKS], axis=0)
    foreign = truth.foreign
    both = int((foreign & uncalled).sum())
    counts = int(foreign.sum()), int(uncalled.sum())
    return UnknownPoint(threshold, *counts, *(both / n if n else float("nan") for n in counts))


def _rank(
    truth: Truth, calls: Calls, rank: Rank, measures: Measures, *, precision: float, thresholds: Sequence[float]
) -> RankJudgement:
    true, taxon, confidence = truth.taxon[rank], calls.taxon[rank], calls.confidence[rank]
    curve = []
    for threshold in thresholds:
        kept = np.where(confidence >= threshold, taxon, -1).astype(np.int32)
        scorer = RankScorer(true, kept, confidence)
        values = dict(zip(scorer.metrics, scorer.score(np.ones((len(true), 1)))[0, :, 0].tolist(), strict=True))
        names = [name for name in ThresholdPoint.__annotations__ if name != "threshold"]
        curve.append(ThresholdPoint(threshold, **{name: values[name] for name in names}))
    said = true != UNSAID
    called = np.flatnonzero(said & (taxon >= 0))
    right = taxon[called] == true[called]
    return RankJudgement(
        int(said.sum()),
        int((true >= 0).sum()),
        measures,
        tuple(curve),
        coverage_at_precision(confidence[called], right, queries=int(said.sum()), wanted=precision),
        tuple(call_reliability(confidence[called], right)),
    )


def _compared(found: Comparison) -> Comparison:
    """The verdict the right way round for measures that the house's own list of losses does not know."""
    if found.metric not in LOWER_IS_BETTER or found.verdict == "not distinguishable":
        return found
    return replace(found, verdict="better" if found.difference.high < 0 else "worse")


def _plain(value: Any) -> Any:
    """Nested results as plain values, under their own names."""
    if hasattr(value, "to_json") and not isinstance(value, Judgements):
        return value.to_json()
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else plain(value)
