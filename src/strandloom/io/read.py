"""Read sequences from any supported file, in blocks or at once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

from strandloom.errors import InputError, SettingsError
from strandloom.io.arrays import array_names, read_arrays
from strandloom.io.columnar import FrameTable, read_frames
from strandloom.io.detect import detect
from strandloom.io.fastx import read_fastx
from strandloom.io.letters import Letters, Pieced, regroup
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.io.stream import BLOCK_BYTES
from strandloom.io.table import TextTable, open_table, read_table

BLOCK_ROWS = 16_384


def read_blocks(
    path: str | Path,
    *,
    sequence: str | None = None,
    id_column: str | None = None,
    policy: LetterPolicy | None = None,
    order: str | None = None,
    block_rows: int = BLOCK_ROWS,
    columns: Literal["all", "none"] = "all",
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Records]:
    """Stream a file of sequences in file order; memory stays flat, and the rows are the same for every block size.

    Parameters
    ----------
    path
        FASTA, FASTQ, CSV, TSV, NDJSON or one sequence per line (plain or gzip), Parquet, or arrays (NPY, NPZ, HDF5, MATLAB).
    sequence
        Column of a table, or array of a file of several, that holds the sequences; None recognises it.
    id_column
        Column of the ids; None takes ``id``, or ``name`` / ``record_id`` where its values differ, else the row number.
    policy
        What to do with letters other than ``A C G T``.
    order
        Base order of arrays, such as ``AGCT`` (None: ``ACGT``).
    block_rows
        Rows per block; 16 million bases close it earlier, and rows that the policy skips leave it shorter.
    columns
        ``none`` reads no column other than the sequence and the id: a CSV or TSV is then read once instead of twice.
    block_bytes
        Bytes read at a time.

    Yields
    ------
    Records
        The next rows.

    Raises
    ------
    InputError
        The file or a row of it cannot be used; the sound rows before a fault come first (see :class:`~strandloom.io.stream.ByteStream`
        for what damage in a compressed file takes with it).
    SettingsError
        ``order`` is no order of the bases, or the file is no array.
    """
    path = Path(path)
    policy = policy or LetterPolicy()
    if block_rows < 1 or block_bytes < 1:
        raise SettingsError("a block holds at least one row and one byte", where="block_rows")
    detected = detect(path)
    if detected.places:
        raise InputError("these are places on a genome, not sequences", where=path, hint="name it with --genome FASTA")
    name = str(path)
    if order is not None and detected.format not in ("npy", "npz", "hdf5", "mat"):
        raise SettingsError(
            f"a base order belongs to arrays, but {path.name} is {detected.format}",
            where="data.order",
            hint="leave it out",
        )
    id_name: str | None = None
    pieces: Generator[Pieced, None, None]
    if detected.format in ("fasta", "fastq"):
        _no_columns(sequence, id_column, path, detected.format)
        letters = Letters(policy, name, unit="line", lead=1)
        pieces = read_fastx(
            path, detected, letters, columns=columns == "all", block_rows=block_rows, block_bytes=block_bytes
        )
    elif detected.format in ("csv", "tsv", "lines"):
        reader = open_table(TextTable(path, detected, block_bytes=block_bytes), sequence=sequence, id_column=id_column)
        letters, id_name = Letters(policy, name, unit="line"), reader.id_name
        pieces = read_table(reader, letters, columns=columns == "all")
    elif detected.format in ("parquet", "ndjson"):
        table = FrameTable(path, detected, block_bytes=block_bytes)
        letters = Letters(policy, name, unit="row")
        id_name, pieces = read_frames(
            table, letters, sequence=sequence, id_column=id_column, columns=columns == "all", block_rows=block_rows
        )
    else:
        letters = Letters(policy, name, unit="row")
        pieces = read_arrays(
            path,
            detected,
            letters,
            sequence=sequence,
            id_column=id_column,
            order=order,
            columns=columns == "all",
            block_rows=block_rows,
        )
    yield from regroup(pieces, letters, block_rows=block_rows, id_name=id_name)


def read_records(
    path: str | Path,
    *,
    sequence: str | None = None,
    id_column: str | None = None,
    policy: LetterPolicy | None = None,
    order: str | None = None,
    block_rows: int = BLOCK_ROWS,
    columns: Literal["all", "none"] = "all",
) -> Records:
    """All of a file at once: the blocks of :func:`read_blocks` one after the other.

    Raises
    ------
    InputError
        The file or a row of it cannot be used.
    """
    return Records.concat(
        list(
            read_blocks(
                path,
                sequence=sequence,
                id_column=id_column,
                policy=policy,
                order=order,
                block_rows=block_rows,
                columns=columns,
            )
        )
    )


def column_names(path: str | Path) -> list[str]:
    """Names of a table's columns, or of the arrays of a file, in order; ``description`` for FASTA and FASTQ.

    Raises
    ------
    InputError
        The file cannot be recognised or read.
    """
    path = Path(path)
    detected = detect(path)
    if detected.format in ("fasta", "fastq"):
        return ["description"]
    if detected.places:
        return []
    if detected.format in ("csv", "tsv"):
        return list(TextTable(path, detected).header.columns)
    if detected.format in ("parquet", "ndjson"):
        return list(FrameTable(path, detected).schema)
    return [] if detected.format == "lines" else array_names(path, detected)


def _no_columns(sequence: str | None, id_column: str | None, path: Path, format: str) -> None:
    for name, setting in ((sequence, "data.sequence"), (id_column, "data.id")):
        if name is not None:
            raise InputError(f"a {format.upper()} file has no column '{name}'", where=path, hint=f"leave {setting} out")
