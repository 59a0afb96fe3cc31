"""How right the calls of one rank are, under any weights of the queries, so that all measures can be resampled.

Definitions, over the queries of which something is said at the rank. A query is *listed* where its true taxon is in the reference, else
*novel*; a taxon may be called or not.

- ``accuracy``: listed queries called rightly and novel ones left uncalled, among all.
- ``coverage``: called, among all. ``precision``: right, among the called. ``recall``: right, among the listed. ``f1`` of these two.
- ``precision_macro``: mean over the taxa called; ``recall_macro``: over the true taxa in the reference; ``f1_macro``: over both, a taxon
  that is never right counting 0.
- ``misclassified`` and ``underclassified``: listed queries called wrongly, and not called, among the listed. ``overclassified``: novel
  queries called, among the novel (Edgar 2018, PeerJ 6:e4652).
- ``coverage_at_precision``: the largest coverage at which that share of the calls is right, the confidence swept.
- ``ece``: expected calibration error of the confidence of the calls, as in :mod:`strandloom.evaluation.calibration`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.metrics import ECE_BINS, confidence_bins
from strandloom.evaluation.ranking import Floats, tie_ends
from strandloom.workflows.taxonomy.truth import NOVEL, UNSAID

MEASURES = (
    "accuracy", "coverage", "precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro",
    "misclassified", "underclassified", "overclassified", "coverage_at_precision", "ece",
)  # fmt: skip
LOWER_IS_BETTER = frozenset({"misclassified", "underclassified", "overclassified", "ece"})
PRECISION = 0.95
Ints = NDArray[np.int32]


class RankScorer:
    """Calls of one rank ready to be scored; a :class:`~strandloom.evaluation.metrics.Scorer`.

    Parameters
    ----------
    truth
        int32 ``(N,)``: the true taxon, -1 not in the reference, -2 not said.
    taxon
        int32 ``(N,)``: the called one, -1 none.
    confidence
        float64 ``(N,)``, 0 to 1.
    precision
        That of ``coverage_at_precision``.
    """

    metrics = MEASURES
    groups = 1

    def __init__(self, truth: Ints, taxon: Ints, confidence: Floats, *, precision: float = PRECISION) -> None:
        self.rows, self.precision = len(truth), precision
        said = truth != UNSAID
        called, listed = (taxon >= 0) & said, truth >= 0
        self.right = called & (taxon == truth)
        self.called, self.listed = called, listed
        wrong = called & listed & ~self.right
        over = called & (truth == NOVEL)
        taxa = np.unique(np.concatenate([truth[listed], taxon[called]]))
        self._taxa = len(taxa)
        flags = _rows_matrix([said, called, self.right, listed, wrong, over])
        per_taxon = [
            _membership(taxa, truth, listed),
            _membership(taxa, taxon, called),
            _membership(taxa, taxon, self.right),
        ]
        rows = np.flatnonzero(called)
        gaps = _matrix(
            (confidence - self.right)[rows],
            confidence_bins(np.asarray(confidence, np.float64)[rows]),
            rows,
            (ECE_BINS, self.rows),
        )
        self._sums = _stacked([flags, gaps, *per_taxon])
        self._order = rows[np.argsort(-confidence[rows], kind="stable")]
        self._ends = tie_ends(confidence[self._order]) if len(rows) else np.zeros(0, np.int64)

    @property
    def ranking_cost(self) -> int:
        """Rows visited by the sweep for one resample."""
        return len(self._order)

    def score(self, weights: Floats, *, ranked: bool = True) -> Floats:
        """:data:`MEASURES` ``(1, M, R)`` under row weights ``(N, R)``; ``ranked=False`` leaves the sweep NaN."""
        sums = self._sums @ weights  # (6 + bins + 3 T, R)
        said, called, right, listed, wrong, over = sums[:6]
        gaps = sums[6 : 6 + ECE_BINS]
        true, decided, correct = sums[6 + ECE_BINS :].reshape(3, self._taxa, weights.shape[1])
        novel = said - listed
        swept = self._sweep(weights, said) if ranked else np.full(weights.shape[1], np.nan)
        return np.stack(
            [
                _ratio(right + novel - over, said),
                _ratio(called, said),
                _ratio(right, called),
                _ratio(right, listed),
                _ratio(2 * right, called + listed),
                _mean(_ratio(correct, decided)),
                _mean(_ratio(correct, true)),
                _mean(_ratio(2 * correct, true + decided)),
                _ratio(wrong, listed),
                _ratio(listed - right - wrong, listed),
                _ratio(over, novel),
                swept,
                _ratio(np.abs(gaps).sum(axis=0), called),
            ]
        )[None]

    def _sweep(self, weights: Floats, said: Floats) -> Floats:
        """Coverage at the wanted precision, ``(R,)``."""
        ordered = weights[self._order]
        kept = np.cumsum(ordered, axis=0)[self._ends]
        right = np.cumsum(ordered * self.right[self._order, None], axis=0)[self._ends]
        good = np.where(right >= (self.precision - 1e-9) * kept, kept, 0)
        return _ratio(good.max(axis=0, initial=0.0), said)


def _membership(taxa: Ints, taxon: Ints, where: NDArray[np.bool_]) -> Any:
    """Sparse ``(T, N)``: 1 where a row is of a taxon."""
    rows = np.flatnonzero(where)
    return _matrix(np.ones(len(rows)), np.searchsorted(taxa, taxon[rows]), rows, (len(taxa), len(taxon)))


def _rows_matrix(flags: list[NDArray[np.bool_]]) -> Any:
    from scipy import sparse

    return sparse.csr_array(np.stack(flags).astype(np.float64))


def _matrix(values: Floats, row: NDArray[np.integer], column: NDArray[np.integer], shape: tuple[int, int]) -> Any:
    from scipy import sparse

    return sparse.csr_array((values, (row, column)), shape=shape)


def _stacked(blocks: list[Any]) -> Any:
    """Sparse, because its sums have one order whatever the number of threads: same seed, same bytes."""
    from scipy import sparse

    return sparse.vstack(blocks, format="csr")


def _ratio(above: Floats, below: Floats) -> Floats:
    """Division with NaN where nothing is below."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _mean(values: Floats) -> Floats:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0).astype(np.float64))
