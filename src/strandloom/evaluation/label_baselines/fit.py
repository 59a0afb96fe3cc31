"""Fit every baseline of labels on one split, time each, and say why one was skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, Unfit, draw
from strandloom.evaluation.fitted import Fitted, fit_each, from_state
from strandloom.evaluation.label_baselines.base import LabelBaseline, LabelFit, LabelRows
from strandloom.evaluation.label_baselines.linear import LabelComposition, LabelKmers, Prevalence
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.settings import EvaluationSettings

KINDS: dict[str, Any] = {kind.name: kind for kind in (Prevalence, LabelComposition, LabelKmers)}


class FittedLabelBaselines(Fitted[LabelBaseline]):
    """Classical models of labels in the order of the report; iterates over them."""

    def answer(self, method: LabelBaseline, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Probabilities ``(N, K)``."""
        return method.predict(codes, lengths)


def fit_label_baselines(
    train: LabelRows,
    validation: LabelRows,
    *,
    settings: EvaluationSettings,
    progress: Callable[[str], None] | None = None,
) -> FittedLabelBaselines:
    """Fit the baselines of ``settings`` on train, with their choices made on validation.

    Parameters
    ----------
    train, validation
        Rows of one window.
    settings
        Which baselines, k-mer sizes, row limit and seed.
    progress
        Called with the title of each baseline before it is fitted.
    """
    notes = []
    if len(train) > settings.baseline_rows:
        notes.append(f"the baselines were fitted on {settings.baseline_rows:,} of {len(train):,} training rows")
        train = train.take(draw(len(train), settings.baseline_rows, seed=settings.seed))
    data = LabelFit(
        train=train,
        validation=validation.take(draw(len(validation), settings.baseline_rows, seed=settings.seed)),
        kmer_sizes=tuple(sorted({k for k in settings.kmer_sizes if k <= train.codes.shape[1]})),
        seed=settings.seed,
    )

    def fit(kind: Any) -> LabelBaseline:
        if kind.name.startswith("kmer_") and not data.kmer_sizes:
            raise Unfit(f"the sequences ({train.codes.shape[1]} bases) are shorter than every k-mer size asked for")
        found: LabelBaseline = kind.fit(data)
        return found

    found = fit_each(KINDS, settings.label_baseline_names(), fit, progress=progress)
    return FittedLabelBaselines(*found, notes=tuple(notes))


def label_baseline_from_state(name: str, state: State) -> LabelBaseline:
    """A stored baseline by name.

    Raises
    ------
    BundleError
        This program has no such baseline, or the state lacks a piece.
    """
    found: LabelBaseline = from_state(KINDS, name, state)
    return found
