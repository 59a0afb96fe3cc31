"""The two trivial baselines: always the class shares, and base composition with length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import FitData, State
from strandloom.evaluation.baselines.features import composition_features
from strandloom.evaluation.baselines.linear import fit_linear, linear_probabilities
from strandloom.evaluation.ranking import Floats


@dataclass(frozen=True, eq=False)
class Majority:
    """Every row gets the class shares of the training rows: float64 ``(K,)``."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = "Most frequent class"
    shares: Floats

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Count the classes."""
        return cls(data.prior())

    def describe(self) -> str:
        """The share of the largest class."""
        return f"the largest class is {self.shares.max():.1%} of the training rows"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """The same shares for every row, ``(N, K)``."""
        return np.tile(self.shares, (len(codes), 1))

    def state(self) -> State:
        """The shares."""
        return State({"shares": self.shares}, {})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        return cls(np.asarray(state.arrays["shares"], np.float64))


@dataclass(frozen=True, eq=False)
class Composition:
    """Logistic regression on the shares of A, C, G, T and the log length.

    Parameters
    ----------
    mean, scale
        Standardisation of the five features, float64 ``(5,)``.
    weights, bias
        float32 ``(5, K)``, float64 ``(K,)``.
    strength
        The chosen C.
    """

    name: ClassVar[str] = "composition"
    title: ClassVar[str] = "Base composition and length"
    mean: Floats
    scale: Floats
    weights: NDArray[np.float32]
    bias: Floats
    strength: float

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Standardise on train, choose C on validation."""
        train = composition_features(data.train.codes, data.train.lengths)
        mean, spread = train.mean(axis=0), train.std(axis=0)
        scale = np.where(spread > 1e-9, spread, 1.0)
        validation = composition_features(data.validation.codes, data.validation.lengths)
        fitted = fit_linear(
            (train - mean) / scale,
            data.train.y,
            (validation - mean) / scale,
            data.validation.y,
            classes=data.classes,
        )
        return cls(mean, scale, fitted.weights, fitted.bias, fitted.strength)

    def describe(self) -> str:
        """What it looks at."""
        return f"logistic regression on A, C, G, T shares and log length (C = {self.strength:g})"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)``."""
        features = (composition_features(codes, lengths) - self.mean) / self.scale
        return linear_probabilities(features, self.weights, self.bias)

    def state(self) -> State:
        """Standardisation and weights."""
        arrays: dict[str, NDArray[Any]] = {
            "mean": self.mean, "scale": self.scale, "weights": self.weights, "bias": self.bias,
        }  # fmt: skip
        return State(arrays, {"strength": self.strength})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        arrays = state.arrays
        return cls(arrays["mean"], arrays["scale"], arrays["weights"], arrays["bias"], state.facts["strength"])
