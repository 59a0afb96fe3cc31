"""Rank statistics against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score

from strandloom.data.ranks import auroc, average_ranks, spearman


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_equal_to_the_oracles(levels: int) -> None:
    generator = np.random.default_rng(levels)
    scores, positive = generator.integers(0, levels, 300), generator.random(300) < 0.3
    other = scores + generator.normal(0, levels / 4, 300)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert np.array_equal(average_ranks(scores), rankdata(scores))
    assert spearman(scores, other) == pytest.approx(spearmanr(scores, other).statistic, abs=1e-12)


def test_edges() -> None:
    assert np.isnan(auroc([1, 2], [True, True]))
    assert auroc([-np.inf, 0, np.inf], [False, False, True]) == 1
    assert spearman([1, 1, 1], [1, 2, 3]) == 0
