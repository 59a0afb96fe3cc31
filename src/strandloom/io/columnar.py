"""Parquet and NDJSON by polars, in batches: frames to codes and columns."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.detect import Detected, text_blocks
from strandloom.io.letters import Letters, Pieced
from strandloom.io.names import id_column_of, known_column, sequence_column
from strandloom.io.stream import BLOCK_BYTES, ByteStream
from strandloom.io.strings import numbered, text_bytes

SAMPLE_ROWS = 65_536
"""Rows by which the sequence and the id column are recognised."""


class FrameTable:
    """A Parquet or NDJSON file as batches of a frame.

    Parameters
    ----------
    path, detected
        The file and what :func:`~strandloom.io.detect.detect` says of it.
    block_bytes
        Bytes per block of NDJSON; the rows are the same for every value.
    """

    def __init__(self, path: Path, detected: Detected, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.path, self.detected, self.block_bytes = path, detected, block_bytes
        self.schema = self._parquet_schema() if detected.format == "parquet" else self._json_schema()
        if not self.schema:
            raise InputError("the file has no columns", where=path)

    def _parquet_schema(self) -> dict[str, pl.DataType]:
        try:
            return dict(pl.read_parquet_schema(self.path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._damaged(error) from error

    def _json_schema(self) -> dict[str, pl.DataType]:
        """The types that hold every line's values; a full pass over the file."""
        empty: list[pl.DataFrame] = []
        for _, frame in self._json():
            if not empty or frame.schema != empty[0].schema:
                try:
                    empty = [pl.concat([*empty, frame.clear()], how="diagonal_relaxed")]
                except pl.exceptions.PolarsError as error:
                    raise InputError(f"a column has values of different kinds: {error}", where=self.path) from error
        return dict(empty[0].schema) if empty else {}

    def _damaged(self, error: Exception) -> InputError:
        text = str(error).splitlines()[0]
        return InputError(f"the Parquet file is damaged: {text}", where=self.path, hint="copy or write the file again")

    def _json(self) -> Generator[tuple[int, pl.DataFrame], None, None]:
        """Line number before a block, and its frame with the types of the block alone."""
        line, held = 0, b""
        with ByteStream(self.path, self.detected.compression) as stream:
            for block in text_blocks(stream, self.block_bytes):
                data, newline, rest = block.rpartition(b"\n")
                if not newline:
                    held += block
                    continue
                data, held = held + data + newline, rest
                yield from self._parse(data, line)
                line += data.count(b"\n")
                stream.line = line
            if held.strip():
                yield from self._parse(held, line)

    def _parse(self, data: bytes, line: int) -> Generator[tuple[int, pl.DataFrame], None, None]:
        if not data.strip():
            return
        try:
            yield line, pl.read_ndjson(data, infer_schema_length=None)
        except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError):
            raise self._bad_line(data, line) from None

    def _bad_line(self, data: bytes, line: int) -> InputError:
        import json

        for number, text in enumerate(data.split(b"\n"), line + 1):
            try:
                if text.strip() and not isinstance(json.loads(text), dict):
                    raise ValueError("not an object")
            except ValueError as error:
                return InputError(
                    f"the line is no JSON object: {error}",
                    where=f"{self.path}:{number}",
                    hint='one object per line, for example {"id": "a", "sequence": "ACGT"}',
                )
        return InputError(
            "the lines' objects do not fit together",
            where=f"{self.path}:{line + 1}",
            hint="give every object the same keys and types",
        )

    def batches(self, columns: list[str], rows: int) -> Iterator[pl.DataFrame]:
        """Some columns of all rows, in order."""
        if self.detected.format == "parquet":
            try:
                lazy = pl.scan_parquet(self.path, glob=False).select(columns)
                yield from lazy.collect_batches(chunk_size=rows, maintain_order=True)
            except (pl.exceptions.PolarsError, OSError) as error:
                raise self._damaged(error) from error
            return
        for _, frame in self._json():
            missing = [pl.lit(None, dtype=self.schema[x]).alias(x) for x in columns if x not in frame.columns]
            yield frame.with_columns(missing).select(pl.col(x).cast(self.schema[x]) for x in columns)

    def sample(self) -> pl.DataFrame:
        """The first rows."""
        with closing(self.batches(list(self.schema), SAMPLE_ROWS)) as batches:  # type: ignore[type-var]
            for frame in batches:
                if frame.height:
                    return frame.head(SAMPLE_ROWS)
        raise InputError("the table has columns but no rows", where=self.path, hint="add at least one row")


def read_frames(
    table: FrameTable, letters: Letters, *, sequence: str | None, id_column: str | None, columns: bool, block_rows: int
) -> tuple[str | None, Generator[Pieced, None, None]]:
    """Name of the id column and the pieces of the table, in order.

    Parameters
    ----------
    table
        The file.
    letters
        The encoder.
    sequence, id_column
        Column names; None finds them.
    columns
        Whether to read the columns other than the sequence and the id.
    block_rows
        Rows per batch.

    Raises
    ------
    InputError
        A named column is missing, no column looks like sequences, or there are no rows.
    """
    names = list(table.schema)
    if sequence is not None:
        known_column(sequence, names, table.path, setting="data.sequence or --sequence")
    if id_column is not None:
        known_column(id_column, names, table.path, setting="data.id")
    sample = table.sample()
    chosen = sequence or sequence_column(sample, table.path)
    id_name = id_column or id_column_of(sample, sequence=chosen)
    others = [x for x in names if x not in (chosen, id_name)] if columns else []
    kept = list(dict.fromkeys([chosen, *([id_name] if id_name else []), *others]))
    return id_name, _pieces(table, letters, chosen, id_name, others, kept, block_rows)


def _pieces(
    table: FrameTable,
    letters: Letters,
    sequence: str,
    id_name: str | None,
    others: list[str],
    kept: list[str],
    block_rows: int,
) -> Generator[Pieced, None, None]:
    count = 0
    for frame in table.batches(kept, block_rows):
        n = frame.height
        if n == 0:
            continue
        numbers = numbered(count + 1, n)
        ids = numbers
        if id_name is not None:
            text = _text(frame[id_name])
            ids = pl.select(pl.when(text.fill_null("") == "").then(numbers).otherwise(text).alias("id")).to_series()
        buffer, starts, ends = text_bytes(_text(frame[sequence]))
        letters.kernels.seen(len(buffer))
        rest = frame.select(others) if others else pl.DataFrame()
        yield letters.encode(buffer, starts, ends, ids=ids, columns=rest, places=np.arange(count + 1, count + n + 1))
        count += n


def _text(column: pl.Series) -> pl.Series:
    return column if column.dtype == pl.String else column.cast(pl.String)
