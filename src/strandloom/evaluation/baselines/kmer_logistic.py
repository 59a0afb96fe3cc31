"""Logistic regression on k-mer counts: the classical bar of most DNA classification tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import FitData, State, Unfit, draw
from strandloom.evaluation.baselines.features import in_blocks, scaled_kmers
from strandloom.evaluation.baselines.linear import WEIGHTS_LIMIT, LinearFit, fit_linear, linear_probabilities
from strandloom.evaluation.ranking import Floats
from strandloom.kmers import num_canonical

SEARCH_CELLS = 1_500_000  # bases looked at per candidate (15,000 rows of 100 bp)
FIT_CELLS = 60_000_000  # bases of the final fit


@dataclass(frozen=True, eq=False)
class KmerLogistic:
    """k, strand rule and C are chosen by validation log loss: k on a sub-sample, then C again on all rows.

    Parameters
    ----------
    k, canonical
        k-mer length; whether both strands share a feature.
    weights, bias
        float32 ``(F, K)``, float64 ``(K,)``.
    strength, loss
        The chosen C and the log loss on validation.
    """

    name: ClassVar[str] = "kmer_logistic"
    title: ClassVar[str] = "k-mer logistic regression"
    k: int
    canonical: bool
    weights: NDArray[np.float32]
    bias: Floats
    strength: float
    loss: float

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Search on a sub-sample, fit on everything.

        Raises
        ------
        Unfit
            Even the smallest k has too many weights for the number of classes.
        """
        forms = [
            (k, canonical)
            for k in data.kmer_sizes
            for canonical in (False, True)
            if (num_canonical(k) if canonical else 4**k) * data.classes <= WEIGHTS_LIMIT
        ]
        if not forms:
            raise Unfit(
                f"{data.classes:,} classes × the k-mers are more weights than a logistic regression is fitted with here"
            )
        length = data.train.codes.shape[1]
        part = draw(len(data.train), max(SEARCH_CELLS // length, 500), seed=data.seed)
        judge = draw(len(data.validation), max(SEARCH_CELLS // (2 * length), 250), seed=data.seed)
        train, validation = data.train.take(part), data.validation.take(judge)
        losses = [
            fit_linear(
                scaled_kmers(train.codes, k=k, canonical=canonical),
                train.y,
                scaled_kmers(validation.codes, k=k, canonical=canonical),
                validation.y,
                classes=data.classes,
            ).loss
            for k, canonical in forms
        ]
        if len(part) == len(data.train):
            candidates = forms[int(np.argmin(losses)) :][:1]
        else:  # more rows favour longer k-mers: the two best of the search are fitted on everything
            candidates = [forms[i] for i in np.argsort(losses, kind="stable")[:2]]
        rows = data.train.take(draw(len(data.train), max(FIT_CELLS // length, 500), seed=data.seed))
        best: tuple[LinearFit, int, bool] | None = None
        for k, canonical in candidates:
            fitted = fit_linear(
                scaled_kmers(rows.codes, k=k, canonical=canonical),
                rows.y,
                scaled_kmers(data.validation.codes, k=k, canonical=canonical),
                data.validation.y,
                classes=data.classes,
            )
            if best is None or fitted.loss < best[0].loss:
                best = (fitted, k, canonical)
        assert best is not None
        fitted, k, canonical = best
        return cls(k, canonical, fitted.weights, fitted.bias, fitted.strength, fitted.loss)

    def describe(self) -> str:
        """The choices."""
        strands = "both strands together" if self.canonical else "one strand"
        return f"k = {self.k}, {strands}, C = {self.strength:g}, chosen on validation"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)``."""
        return in_blocks(
            len(codes),
            lambda rows: linear_probabilities(
                scaled_kmers(codes[rows], k=self.k, canonical=self.canonical), self.weights, self.bias
            ),
            classes=len(self.bias),
        )

    def state(self) -> State:
        """Weights and choices."""
        facts = {"k": self.k, "canonical": self.canonical, "strength": self.strength, "loss": self.loss}
        return State({"weights": self.weights, "bias": self.bias}, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        facts = state.facts
        return cls(
            int(facts["k"]),
            bool(facts["canonical"]),
            state.arrays["weights"],
            state.arrays["bias"],
            float(facts["strength"]),
            float(facts["loss"]),
        )
