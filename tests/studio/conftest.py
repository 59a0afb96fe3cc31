"""A workspace, its database and a small table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_runs import csv, rows

from strandloom.studio.store import Store, sqlite_url
from strandloom.studio.workspace import Workspace, open_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return open_workspace(tmp_path / "studio")


@pytest.fixture
def store(space: Workspace) -> Iterator[Store]:
    """Its database."""
    found = Store(sqlite_url(space.database))
    yield found
    found.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small labelled table."""
    path = tmp_path / "table.csv"
    path.write_bytes(csv(rows()))
    return path
