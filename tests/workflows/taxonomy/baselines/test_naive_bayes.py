"""Naive Bayes is scikit-learn's, whatever the blocks."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.naive_bayes import MultinomialNB

from strandloom.workflows.taxonomy.baselines.naive_bayes import NaiveBayes
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

SPECIES = 12
TAXONOMY = Taxonomy.from_frame(
    pl.DataFrame(
        [(f"G{i // 3} s{i:02}", f"G{i // 3}", f"F{i // 6}" if i else "", "", "Fish") for i in range(SPECIES)],
        schema=list(RANKS),
        orient="row",
    )
)


def records() -> tuple[list[str], np.ndarray]:
    """Three to five records of each species but the last, which has none; species of a genus are alike."""
    rng = np.random.default_rng(1)
    genera = rng.integers(0, 4, (4, 90))
    sequences, species = [], []
    for s in rng.permutation(SPECIES - 1):
        own = _changed(genera[s // 3], rng, 4)
        for _ in range(rng.integers(3, 6)):
            sequences.append("".join("ACGT"[b] for b in _changed(own, rng, 2)))
            species.append(s)
    return sequences, np.array(species, np.int32)


def _changed(bases: np.ndarray, rng: np.random.Generator, number: int) -> np.ndarray:
    out = bases.copy()
    out[rng.integers(0, len(out), number)] = rng.integers(0, 4, number)
    return out


def test_against_scikit_learn_in_one_piece() -> None:
    sequences, species = records()
    queries = [sequences[i][5:-7] for i in range(0, len(sequences), 3)] + ["ACGTNNACGTACGTT", "ACG"]
    hashing = HashingVectorizer(
        analyzer="char", ngram_range=(7, 7), n_features=8192, alternate_sign=False, norm="l2", lowercase=False
    )
    oracle = MultinomialNB(alpha=0.001, fit_prior=False).fit(hashing.transform(sequences), species)
    expected = oracle.predict_proba(hashing.transform(queries))
    bayes = NaiveBayes.fit(sequences, species, TAXONOMY)
    assert bayes.classes.tolist() == list(range(SPECIES - 1))
    assert bayes.probabilities(queries) == pytest.approx(expected, abs=1e-4)
    assert bayes.probabilities(["ACG"]) == pytest.approx(1 / (SPECIES - 1)), "too short for a 7-mer"
    calls = bayes.calls(queries)
    assert (calls.taxon["species"][:-1] == expected.argmax(axis=1)[:-1]).all()
    for rank in RANKS:
        index = TAXONOMY.taxa(rank).index[: SPECIES - 1]
        sums = np.stack([expected[:, index == t].sum(axis=1) for t in range(len(TAXONOMY.taxa(rank).names))] or [[]])
        if rank == "order":
            assert (calls.taxon[rank] == -1).all()
        else:
            assert (calls.taxon[rank][:-1] == sums.argmax(axis=0)[:-1]).all()
            assert calls.confidence[rank] == pytest.approx(sums.max(axis=0), abs=1e-4)


@pytest.mark.parametrize("class_block", [1, 4, 11, 100])
def test_blocks_and_batches_change_nothing(class_block: int) -> None:
    sequences, species = records()
    whole = NaiveBayes.fit(sequences, species, TAXONOMY).calls(sequences)
    parts = NaiveBayes.fit(sequences, species, TAXONOMY, class_block=class_block).calls(sequences, batch_rows=7)
    for rank in RANKS:
        assert np.array_equal(whole.taxon[rank], parts.taxon[rank])
        assert whole.confidence[rank] == pytest.approx(parts.confidence[rank], abs=1e-6)


def test_no_queries() -> None:
    assert len(NaiveBayes.fit(*records(), TAXONOMY).calls([])) == 0
