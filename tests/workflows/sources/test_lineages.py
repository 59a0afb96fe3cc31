"""Lineages of collections of every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection, Kind, Member
from strandloom.workflows.sources.lineages import MOST, SEVERAL, genome_lineages, read_lineages


def made(environments: int, genera: int, members: int, kind: Kind = "genomes") -> Collection:
    """``members`` of each of ``genera`` in each of ``environments``; the first genus lives in all of them."""
    rows = []
    for e in range(environments):
        for g in range(genera):
            name = "everywhere" if g == 0 else f"e{e}g{g}"
            rows += [Member(f"{e}-{g}-{i}", e, name, Path("x")) for i in range(members)]
    return Collection(kind, tuple(f"E{e}" for e in range(environments)), tuple(rows))


@pytest.mark.parametrize(
    ("environments", "genera", "members"), [(3, 4, 2), (2, 10, 5), (4, 30, 1), (4, 3, 40), (32, 3, 3)]
)
def test_genomes_fit_whatever_their_number(environments: int, genera: int, members: int) -> None:
    collection = made(environments, genera, members)
    lineages, own = genome_lineages(collection)
    assert len(lineages) <= MOST
    assert set(own.tolist()) == set(range(len(lineages)))
    assert (lineages.environment[own] == [m.environment for m in collection.members]).all()
    assert lineages.own.all()
    if genera <= MOST // environments:
        for g in np.unique(lineages.group):
            named = {collection.members[i].genus for i in np.flatnonzero(lineages.group[own] == g)}
            assert len(named) == 1
        shared = lineages.group[own[[m.genus == "everywhere" for m in collection.members]]]
        assert len(set(shared.tolist())) == 1  # hidden together in every environment


def test_a_large_genus_keeps_several_lineages() -> None:
    lineages, _ = genome_lineages(made(2, 4, 20))
    assert (lineages.kin != lineages.own).all()


@pytest.mark.parametrize(("environments", "samples"), [(2, 1), (4, 2), (2, 20), (3, 40), (32, 3)])
def test_samples_go_to_several_lineages(environments: int, samples: int) -> None:
    lineages, first, folds = read_lineages(made(environments, samples, 1, "reads"))
    assert folds >= 2
    assert len(lineages) <= MOST
    assert (first + folds <= len(lineages)).all()
    assert (lineages.kin != lineages.own).all()
    assert (np.bincount(lineages.group) == folds).all()


def test_too_many_environments_are_an_error() -> None:
    with pytest.raises(InputError, match="at most 32"):
        genome_lineages(made(33, 1, 1))


def test_groups_are_called_what_they_hold() -> None:
    rows = [Member("oral1", 0, "", Path("x")), Member("gut1", 1, "", Path("x")), Member("oral2", 0, "", Path("x"))]
    lineages, first, _ = read_lineages(Collection("reads", ("oral", "gut"), tuple(rows)))
    for row, lineage in zip(rows, first, strict=True):
        assert lineages.names[lineages.group[lineage]] == row.name
    many = made(2, 20, 1, "reads")
    lineages, first, _ = read_lineages(many)
    held = [lineages.names[lineages.group[i]] for i in first]
    shared = np.bincount(lineages.group[first])[lineages.group[first]] > 1
    assert shared.any()
    assert all((name == SEVERAL) == several for name, several in zip(held, shared, strict=True))
