"""Multinomial naive Bayes on 7-mers with the settings of QIIME 2's feature classifier (Bokulich et al. 2018), by scikit-learn.

The classes are the species, all equally likely beforehand. scikit-learn holds a dense table of rows times classes while it fits, so the
species are fitted some hundred at a time, which changes nothing: with equal priors no class depends on another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.baselines.types import Calls, Doubles
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

WORD = 7
FEATURES = 8_192
ALPHA = 0.001
CLASS_BLOCK = 500
BATCH_ROWS = 256


class NaiveBayes:
    """A fitted classifier; see :meth:`fit`.

    Parameters
    ----------
    taxonomy
        The lineages of S species.
    classes
        int64 ``(K,)``: the species that have records, rising.
    parts
        Fitted scikit-learn classifiers, which share the classes in order.
    """

    def __init__(self, taxonomy: Taxonomy, classes: NDArray[np.int64], parts: Sequence[Any]) -> None:
        self.taxonomy, self.classes, self.parts = taxonomy, classes, tuple(parts)
        self._sums = [_members(taxonomy.taxa(rank).index[classes], len(taxonomy.taxa(rank).names)) for rank in RANKS]

    @classmethod
    def fit(
        cls,
        sequences: Sequence[str],
        species: NDArray[np.integer],
        taxonomy: Taxonomy,
        *,
        class_block: int = CLASS_BLOCK,
    ) -> Self:
        """Fit on R records.

        Parameters
        ----------
        sequences
            Upper-case text, R long; at least one.
        species
            int ``(R,)``: the species of each.
        class_block
            Species fitted together; the result does not depend on it.
        """
        from sklearn.naive_bayes import MultinomialNB

        order = np.argsort(species, kind="stable")
        classes, first = np.unique(species[order], return_index=True)
        words = _words([sequences[i] for i in order])
        parts = []
        bounds = [*range(0, len(classes), class_block), len(classes)]
        for start, stop in pairwise(bounds):
            rows = slice(first[start], first[stop] if stop < len(classes) else len(order))
            part = MultinomialNB(alpha=ALPHA, fit_prior=False).fit(words[rows], species[order[rows]])
            weights = part.feature_log_prob_.astype(np.float32)
            part.feature_log_prob_ = np.asfortranarray(weights)  # its transpose is multiplied without a copy
            del part.feature_count_
            parts.append(part)
        return cls(taxonomy, classes.astype(np.int64), parts)

    def probabilities(self, sequences: Sequence[str]) -> Doubles:
        """Probability of each class, float64 ``(N, K)``."""
        words = _words(sequences)
        scores = [part.predict_joint_log_proba(words) - part.class_log_prior_[0] for part in self.parts]
        joint = np.concatenate(scores, axis=1)  # (N, K)
        joint -= joint.max(axis=1, keepdims=True)
        np.exp(joint, out=joint)
        joint /= joint.sum(axis=1, keepdims=True)
        return joint

    def calls(self, sequences: Sequence[str], *, batch_rows: int = BATCH_ROWS) -> Calls:
        """The most probable taxon of each rank of N sequences; the probability of a taxon is the sum over its species.

        Parameters
        ----------
        sequences
            Upper-case text, in the orientation of the records.
        batch_rows
            Sequences judged together; memory is that of so many rows of K classes.
        """
        parts = [self._batch(sequences[i : i + batch_rows]) for i in range(0, max(len(sequences), 1), batch_rows)]
        return Calls.concat(parts)

    def _batch(self, sequences: Sequence[str]) -> Calls:
        number = len(sequences)
        taxon, confidence = np.full((len(RANKS), number), -1, np.int64), np.zeros((len(RANKS), number))
        if number:
            probabilities = self.probabilities(sequences)
            for rank, sums in enumerate(self._sums):
                if sums.shape[1]:
                    each = probabilities @ sums  # (B, taxa of the rank)
                    taxon[rank], confidence[rank] = each.argmax(axis=1), np.minimum(each.max(axis=1), 1)
        return Calls.from_arrays(taxon, confidence)


def _words(sequences: Sequence[str]) -> Any:
    """Hashed 7-mers of N sequences, float32 sparse ``(N, 8192)``, each row of length 1."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char",
        ngram_range=(WORD, WORD),
        n_features=FEATURES,
        alternate_sign=False,
        norm="l2",
        lowercase=False,
        dtype=np.float32,
    )
    return hashing.transform(sequences)


def _members(taxon: NDArray[np.integer], number: int) -> Any:
    """Which taxon each class belongs to, sparse ``(K, number)``; none where it is below 0."""
    from scipy import sparse

    rows = np.flatnonzero(taxon >= 0)
    return sparse.csr_array((np.ones(len(rows)), (rows, taxon[rows])), shape=(len(taxon), number))
