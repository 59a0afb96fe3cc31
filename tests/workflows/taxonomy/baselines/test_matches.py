"""Majority and consensus of the nearest records."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.baselines.matches import consensus, expected_accuracy, hit_shares, majority
from strandloom.workflows.taxonomy.candidates import Records
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.search import Hits

ROWS = [
    ("A a", "A", "Aidae", "Ones", "Fish"),
    ("A b", "A", "Aidae", "Ones", "Fish"),
    ("B a", "B", "Aidae", "Ones", "Fish"),
    ("C a", "C", "Cidae", "", "Fish"),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(ROWS, schema=list(RANKS), orient="row"))
# sequence 0: A a twice, A b once; 1: A b; 2: B a; 3: C a and A a
RECORDS = Records(
    np.array([0, 0, 1, 1, 2, 3, 0], np.int32),
    np.array([0, 0, 0, 1, 2, 3, 3], np.int32),
    species_count=4,
    haplotype_count=4,
)


def hits(*queries: list[tuple[int, int]]) -> Hits:
    """Queries as lists of (sequence, differences), of 100 bases each."""
    flat = [hit for query in queries for hit in query]
    known = {
        "offsets": np.cumsum([0, *map(len, queries)]),
        "haplotype": np.array([h for h, _ in flat], np.int32),
        "differences": np.array([d for _, d in flat], np.int16),
        "columns": np.full(len(flat), 100, np.int16),
    }
    rest = {field.name: np.zeros(len(flat), np.int16) for field in fields(Hits) if field.name not in known}
    return Hits(**known, **rest)


FOUND = hits([(0, 1), (1, 1), (2, 2)], [(1, 0), (2, 0)], [], [(3, 4)], [(2, 3), (3, 5)])


def test_shares_of_the_top_hits() -> None:
    shares = hit_shares(FOUND, RECORDS)
    assert shares.offsets.tolist() == [0, 2, 4, 4, 6, 7]
    assert shares.species.tolist() == [0, 1, 1, 2, 0, 3, 2]
    assert shares.probability.tolist() == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1]


def test_margin_and_identity() -> None:
    assert hit_shares(FOUND, RECORDS, margin=1).species.tolist() == [0, 1, 2, 1, 2, 0, 3, 2]
    assert hit_shares(FOUND, RECORDS, margin=2).probability.tolist()[-3:] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert hit_shares(FOUND, RECORDS, identity=0.97).offsets.tolist() == [0, 2, 4, 4, 4, 5], "three differences in 100"


def test_majority_breaks_ties_at_random_with_a_seed() -> None:
    shares = hit_shares(FOUND, RECORDS)
    calls = [majority(shares, TAXONOMY, seed=seed) for seed in range(400)]
    picked = np.stack([call.taxon["species"] for call in calls])  # (400, 5)
    assert set(picked[:, 1]) == {1, 2}
    assert (picked[:, 1] == 1).mean() == pytest.approx(0.5, abs=0.1)
    assert (picked[:, 2] == -1).all()
    genus = np.stack([call.taxon["genus"] for call in calls])
    assert (genus[:, 1] == TAXONOMY.taxa("genus").index[picked[:, 1]]).all(), "a tie above follows the species"
    same = majority(shares, TAXONOMY, seed=3)
    assert np.array_equal(same.taxon["species"], picked[3])
    assert calls[0].confidence["species"].tolist() == [0.5, 0.5, 0, 0.5, 1]
    assert calls[0].confidence["family"].tolist() == [1, 1, 0, 0.5, 1]
    truth = np.array([0, 1, 0, 3, 0])
    assert expected_accuracy(shares, truth).tolist() == [0.5, 0.5, 0, 0.5, 0]
    assert (picked == truth).mean(axis=0) == pytest.approx(expected_accuracy(shares, truth), abs=0.1)


def test_the_larger_share_wins() -> None:
    shares = hit_shares(hits([(0, 2)]), RECORDS)
    assert majority(shares, TAXONOMY).taxon["species"].tolist() == [0]
    assert majority(shares, TAXONOMY).confidence["species"] == pytest.approx([2 / 3])
    assert expected_accuracy(shares, np.array([0])).tolist() == [1]


def test_consensus_rolls_up_to_where_all_agree() -> None:
    calls = consensus(hit_shares(FOUND, RECORDS), TAXONOMY)
    names = [[("", *TAXONOMY.taxa(rank).names)[calls.taxon[rank][row] + 1] for rank in RANKS] for row in range(5)]
    assert names == [
        ["", "A", "Aidae", "Ones", "Fish"],
        ["", "", "Aidae", "Ones", "Fish"],
        [""] * 5,
        ["", "", "", "", "Fish"],  # the order of C a is unknown: nothing agrees with it
        ["B a", "B", "Aidae", "Ones", "Fish"],
    ]
    assert calls.confidence["genus"].tolist() == [1, 0, 0, 0, 1]
    lca = consensus(hit_shares(FOUND, RECORDS, margin=2), TAXONOMY)
    assert lca.taxon["genus"].tolist() == [-1, -1, -1, -1, -1]
    most = consensus(hit_shares(hits([(0, 2)]), RECORDS), TAXONOMY, agreement=0.51)
    assert most.taxon["species"].tolist() == [0]


def test_without_any_hit() -> None:
    shares = hit_shares(hits([], []), RECORDS)
    assert len(shares) == 2
    assert (majority(shares, TAXONOMY).taxon["class"] == -1).all()
    assert expected_accuracy(shares, np.array([0, 1])).tolist() == [0, 0]
    assert len(consensus(hit_shares(hits(), RECORDS), TAXONOMY)) == 0
