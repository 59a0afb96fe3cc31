"""What run folders do not hold, in a database: projects, versions of data, the queue, deployments, shares, sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint, create_engine, event, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

from strandloom.errors import InputError

FORMAT = 1


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Base(DeclarativeBase):
    """The base of all tables."""


class Meta(Base):
    """One row: the version of these tables."""

    __tablename__ = "meta"
    id: Mapped[int] = mapped_column(primary_key=True)
    format: Mapped[int]


class Project(Base):
    """What belongs together."""

    __tablename__ = "project"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str] = mapped_column(default=now)


class DataSet(Base):
    """Data under a name; its versions are what is trained on."""

    __tablename__ = "dataset"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str]
    folder: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str] = mapped_column(default=now)
    author: Mapped[str]
    deleted: Mapped[str] = mapped_column(default="")
    """When it was put into the trash; empty: it is not there."""
    project: Mapped[Project] = relationship()
    versions: Mapped[list[Version]] = relationship(order_by="Version.number", back_populates="dataset")


class Version(Base):
    """Data as they were saved once; the file never changes."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("dataset_id", "number"),)  # of two edits at once one fails
    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    number: Mapped[int]
    file: Mapped[str]
    """Inside the workspace."""
    digest: Mapped[str]
    """SHA-256."""
    bytes: Mapped[int]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    note: Mapped[str]
    created: Mapped[str] = mapped_column(default=now)
    author: Mapped[str]
    dataset: Mapped[DataSet] = relationship(back_populates="versions")
    splits: Mapped[list[SavedSplit]] = relationship(order_by="SavedSplit.id", back_populates="version")


class SavedSplit(Base):
    """A division of a version into train, validation and test, with what leaks."""

    __tablename__ = "split"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    name: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[str] = mapped_column(default=now)
    version: Mapped[Version] = relationship(back_populates="splits")


class Draft(Base):
    """A network that is being built."""

    __tablename__ = "draft"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str]
    model: Mapped[dict[str, Any]] = mapped_column(JSON)
    length: Mapped[int]
    outputs: Mapped[int]
    changed: Mapped[str] = mapped_column(default=now)
    edits: Mapped[int] = mapped_column(default=0)
    """How often it was changed: of two who change it at once the second is told."""


class Run(Base):
    """A run folder, and what is wished of it."""

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    version_id: Mapped[int | None] = mapped_column(ForeignKey("version.id"))
    name: Mapped[str]
    folder: Mapped[str] = mapped_column(unique=True)
    """Inside the workspace: ``experiment.yaml``, ``run.log`` and ``run/``."""
    seeds: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default="created")
    wish: Mapped[str] = mapped_column(default="")
    """``pause`` or ``cancel`` where that was asked for and is not done yet."""
    position: Mapped[int] = mapped_column(default=0)
    """Place in the queue."""
    pid: Mapped[int | None]
    begun: Mapped[int | None]
    """When the process began, in ticks since the machine did: a number of a process alone may be used again."""
    message: Mapped[str] = mapped_column(default="")
    parent: Mapped[int | None]
    deleted: Mapped[str] = mapped_column(default="")
    created: Mapped[str] = mapped_column(default=now)
    author: Mapped[str]
    project: Mapped[Project] = relationship()
    version: Mapped[Version | None] = relationship()


class Deployment(Base):
    """A bundle that answers over HTTP."""

    __tablename__ = "deployment"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    name: Mapped[str] = mapped_column(unique=True)
    enabled: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[str]
    """Of the bundle when it was deployed."""
    created: Mapped[str] = mapped_column(default=now)
    author: Mapped[str]
    message: Mapped[str] = mapped_column(default="")
    """Why it was switched off, where the studio did that."""
    run: Mapped[Run] = relationship()


class Share(Base):
    """A link to read one run."""

    __tablename__ = "share"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    sha256: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str] = mapped_column(default=now)
    author: Mapped[str]
    run: Mapped[Run] = relationship()


class Login(Base):
    """A browser that was shown a token."""

    __tablename__ = "login"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of the cookie."""
    token: Mapped[str]
    """SHA-256 of the token: a token that is taken back ends its logins."""
    created: Mapped[str] = mapped_column(default=now)


class Store:
    """The database.

    Parameters
    ----------
    url
        SQLAlchemy URL.

    Raises
    ------
    InputError
        It cannot be opened, or was made by a newer studio.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = create_engine(url)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            said = (
                f"the database needs {error.name}" if isinstance(error, ModuleNotFoundError) else "this is no database"
            )
            raise InputError(said, where="--set database", hint="an SQLAlchemy URL, and its driver installed") from None
        where = self.engine.url.render_as_string(hide_password=True)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _careful)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        try:
            Base.metadata.create_all(self.engine)
            self._add_columns()
            with self.begin() as session:
                meta = session.scalars(select(Meta)).first()
                if meta is None:
                    session.add(Meta(format=FORMAT))
                    session.add(Project(name="My project"))
                elif meta.format > FORMAT:
                    raise InputError(
                        "the workspace was made by a newer studio",
                        where=where,
                        hint="install that version of strandloom",
                    )
        except SQLAlchemyError as error:
            raise InputError(f"the database cannot be opened: {error.__class__.__name__}", where=where) from error

    def _add_columns(self) -> None:
        """Columns that a workspace of an earlier version lacks, with their defaults."""
        known = inspect(self.engine)
        with self.engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                there = {one["name"] for one in known.get_columns(table.name)}
                for column in table.columns:
                    if column.name in there:
                        continue
                    kind = column.type.compile(self.engine.dialect)
                    default = getattr(column.default, "arg", None)
                    value = (
                        f"'{default}'"
                        if isinstance(default, str)
                        else int(default)
                        if isinstance(default, int)
                        else "NULL"
                    )
                    connection.execute(
                        text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind} DEFAULT {value}")
                    )

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session whose changes are kept when the block ends well."""
        with self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def sqlite_url(path: Any) -> str:
    """The URL of a file."""
    return f"sqlite:///{path}"


def _careful(connection: Any, _: Any) -> None:
    """Readers do not wait for writers, writers wait for one another, what is committed stays after a crash."""
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
