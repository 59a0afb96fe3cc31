"""Gradient boosting on k-mer counts, kept as plain arrays of trees (Friedman 2001; scikit-learn's histogram trees)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State, Unfit, draw
from strandloom.evaluation.baselines.features import composition_features, in_blocks
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import ValueFit, scaled_error, spread
from strandloom.evaluation.regressors.leader import leader_features
from strandloom.kmers import kmer_counts

SIZES = (1, 2, 3, 4)
MOST_ROWS = 50_000
ROUNDS, RATE, LEAVES, SMALLEST_LEAF = 400, 0.06, 15, 20


@dataclass(frozen=True, eq=False)
class KmerBoosting:
    """Trees on counts of 1- to 4-mers, base composition and length, and on upstream start codons where sequences end at one.

    Parameters
    ----------
    leader
        Whether the last features are those of :mod:`~strandloom.evaluation.regressors.leader`.
    feature, threshold, left, right, value
        Nodes of all trees: int32, float64, int32, int32, float64 ``(nodes,)``; feature -1 for a leaf, children
        counted from 0 over all nodes.
    roots
        First node of each tree, by round and output: int32 ``(rounds, K)``.
    start
        Value before the first tree, float64 ``(K,)``.
    rows
        How many rows were learned from.
    """

    name: ClassVar[str] = "kmer_boosting"
    title: ClassVar[str] = "Gradient boosting on k-mer counts"
    leader: bool
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats
    roots: NDArray[np.int32]
    start: Floats
    rows: int

    @classmethod
    def fit(cls, data: ValueFit) -> Self:
        """Grow trees, and keep as many as validation asks for.

        Raises
        ------
        Unfit
            The sequences are shorter than four bases.
        """
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        if data.train.codes.shape[1] < max(SIZES):
            raise Unfit(f"the sequences are shorter than {max(SIZES)} bases")
        leader = data.anchor == "right"
        train = data.train.take(draw(len(data.train), MOST_ROWS, seed=data.seed))
        features, seen = (_features(rows.codes, rows.lengths, leader) for rows in (train, data.validation))
        scale = spread(train)
        models, staged = [], []
        for k in range(train.y.shape[1]):
            model = HistGradientBoostingRegressor(
                max_iter=ROUNDS, learning_rate=RATE, max_leaf_nodes=LEAVES, min_samples_leaf=SMALLEST_LEAF, l2_regularization=1.0,
                early_stopping=False, random_state=data.seed,
            )  # fmt: skip
            with threadpool_limits(
                1, user_api="openmp"
            ):  # its threads wait for each other without end where a core is busy
                model.fit(features, train.y[:, k], sample_weight=train.weights)
                staged.append(np.array(list(model.staged_predict(seen))))  # (rounds, n)
            models.append(model)
        errors = [scaled_error(step, data.validation, scale) for step in np.stack(staged, -1)]
        return cls._of(models, int(np.argmin(errors)) + 1, leader, len(train))

    @classmethod
    def _of(cls, models: list[Any], rounds: int, leader: bool, rows: int) -> Self:
        """The first rounds of fitted models, one an output."""
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
        roots = np.zeros((rounds, len(models)), np.int32)
        count = 0
        for step in range(rounds):
            for k, model in enumerate(models):
                nodes = model._predictors[step][0].nodes
                leaf = nodes["is_leaf"].astype(bool)
                parts["feature"].append(np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32))
                parts["threshold"].append(np.where(leaf, 0.0, nodes["num_threshold"]))
                parts["left"].append((nodes["left"] + count).astype(np.int32))
                parts["right"].append((nodes["right"] + count).astype(np.int32))
                parts["value"].append(np.asarray(nodes["value"], np.float64))
                roots[step, k] = count
                count += len(nodes)
        joined = {name: np.concatenate(found) for name, found in parts.items()}
        start = np.array([float(np.ravel(model._baseline_prediction)[0]) for model in models])
        return cls(leader, **joined, roots=roots, start=start, rows=rows)

    def describe(self) -> str:
        """The choices."""
        also = ", composition and upstream start codons" if self.leader else " and composition"
        return f"{len(self.roots)} trees on counts of 1- to 4-mers{also}; as many as validation asked for ({self.rows:,} rows)"

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Values ``(N, K)``."""

        def score(rows: slice) -> Floats:
            return self._sum(_features(codes[rows], lengths[rows], self.leader))

        return in_blocks(len(codes), score, classes=len(self.start))

    def _sum(self, features: Floats) -> Floats:
        out = np.tile(self.start, (len(features), 1))
        row = np.arange(len(features))
        for roots in self.roots:
            for k, root in enumerate(roots):
                at = np.full(len(features), root, np.int64)
                while True:
                    chosen = self.feature[at]
                    inner = chosen >= 0
                    if not inner.any():
                        break
                    small = features[row, np.maximum(chosen, 0)] <= self.threshold[at]
                    at = np.where(inner, np.where(small, self.left[at], self.right[at]), at)
                out[:, k] += self.value[at]
        return out

    def state(self) -> State:
        """Trees and choices."""
        names = ("feature", "threshold", "left", "right", "value", "roots", "start")
        return State({name: getattr(self, name) for name in names}, {"leader": self.leader, "rows": self.rows})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same regressor from its state."""
        return cls(bool(state.facts["leader"]), **state.arrays, rows=int(state.facts["rows"]))


def _features(codes: Codes, lengths: NDArray[np.integer], leader: bool) -> Floats:
    counts = [kmer_counts(codes, k, canonical=False).toarray() for k in SIZES]
    known = [leader_features(codes, lengths)] if leader else []
    return np.column_stack([*counts, composition_features(codes, lengths), *known]).astype(np.float64)
