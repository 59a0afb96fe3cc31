"""Both areas against scikit-learn, plain and resampled, with and without ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from strandloom.evaluation.ranking import areas, rank


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=60).filter(
        lambda rows: len({positive for _, positive, weight in rows if weight}) == 2
    )
)
def test_areas_equal_scikit_learn_under_any_counts(rows):
    scores, positive, counts = (np.array(column) for column in zip(*rows, strict=True))
    found = areas(rank(scores.astype(float), positive), counts[:, None].astype(float))
    repeated = np.repeat(np.arange(len(scores)), counts)
    assert found.roc_auc[0] == pytest.approx(roc_auc_score(positive[repeated], scores[repeated]))
    assert found.average_precision[0] == pytest.approx(average_precision_score(positive[repeated], scores[repeated]))


def test_a_resample_without_a_side_is_not_defined():
    ranking = rank(np.array([0.1, 0.2, 0.3]), np.array([True, False, False]))
    found = areas(ranking, np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]))
    assert np.isnan(found.roc_auc).all()
    np.testing.assert_array_equal(np.isnan(found.average_precision), [True, False])
    none = areas(rank(np.array([0.1, 0.2]), np.array([False, False])), np.ones((2, 3)))
    assert np.isnan(none.roc_auc).all()
    assert np.isnan(none.average_precision).all()
