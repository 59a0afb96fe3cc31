"""A trained taxonomy model: a reference that can be searched, ranges, and networks that weigh what both say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.workflows.taxonomy.evidence import SPECIES, Evidence
from strandloom.workflows.taxonomy.network import AnswerNetwork, PlaceNetwork, log_softmax
from strandloom.workflows.taxonomy.place_practice import Missing
from strandloom.workflows.taxonomy.places import Places, RangeEvidence
from strandloom.workflows.taxonomy.posterior import Posterior, answer_taxa
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.ragged import spans


@dataclass(frozen=True, eq=False)
class Member:
    """One trained copy of the networks."""

    answers: AnswerNetwork
    places: PlaceNetwork | None


@dataclass(frozen=True, eq=False)
class TaxonomyModel:
    """Everything needed to say which species a sequence is, with or without a place.

    Parameters
    ----------
    match
        The reference.
    ranges
        Where species occur; None: sequences alone.
    members
        Trained copies of the networks; their probabilities are averaged.
    """

    match: Match
    ranges: RangeEvidence | None
    members: tuple[Member, ...]

    def evidence(self, codes: Codes, offsets: NDArray[np.int64], *, threads: int = 1) -> Evidence:
        """What N sequences (oriented, without primers) may be."""
        return self.match.evidence(codes, offsets, threads=threads)

    def taxa(self, evidence: Evidence) -> NDArray[np.int32]:
        """The taxon of each answer at each rank, int32 ``(5, n)``."""
        return answer_taxa(evidence, self.match.lineages)

    def sequence_scores(self, evidence: Evidence) -> NDArray[np.float32]:
        """Log probability of each answer by the sequence alone, by each member: float32 ``(M, n)``."""
        scores = np.zeros((len(self.members), len(evidence.kind)), np.float32)
        if not len(evidence):
            return scores
        features = torch.from_numpy(evidence.features)
        kind = torch.from_numpy(evidence.kind.astype(np.int64))
        query = torch.from_numpy(evidence.query)
        with torch.inference_mode():
            for own, member in zip(scores, self.members, strict=True):
                raw = member.answers(features, kind, query, len(evidence))
                own[:] = log_softmax(raw, query, len(evidence)).numpy()
        return scores

    def posterior(
        self,
        evidence: Evidence,
        scores: NDArray[np.float32],
        *,
        query: NDArray[np.int64] | None = None,
        place: NDArray[np.int64] | None = None,
        places: Places | None = None,
        missing: Missing | None = None,
    ) -> Posterior:
        """Probabilities of the answers to queries, each perhaps at a place.

        Parameters
        ----------
        evidence, scores
            Of :meth:`evidence` and :meth:`sequence_scores`.
        query, place
            int64 ``(N,)``: rows asked for; place -1: none known. By default every query once, without a place.
        places
            The places.
        missing
            What is not to be seen of the ranges, by species answer of the rows in order (held-out tests).
        """
        query = np.arange(len(evidence)) if query is None else query
        answer, offsets = spans(evidence.offsets, query)
        row = np.repeat(np.arange(len(query)), np.diff(offsets))
        logs = scores[:, answer].astype(np.float64)
        added = np.zeros_like(logs)
        if place is not None and places is not None and self.ranges is not None:
            located = np.flatnonzero(place[row] >= 0)
            at_species = np.flatnonzero((evidence.kind[answer] == SPECIES) & (place[row] >= 0))
            features = self._features(places, evidence.taxon[answer[at_species]], place[row[at_species]], missing)
            position = np.full(len(answer), -1)
            position[located] = np.arange(len(located))
            kind = torch.from_numpy(evidence.kind[answer[located]].astype(np.int64))
            rows = torch.from_numpy(position[at_species])
            with torch.inference_mode():
                for own, member in zip(added, self.members, strict=True):
                    if member.places is not None:
                        own[located] = member.places(torch.from_numpy(features), kind, rows).numpy()
        logs += added
        for own in logs:
            _normalise(own, offsets, row)
        return Posterior(query, offsets, answer, np.exp(logs), added.mean(axis=0))

    def _features(
        self, places: Places, species: NDArray[np.int32], place: NDArray[np.int64], missing: Missing | None
    ) -> NDArray[np.float32]:
        assert self.ranges is not None
        if missing is None:
            return self.ranges.features(places, species, place)
        return self.ranges.features(
            places, species, place, drop=missing.drop, gone=missing.gone, hide_km=missing.hide_km
        )

    @cached_property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Names of the taxa, rank by rank."""
        from strandloom.workflows.taxonomy.lineage import RANKS

        return tuple(self.match.reference.taxonomy.taxa(rank).names for rank in RANKS)


def _normalise(logs: NDArray[np.float64], offsets: NDArray[np.int64], row: NDArray[np.int64]) -> None:
    """Log probabilities of ragged rows, in place; no row is empty."""
    if not len(logs):
        return
    most = np.maximum.reduceat(logs, offsets[:-1])
    logs -= most[row]
    logs -= np.log(np.add.reduceat(np.exp(logs), offsets[:-1]))[row]
