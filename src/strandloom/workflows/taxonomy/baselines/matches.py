"""Naming a sequence after its nearest records: the majority of them, or the narrowest taxon that they agree on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.baselines.types import Calls, CandidateProbabilities, Doubles, roll_up
from strandloom.workflows.taxonomy.candidates import Records
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.ragged import spans
from strandloom.workflows.taxonomy.search import Hits


def hit_shares(hits: Hits, records: Records, *, margin: int = 0, identity: float = 0.0) -> CandidateProbabilities:
    """The species of the nearest records of each query, each with its share of these records.

    Parameters
    ----------
    hits
        Nearest sequences of N queries.
    records
        Which species have them.
    margin
        Hits with so many differences more than the best one count too; 0: the top hits alone.
    identity
        Hits less alike than this (0 to 1) do not count.
    """
    best = np.full(len(hits), np.iinfo(np.int64).max)
    np.minimum.at(best, hits.query, hits.differences)
    alike = hits.differences <= (1 - identity) * hits.columns + 1e-9
    near = np.flatnonzero((hits.differences <= best[hits.query] + margin) & alike)
    owners, bounds = spans(records.owner_offsets, hits.haplotype[near])
    query = np.repeat(hits.query[near], np.diff(bounds))
    return CandidateProbabilities.from_counts(
        query, records.owner_species[owners], records.owner_records[owners], queries=len(hits)
    )


def majority(shares: CandidateProbabilities, taxonomy: Taxonomy, *, seed: int = 1) -> Calls:
    """The taxon of most records, ties at random; the confidence is its share of them.

    Parameters
    ----------
    shares
        Of :func:`hit_shares`, or of another search.
    seed
        Of the ties.
    """
    tie = np.random.default_rng(seed).random(len(shares.species))
    return roll_up(shares, taxonomy, tie=tie)


def expected_accuracy(shares: CandidateProbabilities, truth: NDArray[np.integer]) -> Doubles:
    """The chance of each query to be given its true species by :func:`majority` over all ways to break ties, float64 ``(N,)``.

    Parameters
    ----------
    truth
        int ``(N,)``: the true species; -1 is never right.
    """
    best, query = np.zeros(len(shares)), shares.query
    rounded = np.round(shares.probability, 12)
    np.maximum.at(best, query, rounded)
    top = rounded == best[query]
    tied = np.bincount(query[top], minlength=len(shares))
    right = np.bincount(query[top & (shares.species == truth[query])], minlength=len(shares))
    return right / np.maximum(tied, 1)


def consensus(shares: CandidateProbabilities, taxonomy: Taxonomy, *, agreement: float = 1.0) -> Calls:
    """The taxon of a rank is called only where the records agree on it: their lowest common ancestor.

    A record whose taxon is unknown at a rank agrees with none there.

    Parameters
    ----------
    shares
        Of :func:`hit_shares`; with a margin this is the usual LCA of near hits.
    agreement
        Share of the records that must agree, above one half.
    """
    return roll_up(shares, taxonomy).at(agreement - 1e-9)
