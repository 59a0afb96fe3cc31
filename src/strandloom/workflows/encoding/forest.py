"""A forest over the values of sequences, kept as plain arrays: grown by scikit-learn, asked by our own walk; nothing is pickled."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.baselines.base import State, draw
from strandloom.evaluation.calibration import sigmoid
from strandloom.evaluation.ranking import Floats
from strandloom.workflows.encoding.settings import ForestSettings

_ARRAYS = ("roots", "feature", "left", "right", "leaf", "threshold", "values")


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as arrays: N nodes, M leaves, K outputs.

    Parameters
    ----------
    roots, feature, left, right, leaf
        int32: first node of each tree; of each node the value it asks (-1: a leaf), where it leads, and the leaf's row.
    threshold
        float32 ``(N,)``.
    values
        ``(M, K)``: float16, mean of the training rows in each leaf; of boosted trees float32, what the leaf adds.
    least
        Training rows in a leaf at least.
    base
        Of boosted trees: what the first one corrects, float64 ``(K,)``; None: trees are averaged.
    logistic
        Whether boosted trees add log odds.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    leaf: NDArray[np.int32]
    threshold: NDArray[np.float32]
    values: NDArray[np.floating[Any]]
    least: int
    base: Floats | None = None
    logistic: bool = False

    def predict(self, x: NDArray[np.floating], *, threads: int = 1) -> Floats:
        """What the trees say ``(N, K)`` of values ``(N, V)``: shares of labels or classes, or measured values.

        Parameters
        ----------
        threads
            Threads that share the rows; the answers do not depend on them.
        """
        from strandloom.workflows.encoding.forest_kernels import walk

        out = np.zeros((len(x), self.values.shape[1]), np.float32)
        trees = (
            self.roots,
            self.feature,
            self.threshold,
            self.left,
            self.right,
            self.leaf,
            self.values.astype(np.float32),
        )
        threads = max(min(threads, len(x)), 1)
        parts = [np.array_split(each, threads) for each in (np.ascontiguousarray(x, np.float32), out)]
        if threads == 1:
            walk(parts[0][0], *trees, out)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda values, found: walk(values, *trees, found), *parts))
        found = out.astype(np.float64)
        if self.base is None:
            return found
        found = found * len(self.roots) + self.base
        return sigmoid(found) if self.logistic else found

    @classmethod
    def grow(
        cls, x: NDArray[np.floating], y: NDArray[np.floating], *, settings: ForestSettings, least: int, threads: int = 1
    ) -> Self:
        """Grow the trees.

        Parameters
        ----------
        x, y
            Values ``(N, V)`` and targets ``(N, K)``: 0/1 of labels or classes, or measured values in standard units.
        least
            Training rows in a leaf at least.
        """
        from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

        share = "sqrt" if settings.share == "auto" else settings.share
        kind = RandomForestRegressor if settings.kind == "random" else ExtraTreesRegressor
        rows = draw(len(x), settings.rows, seed=settings.seed)
        model = kind(
            settings.trees,
            max_features=share,
            min_samples_leaf=least,
            bootstrap=True,
            random_state=settings.seed,
            n_jobs=threads,
        )
        wanted = np.asarray(y[rows], np.float64)
        model.fit(np.asarray(x[rows], np.float32), wanted[:, 0] if wanted.shape[1] == 1 else wanted)
        return cls.of_trees([one.tree_ for one in model.estimators_], least=least)

    @classmethod
    def of_trees(cls, trees: list[Any], *, least: int) -> Self:
        """From scikit-learn's trees."""
        roots: list[int] = []
        parts: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("feature", "left", "right", "leaf", "threshold", "values")
        }
        nodes = leaves = 0
        for tree in trees:
            is_leaf = tree.children_left < 0
            roots.append(nodes)
            parts["feature"].append(np.where(is_leaf, -1, tree.feature))
            parts["threshold"].append(tree.threshold)
            for side, children in (("left", tree.children_left), ("right", tree.children_right)):
                parts[side].append(np.where(is_leaf, 0, children + nodes))
            parts["leaf"].append(np.where(is_leaf, np.cumsum(is_leaf) - 1 + leaves, 0))
            parts["values"].append(tree.value[is_leaf][:, :, 0])
            nodes, leaves = nodes + len(is_leaf), leaves + int(is_leaf.sum())
        joined = {name: np.concatenate(some) for name, some in parts.items()}
        return cls(
            roots=np.array(roots, np.int32), feature=joined["feature"].astype(np.int32), left=joined["left"].astype(np.int32),
            right=joined["right"].astype(np.int32), leaf=joined["leaf"].astype(np.int32),
            threshold=_rounded_down(joined["threshold"]), values=joined["values"].astype(np.float16), least=least,
        )  # fmt: skip

    def state(self) -> State:
        """As arrays and facts."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.base is not None:
            arrays["base"] = self.base
        return State(arrays, {"least": self.least, "logistic": self.logistic})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same forest."""
        return cls(
            **{name: state.arrays[name] for name in _ARRAYS}, least=int(state.facts["least"]), base=state.arrays.get("base"),
            logistic=bool(state.facts.get("logistic", False)),
        )  # fmt: skip


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above: a value above a threshold stays above it."""
    found = thresholds.astype(np.float32)
    return np.where(found > thresholds, np.nextafter(found, np.float32(-np.inf)), found).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Grown:
    """The best forest on validation, with the loss of every leaf size that was tried and the seconds of all."""

    forest: Forest
    losses: dict[int, float]
    seconds: float


def grow_best(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    x_validation: NDArray[np.floating],
    y_validation: NDArray[np.floating],
    *,
    settings: ForestSettings,
    logistic: bool = True,
    threads: int = 1,
) -> Grown:
    """Grow a forest for each leaf size and keep the one with the smallest squared error on validation.

    Parameters
    ----------
    x, y, x_validation, y_validation
        As of :meth:`Forest.grow`, of training and validation rows.
    logistic
        Whether ``y`` is 0/1 of labels or classes; else measured values.
    """
    from strandloom.workflows.encoding.boosting import boost

    began = time.perf_counter()
    best: Forest | None = None
    losses: dict[int, float] = {}
    for least in settings.leaf:
        if settings.kind == "boosted":
            found = boost(x, y, x_validation, y_validation, settings=settings, least=least, logistic=logistic)
        else:
            found = Forest.grow(x, y, settings=settings, least=least, threads=threads)
        losses[least] = float(((found.predict(x_validation, threads=threads) - y_validation) ** 2).mean())
        if losses[least] <= min(losses.values()):
            best = found
    assert best is not None
    return Grown(best, losses, time.perf_counter() - began)
