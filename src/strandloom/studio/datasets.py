"""Data in versions: imported, looked through, changed into a new version; what was saved once never changes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from strandloom.alphabet import DNA
from strandloom.data.check import check_file
from strandloom.data.split.given import meets
from strandloom.data.split.settings import Condition
from strandloom.errors import InputError, UsageError
from strandloom.io.detect import FileFormat, detect
from strandloom.io.plain import plain
from strandloom.io.read import read_blocks
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.io.stream import ByteStream
from strandloom.io.write import TableWriter, sha256
from strandloom.settings import Settings
from strandloom.studio.store import DataSet, Project, Store, Version
from strandloom.studio.workspace import Workspace, file_name, slug
from strandloom.words import plural

LENIENT = LetterPolicy(unknown="skip", empty="skip")
TEXTS: tuple[FileFormat, ...] = ("fasta", "fastq", "csv", "tsv", "ndjson", "lines")
LONGEST_LINE = 1 << 28
"""Bytes of a line, a chromosome on one line included."""
PREVIEWED = 200
"""Bases of a sequence that the preview shows."""


class KeepRows(Settings):
    """Only rows that meet all conditions."""

    kind: Literal["keep"] = "keep"
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]
    """The conditions."""


class DropDuplicates(Settings):
    """Of rows with the same sequence only the first."""

    kind: Literal["distinct"] = "distinct"


class LogColumn(Settings):
    """A new column: the logarithm of another, to base 2, of value + offset."""

    kind: Literal["log"] = "log"
    column: str
    """The column."""
    name: str
    """The new one."""
    offset: float = 0.0
    """What is added first."""


class RenameColumn(Settings):
    """Another name for a column."""

    kind: Literal["rename"] = "rename"
    column: str
    """The column."""
    name: str
    """Its new name."""


Change = Annotated[KeepRows | DropDuplicates | LogColumn | RenameColumn, Field(discriminator="kind")]


@dataclass(frozen=True, eq=False)
class Preview:
    """The first rows of a version.

    Parameters
    ----------
    columns
        Names of the columns beside id and sequence.
    rows
        Of each: id, the first bases as letters, its length, and the other columns as text.
    """

    columns: list[str]
    rows: list[tuple[str, str, int, list[str]]]


def import_file(
    space: Workspace,
    store: Store,
    source: Path,
    *,
    name: str,
    project: int,
    sent_as: str,
    author: str,
    note: str = "imported",
    dataset: int | None = None,
) -> Version:
    """Take a file in as the first version of a data set, or as the next one of ``dataset``.

    Parameters
    ----------
    source
        The file; it is moved where it lies in the workspace's uploads, else copied.
    sent_as
        What it was called where it came from.

    Raises
    ------
    InputError
        It is no file of sequences.
    UsageError
        There is no such project or data set.
    """
    kept_as = file_name(sent_as)
    staged = space.uploads / f".{slug(kept_as, taken=space.uploads)}-{source.stat().st_ino}" / kept_as
    staged.parent.mkdir(parents=True)
    try:
        if source.resolve().is_relative_to(space.uploads.resolve()):
            source.replace(staged)
        else:
            shutil.copyfile(source, staged)
        check_lines(staged)
        facts = facts_of(staged)
        return _store(
            space, store, staged, facts, name=name, project=project, author=author, note=note, dataset=dataset
        )
    finally:
        shutil.rmtree(staged.parent, ignore_errors=True)


def change_version(
    space: Workspace, store: Store, version: int, change: Change, *, author: str, note: str = ""
) -> Version:
    """Make a new version out of the newest one.

    Raises
    ------
    UsageError
        A newer version was made meanwhile, or the change does not fit the columns.
    InputError
        Nothing would be left.
    """
    with store.begin() as session:
        base = session.get(Version, version, options=[joinedload(Version.dataset)])
        if base is None:
            raise UsageError("there is no such version")
        newest = max(x.number for x in base.dataset.versions)
        if base.number != newest:
            raise UsageError(
                f"version {newest} was made meanwhile", hint="look at it, then make your change to that one"
            )
        dataset, path, project = base.dataset_id, space.inside(base.file), base.dataset.project_id
        name = base.dataset.name
    staged = space.uploads / f".change-{version}-{path.stat().st_ino}-{np.random.default_rng().integers(1 << 62)}"
    staged.mkdir()
    try:
        made = staged / "data.tsv.gz"
        rows, left = _write_changed(path, made, change)
        said = note or words(change)
        if left:
            said += f"; {plural(left, 'row')} that cannot be read left out"
        if not rows:
            raise InputError("no row would be left", hint="another condition")
        return _store(
            space, store, made, facts_of(made), name=name, project=project, author=author, note=said,
            dataset=dataset, after=version,
        )  # fmt: skip
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def words(change: Change) -> str:
    """A change in words."""
    match change:
        case KeepRows():
            return "rows with " + " and ".join(map(str, change.conditions))
        case DropDuplicates():
            return "without duplicate sequences"
        case LogColumn():
            plus = f" + {change.offset:g}" if change.offset else ""
            return f"{change.name} = log2({change.column}{plus})"
        case RenameColumn():
            return f"{change.column} is called {change.name}"


def check_lines(path: Path, *, most: int = LONGEST_LINE) -> None:
    """Refuse a text with a line that would not fit in memory; a file is read through once, block by block.

    Raises
    ------
    InputError
        A line is longer, or the file cannot be read.
    """
    detected = detect(path)
    if detected.format not in TEXTS:
        return
    run = 0
    with ByteStream(path, detected.compression) as stream:
        for block in stream.blocks():
            ends = np.flatnonzero(block == ord("\n"))
            if len(ends):
                gaps = np.diff(ends)
                longest = max(run + int(ends[0]), int(gaps.max()) if len(gaps) else 0)
                run = len(block) - 1 - int(ends[-1])
            else:
                run += len(block)
                longest = run
            if max(longest, run) > most:
                raise InputError(
                    f"a line is longer than {most:,} bytes", where=path, hint="is this a file of sequences?"
                )


def facts_of(path: Path) -> dict[str, Any]:
    """What :func:`~strandloom.data.check.check_file` finds, as plain values without the path.

    Raises
    ------
    InputError
        As there.
    """
    found = plain(check_file(path).as_dict())
    assert isinstance(found, dict)
    del found["path"]
    return found


def preview(path: Path, *, rows: int = 50) -> Preview:
    """The first rows of a file of sequences."""
    for records in read_blocks(path, policy=LENIENT, block_rows=rows):
        names = records.columns.columns
        texts = records.columns.cast(pl.String).fill_null("") if names else records.columns
        found = []
        for i in range(len(records)):
            codes = records.codes[records.offsets[i] : records.offsets[i + 1]]
            cells = list(texts.row(i)) if names else []
            found.append((records.ids[i], DNA.decode(codes[:PREVIEWED]), len(codes), cells))
        return Preview(names, found)
    return Preview([], [])


def columns_of(path: Path) -> dict[str, str]:
    """Names of the columns beside id and sequence, with ``number`` or ``text``."""
    for records in read_blocks(path, policy=LENIENT, block_rows=20_000):
        return {n: "number" if t.is_numeric() else "text" for n, t in records.columns.schema.items()}
    return {}


def _store(
    space: Workspace,
    store: Store,
    staged: Path,
    facts: dict[str, Any],
    *,
    name: str,
    project: int,
    author: str,
    note: str,
    dataset: int | None,
    after: int | None = None,
) -> Version:
    """Enter a file; it is in its place before the database says so."""
    target: Path | None = None
    digest, size = sha256(staged), staged.stat().st_size  # before the database is held
    try:
        with store.begin() as session:
            if session.get(Project, project) is None:
                raise UsageError("there is no such project")
            if dataset is None:
                owner = DataSet(
                    project_id=project,
                    name=name.strip() or staged.name,
                    folder=slug(name, taken=space.data),
                    author=author,
                )
                session.add(owner)
                session.flush()
                number = 1
            else:
                known = session.get(DataSet, dataset)
                if known is None:
                    raise UsageError("there is no such data set")
                owner = known
                number = 1 + max((x.number for x in owner.versions), default=0)
                if after is not None and owner.versions[-1].id != after:
                    raise UsageError(f"version {number - 1} was made meanwhile", hint="look at it first")
            folder = space.data / owner.folder / f"v{number}"
            while folder.exists():  # a studio that was killed left it; nothing points there
                folder = folder.with_name(folder.name + "-again")
            folder.mkdir(parents=True)
            target = folder
            place = folder / staged.name
            staged.replace(place)
            place.chmod(0o444)
            version = Version(
                dataset_id=owner.id, number=number, file=str(place.relative_to(space.root)), digest=digest,
                bytes=size, facts=facts, note=note, author=author,
            )  # fmt: skip
            session.add(version)
            session.flush()
            version.dataset  # noqa: B018  # loaded while the session lives
        return version
    except (IntegrityError, FileExistsError):
        raise UsageError("another version was made at the same moment", hint="look at it first") from None
    except BaseException:
        if target is not None:
            shutil.rmtree(target, ignore_errors=True)
        raise


def _write_changed(source: Path, out: Path, change: Change) -> tuple[int, int]:
    """Write the rows of a file after a change, block by block; how many there are, and how many could not be read."""
    seen: set[bytes] = set()
    rows = left = 0
    with TableWriter(out) as writer:
        for records in read_blocks(source, policy=LENIENT):
            left += records.letters.skipped_rows
            kept = _kept(records, change, seen)
            part = records.take(kept) if not kept.all() else records
            frame = _frame(part, change)
            if len(frame):
                writer.write(frame)
                rows += len(frame)
    return rows, left


def _kept(records: Records, change: Change, seen: set[bytes]) -> np.ndarray:
    """Rows that stay, bool ``(N,)``."""
    kept = np.ones(len(records), bool)
    if isinstance(change, KeepRows):
        for condition in change.conditions:
            _need(records.columns, condition.column)
            kept &= meets(records.columns[condition.column], condition, "the condition")
    elif isinstance(change, DropDuplicates):
        for i, (start, end) in enumerate(zip(records.offsets[:-1].tolist(), records.offsets[1:].tolist(), strict=True)):
            text = records.codes[start:end].tobytes()
            kept[i] = text not in seen
            seen.add(text)
    return kept


def _frame(records: Records, change: Change) -> pl.DataFrame:
    """Rows as a table: id, sequence and the other columns."""
    letters = DNA.decode_table[records.codes].tobytes().decode()
    bounds = records.offsets.tolist()
    texts = [letters[a:b] for a, b in pairwise(bounds)]
    columns = records.columns.drop([x for x in ("id", "sequence") if x in records.columns.columns])
    frame = pl.DataFrame(
        [records.ids.rename("id"), pl.Series("sequence", texts, dtype=pl.String), *columns.get_columns()]
    )
    if isinstance(change, RenameColumn):
        _need(columns, change.column)
        _free(frame, change.name)
        frame = frame.rename({change.column: change.name})
    elif isinstance(change, LogColumn):
        _need(columns, change.column)
        _free(frame, change.name)
        if not frame.schema[change.column].is_numeric():
            raise UsageError(f"{change.column} holds text, so it has no logarithm")
        value = pl.col(change.column) + change.offset
        if frame.select((value <= 0).any()).item():
            raise UsageError(
                f"{change.column} has values of {-change.offset:g} and below, which have no logarithm",
                hint="a larger offset",
            )
        frame = frame.with_columns(value.log(2).alias(change.name))
    return frame


def _need(columns: pl.DataFrame, name: str) -> None:
    if name not in columns.columns:
        raise UsageError(f"there is no column '{name}'", hint="columns: " + ", ".join(columns.columns[:30]))


def _free(frame: pl.DataFrame, name: str) -> None:
    if not name.strip() or name in frame.columns:
        raise UsageError(f"'{name}' is no name for a new column", hint="one that is not taken")
