"""Prevalence, and logistic regression of every label at once on base composition or k-mer counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, Unfit, draw
from strandloom.evaluation.baselines.features import composition_features, in_blocks, scaled_kmers
from strandloom.evaluation.baselines.linear import WEIGHTS_LIMIT
from strandloom.evaluation.calibration import sigmoid
from strandloom.evaluation.label_baselines.base import LabelFit
from strandloom.evaluation.ranking import Floats
from strandloom.kmers import num_canonical

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Inverse penalties that are tried, as scikit-learn's C of a single label; each label takes its own."""
SEARCH_ROWS = 3000
MOST_CELLS = 100_000_000
"""Rows × features that are held at once (400 MB of float32)."""
_ITERATIONS, _TOLERANCE = 60, 1e-6
_CLIP = 1e-12


class LabelWeights(NamedTuple):
    """Weights float32 ``(F, K)``, bias float64 ``(K,)``, the strength of each label ``(K,)``, and its log loss on validation ``(K,)``."""

    weights: NDArray[np.float32]
    bias: Floats
    strength: Floats
    loss: Floats


def fit_labels(
    train: NDArray[np.float32],
    y: NDArray[np.float32],
    validation: NDArray[np.float32],
    y_validation: NDArray[np.float32],
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> LabelWeights:
    """Logistic regressions of K labels, one matrix product for all; of a path of penalties each label takes its best on validation.

    Parameters
    ----------
    train, validation
        Features float32 ``(N, F)``.
    y, y_validation
        0/1 float32 ``(N, K)``.
    strengths
        Rising inverse penalties; each fit begins where the one before ended.
    """
    from scipy.optimize import minimize

    features, labels = train.shape[1], y.shape[1]
    prior = (y.sum(axis=0, dtype=np.float64) + 0.5) / (len(y) + 1.0)
    at = np.zeros((features + 1, labels))
    at[-1] = np.log(prior / (1 - prior))
    best: LabelWeights | None = None
    for strength in strengths:

        def loss(flat: Floats, penalty: float = 1 / strength) -> tuple[float, Floats]:
            weights = flat.reshape(features + 1, labels)
            w = weights[:-1].astype(np.float32)
            scores = train @ w + weights[-1].astype(np.float32)
            # log(1 + e^s) - y s, summed over rows and labels
            value = float((np.logaddexp(np.float32(0), scores) - y * scores).sum(dtype=np.float64))
            off = np.exp(-np.logaddexp(np.float32(0), -scores)) - y
            gradient = np.empty_like(weights)
            gradient[:-1] = train.T @ off + penalty * weights[:-1]
            gradient[-1] = off.sum(axis=0, dtype=np.float64)
            value += 0.5 * penalty * float((weights[:-1] ** 2).sum())
            return value / len(train), gradient.ravel() / len(train)

        found = minimize(
            loss, at.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS, "ftol": _TOLERANCE}
        )
        at = found.x.reshape(features + 1, labels)
        weights, bias = at[:-1].astype(np.float32), at[-1].copy()
        judged = _losses(sigmoid(validation @ weights + bias), y_validation)
        if best is None:
            best = LabelWeights(weights, bias, np.full(labels, strength), judged)
            continue
        better = judged < best.loss
        best = LabelWeights(
            np.where(better, weights, best.weights).astype(np.float32), np.where(better, bias, best.bias),
            np.where(better, strength, best.strength), np.where(better, judged, best.loss),
        )  # fmt: skip
    assert best is not None
    return best


def _losses(probabilities: Floats, y: NDArray[np.float32]) -> Floats:
    """Mean log loss of each label, ``(N, K)`` to ``(K,)``."""
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    return np.asarray(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)).mean(axis=0), np.float64)


@dataclass(frozen=True, eq=False)
class Prevalence:
    """Every row gets the share of training rows that have the label."""

    name: ClassVar[str] = "prevalence"
    title: ClassVar[str] = "Prevalence of each label"
    values: Floats

    @classmethod
    def fit(cls, data: LabelFit) -> Self:
        """The shares."""
        return cls(data.prevalence())

    def describe(self) -> str:
        """Nothing is chosen."""
        return "the share of training rows that have the label: AUROC .5, AUPRC the share itself"

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """The shares ``(N, K)``."""
        return np.tile(self.values, (len(codes), 1))

    def state(self) -> State:
        """The shares."""
        return State({"values": self.values}, {})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        return cls(state.arrays["values"])


@dataclass(frozen=True, eq=False)
class _Linear(ABC):
    """Probabilities from a linear score of features."""

    weights: NDArray[np.float32]
    bias: Floats

    @abstractmethod
    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> NDArray[np.float32]:
        """Features float32 ``(N, F)``."""

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Probabilities ``(N, K)``."""
        return in_blocks(
            len(codes),
            lambda rows: sigmoid(self.features(codes[rows], lengths[rows]) @ self.weights + self.bias),
            classes=len(self.bias),
        )


@dataclass(frozen=True, eq=False)
class LabelComposition(_Linear):
    """Logistic regression on the shares of the bases and the length."""

    name: ClassVar[str] = "composition"
    title: ClassVar[str] = "Base composition and length"
    centre: Floats
    scale: Floats

    @classmethod
    def fit(cls, data: LabelFit) -> Self:
        """Fit on everything."""
        found = composition_features(data.train.codes, data.train.lengths)
        spread = found.std(axis=0)
        centre, scale = found.mean(axis=0), np.where(spread > 0, spread, 1.0)
        parts = [
            ((composition_features(rows.codes, rows.lengths) - centre) / scale).astype(np.float32)
            for rows in (data.train, data.validation)
        ]
        fitted = fit_labels(parts[0], data.train.y, parts[1], data.validation.y, strengths=(1.0,))
        return cls(fitted.weights, fitted.bias, centre, scale)

    def describe(self) -> str:
        """Nothing is chosen."""
        return "logistic regression of every label on the shares of A, C, G, T and the length"

    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> NDArray[np.float32]:
        """Standardised shares and log length, float32 ``(N, 5)``."""
        return ((composition_features(codes, lengths) - self.centre) / self.scale).astype(np.float32)

    def state(self) -> State:
        """Weights and scales."""
        return State({"weights": self.weights, "bias": self.bias, "centre": self.centre, "scale": self.scale}, {})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        return cls(*(state.arrays[name] for name in ("weights", "bias", "centre", "scale")))


@dataclass(frozen=True, eq=False)
class LabelKmers(_Linear):
    """Logistic regression of every label on k-mer counts; k and the strand rule by validation, the penalty of each label too."""

    name: ClassVar[str] = "kmer_logistic"
    title: ClassVar[str] = "k-mer logistic regression"
    k: int
    canonical: bool
    strength: float

    @classmethod
    def fit(cls, data: LabelFit) -> Self:
        """Search the words on a sub-sample, fit on everything that fits into memory.

        Raises
        ------
        Unfit
            Even the smallest k has too many weights for the number of labels.
        """
        labels = data.train.y.shape[1]
        forms = [
            (k, canonical)
            for k in data.kmer_sizes
            for canonical in (True, False)
            if _width(k, canonical) * labels <= WEIGHTS_LIMIT and _width(k, canonical) * SEARCH_ROWS <= MOST_CELLS / 4
        ]
        if not forms:
            raise Unfit(f"{labels:,} labels × the k-mers are more weights than are fitted here")
        part = data.train.take(draw(len(data.train), SEARCH_ROWS, seed=data.seed))
        judge = data.validation.take(draw(len(data.validation), SEARCH_ROWS // 2, seed=data.seed))
        losses = [
            fit_labels(
                _kmers(part.codes, k, canonical), part.y, _kmers(judge.codes, k, canonical), judge.y, strengths=(10.0,)
            ).loss.mean()
            for k, canonical in forms
        ]
        k, canonical = forms[int(np.argmin(losses))]
        rows = data.train.take(draw(len(data.train), MOST_CELLS // _width(k, canonical), seed=data.seed))
        held = data.validation.take(draw(len(data.validation), MOST_CELLS // _width(k, canonical), seed=data.seed))
        fitted = fit_labels(_kmers(rows.codes, k, canonical), rows.y, _kmers(held.codes, k, canonical), held.y)
        return cls(fitted.weights, fitted.bias, k, canonical, float(np.median(fitted.strength)))

    def describe(self) -> str:
        """The choices."""
        strands = "both strands together" if self.canonical else "one strand"
        return f"k = {self.k}, {strands}, C of each label chosen on validation (median {self.strength:g})"

    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> NDArray[np.float32]:
        """Scaled counts, float32 ``(N, F)``."""
        return _kmers(codes, self.k, self.canonical)

    def state(self) -> State:
        """Weights and choices."""
        return State(
            {"weights": self.weights, "bias": self.bias},
            {"k": self.k, "canonical": self.canonical, "strength": self.strength},
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        facts = state.facts
        return cls(
            state.arrays["weights"],
            state.arrays["bias"],
            int(facts["k"]),
            bool(facts["canonical"]),
            float(facts["strength"]),
        )


def _width(k: int, canonical: bool) -> int:
    return num_canonical(k) if canonical else 4**k


def _kmers(codes: Codes, k: int, canonical: bool) -> NDArray[np.float32]:
    return np.asarray(scaled_kmers(codes, k=k, canonical=canonical).toarray(), np.float32)
