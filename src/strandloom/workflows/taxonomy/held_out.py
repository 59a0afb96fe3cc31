"""What a model answers for the records that were kept from its training, without a place and at drawn places."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.evaluation.calibration import expected_calibration_error
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.place_sources import draw_places
from strandloom.workflows.taxonomy.posterior import Calls, call, tally
from strandloom.workflows.taxonomy.practice import Practice
from strandloom.workflows.taxonomy.selective import call_reliability


@dataclass(frozen=True)
class Rates:
    """Shares of right answers by rank and calibration of the species."""

    queries: int
    right: dict[str, float]
    species_confidence: float
    species_ece: float


@dataclass(frozen=True)
class HeldOut:
    """Held-out records of species with several records, each meeting the reference without itself.

    Parameters
    ----------
    sequence
        By sequence alone.
    located_sequence, located
        Of those whose species has a range: by sequence alone, and at a place drawn from the range. None without ranges.
    """

    sequence: Rates
    located_sequence: Rates | None = None
    located: Rates | None = None

    def sentence(self) -> str:
        """The figures in words."""
        words = (
            f"{self.sequence.right['species']:.1%} of {self.sequence.queries:,} held-out records got the right species"
        )
        words += f", {self.sequence.right['genus']:.1%} the right genus, by sequence alone"
        if self.located is not None and self.located_sequence is not None:
            before, after = self.located_sequence.right["species"], self.located.right["species"]
            words += f"; at a place of their range {after:.1%} of {self.located.queries:,} (without it {before:.1%})"
        return words

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def judge_held_out(model: TaxonomyModel, block: Practice, held: NDArray[np.bool_], *, seed: int) -> HeldOut:
    """Judge a model on held-out records.

    Parameters
    ----------
    block
        Records of species with several records, each meeting a reference without itself.
    held
        bool ``(R,)``: the records kept from training.
    seed
        Of the places drawn.
    """
    species = model.match.reference.species
    scores = model.sequence_scores(block.evidence)
    taxa = model.taxa(block.evidence)
    queries = np.flatnonzero(held[block.row])
    truth = species[block.row]

    def rates(asked: NDArray[np.int64], calls: Calls) -> Rates:
        return _rates(model, calls, truth[asked])

    found = tally(model.posterior(block.evidence, scores, query=queries), block.evidence, taxa)
    alone = rates(queries, call(found, threshold=0.5))
    if model.ranges is None:
        return HeldOut(alone)
    queries = queries[model.ranges.placed[truth[queries]]]
    if not len(queries):
        return HeldOut(alone)
    lat, lon = draw_places(model.ranges, truth[queries], np.random.default_rng((seed, 9)))
    places = model.ranges.places(lat, lon)
    without = tally(model.posterior(block.evidence, scores, query=queries), block.evidence, taxa)
    there = tally(
        model.posterior(block.evidence, scores, query=queries, place=np.arange(len(queries)), places=places),
        block.evidence,
        taxa,
    )
    return HeldOut(alone, rates(queries, call(without, threshold=0.5)), rates(queries, call(there, threshold=0.5)))


def _rates(model: TaxonomyModel, calls: Calls, truth: NDArray[np.int32]) -> Rates:
    right: dict[str, float] = {}
    for number, rank in enumerate(RANKS):
        true = model.match.lineages.of[number][truth]
        known = true >= 0
        right[rank] = float((calls.taxon[number] == true)[known].mean()) if known.any() else float("nan")
    confidence, hit = calls.probability[0], calls.taxon[0] == truth
    ece = expected_calibration_error(call_reliability(confidence, hit))
    return Rates(len(truth), right, float(confidence.mean()), ece)
