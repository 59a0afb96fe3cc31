"""When the model should say nothing: risk against coverage, and the confidence below which it abstains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.ranking import Floats, tie_ends


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Error among the answered rows when only the most confident share is answered.

    Parameters
    ----------
    coverage, risk, confidence
        float64 ``(n,)``: share answered (rising), error among those, lowest confidence among those. One point per
        distinct confidence.
    area
        Mean risk over coverage (0 is best; the error rate itself is what random confidence gives).
    """

    coverage: Floats
    risk: Floats
    confidence: Floats
    area: float


@dataclass(frozen=True, slots=True)
class AbstentionThreshold:
    """The confidence from which rows are answered, chosen on validation.

    Parameters
    ----------
    threshold
        Rows below it are abstained from; 0 answers every row.
    target
        The error allowed among answered rows.
    reachable
        False: no confidence keeps the error down with 95 % certainty; ``threshold`` is then 0 and nothing is abstained.
    coverage, error, upper
        On validation: share answered, their error, and the 95 % upper bound of that error.
    """

    threshold: float
    target: float
    reachable: bool
    coverage: float
    error: float
    upper: float

    @property
    def text(self) -> str:
        """One sentence."""
        goal = f"an error of at most {self.target:.0%} among answered rows"
        if not self.reachable:
            return f"{goal} cannot be promised from the validation rows at any confidence: the model answers every row"
        if self.threshold == 0:
            return f"{goal} holds on validation with every row answered"
        left = f"{1 - self.coverage:.1%} of validation"
        return f"{goal}: rows with a confidence below {self.threshold:.3f} are abstained from ({left})"


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> RiskCoverage:
    """The risk-coverage curve of rows with confidence ``(N,)`` and correctness ``(N,)``; ties are answered together."""
    scores: Floats = np.asarray(confidence, np.float64)
    if not len(scores):
        empty = np.empty(0)
        return RiskCoverage(empty, empty.copy(), empty.copy(), float("nan"))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    wrong = np.cumsum(~np.asarray(correct, bool)[order])
    ends = tie_ends(ordered)
    answered = ends + 1
    risk = wrong[ends] / answered
    steps = np.diff(answered, prepend=0) / len(ordered)
    return RiskCoverage(answered / len(ordered), risk, ordered[ends], float((risk * steps).sum()))


def abstention_threshold(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], *, target: float = 0.05, certainty: float = 0.95
) -> AbstentionThreshold:
    """The lowest confidence that keeps the error among answered rows at or under ``target``.

    Small samples are guarded: not the error seen but its one-sided upper Clopper-Pearson bound must hold, and it is
    tested from the most confident rows downwards at 5 %, 10 %, ... 100 % coverage. The walk
    begins at the first coverage that passes and ends before the first that then fails, so the choice among thresholds
    spends little of the certainty.

    Parameters
    ----------
    confidence
        Probability of the decided class on validation, float ``(N,)``.
    correct
        Whether the decision was right, bool ``(N,)``.
    target
        Allowed error among answered rows.
    certainty
        Confidence of the upper bound.
    """
    curve = risk_coverage(confidence, correct)
    rows = len(confidence)
    if not rows:
        return AbstentionThreshold(0.0, target, False, 1.0, float("nan"), float("nan"))
    wanted = np.linspace(0.05, 1, 20)
    steps = np.unique(np.minimum(np.searchsorted(curve.coverage, wanted - 1e-12), len(curve.coverage) - 1))
    answered = np.round(curve.coverage[steps] * rows).astype(np.int64)
    errors = np.round(curve.risk[steps] * answered).astype(np.int64)
    upper = _upper_bound(errors, answered, certainty=certainty)
    passed = upper <= target
    if not passed.any():
        return AbstentionThreshold(0.0, target, False, 1.0, float(curve.risk[-1]), float(upper[-1]))
    first = int(np.argmax(passed))
    failures = np.flatnonzero(~passed[first:])
    last = first + int(failures[0]) - 1 if len(failures) else len(steps) - 1
    step = steps[last]
    everything = step == len(curve.coverage) - 1
    return AbstentionThreshold(
        threshold=0.0 if everything else float(curve.confidence[step]),
        target=target,
        reachable=True,
        coverage=float(curve.coverage[step]),
        error=float(curve.risk[step]),
        upper=float(upper[last]),
    )


def decision_threshold(positive: NDArray[np.floating], y: NDArray[np.integer], *, seed: int = 1) -> float:
    """Where to cut the probability of the second of two classes, from validation.

    The cut that maximises MCC is taken only when it is a real gain over 0.5. In ten folds the cut is chosen on nine
    and applied to the tenth; the MCC of those decisions must exceed that of 0.5 in 95 % of 1,000 paired bootstrap
    resamples. Otherwise 0.5 stays, which is right for calibrated probabilities of balanced classes and spares a
    threshold fitted to noise.

    Parameters
    ----------
    positive
        Probability of the positive class on validation, float ``(N,)``.
    y
        0 or 1, int ``(N,)``.
    seed
        Seed of the resamples.
    """
    scores: Floats = np.asarray(positive, np.float64)
    truth: NDArray[np.int64] = np.asarray(y, np.int64)
    if len(truth) < 50 or min(np.bincount(truth, minlength=2)) < 10:
        return 0.5
    generator = np.random.default_rng(seed)
    fold = generator.permutation(len(truth)) % 10
    moved = np.empty(len(truth), bool)
    for held in range(10):
        kept = fold != held
        moved[~kept] = scores[~kept] >= _best_cut(scores[kept], truth[kept])
    half = scores >= 0.5
    # A resample of rows only matters through the counts of (truth, moved, half): eight cells.
    cells = np.bincount(4 * truth + 2 * moved + half, minlength=8)
    drawn = generator.multinomial(len(truth), cells / len(truth), size=1000).astype(np.float64).reshape(-1, 2, 2, 2)
    gain = _mcc(drawn.sum(axis=3)) - _mcc(drawn.sum(axis=2))
    return _best_cut(scores, truth) if np.quantile(gain, 0.05) > 0 else 0.5


def _best_cut(positive: Floats, y: NDArray[np.int64]) -> float:
    """The probability from which to call the positive class for the best MCC, midway between two rows."""
    order = np.argsort(-positive, kind="stable")
    scores = positive[order]
    ends = tie_ends(scores)
    called = ends + 1.0
    hits = np.cumsum(y[order])[ends]
    positives = float(y.sum())
    tables = np.array([[len(y) - positives - called + hits, called - hits], [positives - hits, hits]])
    best = int(ends[np.argmax(_mcc(np.moveaxis(tables, 2, 0)))])
    following = scores[best + 1] if best + 1 < len(scores) else 0.0
    return float((scores[best] + following) / 2)


def _mcc(tables: Floats) -> Floats:
    """MCC of 2 × 2 tables ``(n, truth, decision)``; 0 where undefined."""
    (tn, fp), (fn, tp) = np.moveaxis(tables, 0, 2)
    scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.divide(tp * tn - fp * fn, scale, out=np.zeros(len(tables)), where=scale > 0)


def _upper_bound(errors: NDArray[np.int64], trials: NDArray[np.int64], *, certainty: float) -> Floats:
    """One-sided Clopper-Pearson upper bound of an error rate."""
    from scipy.stats import beta

    bound = beta.ppf(certainty, errors + 1, np.maximum(trials - errors, 1e-9))
    return np.where(errors >= trials, 1.0, bound)
