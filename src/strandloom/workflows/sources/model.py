"""Source models: reads in, a log probability for every environment and for what the read meets out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.workflows.sources.evidence import Evidence, ReadBlock, gather
from strandloom.workflows.sources.network import SourceNetwork
from strandloom.workflows.sources.practice import REGIMES
from strandloom.workflows.sources.profiles import answer_points
from strandloom.workflows.sources.tables import Tables

_ROWS = 16_384


class Answers(NamedTuple):
    """What is said of N reads."""

    log_posterior: NDArray[np.float32]
    """float32 ``(N, E)``: log probability of each environment, given that the read is from one of them."""
    log_regime: NDArray[np.float32]
    """float32 ``(N, 4)``: log probability of what it meets (:data:`~strandloom.workflows.sources.practice.REGIMES`)."""

    def points(self) -> NDArray[np.float32]:
        """As points for bins, float32 ``(N, E + 4)``."""
        return answer_points(self.log_posterior, self.log_regime)

    @staticmethod
    def concat(parts: list[Answers]) -> Answers:
        """Answers one after the other."""
        return Answers(np.concatenate([x.log_posterior for x in parts]), np.concatenate([x.log_regime for x in parts]))


SEEN_ALWAYS = np.log(np.array([0.9997, 1e-4, 1e-4, 1e-4], np.float32))
"""What a network that knows of nothing else says that a read meets."""


def seen_answers(log_posterior: NDArray[np.float32]) -> Answers:
    """Answers of a network that says nothing of what a read meets."""
    return Answers(log_posterior, np.tile(SEEN_ALWAYS, (len(log_posterior), 1)))


class ReadModel(Protocol):
    """Anything that answers reads."""

    @property
    def environments(self) -> tuple[str, ...]:
        """Names, E of them."""

    def answer(self, reads: ReadBlock, *, threads: int) -> Answers:
        """Answers for N reads."""


@dataclass(frozen=True, eq=False)
class LeanModel:
    """Tables of words and the networks that weigh what they say.

    Parameters
    ----------
    environments
        Names, E of them.
    tables
        The collection's words.
    members
        Trained networks, whose answers are averaged.
    """

    environments: tuple[str, ...]
    tables: Tables
    members: tuple[SourceNetwork, ...]

    def answer(self, reads: ReadBlock, *, threads: int = 1) -> Answers:
        """Answers for reads that see the whole collection."""
        return self.weigh(gather(self.tables, reads, threads=threads))

    def weigh(self, evidence: Evidence) -> Answers:
        """Answers for the evidence of N reads."""
        if not len(evidence.read):
            return Answers(np.zeros((0, len(self.environments)), np.float32), np.zeros((0, len(REGIMES)), np.float32))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(evidence.read), _ROWS):
                part = evidence.rows(slice(start, start + _ROWS))
                rows, read = torch.from_numpy(part.environments), torch.from_numpy(part.read)
                found = [member(rows, read) for member in self.members]
                posterior = torch.stack([x.log_posterior() for x in found]).logsumexp(0) - np.log(len(found))
                regime = torch.stack([x.log_regime() for x in found]).logsumexp(0) - np.log(len(found))
                parts.append(Answers(posterior.numpy(), regime.numpy()))
        return Answers.concat(parts)


def padded(reads: ReadBlock, length: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The first ``length`` bases of reads as a rectangle uint8 ``(N, length)``, padded on the right, and their lengths int32 ``(N,)``."""
    kept = np.minimum(reads.lengths, length).astype(np.int32)
    column = np.arange(length)
    at = np.minimum(reads.starts[:, None] + column, max(len(reads.codes) - 1, 0))
    return np.where(column < kept[:, None], reads.codes[at], np.uint8(DNA.pad)), kept
