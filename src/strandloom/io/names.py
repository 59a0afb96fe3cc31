"""Which column holds the sequences, and which one the ids: by name, then by content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from strandloom.errors import InputError, nearest

SEQUENCE_NAMES = (
    "sequence", "seq", "dna", "dna_sequence", "nucleotide_sequence", "nucleotides", "sequences",
    "rna", "utr", "utr5", "5utr", "read",
)  # fmt: skip
"""Names of a sequence column, the likeliest first; case does not matter."""
ID_NAMES = ("id", "name", "record_id")
"""Names of an id column; all but ``id`` only where the values differ."""
_WRITTEN = r"^[A-Za-z*.?\s-]+$"
_DNA = r"^[ACGTUNacgtun-]+$"
_SHORTEST = 6
_HEADERLESS = re.compile(r"[ACGTUNacgtun]{12,}")


def sequence_column(sample: pl.DataFrame, path: str | Path) -> str:
    """The column that holds sequences.

    Parameters
    ----------
    sample
        The first rows of the table.
    path
        The file, for messages.

    Raises
    ------
    InputError
        No column, or more than one, looks like sequences; the message lists the columns.
    """
    texts = [
        x for x in sample.columns if sample.schema[x] in (pl.String, pl.Categorical, pl.Binary) or sample.height == 0
    ]
    lower: dict[str, str] = {}
    for column in texts:
        lower.setdefault(column.strip().lower(), column)
    for name in SEQUENCE_NAMES:
        if name in lower and _share(sample, lower[name], _WRITTEN) >= 0.5:
            return lower[name]
    for column in sample.columns:
        if _HEADERLESS.fullmatch(column.strip()):
            raise InputError(
                "the first line holds a sequence, not column names",
                where=f"{path}:1",
                hint="add a header line, for example: sequence,label",
            )
    found = [
        x for x in texts if sample.height and _share(sample, x, _DNA) >= 0.9 and _median_length(sample, x) >= _SHORTEST
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"several columns could be the sequence: {', '.join(found)}",
            where=path,
            hint="name one with data.sequence or --sequence",
        )
    places = {"chrom", "start", "end"} <= {x.lower() for x in sample.columns}
    raise InputError(
        f"no column looks like DNA sequences; columns: {_listed(sample.columns)}",
        where=path,
        hint="these are places on a genome: name it with --genome FASTA"
        if places
        else "name it with data.sequence or --sequence",
    )


def _share(sample: pl.DataFrame, column: str, pattern: str) -> float:
    """Share of the non-empty values that match; 1 where there is no value."""
    values = sample[column].cast(pl.String).drop_nulls()
    values = values.filter(values != "")
    return float(values.str.contains(pattern).mean() or 0) if len(values) else 1.0  # type: ignore[arg-type]


def _median_length(sample: pl.DataFrame, column: str) -> float:
    return float(sample[column].cast(pl.String).drop_nulls().str.len_bytes().median() or 0)  # type: ignore[arg-type]


def known_column(name: str, columns: Sequence[str], path: str | Path, *, setting: str) -> str:
    """``name`` itself when the table has it.

    Raises
    ------
    InputError
        It has not; the message lists the columns and the nearest name.
    """
    if name in columns:
        return name
    close = nearest(name, columns)
    raise InputError(
        f"there is no column '{name}'; columns: {_listed(columns)}",
        where=path,
        hint=f"did you mean '{close}'?" if close else f"choose one of them with {setting}",
    )


def id_column_of(sample: pl.DataFrame, *, sequence: str) -> str | None:
    """The id column: ``id``, else ``name`` or ``record_id`` where no two values of the sample are equal; None: none.

    Parameters
    ----------
    sample
        The first rows of the table; whether values differ is judged by them alone, so that a file can be streamed.
    sequence
        The sequence column, which is never the id.
    """
    lower = {x.strip().lower(): x for x in reversed(sample.columns) if x != sequence}
    for name in ID_NAMES:
        column = lower.get(name)
        if column is None:
            continue
        values = sample[column].cast(pl.String)
        filled = values.null_count() == 0 and not (values == "").any()
        if name == "id" or (filled and values.n_unique() == len(values)):
            return column
    return None


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
