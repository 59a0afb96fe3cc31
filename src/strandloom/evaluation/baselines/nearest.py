"""Vote of the most similar training sequences by k-mer profile: what memory alone can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import FitData, State, Unfit, draw, log_loss
from strandloom.evaluation.baselines.features import blocks_of, scaled_kmers
from strandloom.evaluation.ranking import Floats

SIZES = (6, 8)
NEIGHBOURS = (1, 3, 7, 15, 31, 63)
SMOOTHINGS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
REFERENCE_CELLS = 5_000_000  # bases kept as references (50,000 rows of 100 bp)
MAX_REFERENCES = 50_000
JUDGE_ROWS = 1000
_BLOCK_CELLS = 20_000_000  # query × reference similarities held at once (80 MB)


class Found(NamedTuple):
    """The best references of each query, best first: similarity float32 ``(N, n)``, row int64 ``(N, n)``."""

    similarity: NDArray[np.float32]
    row: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Nearest:
    """Cosine similarity of square-root k-mer counts; the n best vote with their similarity, softened towards the
    class shares.

    Parameters
    ----------
    codes, y
        The references, uint8 ``(M, L)``, and their classes, int64 ``(M,)``.
    prior
        Class shares, float64 ``(K,)``.
    k, canonical, neighbours, smoothing
        Chosen by validation log loss; ``smoothing`` is the weight of the prior beside the votes.
    total
        Training rows there were; fewer references than that is a seeded draw.
    """

    name: ClassVar[str] = "nearest"
    title: ClassVar[str] = "Nearest training sequences"
    codes: Codes
    y: NDArray[np.int64]
    prior: Floats
    k: int
    canonical: bool
    neighbours: int
    smoothing: float
    total: int

    @classmethod
    def fit(cls, data: FitData) -> Self:
        """Choose k, strand rule, n and smoothing.

        Raises
        ------
        Unfit
            The sequences are shorter than the shortest k.
        """
        length = data.train.codes.shape[1]
        sizes = [k for k in SIZES if k <= length // 2] or [k for k in data.kmer_sizes if k <= length][-1:]
        if not sizes:
            raise Unfit(f"the sequences ({length} bases) are shorter than any k-mer to compare")
        limit = min(MAX_REFERENCES, max(REFERENCE_CELLS // length, 500))
        references = data.train.take(draw(len(data.train), limit, seed=data.seed))
        judge = data.validation.take(draw(len(data.validation), JUDGE_ROWS, seed=data.seed))
        prior = data.prior()
        counts = [n for n in NEIGHBOURS if n <= len(references)]
        best: tuple[float, Self] | None = None
        for k in sizes:
            for canonical in (False, True):
                known = profiles(references.codes, k=k, canonical=canonical)
                found = search(judge.codes, known, k=k, canonical=canonical, neighbours=counts[-1])
                for n in counts:
                    votes = _votes(found, references.y, n, data.classes)
                    for smoothing in SMOOTHINGS:
                        loss = log_loss(_soften(votes, prior, smoothing), judge.y)
                        if best is None or loss < best[0]:
                            chosen = cls(
                                references.codes, references.y, prior, k, canonical, n, smoothing, len(data.train)
                            )
                            best = (loss, chosen)
        assert best is not None
        return best[1]

    def describe(self) -> str:
        """The choices."""
        strands = "either strand" if self.canonical else "the same strand"
        kept = "" if len(self.y) == self.total else f", {len(self.y):,} of {self.total:,} training rows as references"
        return f"{self.neighbours} nearest by {self.k}-mers on {strands}{kept}"

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)``."""
        references = profiles(self.codes, k=self.k, canonical=self.canonical)
        found = search(codes, references, k=self.k, canonical=self.canonical, neighbours=self.neighbours)
        return _soften(_votes(found, self.y, self.neighbours, len(self.prior)), self.prior, self.smoothing)

    def state(self) -> State:
        """The references themselves and the choices."""
        facts = {
            "k": self.k,
            "canonical": self.canonical,
            "neighbours": self.neighbours,
            "smoothing": self.smoothing,
            "total": self.total,
        }
        return State({"codes": self.codes, "y": self.y, "prior": self.prior}, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        facts = state.facts
        return cls(
            state.arrays["codes"],
            state.arrays["y"],
            state.arrays["prior"],
            int(facts["k"]),
            bool(facts["canonical"]),
            int(facts["neighbours"]),
            float(facts["smoothing"]),
            int(facts["total"]),
        )


def profiles(codes: Codes, *, k: int, canonical: bool) -> Any:
    """Profiles of the references, k-mers by rows: sparse float32 ``(F, M)``."""
    return scaled_kmers(codes, k=k, canonical=canonical).T.tocsr()


def search(codes: Codes, references: Any, *, k: int, canonical: bool, neighbours: int) -> Found:
    """The most similar references of each query; equal similarity: the earlier row."""
    many = references.shape[1]
    similarity = np.zeros((len(codes), neighbours), np.float32)
    row = np.zeros((len(codes), neighbours), np.int64)
    for block in blocks_of(len(codes), size=max(1, min(256, _BLOCK_CELLS // many))):
        scores = (scaled_kmers(codes[block], k=k, canonical=canonical) @ references).toarray()  # (b, M)
        kept = np.sort(np.argpartition(-scores, neighbours - 1, axis=1)[:, :neighbours], axis=1)
        values = np.take_along_axis(scores, kept, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        similarity[block] = np.take_along_axis(values, order, axis=1)
        row[block] = np.take_along_axis(kept, order, axis=1)
    return Found(similarity, row)


def _votes(found: Found, y: NDArray[np.int64], neighbours: int, classes: int) -> Floats:
    """Summed similarity per class of the first ``neighbours``, ``(N, K)``."""
    rows = len(found.row)
    cell = np.arange(rows)[:, None] * classes + y[found.row[:, :neighbours]]
    weights = found.similarity[:, :neighbours].astype(np.float64)
    sums = np.bincount(cell.reshape(-1), weights.reshape(-1), rows * classes)
    return np.asarray(sums, np.float64).reshape(rows, classes)


def _soften(votes: Floats, prior: Floats, smoothing: float) -> Floats:
    """Votes ``(N, K)`` and the class shares ``(K,)``, weighed into probabilities ``(N, K)``."""
    return (votes + smoothing * prior) / (votes.sum(axis=1, keepdims=True) + smoothing)
