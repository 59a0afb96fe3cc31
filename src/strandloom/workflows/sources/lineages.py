"""Lineages: the parts of a collection that can be hidden from a read, so that a model practises on what it has not seen.

A lineage is a genome, or an eighth of a sample's reads; where there are more than :data:`MOST`, genomes of a genus (or samples) share some.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection

MOST = 64
"""Lineages that fit the bits of a set."""
SEVERAL = "several"
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
    names
        Of the groups; ``several`` where genera (or samples) share one.
    """

    environment: NDArray[np.int64]
    group: NDArray[np.int64]
    environments: int
    names: tuple[str, ...] = ()

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

    Up to :data:`MOST` genomes are a lineage each. Of more, those of a genus in an environment share as many as there is room for,
    and genera do too where there are more than fit. The group of a lineage is its genus, in whatever environment.

    Raises
    ------
    InputError
        More environments than half of :data:`MOST`.
    """
    _check(collection)
    environments = len(collection.environments)
    environment = np.array([member.environment for member in collection.members])
    genus = np.array([collection.genera.index(member.genus) for member in collection.members])
    if len(collection) <= MOST:
        return Lineages(environment, genus, environments, tuple(collection.genera)), np.arange(len(collection))
    room = MOST // environments
    lineage = np.empty(len(collection), np.int64)
    group: list[int] = []
    for e in range(environments):
        rows = np.flatnonzero(environment == e)
        own = list(dict.fromkeys(genus[rows].tolist()))
        share = max(1, room // len(own))  # lineages of a genus here
        base = len(group)
        met = dict.fromkeys(own, 0)
        for row in rows.tolist():
            bucket = own.index(int(genus[row])) % (room // share)
            lineage[row] = base + bucket * share + met[int(genus[row])] % share
            met[int(genus[row])] += 1
        whole = len(own) <= room
        group += [
            own[i // share] if whole else len(collection.genera) + base + i
            for i in range(min(len(own), room // share) * share)
        ]
    used, numbers = np.unique(lineage, return_inverse=True)
    places = np.array([int(np.flatnonzero(lineage == i)[0]) for i in used])
    names = (*collection.genera, *([SEVERAL] * len(group)))
    return Lineages(environment[places], np.array(group)[used], environments, names), numbers.reshape(-1).astype(
        np.int64
    )


def read_lineages(collection: Collection) -> tuple[Lineages, NDArray[np.int64], int]:
    """Lineages of a collection of reads, the first lineage of each member, int64 ``(members,)``, and into how many its reads go.

    The group of a lineage is its sample; of more samples than fit, several of an environment share one.

    Raises
    ------
    InputError
        More environments than half of :data:`MOST`.
    """
    _check(collection)
    environments = len(collection.environments)
    environment = np.array([member.environment for member in collection.members])
    most = max(1, MOST // 2 // environments)
    first = np.empty(len(collection), np.int64)
    home: list[int] = []
    for e in range(environments):
        rows = np.flatnonzero(environment == e)
        groups = len(rows) if len(collection) <= MOST // 2 else min(len(rows), most)
        first[rows] = len(home) + np.arange(len(rows)) % groups
        home += [e] * groups
    folds = max(2, min(FOLDS, MOST // len(home)))
    members = [
        [m.name for m, group in zip(collection.members, first, strict=True) if group == i] for i in range(len(home))
    ]
    names = tuple(own[0] if len(own) == 1 else SEVERAL for own in members)
    lineages = Lineages(np.repeat(np.array(home), folds), np.repeat(np.arange(len(home)), folds), environments, names)
    return lineages, first * folds, folds


def _check(collection: Collection) -> None:
    if len(collection.environments) > MOST // 2:
        raise InputError(
            f"{len(collection.environments)} environments; at most {MOST // 2} can be told apart",
            where=collection.members[0].file.parent,
            hint="join environments, or leave some out",
        )
