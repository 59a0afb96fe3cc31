"""Fit every regressor asked for on one split, time each, and say why one was skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import BundleError
from strandloom.evaluation.baselines.base import State, Unfit, draw
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import Anchor, Regressor, ValueFit, ValueRows
from strandloom.evaluation.regressors.boosting import KmerBoosting
from strandloom.evaluation.regressors.linear import KmerRidge, LeaderRidge, Mean, PositionRidge
from strandloom.evaluation.regressors.nearest import NearestValues
from strandloom.evaluation.settings import EvaluationSettings

KINDS: dict[str, Any] = {
    kind.name: kind for kind in (Mean, KmerRidge, PositionRidge, LeaderRidge, KmerBoosting, NearestValues)
}


@dataclass(frozen=True, eq=False)
class FittedRegressors:
    """Regressors in the order of the report; iterates over them.

    Parameters
    ----------
    regressors
        The fitted ones.
    seconds
        Name to seconds of fitting.
    skipped
        Name to the reason why it does not apply.
    notes
        What was limited, in plain words.
    """

    regressors: tuple[Regressor, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Regressor]:
        return iter(self.regressors)

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> dict[str, Floats]:
        """Values ``(N, K)`` of each regressor by name."""
        return {one.name: one.predict(codes, lengths) for one in self.regressors}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Name to ``{"title", "about", "seconds"}`` or ``{"title", "skipped"}``, for the evaluation and the report."""
        found: dict[str, dict[str, Any]] = {
            x.name: {"title": x.title, "about": x.describe(), "seconds": round(self.seconds.get(x.name, 0.0), 2)}
            for x in self.regressors
        }
        found.update({name: {"title": KINDS[name].title, "skipped": why} for name, why in self.skipped.items()})
        return found


def fit_regressors(
    train: ValueRows,
    validation: ValueRows,
    *,
    anchor: Anchor,
    settings: EvaluationSettings,
    progress: Callable[[str], None] | None = None,
) -> FittedRegressors:
    """Fit the regressors of ``settings`` on train, with their choices made on validation.

    Parameters
    ----------
    train, validation
        Measured rows of one window.
    anchor
        Where sequences shorter than the window stand: held at one end, a position has a meaning whatever the lengths.
    settings
        Which regressors, k-mer sizes, row limit and seed.
    progress
        Called with the title of each regressor before it is fitted.
    """
    notes = []
    if len(train) > settings.baseline_rows:
        notes.append(f"the baselines were fitted on {settings.baseline_rows:,} of {len(train):,} training rows")
        train = train.take(draw(len(train), settings.baseline_rows, seed=settings.seed))
    same_length = bool((train.lengths == train.lengths[0]).all())
    data = ValueFit(
        train=train,
        validation=validation.take(draw(len(validation), settings.baseline_rows, seed=settings.seed)),
        aligned=same_length or anchor == "right",
        anchor=anchor,
        kmer_sizes=tuple(sorted({k for k in settings.kmer_sizes if k <= train.codes.shape[1]})),
        seed=settings.seed,
    )
    fitted: list[Regressor] = []
    seconds: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for name in settings.regressor_names():
        kind = KINDS[name]
        if progress is not None:
            progress(kind.title)
        started = time.perf_counter()
        try:
            fitted.append(kind.fit(data))
        except Unfit as reason:
            skipped[name] = str(reason)
            continue
        seconds[name] = time.perf_counter() - started
    return FittedRegressors(tuple(fitted), seconds, skipped, tuple(notes))


def regressor_from_state(name: str, state: State) -> Regressor:
    """A stored regressor by name.

    Raises
    ------
    BundleError
        This program has no such regressor, or the state lacks a piece.
    """
    if name not in KINDS:
        raise BundleError(
            f"the bundle holds the baseline {name!r}, which this program does not know",
            hint="install a newer strandloom",
        )
    try:
        found: Regressor = KINDS[name].from_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the stored baseline {name!r} is incomplete ({error})") from error
    return found
