"""Logistic regression on the k-mer at each position: the bar of aligned tasks (splice sites, core promoters)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import FitData, State, Unfit, check_length, draw
from strandloom.evaluation.baselines.features import in_blocks, position_kmers
from strandloom.evaluation.baselines.linear import WEIGHTS_LIMIT, LinearFit, fit_linear, linear_probabilities
from strandloom.evaluation.ranking import Floats

SIZES: tuple[tuple[int, ...], ...] = ((1,), (1, 2), (1, 2, 3))
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FIT_CELLS = 4_000_000  # bases of a fit: 40,000 rows of 100 bp


@dataclass(frozen=True, eq=False)
class PositionLogistic:
    """The k-mers at each position (k up to 1, 2 or 3) and C, chosen by validation log loss.

    Parameters
    ----------
    length
        Columns it was fitted on, L.
    sizes
        The k-mer lengths used.
    weights, bias
        float32 ``(F, K)``, float64 ``(K,)``.
    strength, loss, rows
        The chosen C, the validation log loss, the training rows used.
    """

    name: ClassVar[str] = "position_logistic"
    title: ClassVar[str] = "Logistic regression on each position"
    length: int
    sizes: tuple[int, ...]
    weights: NDArray[np.float32]
    bias: Floats
    strength: float
    loss: float
    rows: int

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Try the three feature sets.

        Raises
        ------
        Unfit
            Rows are not aligned, or there are too many positions × classes.
        """
        if not data.aligned:
            raise Unfit("the sequences differ in length and are not said to be aligned: a position has no meaning")
        length = data.train.codes.shape[1]
        forms = [s for s in SIZES if s[-1] <= length and _width(length, s) * data.classes <= WEIGHTS_LIMIT]
        if not forms:
            raise Unfit(f"{length:,} positions × {data.classes:,} classes are too many weights")
        train = data.train.take(draw(len(data.train), max(FIT_CELLS // length, 500), seed=data.seed))
        best: tuple[LinearFit, tuple[int, ...]] | None = None
        for sizes in forms:
            fitted = fit_linear(
                position_kmers(train.codes, sizes=sizes),
                train.y,
                position_kmers(data.validation.codes, sizes=sizes),
                data.validation.y,
                classes=data.classes,
                strengths=STRENGTHS,
            )
            if best is None or fitted.loss < best[0].loss:
                best = (fitted, sizes)
        assert best is not None
        fitted, sizes = best
        return cls(length, sizes, fitted.weights, fitted.bias, fitted.strength, fitted.loss, len(train))

    def describe(self) -> str:
        """The choices."""
        parts = {1: "bases", 2: "pairs", 3: "triplets"}
        used = " and ".join(parts[k] for k in self.sizes)
        where = f"{used} at each of {self.length} positions"
        return f"{where}, C = {self.strength:g}, chosen on validation ({self.rows:,} rows)"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)`` of codes ``(N, L)`` of the fitted width."""
        check_length(codes, self.length, name=self.name)
        return in_blocks(
            len(codes),
            lambda rows: linear_probabilities(position_kmers(codes[rows], sizes=self.sizes), self.weights, self.bias),
            classes=len(self.bias),
        )

    def state(self) -> State:
        """Weights and choices."""
        facts = {
            "length": self.length,
            "sizes": list(self.sizes),
            "strength": self.strength,
            "loss": self.loss,
            "rows": self.rows,
        }
        return State({"weights": self.weights, "bias": self.bias}, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        facts = state.facts
        return cls(
            int(facts["length"]),
            tuple(facts["sizes"]),
            state.arrays["weights"],
            state.arrays["bias"],
            float(facts["strength"]),
            float(facts["loss"]),
            int(facts["rows"]),
        )


def _width(length: int, sizes: tuple[int, ...]) -> int:
    return sum((length - k + 1) * 4**k for k in sizes)
