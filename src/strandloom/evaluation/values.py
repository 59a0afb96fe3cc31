"""What is measured of predicted values beside the metrics: strata, the noise ceiling, intervals, and what a page draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.evaluation.bootstrap import bootstrap
from strandloom.evaluation.metrics import Scorer, ValueScorer
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.settings import EvaluationSettings

DRAWN = 1500
"""Points of a scatter plot, a seeded draw of the rows."""
CELLS = 40
LEAST_STRATUM = 10
"""Rows below which a stratum is counted and not scored."""
LEVEL = 0.9
"""Of the intervals around predicted values."""


class Conformal(NamedTuple):
    """Half widths ``(K,)`` of the intervals around predictions, found on so many validation rows."""

    level: float
    width: tuple[float, ...]
    rows: int


def conformal(predicted: Floats, y: Floats, *, level: float = LEVEL) -> Conformal:
    """Intervals that hold new values of the same kind with the level's probability (split conformal prediction, Lei et al. 2018).

    Parameters
    ----------
    predicted, y
        Validation rows, float ``(N, K)``.
    """
    missed = np.sort(np.abs(np.asarray(predicted, np.float64) - y), axis=0)
    rows = len(missed)
    at = min(rows, int(np.ceil((rows + 1) * level))) - 1
    return Conformal(level, tuple(missed[at].tolist()), rows)


def coverage(predicted: Floats, y: Floats, interval: Conformal) -> list[float]:
    """Share of the values inside their interval, for each target."""
    return [float(x) for x in (np.abs(predicted - y) <= np.array(interval.width)).mean(0)]


class Stratum(NamedTuple):
    """Rows of a range of a column: its words and a mask bool ``(N,)``."""

    label: str
    rows: NDArray[np.bool_]


def strata_of(column: str, values: NDArray[np.floating], edges: Sequence[float]) -> list[Stratum]:
    """The ranges of a column: below the first edge, between edges, from the last one on.

    Raises
    ------
    InputError
        A value is missing.
    """
    if np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0])
        raise InputError(
            f"column '{column}' has no number in row {row + 1} of the test rows", where="evaluation.strata"
        )
    which = np.searchsorted(np.asarray(edges), values, side="right")
    labels = [f"{column} < {edges[0]:g}"]
    labels += [f"{low:g} ≤ {column} < {high:g}" for low, high in pairwise(edges)]
    labels.append(f"{column} ≥ {edges[-1]:g}")
    return [Stratum(label, which == i) for i, label in enumerate(labels)]


def judge_strata(
    strata: Sequence[Stratum],
    predicted: Floats,
    y: Floats,
    *,
    baselines: Mapping[str, NDArray[np.floating]],
    settings: EvaluationSettings,
    groups: NDArray[np.integer] | None,
    variance: NDArray[np.floating] | None,
) -> list[dict[str, Any]]:
    """Metrics with intervals of the model, and plain ones of the baselines, in every stratum."""
    found = []
    for stratum in strata:
        rows = np.flatnonzero(stratum.rows)
        entry: dict[str, Any] = {"label": stratum.label, "rows": len(rows)}
        if len(rows) >= LEAST_STRATUM:
            scorers: dict[str, Scorer] = {"model": ValueScorer(predicted[rows], y[rows])}
            drawn = bootstrap(
                scorers,
                resamples=settings.resamples,
                seed=settings.seed,
                interval=settings.interval,
                groups=None if groups is None else groups[rows],
            )
            entry["model"] = {name: one.to_json() for name, one in drawn.all("model").items()}
            entry["baselines"] = {
                name: _plain_metrics(ValueScorer(values[rows], y[rows])) for name, values in baselines.items()
            }
            if variance is not None:
                entry["noise"] = noise_ceiling(y[rows], variance[rows])
        found.append(entry)
    return found


def _plain_metrics(scorer: ValueScorer) -> dict[str, float]:
    scores = scorer.score(np.ones((scorer.rows, 1)))[0, :, 0]
    return {name: float(x) for name, x in zip(scorer.metrics, scores, strict=True)}


def noise_ceiling(y: Floats, variance: NDArray[np.floating]) -> dict[str, float]:
    """What noise of measurement leaves to be explained.

    Parameters
    ----------
    y
        float ``(N, K)``; one target.
    variance
        float ``(N,)``: of each value by its measurement.

    Returns
    -------
    dict
        ``noise`` (mean variance by measurement), ``variance`` (of the values), ``r2`` (the largest share that any prediction can be
        expected to explain; below 0 where the stated noise is larger than the spread of the values).
    """
    spread = float(np.var(y[:, 0]))
    noise = float(np.mean(variance))
    return {"noise": noise, "variance": spread, "r2": 1 - noise / spread if spread else float("nan")}


def drawn_values(predicted: Floats, y: Floats, names: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Points and error histograms for a page."""
    rows = np.arange(len(y))
    if len(rows) > DRAWN:
        rows = np.sort(np.random.default_rng(seed).choice(len(y), DRAWN, replace=False))
    scatter, errors = {}, {}
    for k, name in enumerate(names):
        scatter[name] = {"x": y[rows, k].tolist(), "y": predicted[rows, k].tolist()}
        missed = predicted[:, k] - y[:, k]
        reach = float(np.quantile(np.abs(missed), 0.995)) or 1.0
        counts, edges = np.histogram(np.clip(missed, -reach, reach), bins=CELLS, range=(-reach, reach))
        errors[name] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return {"scatter": scatter, "errors": errors, "drawn": len(rows)}
