"""Every metric, for one set of predictions and any number of weighted resamples of its rows.

A scorer prepares what does not depend on the resample (sorted scores, per-row losses); ``score(weights)`` then takes
row weights ``(N, R)`` and returns ``(G, M, R)``: M metrics for R resamples, group 0 being the whole and groups 1..
the single labels or targets. A column of ones gives the plain value.

Definitions (N rows, K classes)

- ``accuracy``, ``balanced_accuracy`` (mean recall of the classes present), ``matthews_corrcoef`` (0 where undefined).
- ``f1_macro``: mean F1 of the classes present in truth or prediction; for labels the mean over labels of the F1 of
  "yes".
- ``roc_auc``, ``average_precision``: two classes: the second name is the positive class; more: macro one-versus-rest
  over the classes that have both sides. Not defined (NaN) without positives.
- ``log_loss``: natural logarithm, probabilities clipped at 2.2e-16.
- ``brier``: two classes ``(p - y)²``; more: summed over classes (range 0 to 2), as scikit-learn.
- ``ece``: expected calibration error of the most probable class, 15 equal bins of confidence (see ``calibration``).
- ``r2`` is the coefficient of determination (not the squared correlation); ``pearson_squared`` is the square of
  ``pearson``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.ranking import Floats, Ranking, areas, rank
from strandloom.evaluation.settings import ClassMetric, LabelMetric, ValueMetric

CLASS_METRICS: tuple[ClassMetric, ...] = get_args(ClassMetric)
LABEL_METRICS: tuple[LabelMetric, ...] = get_args(LabelMetric)
VALUE_METRICS: tuple[ValueMetric, ...] = get_args(ValueMetric)
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "rmse"})
ECE_BINS = 15
_KEPT_RANKS = 20_000_000  # rows × classes of sorted scores held in memory (160 MB)
_CLIP = float(np.finfo(np.float64).eps)


class Scorer(Protocol):
    """Predictions ready to be scored under any row weights."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the M metrics."""
        ...

    @property
    def rows(self) -> int:
        """Number of rows, N."""
        ...

    @property
    def groups(self) -> int:
        """1, or 1 + the number of labels or targets."""
        ...

    def score(self, weights: Floats, *, ranked: bool = True) -> Floats:
        """Metrics ``(G, M, R)`` under row weights ``(N, R)``; ``ranked=False`` leaves the sorted ones NaN."""
        ...

    @property
    def ranking_cost(self) -> int:
        """Rows visited by the sorted metrics for one resample."""
        ...


class ClassScorer:
    """Scores probabilities over K classes.

    Parameters
    ----------
    probabilities
        float ``(N, K)``, rows summing to 1.
    y
        True class, int ``(N,)``.
    predicted
        Decided class, int ``(N,)``; the most probable one when not given.
    """

    metrics = CLASS_METRICS
    groups = 1

    def __init__(
        self,
        probabilities: NDArray[np.floating],
        y: NDArray[np.integer],
        *,
        predicted: NDArray[np.integer] | None = None,
    ) -> None:
        self.probabilities = np.asarray(probabilities, np.float64)
        self.y = np.asarray(y, np.int64)
        self.rows, self.classes = self.probabilities.shape
        self.predicted = self.probabilities.argmax(axis=1) if predicted is None else np.asarray(predicted, np.int64)
        self._sums = _row_sums(
            [
                _one_hot(self.y, self.classes, self.predicted == self.y),
                _one_hot(self.y, self.classes),
                _one_hot(self.predicted, self.classes),
                _sparse(log_losses(self.probabilities, self.y)[:, None]),
                _sparse(brier_scores(self.probabilities, self.y)[:, None]),
                _calibration_gaps(self.probabilities, self.y),
            ]
        )
        self._asked = [1] if self.classes == 2 else np.unique(self.y).tolist()  # the others are not defined
        self._kept: list[Ranking] | None = None

    @property
    def ranking_cost(self) -> int:
        """Rows visited by the sorted metrics for one resample."""
        return self.rows * len(self._asked)

    def score(self, weights: Floats, *, ranked: bool = True) -> Floats:
        """Metrics ``(1, M, R)`` under row weights ``(N, R)``."""
        classes, total = self.classes, weights.sum(axis=0)
        sums = self._sums @ weights  # (3 K + 2 + bins, R)
        correct, true, decided = sums[:classes], sums[classes : 2 * classes], sums[2 * classes : 3 * classes]
        losses, briers, gaps = sums[3 * classes], sums[3 * classes + 1], sums[3 * classes + 2 :]
        hits = correct.sum(axis=0)
        recall = _ratio(correct, true)
        f1 = _ratio(2 * correct, true + decided)
        roc, precision = np.full((2, weights.shape[1]), np.nan)
        if ranked:
            pairs = [areas(ranking, weights) for ranking in self._rankings()]
            roc = _mean([pair.roc_auc for pair in pairs])
            precision = _mean([pair.average_precision for pair in pairs])
        return np.stack(
            [
                hits / total,
                _mean(recall),
                multiclass_mcc(hits, true, decided, total),
                _mean(f1),
                roc,
                precision,
                losses / total,
                briers / total,
                np.abs(gaps).sum(axis=0) / total,
            ]
        )[None]

    def _rankings(self) -> Iterable[Ranking]:
        """One ranking for each class asked for: kept for the next block of resamples, unless they are very many."""
        if self._kept is not None:
            return self._kept
        made = (rank(self.probabilities[:, c], self.y == c) for c in self._asked)
        if self.ranking_cost > _KEPT_RANKS:
            return made
        self._kept = list(made)
        return self._kept


class LabelScorer:
    """Scores independent yes/no labels, one label after the other, so that memory holds no copy of a large table.

    Parameters
    ----------
    probabilities
        float ``(N, K)``, each in 0..1; a memory map is fine.
    y
        0 or 1, ``(N, K)``.
    thresholds
        float ``(K,)``: "yes" is decided from these on; 0.5 where not given.
    """

    metrics = LABEL_METRICS

    def __init__(
        self,
        probabilities: NDArray[np.floating],
        y: NDArray[Any],
        *,
        thresholds: NDArray[np.floating] | None = None,
    ) -> None:
        self.probabilities = np.asarray(probabilities)
        self.y = np.asarray(y) if np.asarray(y).dtype == bool else np.asarray(y) > 0.5
        self.rows, self.labels = self.probabilities.shape
        self.groups = 1 + self.labels
        self.thresholds = np.full(self.labels, 0.5) if thresholds is None else np.asarray(thresholds, np.float64)
        self._kept: list[Ranking] | None = None

    @property
    def ranking_cost(self) -> int:
        """Rows visited by the sorted metrics for one resample."""
        return self.rows * self.labels

    def score(self, weights: Floats, *, ranked: bool = True) -> Floats:
        """Metrics ``(1 + K, M, R)`` under row weights ``(N, R)``: the mean over labels, then each label."""
        total = weights.sum(axis=0)
        each = np.stack([self._one(k, weights, total, ranked=ranked) for k in range(self.labels)])
        return np.concatenate([_mean(each)[None], each])

    def _one(self, label: int, weights: Floats, total: Floats, *, ranked: bool) -> Floats:
        """Metrics ``(M, R)`` of one label."""
        found = np.asarray(self.probabilities[:, label], np.float64)
        truth, decided = self.y[:, label], found >= self.thresholds[label]
        clipped = np.clip(found, _CLIP, 1 - _CLIP)
        losses = -np.log(np.where(truth, clipped, 1 - clipped))
        blocks = np.stack([truth & decided, truth, decided, losses, (found - truth) ** 2])
        both, yes, called_yes, loss, brier = blocks @ weights  # each (R,)
        true = np.stack([total - yes, yes])[:, None]  # (2, 1, R)
        called = np.stack([total - called_yes, called_yes])[:, None]
        correct = np.stack([total - yes - called_yes + both, both])[:, None]
        hits = correct.sum(0)  # (1, R)
        roc, precision = np.full((2, weights.shape[1]), np.nan)
        if ranked:
            areas_of = areas(self._ranking(label), weights)
            roc, precision = areas_of.roc_auc, areas_of.average_precision
        return np.stack(
            [
                hits[0] / total,
                _mean(_ratio(correct, true))[0],
                multiclass_mcc(hits, true, called, total)[0],
                np.nan_to_num(_ratio(2 * both, yes + called_yes)),
                roc,
                precision,
                loss / total,
                brier / total,
            ]
        )

    def _ranking(self, label: int) -> Ranking:
        """The ranking by one label: kept for the next block of resamples, unless they are very many."""
        if self._kept is None and self.ranking_cost <= _KEPT_RANKS:
            self._kept = [rank(self.probabilities[:, k], self.y[:, k]) for k in range(self.labels)]
        if self._kept is not None:
            return self._kept[label]
        return rank(np.asarray(self.probabilities[:, label], np.float64), self.y[:, label])


class ValueScorer:
    """Scores predicted numbers.

    Parameters
    ----------
    predicted
        float ``(N, K)``.
    y
        Measured values, float ``(N, K)``.
    """

    metrics = VALUE_METRICS

    def __init__(self, predicted: NDArray[np.floating], y: NDArray[np.floating]) -> None:
        self.y = np.asarray(y, np.float64).reshape(len(y), -1)
        self.predicted = np.asarray(predicted, np.float64).reshape(self.y.shape)
        self.rows, self.targets = self.y.shape
        self.groups = 1 + self.targets if self.targets > 1 else 1

    @property
    def ranking_cost(self) -> int:
        """Rows visited by the sorted metrics for one resample."""
        return 2 * self.rows * self.targets

    def score(self, weights: Floats, *, ranked: bool = True) -> Floats:
        """Metrics ``(G, M, R)`` under row weights ``(N, R)``: the mean over targets, then (several targets) each."""
        total = weights.sum(axis=0)
        each = np.stack([self._one(k, weights, total, ranked=ranked) for k in range(self.targets)])  # (K, M, R)
        return np.concatenate([_mean(each)[None], each]) if self.targets > 1 else each

    def _one(self, target: int, weights: Floats, total: Floats, *, ranked: bool) -> Floats:
        """Metrics ``(M, R)`` of one target, from row weights ``(N, R)`` and their sums ``(R,)``."""
        y, p = self.y[:, target], self.predicted[:, target]
        residual = ((y - p) ** 2) @ weights
        y, p = y - y.mean(), p - p.mean()  # sums of squares around the mean of all rows lose no digits
        sums = np.stack([y, p, y * y, p * p, y * p]) @ weights / total  # (5, R)
        pearson = _correlation(*sums)
        spread = (sums[2] - sums[0] ** 2) * total
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where(spread > 0, 1 - residual / spread, np.nan)
        spearman = np.full(len(total), np.nan)
        if ranked:
            a, b = _midranks(y, weights), _midranks(p, weights)
            means = [(weights * x).sum(axis=0) / total for x in (a, b)]
            a, b = a - means[0], b - means[1]
            moments = [(weights * x).sum(axis=0) / total for x in (a, b, a * a, b * b, a * b)]
            spearman = _correlation(*moments)
        return np.stack([r2, pearson, pearson**2, spearman, np.sqrt(residual / total)])


def log_losses(probabilities: Floats, y: NDArray[np.int64]) -> Floats:
    """``-log p`` of the true class row by row, ``(N, K)`` to ``(N,)``."""
    return -np.log(np.clip(probabilities[np.arange(len(y)), y], _CLIP, 1))


def brier_scores(probabilities: Floats, y: NDArray[np.int64]) -> Floats:
    """Squared error of the probabilities row by row, ``(N, K)`` to ``(N,)``; two classes count once."""
    at_truth = probabilities[np.arange(len(y)), y]
    whole = (probabilities**2).sum(axis=1) - 2 * at_truth + 1
    return whole / 2 if probabilities.shape[1] == 2 else whole


def confidence_bins(confidence: Floats, *, bins: int = ECE_BINS) -> NDArray[np.int64]:
    """The equal-width bin of each confidence in 0..1, int64 ``(N,)``; bins are closed on the right."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def confusion(y: NDArray[np.integer], predicted: NDArray[np.integer], *, classes: int) -> NDArray[np.int64]:
    """Counts ``(K, K)``: rows are the truth, columns the decision."""
    flat = np.bincount(np.asarray(y, np.int64) * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes)


def _calibration_gaps(probabilities: Floats, y: NDArray[np.int64]) -> Any:
    """Sparse ``(N, bins)``: confidence minus correctness, in the bin of the row."""
    top = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(y)), top]
    return _one_hot(confidence_bins(confidence), ECE_BINS, confidence - (top == y))


def _one_hot(column: NDArray[np.int64], width: int, values: NDArray[Any] | None = None) -> Any:
    from scipy import sparse

    data = np.ones(len(column)) if values is None else values.astype(np.float64)
    return sparse.csr_array((data, column, np.arange(len(column) + 1)), shape=(len(column), width))


def _sparse(values: Floats) -> Any:
    from scipy import sparse

    return sparse.csr_array(values)


def _row_sums(blocks: Sequence[Any]) -> Any:
    """Blocks ``(N, m)`` to one sparse ``(Σ m, N)`` that turns weights ``(N, R)`` into weighted sums.

    Sparse, because its sums have one order whatever the number of threads: same seed, same bytes.
    """
    from scipy import sparse

    return sparse.hstack(blocks, format="csc").T


def _ratio(above: Floats, below: Floats) -> Floats:
    """Division with NaN where nothing is below."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


def _mean(parts: Sequence[Floats] | Floats) -> Floats:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    stacked = np.asarray(parts)
    defined = ~np.isnan(stacked)
    return _ratio(np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0).astype(np.float64))


def multiclass_mcc(hits: Floats, true: Floats, decided: Floats, total: Floats) -> Floats:
    """Gorodkin's correlation from class totals ``(K, ...)``; 0 where truth or decision has one class."""
    covariance = hits * total - (true * decided).sum(axis=0)
    truth, decision = total**2 - (true**2).sum(axis=0), total**2 - (decided**2).sum(axis=0)
    scale = np.sqrt(truth * decision)
    return np.divide(covariance, scale, out=np.zeros(np.shape(covariance)), where=scale > 0)


def _correlation(mean_a: Floats, mean_b: Floats, aa: Floats, bb: Floats, ab: Floats) -> Floats:
    """Pearson correlation from weighted means of a, b, a², b², ab; NaN for a constant."""
    variance_a, variance_b = aa - mean_a**2, bb - mean_b**2
    flat = (variance_a <= 1e-14 * aa) | (variance_b <= 1e-14 * bb) | (aa == 0) | (bb == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (ab - mean_a * mean_b) / np.sqrt(variance_a * variance_b)
    return np.where(flat, np.nan, np.clip(value, -1, 1))


def _midranks(values: Floats, weights: Floats) -> Floats:
    """Ranks of the rows inside each resample, ties shared, ``(N, R)``."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    sums = np.zeros((len(values) + 1, weights.shape[1]))
    np.cumsum(weights[order], axis=0, out=sums[1:])
    before = sums[np.searchsorted(ordered, ordered, side="left")]
    until = sums[np.searchsorted(ordered, ordered, side="right")]
    ranks = np.empty_like(weights)
    ranks[order] = (before + until + 1) / 2
    return ranks
