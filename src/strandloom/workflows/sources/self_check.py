"""What a calibrated model says of samples whose origin is known and whose own profile it is not given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.composition import estimate
from strandloom.workflows.sources.practice import ALIENS, REGIMES, RELATED, SEEN, STRANGE
from strandloom.workflows.sources.settings import EstimateSettings

MOST = 12
"""Lineages asked in each regime, spread over the environments."""
QUICK = EstimateSettings(resamples=20)


def check_unknown(calibration: Calibration) -> list[dict[str, Any]]:
    """How practice samples of single lineages, and of each kind of reads like nothing, are estimated, each without its own profile.

    Returns
    -------
    list of dict
        ``what``, ``right`` (mean share given to the lineage's environment; None for what has none), ``unknown``, ``samples``. A lineage
        alone in its environment is not asked: without it nothing is known of the environment.
    """
    profiles, found = calibration.profiles, []
    answered = np.zeros(profiles.environments, np.int64)
    alone = np.bincount(profiles.environment, minlength=profiles.environments)[profiles.environment] == 1
    for regime in (SEEN, RELATED, STRANGE):
        met = np.flatnonzero((profiles.own[:, regime].sum(1) > 0) & ~alone)
        asked = met[np.linspace(0, len(met) - 1, min(MOST, len(met))).astype(int)]
        rows = []
        for g in asked:
            counts = profiles.counts.copy()
            counts[g] = 0
            others = replace(calibration, profiles=replace(profiles, counts=counts))
            own = profiles.own[g, regime].astype(np.int64)
            shares = estimate(own, answered, others, settings=QUICK).shares["em"].value
            rows.append((shares[profiles.environment[g]], shares[-1]))
        if rows:
            right, unknown = (float(x) for x in np.mean(rows, axis=0))
            what = f"reads that meet {REGIMES[regime]}"
            found.append({"what": what, "right": right, "unknown": unknown, "samples": len(rows)})
    for kind, name in enumerate(ALIENS):
        others = replace(calibration, profiles=replace(profiles, nothing=np.delete(profiles.nothing, kind, 0)))
        own = profiles.nothing[kind].astype(np.int64)
        shares = estimate(own, answered, others, settings=QUICK).shares["em"].value
        what = f"reads like nothing: {name}"
        found.append({"what": what, "right": None, "unknown": float(shares[-1]), "samples": 1})
    return found
