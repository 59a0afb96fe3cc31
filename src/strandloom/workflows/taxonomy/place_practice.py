"""Places to learn from: records met where their species is known to occur, with ranges that are whole, incomplete or missing there.

A range list is never complete. So in some queries the area of the place is taken for unlisted, for any candidate alike, and in some for
unknown altogether: what is learned is how far a species occurs beyond where it is known, not that it occurs where it is listed.

Of some species nothing is known. Their records are met where others of their family live (where none of these has a range, where any
species lives), so that knowing nothing of a species is not taken for its absence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.evidence import SPECIES
from strandloom.workflows.taxonomy.place_sources import draw_sightings, stand_ins
from strandloom.workflows.taxonomy.places import Places, RangeEvidence
from strandloom.workflows.taxonomy.practice import Practice
from strandloom.workflows.taxonomy.ragged import spans

WHOLE, MISSING, AWAY = range(3)
SHARES = (0.25, 0.4, 0.35)
"""Queries whose ranges are whole, in which the area at the place is missing from the lists at random, and in which it is unknown."""
HIDDEN = 0.5
"""Where lists are incomplete: the chance of each candidate that its listing there is missing."""
HIDE_KM = (30.0, 400.0)
"""Where ranges are not whole, records and basins nearer than a distance between these are not seen."""
LEAST = -11.0
"""Log probability by the sequence below which an answer is passed over in training."""
SURE = 0.99
"""Probability of the best answer by the sequence below which a query is in doubt, so that a place can decide."""
Doubles = NDArray[np.float64]


class Located(NamedTuple):
    """Queries at places, N of them: answers (ragged), and the features of the species among them.

    ``query`` and ``row`` are the queries of the block and their records, ``weight`` what each counts, all ``(N,)``.
    """

    offsets: NDArray[np.int64]
    answer: NDArray[np.int64]
    truth: NDArray[np.int64]
    query: NDArray[np.int64]
    row: NDArray[np.int64]
    weight: NDArray[np.float32]
    species: NDArray[np.int64]
    features: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Missing:
    """What is not seen of the ranges, pair by pair: see :meth:`~strandloom.workflows.taxonomy.places.RangeEvidence.features`."""

    drop: NDArray[np.int32]
    gone: NDArray[np.bool_]
    hide_km: Doubles


def place_practice(
    block: Practice,
    scores: NDArray[np.float32],
    evidence: RangeEvidence,
    species: NDArray[np.int32],
    family: NDArray[np.int64],
    *,
    seed: int,
    repeats: int = 1,
    in_doubt: int = 1,
) -> Located:
    """Queries at places where their species, or one that stands in for it, is known to occur, whether the reference has it or not.

    Parameters
    ----------
    block
        Queries of records that meet a reference without themselves, or without more.
    scores
        float32 ``(n,)``: log probabilities of their answers by the sequence.
    evidence
        Ranges of all species; some species has an area, a record or a basin.
    species
        int32 ``(R,)``: the species of each record.
    family
        int64 ``(S,)``: the family of each species, -1 where it is unknown.
    seed
        Of the draws.
    repeats, in_doubt
        Places drawn for each query, and for those whose sequence leaves a doubt; together they count as one.
    """
    rng = np.random.default_rng(seed)
    truth_species = species[block.row]
    best = np.maximum.reduceat(scores, block.evidence.offsets[:-1]) if len(block.row) else np.zeros(0)
    times = np.where(best < np.log(SURE), max(in_doubt, repeats), repeats)
    queries = np.repeat(np.arange(len(block.row)), times)
    own = stand_ins(evidence, truth_species[queries], family, rng)
    drawn = draw_sightings(evidence, own, rng)
    places = evidence.places(drawn.lat, drawn.lon, values=drawn.values)
    at, bounds = spans(block.evidence.offsets, queries)
    query = np.repeat(np.arange(len(queries)), np.diff(bounds))
    kept = (scores[at] > LEAST) | (at == block.truth[queries][query])
    at, query = at[kept], query[kept]
    counts = np.bincount(query, minlength=len(queries))
    is_species = np.flatnonzero(block.evidence.kind[at] == SPECIES)
    pair_place = query[is_species]
    hidden = _missing(places, pair_place, rng)
    features = evidence.features(
        places,
        block.evidence.taxon[at][is_species],
        pair_place,
        drop=hidden.drop,
        gone=hidden.gone,
        hide_km=hidden.hide_km,
    )
    return Located(
        np.concatenate([[0], np.cumsum(counts)]),
        at,
        np.flatnonzero(at == block.truth[queries][query]),
        queries,
        block.row[queries],
        (block.weight / times)[queries].astype(np.float32),
        is_species,
        features,
    )


def _missing(places: Places, place: NDArray[np.int64], rng: np.random.Generator) -> Missing:
    """Draw what is not seen at each place, and for which of its candidates (pairs, int64 ``(n,)``)."""
    mode = rng.choice(len(SHARES), len(places), p=SHARES)[place]
    hide = rng.uniform(*HIDE_KM, len(places))[place]
    home = places.home[place]
    hidden = (mode == AWAY) | ((mode == MISSING) & (rng.random(len(place)) < HIDDEN))
    return Missing(
        np.where(hidden, home, -1).astype(np.int32), (mode == AWAY) & (home >= 0), np.where(hidden, hide, 0.0)
    )
