"""Fit every regressor asked for on one split, time each, and say why one was skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, draw
from strandloom.evaluation.fitted import Fitted, fit_each, from_state
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import Anchor, Regressor, ValueFit, ValueRows
from strandloom.evaluation.regressors.boosting import KmerBoosting
from strandloom.evaluation.regressors.linear import KmerRidge, LeaderRidge, Mean, PositionRidge
from strandloom.evaluation.regressors.nearest import NearestValues
from strandloom.evaluation.settings import EvaluationSettings

KINDS: dict[str, Any] = {
    kind.name: kind for kind in (Mean, KmerRidge, PositionRidge, LeaderRidge, KmerBoosting, NearestValues)
}


class FittedRegressors(Fitted[Regressor]):
    """Classical regressors in the order of the report; iterates over them."""

    def answer(self, method: Regressor, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Values ``(N, K)``, in the unit of the target."""
        return method.predict(codes, lengths)


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
    found = fit_each(KINDS, settings.regressor_names(), lambda kind: kind.fit(data), progress=progress)
    return FittedRegressors(*found, notes=tuple(notes))


def regressor_from_state(name: str, state: State) -> Regressor:
    """A stored regressor by name.

    Raises
    ------
    BundleError
        This program has no such regressor, or the state lacks a piece.
    """
    found: Regressor = from_state(KINDS, name, state)
    return found
