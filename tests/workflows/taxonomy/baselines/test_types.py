"""Calls, and how species add up to the taxa above them."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.baselines.types import Calls, CandidateProbabilities, roll_up
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy

ROWS = [
    ("A a", "A", "Aidae", "Ones", "Fish"),
    ("A b", "A", "Aidae", "Ones", "Fish"),
    ("B a", "B", "Aidae", "Ones", "Fish"),
    ("C a", "C", "Cidae", "", "Fish"),
    ("D a", "D", "", "", ""),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(ROWS, schema=list(RANKS), orient="row"))


def candidates(*queries: dict[int, float]) -> CandidateProbabilities:
    return CandidateProbabilities(
        np.cumsum([0, *map(len, queries)]),
        np.array([s for query in queries for s in query], np.int32),
        np.array([p for query in queries for p in query.values()], np.float64),
    )


def names(calls: Calls, row: int) -> list[str]:
    found = [(TAXONOMY.taxa(rank).names, int(calls.taxon[rank][row])) for rank in RANKS]
    return [known[number] if number >= 0 else "" for known, number in found]


def test_probabilities_are_summed_and_the_best_sum_is_called() -> None:
    calls = roll_up(candidates({0: 0.3, 1: 0.3, 2: 0.4}, {}, {3: 0.5, 4: 0.5}), TAXONOMY)
    assert names(calls, 0) == ["B a", "A", "Aidae", "Ones", "Fish"], "two species of A weigh more than one of B"
    assert [calls.confidence[rank][0] for rank in RANKS] == [0.4, 0.6, 1, 1, 1]
    assert names(calls, 1) == [""] * 5
    assert [calls.confidence[rank][1] for rank in RANKS] == [0] * 5
    assert names(calls, 2) == ["C a", "C", "Cidae", "", "Fish"], "an unknown taxon adds to none"
    assert calls.confidence["family"][2] == 0.5


def test_of_equals_the_tie_decides_then_the_called_species() -> None:
    tied = candidates({0: 0.25, 1: 0.25, 2: 0.5 - 1e-15, 3: 1e-15}, {1: 0.5, 2: 0.5}, {1: 0.5, 2: 0.5})
    assert names(roll_up(tied, TAXONOMY), 0)[:2] == ["B a", "B"], "A and B have one half each"
    assert names(roll_up(tied, TAXONOMY), 1)[0] == "A b"
    calls = roll_up(tied, TAXONOMY, tie=np.array([0, 0, 0, 0, 0, 1, 1, 0.0]))
    assert [names(calls, row)[:2] for row in (1, 2)] == [["B a", "B"], ["A b", "A"]]


def test_against_a_slow_twin() -> None:
    rng = np.random.default_rng(1)
    queries = []
    for _ in range(60):
        species = rng.permutation(5)[: rng.integers(0, 6)]
        shares = rng.dirichlet(np.ones(max(len(species), 1)))
        queries.append(dict(zip(species.tolist(), shares.tolist(), strict=False)))
    calls = roll_up(candidates(*queries), TAXONOMY)
    for row, query in enumerate(queries):
        for rank in RANKS:
            sums: dict[int, float] = {}
            for species_number, share in query.items():
                taxon = int(TAXONOMY.taxa(rank).index[species_number])
                if taxon >= 0:
                    sums[taxon] = sums.get(taxon, 0) + share
            best = max(sums, key=sums.__getitem__) if sums else -1
            assert calls.taxon[rank][row] == best
            assert abs(calls.confidence[rank][row] - sums.get(best, 0)) < 1e-9


def test_counts_become_shares() -> None:
    found = CandidateProbabilities.from_counts(
        np.array([2, 0, 2, 2]), np.array([4, 1, 3, 4]), np.array([1, 7, 2, 1]), queries=4
    )
    assert found.offsets.tolist() == [0, 1, 1, 3, 3]
    assert found.species.tolist() == [1, 3, 4]
    assert found.probability.tolist() == [1, 0.5, 0.5]
    assert found.query.tolist() == [0, 2, 2]


def test_thresholds_blocks_and_rows() -> None:
    calls = roll_up(candidates({0: 0.3, 1: 0.3, 2: 0.4}, {}, {3: 1.0}), TAXONOMY)
    sure = calls.at(0.5)
    assert names(sure, 0) == ["", "A", "Aidae", "Ones", "Fish"]
    assert sure.confidence["species"].tolist() == [0, 0, 1]
    both = Calls.concat([calls.take(np.array([2])), calls.take(np.array([True, True, False]))])
    assert len(both) == 3
    assert [names(both, row) for row in range(3)] == [names(calls, row) for row in (2, 0, 1)]
    taxon, confidence = (np.stack([x[rank] for rank in RANKS]) for x in (calls.taxon, calls.confidence))
    back = Calls.from_arrays(taxon, confidence)
    assert all(np.array_equal(back.taxon[rank], calls.taxon[rank]) for rank in RANKS)
