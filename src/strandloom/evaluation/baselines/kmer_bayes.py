"""Multinomial naive Bayes on k-mer counts, as read classifiers have used it since RDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import FitData, State, Unfit, draw, log_loss
from strandloom.evaluation.baselines.features import in_blocks
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.ranking import Floats
from strandloom.kmers import kmer_counts, num_canonical

PSEUDOCOUNTS = (0.01, 0.1, 1.0, 10.0)
FLATTENINGS = (1.0, 0.5, 0.25, 0.1, 0.05)
TABLE_LIMIT = 50_000_000  # k-mers × classes (200 MB of float32)
JUDGE_CELLS = 1_500_000
FIT_CELLS = 60_000_000


@dataclass(frozen=True, eq=False)
class KmerBayes:
    """k, strand rule, pseudocount and flattening chosen by validation log loss.

    k-mers of one sequence overlap, so naive Bayes counts the same evidence about k times; the summed log likelihood
    is multiplied by a ``flattening`` of at most 1 (chosen too), which leaves its decisions nearly alone and makes
    its probabilities usable.

    Parameters
    ----------
    k, canonical
        k-mer length; whether both strands share a count.
    scores
        log P(k-mer | class), float32 ``(F, K)``.
    prior
        log class shares, float64 ``(K,)``.
    pseudocount, flattening
        The chosen smoothing.
    """

    name: ClassVar[str] = "kmer_bayes"
    title: ClassVar[str] = "k-mer naive Bayes"
    k: int
    canonical: bool
    scores: NDArray[np.float32]
    prior: Floats
    pseudocount: float
    flattening: float

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Count once per k and strand rule, try the smoothings.

        Raises
        ------
        Unfit
            Too many classes for a table of k-mers × classes.
        """
        length = data.train.codes.shape[1]
        train = data.train.take(draw(len(data.train), max(FIT_CELLS // length, 500), seed=data.seed))
        validation = data.validation.take(draw(len(data.validation), max(JUDGE_CELLS // length, 250), seed=data.seed))
        prior = np.log(data.prior())
        best: tuple[float, Self] | None = None
        for k in data.kmer_sizes:
            for canonical in (False, True):
                if (num_canonical(k) if canonical else 4**k) * data.classes > TABLE_LIMIT:
                    continue
                counts = _class_counts(train.codes, train.y, k=k, canonical=canonical, classes=data.classes)
                judged = kmer_counts(validation.codes, k, canonical=canonical)
                for pseudocount in PSEUDOCOUNTS:
                    scores = _log_shares(counts, pseudocount)
                    evidence = np.asarray(judged @ scores, np.float64)
                    for flattening in FLATTENINGS:
                        loss = log_loss(softmax(evidence * flattening + prior), validation.y)
                        if best is None or loss < best[0]:
                            best = (loss, cls(k, canonical, scores, prior, pseudocount, flattening))
        if best is None:
            raise Unfit(f"{data.classes:,} classes × the k-mers make too large a table")
        return best[1]

    def describe(self) -> str:
        """The choices."""
        strands = "both strands together" if self.canonical else "one strand"
        smoothing = f"pseudocount {self.pseudocount:g}, flattened × {self.flattening:g}"
        return f"k = {self.k}, {strands}, {smoothing}, chosen on validation"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)``."""

        def score(rows: slice) -> Floats:
            counts = kmer_counts(codes[rows], self.k, canonical=self.canonical)
            return softmax(np.asarray(counts @ self.scores, np.float64) * self.flattening + self.prior)

        return in_blocks(len(codes), score, classes=len(self.prior))

    def state(self) -> State:
        """The table and the choices."""
        facts = {
            "k": self.k,
            "canonical": self.canonical,
            "pseudocount": self.pseudocount,
            "flattening": self.flattening,
        }
        return State({"scores": self.scores, "prior": self.prior}, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        facts = state.facts
        return cls(
            int(facts["k"]),
            bool(facts["canonical"]),
            state.arrays["scores"],
            state.arrays["prior"],
            float(facts["pseudocount"]),
            float(facts["flattening"]),
        )


def _class_counts(codes: Codes, y: NDArray[np.int64], *, k: int, canonical: bool, classes: int) -> NDArray[np.float64]:
    """k-mer counts summed over the rows of each class, ``(F, K)``."""
    from scipy import sparse

    member = sparse.csr_array((np.ones(len(y), np.float32), y, np.arange(len(y) + 1)), shape=(len(y), classes))
    counts = kmer_counts(codes, k, canonical=canonical)
    return np.asarray((counts.T @ member).todense(), np.float64)


def _log_shares(counts: NDArray[np.float64], pseudocount: float) -> NDArray[np.float32]:
    """log P(k-mer | class), float32 ``(F, K)``, of counts ``(F, K)``."""
    smoothed = counts + pseudocount
    return np.asarray(np.log(smoothed / smoothed.sum(axis=0)), np.float32)
