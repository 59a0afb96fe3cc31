"""Mock communities."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import braycurtis

from strandloom.workflows.taxonomy.communities import Detection, bray_curtis, detection

EXPECTED = pl.DataFrame({"community": ["a", "a", "b", "b"], "taxon": ["cod", "herring", "cod", "cod"]})
READS = pl.DataFrame(
    [
        ("a", "cod", 400), ("a", "cod", 100), ("a", "herring", 1), ("a", "perch", 2), ("a", "", 400), ("a", None, 97),
        ("b", "perch", 0), ("field", "cod", 10),
    ],
    schema=["community", "taxon", "reads"],
    orient="row",
)  # fmt: skip


def test_found_above_a_share_of_all_reads() -> None:
    whole, each = detection(READS, EXPECTED)
    assert whole == Detection(3, 2, 1), "a herring is one read of a thousand, which is not more than the share"
    assert each == {"a": Detection(2, 2, 1), "b": Detection(1, 0, 0)}
    assert (whole.precision, whole.recall, whole.f1) == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    assert np.isnan(each["b"].precision)
    assert each["b"].f1 == 0
    assert detection(READS, EXPECTED, share=0.0009)[0] == Detection(3, 3, 2)


def test_bray_curtis() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        a, b = rng.random(9), rng.integers(0, 50, 9)
        assert bray_curtis(a, b) == pytest.approx(braycurtis(a / a.sum(), b / b.sum()))
    assert bray_curtis([2, 0], [7, 0]) == 0
    assert bray_curtis([2, 0], [0, 7]) == 1
    assert np.isnan(bray_curtis([0, 0], [1, 2]))
