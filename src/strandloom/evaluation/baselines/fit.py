"""Fit every baseline asked for on one split, time each, and say why one was skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import Baseline, FitData, Rows, State, Unfit, draw
from strandloom.evaluation.baselines.kmer_bayes import KmerBayes
from strandloom.evaluation.baselines.kmer_logistic import KmerLogistic
from strandloom.evaluation.baselines.nearest import Nearest
from strandloom.evaluation.baselines.position_logistic import PositionLogistic
from strandloom.evaluation.baselines.simple import Composition, Majority
from strandloom.evaluation.fitted import Fitted, fit_each, from_state
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.settings import EvaluationSettings

KINDS: dict[str, Any] = {
    kind.name: kind for kind in (Majority, Composition, KmerLogistic, KmerBayes, Nearest, PositionLogistic)
}


class FittedBaselines(Fitted[Baseline]):
    """Classical classifiers in the order of the report; iterates over them."""

    def answer(self, method: Baseline, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Probabilities ``(N, K)``."""
        return method.predict_proba(codes, lengths)


def fit_baselines(
    train: Rows,
    validation: Rows | None,
    *,
    classes: int,
    settings: EvaluationSettings,
    aligned: bool | None = None,
    progress: Callable[[str], None] | None = None,
) -> FittedBaselines:
    """Fit the baselines of ``settings`` on train, with their choices made on validation.

    Parameters
    ----------
    train, validation
        Labelled rows, codes uint8 ``(N, L)`` of one window; without validation rows a tenth of train (seeded) plays
        their part.
    classes
        Number of classes, K.
    settings
        Which baselines, k-mer sizes, row limit and seed.
    aligned
        Whether column j is the same position in every row; None: yes if every training row has the same length.
    progress
        Called with the title of each baseline before it is fitted.
    """
    notes = []
    if validation is None or not len(validation):
        train, validation = _hold_out(train, seed=settings.seed)
        notes.append("no validation rows: the baselines were chosen on a tenth of train")
    if len(train) > settings.baseline_rows:
        notes.append(f"the baselines were fitted on {settings.baseline_rows:,} of {len(train):,} training rows")
        train = train.take(draw(len(train), settings.baseline_rows, seed=settings.seed))
    same_length = bool((train.lengths == train.lengths[0]).all())
    data = FitData(
        train=train,
        validation=validation.take(draw(len(validation), settings.baseline_rows, seed=settings.seed)),
        classes=classes,
        aligned=same_length if aligned is None else aligned,
        kmer_sizes=tuple(sorted({k for k in settings.kmer_sizes if k <= train.codes.shape[1]})),
        seed=settings.seed,
    )

    def fit(kind: Any) -> Baseline:
        if kind.name.startswith("kmer_") and not data.kmer_sizes:
            raise Unfit(f"the sequences ({train.codes.shape[1]} bases) are shorter than every k-mer size asked for")
        found: Baseline = kind.fit(data)
        return found

    found = fit_each(KINDS, settings.baseline_names(), fit, progress=progress)
    return FittedBaselines(*found, notes=tuple(notes))


def baseline_from_state(name: str, state: State) -> Baseline:
    """A stored baseline by name.

    Raises
    ------
    BundleError
        This program has no such baseline, or the state lacks a piece.
    """
    found: Baseline = from_state(KINDS, name, state)
    return found


def _hold_out(train: Rows, *, seed: int) -> tuple[Rows, Rows]:
    """Nine tenths and one tenth of the rows, seeded."""
    order = np.random.default_rng(seed).permutation(len(train))
    few = max(1, len(train) // 10) if len(train) > 1 else 0
    held = np.sort(order[:few]) if few else order
    return train.take(np.sort(order[few:])), train.take(held)
