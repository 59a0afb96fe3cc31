"""What is in a file and what is wrong with it, before any training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from strandloom.data.cautions import share
from strandloom.data.facts import DataFacts, facts
from strandloom.data.recognise import Recognised, odd_cell, recognise, recognise_task
from strandloom.data.targets import Target, classes_target, labels_target, missing_column, value_target
from strandloom.errors import InputError
from strandloom.io.detect import Detected, detect
from strandloom.io.read import column_names, read_blocks
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy

MOST_ROWS = 2_000_000
"""Rows looked at; a longer file is judged by its beginning, and that is said."""


@dataclass(frozen=True, eq=False)
class Checked:
    """A file looked through.

    Parameters
    ----------
    path, detected, size
        The file, its format and its bytes.
    recognised
        What its columns seem to be for.
    facts
        Lengths, GC, letters, duplicates, classes.
    problems
        What would stop or spoil a training, in words; empty when nothing was found.
    complete
        False: only the first rows were looked at.
    """

    path: Path
    detected: Detected
    size: int
    recognised: Recognised
    facts: DataFacts
    problems: tuple[str, ...]
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "path": str(self.path),
            "format": self.detected.format,
            "compression": self.detected.compression,
            "bytes": self.size,
            "complete": self.complete,
            "recognised": asdict(self.recognised),
            "facts": asdict(self.facts),
            "problems": list(self.problems),
        }


def check_file(path: str | Path, *, sequence: str | None = None, target: str | None = None) -> Checked:
    """Read a file leniently (rows that cannot be read are counted) and report.

    Parameters
    ----------
    path
        Any supported file of sequences.
    sequence, target
        Columns, where they are not to be recognised.

    Raises
    ------
    InputError
        The file cannot be read at all, holds no sequence, or lacks a column that was named.
    """
    path = Path(path)
    detected = detect(path)
    blocks: list[Records] = []
    rows, complete = 0, True
    for block in read_blocks(path, sequence=sequence, policy=LetterPolicy(unknown="skip", empty="skip")):
        if rows >= MOST_ROWS:
            complete = False
            break
        blocks.append(block)
        rows += len(block)
    records = Records.concat(blocks) if blocks else None
    if records is None or not len(records):
        skipped = records.letters.skipped if records is not None else ()
        reason = f": {skipped[0]}" if skipped else ""
        raise InputError(f"no sequence could be read{reason}", where=path, hint="is it a file of DNA sequences?")
    found = replace(
        recognise(records.columns), sequence=sequence or _sequence_column(path, records), id=records.id_name
    )
    problems: list[str] = []
    letters = records.letters
    if letters.skipped_rows:
        unread = share(letters.skipped_rows, letters.rows + letters.skipped_rows)
        problems.append(f"{unread} cannot be read; the first: {letters.skipped[0]}")
    learned = _target(records, target or found.target, path, problems)
    kept = replace(
        records, letters=replace(letters, skipped_rows=0, skipped=())
    )  # the skipping was ours, not asked for
    about = replace(facts(kept, learned), letters=letters)
    problems += about.warnings
    return Checked(path, detected, path.stat().st_size, found, about, tuple(problems), complete)


def _sequence_column(path: Path, records: Records) -> str | None:
    """The column that was read as the sequence: the one that is neither an id nor among the others."""
    rest = [name for name in column_names(path) if name not in records.columns.columns and name != records.id_name]
    return rest[0] if len(rest) == 1 else None


def _target(records: Records, name: str | None, path: Path, problems: list[str]) -> Target | None:
    """The target, or a problem noted."""
    if name is None:
        return None
    if name not in records.columns.columns:
        raise missing_column(name, records.columns.columns, path=str(path), setting="--target")
    column = records.columns[name]
    odd = odd_cell(column)
    if odd is not None:
        problems.append(
            f"row {odd.row + 1}: the column '{name}' holds '{odd.text[:40]}', where {odd.numbers:,} rows hold numbers"
        )
    task = recognise_task(column)

    def by_id(row: int) -> str:
        return f"{path}, record '{records.ids[row]}'"

    locate = (
        by_id if records.letters.skipped_rows else None
    )  # without the rows that cannot be read, numbers would mislead

    try:
        if task == "classes":
            return classes_target(column, path=str(path), names=None, locate=locate)
        if task == "labels":
            return labels_target(records.columns, (name,), path=str(path), names=None, locate=locate)
        return value_target(records.columns, (name,), path=str(path), locate=locate)
    except InputError as error:
        problems.append(str(error).replace("\nhint: ", " — "))
        return None
