"""Lineages: the parts of a collection that can be hidden from a read, so that a model practises on what it has not seen.

A lineage is a genome, or a tenth of a sample's reads; where there are more than :data:`MOST`, genomes of a genus share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.collection import Collection

MOST = 64
"""Lineages that fit the bits of a set."""
FOLDS = 8
"""Parts that the reads of a sample are split into."""


@dataclass(frozen=True, eq=False)
class Lineages:
    """G lineages.

    Parameters
    ----------
    environment
        int64 ``(G,)``.
    group
        int64 ``(G,)``: the genus (or sample) that each belongs to.
    environments
        Number of environments, E.
    """

    environment: NDArray[np.int64]
    group: NDArray[np.int64]
    environments: int

    def __len__(self) -> int:
        return len(self.environment)

    @cached_property
    def own(self) -> NDArray[np.uint64]:
        """The bit of each lineage, uint64 ``(G,)``."""
        return np.uint64(1) << np.arange(len(self), dtype=np.uint64)

    @cached_property
    def kin(self) -> NDArray[np.uint64]:
        """The lineages of each one's group, uint64 ``(G,)``."""
        return np.array([self.bits(self.group == group) for group in self.group], np.uint64)

    @cached_property
    def within(self) -> NDArray[np.uint64]:
        """The lineages of each environment, uint64 ``(E,)``."""
        return np.array([self.bits(self.environment == e) for e in range(self.environments)], np.uint64)

    @cached_property
    def all(self) -> np.uint64:
        """Every lineage."""
        return np.bitwise_or.reduce(self.own)

    def bits(self, chosen: NDArray[np.bool_]) -> np.uint64:
        """A set of lineages, from bool ``(G,)``."""
        return np.bitwise_or.reduce(self.own[chosen], initial=np.uint64(0))


def genome_lineages(collection: Collection) -> tuple[Lineages, NDArray[np.int64]]:
    """Lineages of a collection of genomes, and the lineage of each member, int64 ``(members,)``.

    Up to :data:`MOST` genomes are a lineage each. Of more, those of a genus in an environment share one, and genera do too where there are
    more than fit.
    """
    environments = len(collection.environments)
    environment = np.array([member.environment for member in collection.members])
    genus = np.array([collection.genera.index(member.genus) for member in collection.members])
    if len(collection) <= MOST:
        return Lineages(environment, genus, environments), np.arange(len(collection))
    numbers: dict[tuple[int, int], int] = {}
    for e in range(environments):
        own = dict.fromkeys(genus[environment == e].tolist())
        numbers |= {(e, g): i % (MOST // environments) for i, g in enumerate(own)}
    keys = [(e, numbers[e, g]) for e, g in zip(environment.tolist(), genus.tolist(), strict=True)]
    distinct = sorted(set(keys))
    lineage = np.array([distinct.index(key) for key in keys])
    return Lineages(np.array([e for e, _ in distinct]), np.arange(len(distinct)), environments), lineage


def read_lineages(collection: Collection) -> tuple[Lineages, NDArray[np.int64]]:
    """Lineages of a collection of reads, and the first lineage of each member, int64 ``(members,)``; its reads go to as many as fit.

    The group of a lineage is its sample.
    """
    folds = max(1, min(FOLDS, MOST // len(collection)))
    environment = np.array([member.environment for member in collection.members])
    return (
        Lineages(
            np.repeat(environment, folds), np.repeat(np.arange(len(collection)), folds), len(collection.environments)
        ),
        np.arange(len(collection)) * folds,
    )
