"""Several runs of one experiment in one result: mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from strandloom.evaluation.results import Evaluation


def summarise_runs(evaluations: Sequence[Evaluation], *, seeds: Sequence[int]) -> dict[str, Any]:
    """Mean, standard error, range and values of every metric of the model over K runs.

    Parameters
    ----------
    evaluations
        One for each run, on the same rows.
    seeds
        The seed of each run.

    Returns
    -------
    summary
        ``{"count", "seeds", "model": {metric: {"mean", "standard_error", "min", "max", "values"}}, "baselines":
        {name: {metric: ...}}}``; the standard error is NaN for one run.
    """
    names = [name for name in evaluations[0].baselines if all(name in found.baselines for found in evaluations)]
    return {
        "count": len(evaluations),
        "seeds": [int(seed) for seed in seeds],
        "model": _spread([{m: found.model[m].value for m in found.model} for found in evaluations]),
        "baselines": {
            name: _spread([{m: one.value for m, one in found.baselines[name].items()} for found in evaluations])
            for name in names
        },
    }


def pool_seeds(pooled: Evaluation, evaluations: Sequence[Evaluation], *, seeds: Sequence[int]) -> Evaluation:
    """The evaluation of the averaged predictions with the spread over the single runs beside it."""
    return replace(pooled, seeds=summarise_runs(evaluations, seeds=seeds))


def _spread(runs: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    found = {}
    for metric in runs[0]:
        values = np.array([run[metric] for run in runs])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        found[metric] = {
            "mean": float(values.mean()),
            "standard_error": float(error),
            "min": float(values.min()),
            "max": float(values.max()),
            "values": values.tolist(),
        }
    return found
