"""Renaming, deleting and bringing back data sets and projects; what a run was trained on is never lost."""

from __future__ import annotations

import shutil

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from strandloom.errors import UsageError
from strandloom.studio.store import DataSet, Draft, Project, Run, SavedSplit, Store, Version, now
from strandloom.studio.workspace import Workspace
from strandloom.words import plural

_LONGEST = 80


def datasets(store: Store, *, project: int | None = None, deleted: bool = False) -> list[DataSet]:
    """Data sets with their versions, newest first: those that are there, or those in the trash."""
    with store.begin() as session:
        query = select(DataSet).where(DataSet.deleted != "" if deleted else DataSet.deleted == "")
        query = query.order_by(DataSet.id.desc()).options(joinedload(DataSet.project), selectinload(DataSet.versions))
        return [x for x in session.scalars(query) if project is None or x.project_id == project]


def rename_dataset(store: Store, number: int, name: str) -> None:
    """Call a data set something else; its folder stays.

    Raises
    ------
    UsageError
        There is none, or the name is empty.
    """
    with store.begin() as session:
        _dataset(session, number).name = _named(name, "a data set")


def delete_dataset(store: Store, number: int) -> None:
    """Put a data set into the trash; runs that were trained on it keep their data.

    Raises
    ------
    UsageError
        There is none.
    """
    with store.begin() as session:
        _dataset(session, number).deleted = now()


def restore_dataset(store: Store, number: int) -> None:
    """Bring a data set back.

    Raises
    ------
    UsageError
        There is none.
    """
    with store.begin() as session:
        _dataset(session, number).deleted = ""


def purge_dataset(space: Workspace, store: Store, number: int) -> None:
    """Take a data set of the trash off the disk.

    Raises
    ------
    UsageError
        It is not in the trash, or runs were trained on it.
    """
    with store.begin() as session:
        found = _dataset(session, number)
        if not found.deleted:
            raise UsageError("the data set is not in the trash", hint="delete it first")
        versions = [x.id for x in found.versions]
        users = session.scalar(select(func.count()).select_from(Run).where(Run.version_id.in_(versions))) or 0
        if users:
            raise UsageError(
                f"{plural(users, 'run')} (those in the trash count) were trained on it",
                hint="it stays on the disk, out of sight",
            )
        for version in found.versions:
            for split in session.scalars(select(SavedSplit).where(SavedSplit.version_id == version.id)):
                session.delete(split)
            session.delete(version)
        session.flush()
        session.delete(found)
        folder = found.folder
    shutil.rmtree(space.data / folder, ignore_errors=True)


def rename_project(store: Store, number: int, name: str) -> None:
    """Call a project something else.

    Raises
    ------
    UsageError
        There is none, or the name is empty or taken.
    """
    name = _named(name, "a project")
    with store.begin() as session:
        found = _project(session, number)
        other = session.scalars(select(Project).where(Project.name == name, Project.id != number)).first()
        if other is not None:
            raise UsageError(f"there is a project '{name}' already")
        found.name = name


def delete_project(store: Store, number: int) -> None:
    """Forget an empty project.

    Raises
    ------
    UsageError
        There is none, it holds something (the trash counts), or it is the last one.
    """
    with store.begin() as session:
        found = _project(session, number)
        held = {
            word: session.scalar(select(func.count()).select_from(kind).where(kind.project_id == number)) or 0
            for word, kind in (("data set", DataSet), ("run", Run), ("model", Draft))
        }
        if any(held.values()):
            words = ", ".join(plural(n, word) for word, n in held.items() if n)
            raise UsageError(f"the project holds {words} (the trash counts)", hint="only an empty project is deleted")
        if (session.scalar(select(func.count()).select_from(Project)) or 0) < 2:
            raise UsageError("it is the only project", hint="rename it instead")
        session.delete(found)


def _named(name: str, what: str) -> str:
    name = name.strip()[:_LONGEST]
    if not name:
        raise UsageError(f"{what} needs a name")
    return name


def _dataset(session: Session, number: int) -> DataSet:
    found = session.get(DataSet, number, options=[selectinload(DataSet.versions)])
    if found is None:
        raise UsageError("there is no such data set")
    return found


def _project(session: Session, number: int) -> Project:
    found = session.get(Project, number)
    if found is None:
        raise UsageError("there is no such project")
    return found


def living_versions(store: Store) -> list[Version]:
    """Versions of data sets that are not in the trash, newest first, with their data sets and splits."""
    with store.begin() as session:
        query = (
            select(Version)
            .join(Version.dataset)
            .where(DataSet.deleted == "")
            .options(joinedload(Version.dataset), selectinload(Version.splits))
            .order_by(Version.id.desc())
        )
        return list(session.scalars(query))
