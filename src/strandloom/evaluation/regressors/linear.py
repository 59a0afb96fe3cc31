"""Ridge regression on k-mers, on k-mers at their positions, and with what is known to matter before a start codon.

The strength of the penalty and the words are chosen on validation (Hoerl and Kennard 1970).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, Unfit, check_length
from strandloom.evaluation.baselines.features import in_blocks, position_kmers, scaled_kmers
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import ValueFit, scaled_error, spread
from strandloom.evaluation.regressors.leader import LEADER_FEATURES, leader_features

POSITION_SIZES: tuple[tuple[int, ...], ...] = ((1,), (1, 2), (1, 2, 3))
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
LEADER_KMERS = (3, 4)
LEADER_SCALE = 0.3
"""Of the standardised leader features, beside words whose rows have norm 1."""
MOST_WEIGHTS = 200_000
_STEPS, _TOLERANCE = 400, 1e-5
Features = Callable[[Codes, NDArray[np.integer]], Any]


class RidgeFit(NamedTuple):
    """Weights float64 ``(F, K)``, intercept ``(K,)``, the chosen strength and the validation error."""

    weights: Floats
    intercept: Floats
    strength: float
    error: float


def fit_ridge(data: ValueFit, features: Features, *, strengths: Sequence[float] = STRENGTHS) -> RidgeFit:
    """Fit with every strength and keep the one with the smallest error on validation.

    The penalty is a strength times the mean over rows, so that the same strengths serve few rows and many.
    """
    from sklearn.linear_model import Ridge

    train, validation = (features(rows.codes, rows.lengths) for rows in (data.train, data.validation))
    scale = spread(data.train)
    centre = np.average(data.train.y, axis=0, weights=data.train.weights)
    standard = (data.train.y - centre) / scale
    best: RidgeFit | None = None
    for strength in strengths:
        model = Ridge(strength * len(data.train) / 1000, solver="sparse_cg", max_iter=_STEPS, tol=_TOLERANCE)
        model.fit(train, standard, sample_weight=data.train.weights)
        weights = np.asarray(model.coef_, np.float64).reshape(len(scale), -1).T * scale
        intercept = np.asarray(model.intercept_, np.float64).reshape(-1) * scale + centre
        error = scaled_error(np.asarray(validation @ weights) + intercept, data.validation, scale)
        if best is None or error < best.error:
            best = RidgeFit(weights, intercept, strength, error)
    assert best is not None
    return best


@dataclass(frozen=True, eq=False)
class Mean:
    """Every row gets the mean of the training rows, float64 ``(K,)``."""

    name: ClassVar[str] = "mean"
    title: ClassVar[str] = "Mean of the training rows"
    values: Floats

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """The weighted mean."""
        return cls(np.average(data.train.y, axis=0, weights=data.train.weights))

    def describe(self) -> str:
        """The values."""
        return ", ".join(f"{x:.4g}" for x in self.values[:4])

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """The same values for every row, ``(N, K)``."""
        return np.tile(self.values, (len(codes), 1))

    def state(self) -> State:
        """The values."""
        return State({"values": self.values}, {})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same regressor from its state."""
        return cls(np.asarray(state.arrays["values"], np.float64))


@dataclass(frozen=True, eq=False)
class _Ridge(ABC):
    """What the ridges share.

    Parameters
    ----------
    length
        Columns it was fitted on, L.
    sizes
        Word lengths.
    weights, intercept
        float64 ``(F, K)`` and ``(K,)``.
    strength, rows
        Of the penalty, and how many rows were learned from.
    centre, scale
        Of the leader features, float64 ``(F',)``; empty where there are none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    length: int
    sizes: tuple[int, ...]
    weights: Floats
    intercept: Floats
    strength: float
    rows: int
    centre: Floats
    scale: Floats

    @abstractmethod
    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> Any:
        """Features ``(N, F)``, sparse."""

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Values ``(N, K)`` of codes ``(N, L)`` of the fitted width."""
        check_length(codes, self.length, name=self.name)

        def score(rows: slice) -> Floats:
            return np.asarray(self.features(codes[rows], lengths[rows]) @ self.weights) + self.intercept

        return in_blocks(len(codes), score, classes=len(self.intercept))

    def state(self) -> State:
        """Weights and choices."""
        arrays = {
            "weights": self.weights, "intercept": self.intercept, "centre": self.centre, "scale": self.scale,
        }  # fmt: skip
        facts = {"length": self.length, "sizes": list(self.sizes), "strength": self.strength, "rows": self.rows}
        return State(arrays, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same regressor from its state."""
        a, facts = state.arrays, state.facts
        return cls(
            int(facts["length"]), tuple(facts["sizes"]), a["weights"], a["intercept"], float(facts["strength"]), int(facts["rows"]),
            a["centre"], a["scale"],
        )  # fmt: skip

    @classmethod
    def _fit(
        cls,
        data: ValueFit,
        forms: Sequence[tuple[int, ...]],
        *,
        centre: Floats | None = None,
        scale: Floats | None = None,
    ) -> Self:
        """The best of some forms on validation."""
        none = np.zeros(0)
        length, outputs = data.train.codes.shape[1], data.train.y.shape[1]
        best: tuple[float, Self] | None = None
        for sizes in forms:
            empty = cls(
                length, sizes, none, np.zeros(outputs), 0.0, len(data.train), none if centre is None else centre,
                none if scale is None else scale,
            )  # fmt: skip
            found = fit_ridge(data, empty.features)
            if best is None or found.error < best[0]:
                chosen = cls(
                    length, sizes, found.weights, found.intercept, found.strength, len(data.train), empty.centre, empty.scale
                )  # fmt: skip
                best = (found.error, chosen)
        assert best is not None
        return best[1]

    def _words(self) -> str:
        used = " and ".join(f"{k}-mers" for k in self.sizes)
        return f"{used}, penalty {self.strength:g}, chosen on validation ({self.rows:,} rows)"


@dataclass(frozen=True, eq=False)
class KmerRidge(_Ridge):
    """Scaled counts of the k-mers of one length, wherever they stand."""

    name: ClassVar[str] = "kmer_ridge"
    title: ClassVar[str] = "k-mer ridge regression"

    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> Any:
        """See :func:`~strandloom.evaluation.baselines.features.scaled_kmers`."""
        return scaled_kmers(codes, k=self.sizes[0], canonical=False)

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """Choose k.

        Raises
        ------
        Unfit
            The sequences are shorter than every k.
        """
        if not data.kmer_sizes:
            raise Unfit("the sequences are shorter than every k-mer size asked for")
        return cls._fit(data, [(k,) for k in data.kmer_sizes])

    def describe(self) -> str:
        """The choices."""
        return self._words()


@dataclass(frozen=True, eq=False)
class PositionRidge(_Ridge):
    """The k-mer at each position (k up to 1, 2 or 3)."""

    name: ClassVar[str] = "position_ridge"
    title: ClassVar[str] = "Ridge regression on k-mers at each position"

    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> Any:
        """See :func:`~strandloom.evaluation.baselines.features.position_kmers`."""
        return position_kmers(codes, sizes=self.sizes)

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """Choose the words.

        Raises
        ------
        Unfit
            Rows are not aligned, or there are too many positions.
        """
        return cls._fit(data, _position_forms(data))

    def describe(self) -> str:
        """The choices."""
        return f"at each of {self.length} positions: {self._words()}"


@dataclass(frozen=True, eq=False)
class LeaderRidge(_Ridge):
    """k-mers at each position, k-mers anywhere, and upstream start codons: for 5′UTRs, which end at a start codon."""

    name: ClassVar[str] = "leader_ridge"
    title: ClassVar[str] = "Ridge on positions, k-mers and upstream start codons"

    def features(self, codes: Codes, lengths: NDArray[np.integer]) -> Any:
        """Position words, counted words, and the standardised features of :mod:`~strandloom.evaluation.regressors.leader`."""
        from scipy import sparse

        counted = [scaled_kmers(codes, k=k, canonical=False) for k in LEADER_KMERS]
        known = (leader_features(codes, lengths) - self.centre) / self.scale * LEADER_SCALE
        return sparse.hstack([position_kmers(codes, sizes=self.sizes), *counted, sparse.csr_array(known)]).tocsr()

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """Choose the position words.

        Raises
        ------
        Unfit
            Sequences are not held at their end, so that nothing is known of a start codon.
        """
        if data.anchor != "right":
            raise Unfit("for sequences that end at a start codon: data.window.anchor: right says so")
        if data.train.codes.shape[1] < max(LEADER_KMERS):
            raise Unfit(f"the sequences are shorter than {max(LEADER_KMERS)} bases")
        known = leader_features(data.train.codes, data.train.lengths)
        found = known.std(0)
        return cls._fit(
            data, _position_forms(data), centre=known.mean(0), scale=np.where(found > 1e-9, found, 1.0)
        )  # fmt: skip

    def describe(self) -> str:
        """The choices."""
        return f"{', '.join(LEADER_FEATURES[:3])} and more; at each of {self.length} positions {self._words()}"


def _position_forms(data: ValueFit) -> list[tuple[int, ...]]:
    if not data.aligned:
        raise Unfit("the sequences differ in length and are not held at one end: a position has no meaning")
    length = data.train.codes.shape[1]
    forms = [s for s in POSITION_SIZES if s[-1] <= length and _width(length, s) <= MOST_WEIGHTS]
    if not forms:
        raise Unfit(f"{length:,} positions are too many weights")
    return forms


def _width(length: int, sizes: tuple[int, ...]) -> int:
    return sum((length - k + 1) * 4**k for k in sizes)
