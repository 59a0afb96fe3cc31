"""Fit every baseline asked for on one split, time each, and say why one was skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import BundleError
from strandloom.evaluation.baselines.base import Baseline, FitData, Rows, State, Unfit, draw
from strandloom.evaluation.baselines.kmer_bayes import KmerBayes
from strandloom.evaluation.baselines.kmer_logistic import KmerLogistic
from strandloom.evaluation.baselines.nearest import Nearest
from strandloom.evaluation.baselines.position_logistic import PositionLogistic
from strandloom.evaluation.baselines.simple import Composition, Majority
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.settings import EvaluationSettings

KINDS: dict[str, Any] = {
    kind.name: kind for kind in (Majority, Composition, KmerLogistic, KmerBayes, Nearest, PositionLogistic)
}


@dataclass(frozen=True, eq=False)
class FittedBaselines:
    """Baselines in the order of the report; iterates over them.

    Parameters
    ----------
    baselines
        The fitted ones.
    seconds
        Name to seconds of fitting.
    skipped
        Name to the reason why it does not apply.
    notes
        What was limited, in plain words.
    """

    baselines: tuple[Baseline, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Baseline]:
        return iter(self.baselines)

    def __len__(self) -> int:
        return len(self.baselines)

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> dict[str, Floats]:
        """Probabilities ``(N, K)`` of each baseline by name."""
        return {baseline.name: baseline.predict_proba(codes, lengths) for baseline in self.baselines}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Name to ``{"title", "about", "seconds"}`` or ``{"title", "skipped"}``, for the evaluation and the report."""
        found: dict[str, dict[str, Any]] = {
            b.name: {"title": b.title, "about": b.describe(), "seconds": round(self.seconds.get(b.name, 0.0), 2)}
            for b in self.baselines
        }
        found.update({name: {"title": KINDS[name].title, "skipped": why} for name, why in self.skipped.items()})
        return found


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
    fitted: list[Baseline] = []
    seconds: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for name in settings.baseline_names():
        kind = KINDS[name]
        if progress is not None:
            progress(kind.title)
        started = time.perf_counter()
        try:
            if name.startswith("kmer_") and not data.kmer_sizes:
                raise Unfit(f"the sequences ({train.codes.shape[1]} bases) are shorter than every k-mer size asked for")
            fitted.append(kind.fit(data))
        except Unfit as reason:
            skipped[name] = str(reason)
            continue
        seconds[name] = time.perf_counter() - started
    return FittedBaselines(tuple(fitted), seconds, skipped, tuple(notes))


def baseline_from_state(name: str, state: State) -> Baseline:
    """A stored baseline by name.

    Raises
    ------
    BundleError
        This program has no such baseline, or the state lacks a piece.
    """
    if name not in KINDS:
        raise BundleError(
            f"the bundle holds the baseline {name!r}, which this program does not know",
            hint="install a newer strandloom",
        )
    try:
        found: Baseline = KINDS[name].from_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the stored baseline {name!r} is incomplete ({error})") from error
    return found


def _hold_out(train: Rows, *, seed: int) -> tuple[Rows, Rows]:
    """Nine tenths and one tenth of the rows, seeded."""
    order = np.random.default_rng(seed).permutation(len(train))
    few = max(1, len(train) // 10) if len(train) > 1 else 0
    held = np.sort(order[:few]) if few else order
    return train.take(np.sort(order[few:])), train.take(held)
