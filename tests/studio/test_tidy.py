"""Data sets and projects are renamed, deleted and brought back; what a run needs stays."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from strandloom.errors import UsageError
from strandloom.studio.datasets import import_file
from strandloom.studio.store import Run, Store
from strandloom.studio.tidy import (
    datasets,
    delete_dataset,
    delete_project,
    living_versions,
    purge_dataset,
    rename_dataset,
    rename_project,
    restore_dataset,
)
from strandloom.studio.workspace import Workspace


def test_a_data_set_goes_and_comes_back(space: Workspace, store: Store, table: Path) -> None:
    made = import_file(space, store, table, name="reads", project=1, sent_as="table.csv", author="me")
    number = made.dataset_id
    rename_dataset(store, number, " better reads ")
    assert [x.name for x in datasets(store)] == ["better reads"]
    with pytest.raises(UsageError, match="not in the trash"):
        purge_dataset(space, store, number)
    delete_dataset(store, number)
    assert (datasets(store), [x.id for x in datasets(store, deleted=True)], living_versions(store)) == (
        [],
        [number],
        [],
    )
    restore_dataset(store, number)
    assert len(living_versions(store)) == 1
    with store.begin() as session:
        session.add(Run(project_id=1, version_id=made.id, name="r", folder="runs/r", author="me"))
    delete_dataset(store, number)
    with pytest.raises(UsageError, match="1 run"):
        purge_dataset(space, store, number)
    assert space.inside(made.file).is_file()
    with store.begin() as session:
        session.delete(session.get_one(Run, 1))
    purge_dataset(space, store, number)
    assert not space.inside(made.file).exists()
    assert datasets(store, deleted=True) == []


def test_projects(space: Workspace, store: Store, table: Path) -> None:
    from strandloom.studio.store import Project

    with pytest.raises(UsageError, match="only project"):
        delete_project(store, 1)
    with store.begin() as session:
        session.add(Project(name="second"))
    with pytest.raises(UsageError, match="already"):
        rename_project(store, 1, "second")
    with pytest.raises(UsageError, match="needs a name"):
        rename_project(store, 1, "  ")
    rename_project(store, 1, "first")
    import_file(space, store, table, name="reads", project=2, sent_as="table.csv", author="me")
    with pytest.raises(UsageError, match="1 data set"):
        delete_project(store, 2)
    delete_project(store, 1)
    with pytest.raises(UsageError, match="no such project"):
        rename_project(store, 1, "x")
    for act in (delete_dataset, restore_dataset):
        with pytest.raises(UsageError, match="no such data set"):
            act(store, 99)


def test_a_run_is_not_set_up_on_data_in_the_trash(space: Workspace, store: Store, table: Path) -> None:
    from strandloom.studio.pages.setup import Setup

    first = import_file(space, store, table, name="a", project=1, sent_as="table.csv", author="me")
    table.write_text("sequence,label\nACGT,a\nACGA,b\n")
    import_file(space, store, table, name="b", project=1, sent_as="table.csv", author="me")
    delete_dataset(store, first.dataset_id)
    with pytest.raises(UsageError, match="in the trash"):
        Setup(SimpleNamespace(studio=None), living_versions(store), [], version=first.id, source=None)  # type: ignore[arg-type]
