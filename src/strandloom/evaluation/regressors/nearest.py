"""The values of the nearest training sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, Unfit, draw
from strandloom.evaluation.baselines.nearest import (
    JUDGE_ROWS,
    MAX_REFERENCES,
    NEIGHBOURS,
    REFERENCE_CELLS,
    SIZES,
    Found,
    profiles,
    search,
)
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import ValueFit, scaled_error, spread

SMOOTHINGS = (0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, eq=False)
class NearestValues:
    """Cosine similarity of square-root k-mer counts; the n best are averaged by their similarity, softened towards the mean.

    Parameters
    ----------
    codes, y
        The references, uint8 ``(M, L)``, and their values, float64 ``(M, K)``.
    mean
        float64 ``(K,)``.
    k, neighbours, smoothing
        Chosen by validation error; ``smoothing`` is the weight of the mean beside the neighbours.
    total
        Training rows there were; fewer references than that is a seeded draw.
    """

    name: ClassVar[str] = "nearest"
    title: ClassVar[str] = "Nearest training sequences"
    codes: Codes
    y: Floats
    mean: Floats
    k: int
    neighbours: int
    smoothing: float
    total: int

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """Choose k, n and smoothing.

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
        mean, scale = np.average(references.y, axis=0, weights=references.weights), spread(references)
        counts = [n for n in NEIGHBOURS if n <= len(references)]
        best: tuple[float, Self] | None = None
        for k in sizes:
            found = search(
                judge.codes,
                profiles(references.codes, k=k, canonical=False),
                k=k,
                canonical=False,
                neighbours=counts[-1],
            )
            for n in counts:
                for smoothing in SMOOTHINGS:
                    error = scaled_error(_average(found, references.y, mean, n, smoothing), judge, scale)
                    if best is None or error < best[0]:
                        chosen = cls(references.codes, references.y, mean, k, n, smoothing, len(data.train))
                        best = (error, chosen)
        assert best is not None
        return best[1]

    def describe(self) -> str:
        """The choices."""
        kept = "" if len(self.y) == self.total else f", {len(self.y):,} of {self.total:,} training rows as references"
        return f"{self.neighbours} nearest by {self.k}-mers on the same strand{kept}"

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Values ``(N, K)``."""
        found = search(codes, self._profiles, k=self.k, canonical=False, neighbours=self.neighbours)
        return _average(found, self.y, self.mean, self.neighbours, self.smoothing)

    def similarity(self, codes: Codes) -> Floats:
        """Similarity of codes ``(N, L)`` to the nearest reference, 0 to 1, float64 ``(N,)``."""
        found = search(codes, self._profiles, k=self.k, canonical=False, neighbours=1)
        return np.asarray(found.similarity[:, 0], np.float64)

    @cached_property
    def _profiles(self) -> Any:
        return profiles(self.codes, k=self.k, canonical=False)

    def state(self) -> State:
        """The references themselves and the choices."""
        facts = {"k": self.k, "neighbours": self.neighbours, "smoothing": self.smoothing, "total": self.total}
        return State({"codes": self.codes, "y": self.y, "mean": self.mean}, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same regressor from its state."""
        a, f = state.arrays, state.facts
        return cls(
            a["codes"], a["y"], a["mean"], int(f["k"]), int(f["neighbours"]), float(f["smoothing"]), int(f["total"])
        )


def _average(found: Found, y: Floats, mean: Floats, neighbours: int, smoothing: float) -> Floats:
    """Values ``(N, K)`` of the first ``neighbours``, weighed by similarity, with the mean beside them."""
    near = found.similarity[:, :neighbours].astype(np.float64)
    summed = np.einsum("nj,njk->nk", near, y[found.row[:, :neighbours]])
    return np.asarray((summed + smoothing * mean) / (near.sum(1, keepdims=True) + smoothing))
