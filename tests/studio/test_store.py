"""The database of the studio: made, opened again, opened by a later version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select

from strandloom.errors import InputError
from strandloom.studio.store import Draft, Meta, Project, Store, sqlite_url


def test_a_workspace_of_an_earlier_version_gains_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    store = Store(sqlite_url(path))
    with store.begin() as session:
        session.add(Draft(project_id=1, name="x", model={"kind": "residual"}, length=5, outputs=1))
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("ALTER TABLE draft DROP COLUMN edits")
        raw.execute("ALTER TABLE deployment DROP COLUMN message")
    raw.close()
    store = Store(sqlite_url(path))
    with store.begin() as session:
        draft = session.scalars(select(Draft)).one()
        assert (draft.name, draft.edits) == ("x", 0)
        assert [x.name for x in session.scalars(select(Project))] == ["My project"]
    store.close()


def test_a_newer_one_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    store = Store(sqlite_url(path))
    with store.begin() as session:
        session.scalars(select(Meta)).one().format = 99
    store.close()
    with pytest.raises(InputError, match="newer studio"):
        Store(sqlite_url(path))
    (tmp_path / "text.db").write_text("this is no database, but it is long enough to look like one" * 50)
    with pytest.raises(InputError, match="cannot be opened"):
        Store(sqlite_url(tmp_path / "text.db"))
    with pytest.raises(InputError, match="driver"):
        Store("nothing://x")
