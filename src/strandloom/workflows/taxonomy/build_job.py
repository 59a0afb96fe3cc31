"""From files to the folder of a reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from strandloom.errors import InputError, UsageError
from strandloom.io.taxonomy import read_reference_table
from strandloom.run.output_folder import new_folder
from strandloom.words import plural
from strandloom.workflows.taxonomy.build import Built, build_reference
from strandloom.workflows.taxonomy.markers import AUTO, Marker, marker_named
from strandloom.workflows.taxonomy.names import read_synonyms
from strandloom.workflows.taxonomy.reference import FACTS


def chosen_marker(
    name: str, *, forward: str | None, reverse: str | None, min_length: int | None, max_length: int | None
) -> Marker | str:
    """A built-in marker by name (or ``auto``), or one of own primers.

    Raises
    ------
    SettingsError
        No marker is called so.
    UsageError
        Own primers are incomplete or wrong.
    """
    own = {"forward": forward, "reverse": reverse, "min_length": min_length, "max_length": max_length}
    given = {key: value for key, value in own.items() if value is not None}
    if not given:
        return name if name == AUTO else marker_named(name)
    if len(given) < len(own):
        missing = ", ".join(f"--{key.replace('_', '-')}" for key in own if key not in given)
        raise UsageError(f"own primers need {missing} too", where="taxonomy build")
    try:
        return Marker.model_validate({"name": "own primers" if name == AUTO else name, **given})
    except ValidationError as error:
        first = error.errors()[0]
        place = f"--{str(first['loc'][0]).replace('_', '-')}" if first["loc"] else "taxonomy build"
        raise UsageError(
            first["msg"].removeprefix("Value error, ").replace("String should have", "a primer has"), where=place
        ) from None


def build_folder(
    source: str | Path,
    *,
    out: str | Path,
    taxonomy: str | Path | None = None,
    marker: Marker | str = AUTO,
    synonyms: str | Path | None = None,
    exclude: str | Path | None = None,
    name: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """Read reference sequences in any format, build a reference, write its folder.

    Parameters
    ----------
    source, taxonomy
        See :func:`strandloom.io.taxonomy.read_reference_table`.
    marker
        A marker, or ``auto``.
    synonyms
        Table of names and accepted names.
    exclude
        File of record ids that are left out, one a line.
    name
        What it is called; by default the folder's name.

    Raises
    ------
    InputError
        A file cannot be used, or no record holds the marker.
    OutputError
        The folder exists already, or cannot be written.
    """
    table = read_reference_table(Path(source), taxonomy=None if taxonomy is None else Path(taxonomy))
    frame = table.frame
    facts, notes = table.facts, [f"read as {table.kind}", *table.facts.notes]
    for words, found in (
        ("sequences without a lineage", facts.without_lineage),
        ("lineages without a sequence", facts.without_sequence),
        ("record names that stand there twice", facts.repeated_ids),
    ):
        if found.count:
            notes.append(f"{words}: {found.count:,} (such as {', '.join(found.first[:3])})")
    if facts.problems:
        first = table.frame.filter(pl.col("problem").is_not_null())["record_id"].head(3).to_list()
        notes.append(f"records whose ranks do not fit together: {facts.problems:,} (such as {', '.join(first)})")
    if exclude is not None:
        frame, told = _without(frame, Path(exclude))
        notes.append(told)
    known = None if synonyms is None else read_synonyms(Path(synonyms))
    built = build_reference(frame, name=name or Path(out).name, marker=marker, synonyms=known)
    for note in notes:
        say(note)
    with new_folder(out, mark=FACTS, what="a reference of strandloom taxonomy build", force=force) as folder:
        built.write(folder)
    return built


def _without(frame: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, str]:
    """The records that are not on a list, and what was left out."""
    import gzip
    import zlib

    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise InputError(
            f"the list of records cannot be read: {error}", where=path, hint="give one id a line"
        ) from None
    ids = {line.strip() for line in text.splitlines()} - {""}
    met = frame["record_id"].is_in(list(ids))
    if not met.any():
        raise InputError(
            f"none of its {len(ids):,} ids is a record of the reference", where=path, hint="give one record id a line"
        )
    strange = sorted(ids - set(frame["record_id"].to_list()))
    told = f"{plural(int(met.sum()), 'record')} left out as --exclude asks"
    if strange:
        told += f"; {len(strange):,} of its ids are no record (such as {', '.join(strange[:3])})"
    return frame.filter(~met), told
