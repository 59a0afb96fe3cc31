"""Multinomial logistic regression over sparse features, with the strength of the penalty chosen on validation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.baselines.base import log_loss
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.ranking import Floats

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MAX_ITERATIONS = 300
WEIGHTS_LIMIT = 4_000_000  # features × classes that L-BFGS may hold


class LinearFit(NamedTuple):
    """A fitted linear classifier: weights float32 ``(F, K)``, bias float64 ``(K,)``, C, and its validation log loss."""

    weights: NDArray[np.float32]
    bias: Floats
    strength: float
    loss: float


def fit_linear(
    train: Any, y: NDArray[np.int64], validation: Any, y_validation: NDArray[np.int64], *, classes: int,
    strengths: Sequence[float] = STRENGTHS,
) -> LinearFit:  # fmt: skip
    """The best of a path of penalties by validation log loss.

    Parameters
    ----------
    train, validation
        Feature matrices ``(N, F)``, sparse or dense, rows of norm near 1.
    y, y_validation
        Class of each row, int64 ``(N,)``.
    classes
        Number of classes, K; classes absent from train get the probability of half a row.
    strengths
        Rising values of scikit-learn's C; the path is warm-started and left after two rises of the loss.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(y)
    if len(present) < 2:
        return _constant(train.shape[1], y, y_validation, classes)
    model = LogisticRegression(C=strengths[0], tol=1e-4, max_iter=MAX_ITERATIONS, warm_start=True)
    best: LinearFit | None = None
    rises = 0
    for strength in strengths:
        model.set_params(C=strength)
        with warnings.catch_warnings():
            # A stopped path is still a fair classifier: the validation loss judges it, not the optimiser.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train, y)
        weights, bias = _full(model.coef_, model.intercept_, present, classes, len(y))
        loss = log_loss(linear_probabilities(validation, weights, bias), y_validation)
        if best is None or loss < best.loss:
            best, rises = LinearFit(weights, bias, strength, loss), 0
        else:
            rises += 1
            if rises == 2:
                break
    assert best is not None
    return best


def linear_probabilities(features: Any, weights: NDArray[np.float32], bias: Floats) -> Floats:
    """Probabilities ``(N, K)`` of feature rows ``(N, F)``."""
    return softmax(np.asarray(features @ weights, np.float64) + bias)


def _full(
    coefficients: NDArray[Any], intercept: NDArray[Any], present: NDArray[np.int64], classes: int, rows: int
) -> tuple[NDArray[np.float32], Floats]:
    """scikit-learn's weights of the classes present, as weights of all K classes."""
    if len(present) == 2:  # one score, of the second class
        coefficients = np.stack([-coefficients[0] / 2, coefficients[0] / 2])
        intercept = np.array([-intercept[0] / 2, intercept[0] / 2])
    weights = np.zeros((coefficients.shape[1], classes), np.float32)
    bias = np.full(classes, -np.log(2.0 * rows))
    weights[:, present], bias[present] = coefficients.T, intercept
    return weights, bias


def _constant(width: int, y: NDArray[np.int64], y_validation: NDArray[np.int64], classes: int) -> LinearFit:
    bias = np.log(np.bincount(y, minlength=classes) + 0.5)
    weights = np.zeros((width, classes), np.float32)
    return LinearFit(weights, bias, 1.0, log_loss(softmax(np.tile(bias, (len(y_validation), 1))), y_validation))
