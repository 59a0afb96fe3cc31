"""Gradient boosting of all outputs at once: each tree is grown on what is left of every output, its leaves take a Newton step for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.baselines.base import draw
from strandloom.evaluation.ranking import Floats
from strandloom.workflows.encoding.forest import Forest
from strandloom.workflows.encoding.settings import ForestSettings

SAMPLED = 0.7
"""Training rows that each tree is grown on; its leaves are filled with all."""
SKETCH = 20
"""Random mixtures of the outputs on which splits are found where there are more outputs (Iosipoi and Vakhrushev 2022, SketchBoost); leaves
answer for all of them."""
LOOKED_AT = 0.15
"""``share: auto``: of the values at each split. Twice as many take twice the time and gain less than
another seed does (docs/results.md#genome-superq)."""
PENALTY = 1.0
"""Added to the curvature of a leaf, so that a leaf of few rows takes a small step."""
LEAST_SHARE = 1e-4


def boost(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    x_validation: NDArray[np.floating],
    y_validation: NDArray[np.floating],
    *,
    settings: ForestSettings,
    least: int,
    logistic: bool,
) -> Forest:
    """Boosted trees, as many as are best on validation (Friedman 2001, 2002; all outputs share the splits).

    Several runs of boosting, each from a seed of its own, are averaged: one forest holds the trees of all.

    Parameters
    ----------
    x, y
        Values ``(N, V)`` and targets ``(N, K)``: 0/1 where ``logistic``, else measured values.
    x_validation, y_validation
        The same of validation rows, which decide the number of trees by their loss.
    least
        Training rows in a leaf at least, of those that a tree is grown on.
    """
    rows = draw(len(x), settings.rows, seed=settings.seed)
    own, wanted = np.ascontiguousarray(x[rows], np.float32), np.asarray(y[rows], np.float64)
    held = np.ascontiguousarray(x_validation, np.float32)
    share = np.clip(wanted.mean(axis=0), LEAST_SHARE, 1 - LEAST_SHARE) if logistic else wanted.mean(axis=0)
    base = np.log(share) - np.log1p(-share) if logistic else share
    trees: list[Any] = []
    values: list[NDArray[np.float32]] = []
    for repeat in range(settings.repeats):
        run = _Run(own, wanted, held, y_validation, base, logistic)
        some, steps = run.grow(settings=settings, least=least, repeat=repeat)
        trees += some
        values.append((steps / settings.repeats).astype(np.float32))
    return replace(Forest.of_trees(trees, least=least), values=np.concatenate(values), base=base, logistic=logistic)


@dataclass(frozen=True, eq=False)
class _Run:
    """What a run of boosting learns from and is judged by.

    Parameters
    ----------
    x, y, x_validation, y_validation
        Values ``(N, V)`` and targets ``(N, K)``, and those of validation.
    base
        What the first tree corrects, ``(K,)``.
    logistic
        Whether targets are 0/1.
    """

    x: NDArray[np.float32]
    y: Floats
    x_validation: NDArray[np.float32]
    y_validation: NDArray[np.floating]
    base: Floats
    logistic: bool

    def grow(self, *, settings: ForestSettings, least: int, repeat: int) -> tuple[list[Any], NDArray[np.float32]]:
        """Trees, and what their leaves add ``(M, K)``; where no tree helps, one that adds nothing."""
        from scipy.special import expit
        from sklearn.tree import ExtraTreeRegressor

        base, y = self.base.astype(np.float32), self.y.astype(np.float32)
        found, found_held = np.tile(base, (len(self.x), 1)), np.tile(base, (len(self.x_validation), 1))
        trees: list[Any] = []
        steps: list[NDArray[np.float32]] = []
        best, count = _loss(found_held, self.y_validation, logistic=self.logistic), 0
        for number in range(settings.trees):
            rng = np.random.default_rng((settings.seed, repeat, number))
            said = expit(found) if self.logistic else found
            left, curve = y - said, said * (1 - said) if self.logistic else np.ones_like(said)
            drawn = np.sort(rng.permutation(len(self.x))[: max(int(SAMPLED * len(self.x)), 1)])
            wanted = left / np.sqrt(curve.mean(axis=0))
            if wanted.shape[1] > SKETCH:
                wanted = wanted @ rng.normal(scale=SKETCH**-0.5, size=(wanted.shape[1], SKETCH)).astype(np.float32)
            tree = ExtraTreeRegressor(
                max_depth=settings.depth, min_samples_leaf=least, max_features=LOOKED_AT if settings.share == "auto" else settings.share,
                random_state=int(rng.integers(1 << 31)),
            ).fit(self.x[drawn], wanted[drawn])  # fmt: skip
            leaf, leaf_held = tree.apply(self.x), tree.apply(self.x_validation)
            step = (settings.rate * _newton(leaf, left, curve, nodes=tree.tree_.node_count)).astype(np.float32)
            found += step[leaf]
            found_held += step[leaf_held]
            trees.append(tree.tree_)
            steps.append(step[tree.tree_.children_left < 0])
            loss = _loss(found_held, self.y_validation, logistic=self.logistic)
            if loss < best:
                best, count = loss, number + 1
        kept = max(count, 1)
        return trees[:kept], np.concatenate(steps[:kept]) * np.float32(count > 0)


def _newton(leaf: NDArray[np.integer], left: NDArray[np.float32], curve: NDArray[np.float32], *, nodes: int) -> Floats:
    """The step of each leaf and output, ``(nodes, K)``; 0 elsewhere."""
    order = np.argsort(leaf, kind="stable")
    names, starts = np.unique(leaf[order], return_index=True)
    found = np.zeros((nodes, left.shape[1]))
    found[names] = np.add.reduceat(left[order], starts) / (np.add.reduceat(curve[order], starts) + PENALTY)
    return found


def _loss(found: NDArray[np.floating], wanted: NDArray[np.floating], *, logistic: bool) -> float:
    """Mean log loss, or squared error."""
    if logistic:
        return float((np.logaddexp(0, found) - wanted * found).mean())
    return float(((found - wanted) ** 2).mean())
