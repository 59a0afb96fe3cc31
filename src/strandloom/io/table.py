"""CSV, TSV and one-sequence-per-line files, streamed: bytes to field ranges to codes and columns."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.delimited import Fields, split_fields, whole_rows
from strandloom.io.detect import Detected, text_blocks
from strandloom.io.kernels import Bytes, Kernels, as_bytes
from strandloom.io.letters import Letters, Pieced
from strandloom.io.names import id_column_of, known_column, sequence_column
from strandloom.io.stream import BLOCK_BYTES, ByteStream
from strandloom.io.strings import numbered, text_series
from strandloom.io.types import ColumnType, cast_text

SAMPLE_BYTES = 4 << 20
"""The start of a table, by which the sequence and the id column are recognised."""
_LONGEST_QUOTED = 1 << 26
_NO_SEPARATOR = 10


class Header(NamedTuple):
    """Column names, and lines that they take up (0 where the file has no header)."""

    columns: list[str]
    lines: int


class _Rows(NamedTuple):
    """A block of whole rows."""

    buffer: Bytes
    fields: Fields
    line: int
    """Line number of the block's first line."""


class TextTable:
    """One table in a text file.

    Parameters
    ----------
    path, detected
        The file and what :func:`~strandloom.io.detect.detect` says of it; ``lines`` is one column without header.
    block_bytes
        Bytes per block; the rows are the same for every value.
    """

    def __init__(self, path: Path, detected: Detected, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.path, self.detected, self.block_bytes = path, detected, block_bytes
        self.quotes = detected.format != "lines"
        self.separator = ord(detected.separator) if detected.separator else _NO_SEPARATOR
        self.kernels = Kernels()
        self.header = self._header()

    def _header(self) -> Header:
        if self.detected.format == "lines":
            return Header(["sequence"], 0)
        with closing(self._blocks(SAMPLE_BYTES, columns=0, first_only=True)) as blocks:
            rows = next(blocks, None)
        if rows is None:
            raise InputError("the file is empty", where=self.path)
        names = [str(x).strip() for x in self._frame_row(rows)]
        names = [name or f"column_{i}" for i, name in enumerate(names, 1)]
        twice = sorted({x for x in names if names.count(x) > 1})
        if twice:
            raise InputError(
                f"two columns are named '{twice[0]}'",
                where=f"{self.path}:{rows.line}",
                hint="give every column its own name",
            )
        return Header(names, int(np.count_nonzero(rows.buffer == 10)))

    def _frame_row(self, rows: _Rows) -> list[str]:
        starts, ends, quoted = (
            rows.fields.starts[0].tolist(),
            rows.fields.ends[0].tolist(),
            rows.fields.quoted[0].tolist(),
        )
        texts = [rows.buffer[a:b].tobytes().decode("utf-8", "replace") for a, b in zip(starts, ends, strict=True)]
        return [t.replace('""', '"') if q else t for t, q in zip(texts, quoted, strict=True)]

    def _blocks(self, size: int, *, columns: int, first_only: bool = False) -> Generator[_Rows, None, None]:
        """Blocks of whole rows; with ``first_only`` the header row alone (leading blank lines included)."""
        held, line = b"", 1
        one = columns == 1
        with ByteStream(self.path, self.detected.compression) as stream:
            source = text_blocks(stream, size)
            ended = False
            while not ended:
                block = next(source, b"")
                ended = not block
                held += block
                if ended:
                    held = held.rstrip(b"\r\n")
                    held += b"\n" if held else b""
                if not held:
                    continue
                cut, opened = whole_rows(
                    as_bytes(held), quotes=self.quotes, separator=self.separator, keep_blank_tail=one and not ended
                )
                if opened >= 0 and (ended or len(held) - cut > _LONGEST_QUOTED):
                    at = line + held.count(b"\n", 0, opened)
                    yield from self._rows(held[:cut], line, columns, first_only=first_only)
                    raise InputError(
                        "a quote is opened and never closed",
                        where=f"{self.path}:{at}",
                        hint='close it, or write a quote inside a field as ""',
                    )
                if cut:
                    data, held = held[:cut], held[cut:]
                    yield from self._rows(data, line, columns, first_only=first_only)
                    line += data.count(b"\n")
                    stream.line = line - 1

    def _rows(self, data: bytes, line: int, columns: int, *, first_only: bool) -> Generator[_Rows, None, None]:
        if not data:
            return
        sound = self._utf8(data)
        if sound:
            buffer = as_bytes(data[:sound])
            if first_only:
                fields = split_fields(buffer, self.separator, 0, quotes=self.quotes)
                if len(fields.starts) == 0:
                    return
                end = _row_end(buffer, fields)
                yield _Rows(buffer[:end], fields, line + int(fields.lines[0]))
                return
            fields = split_fields(buffer, self.separator, columns, quotes=self.quotes)
            yield _Rows(buffer, fields, line)
            if fields.ragged is not None:
                before, found = fields.ragged
                raise InputError(
                    f"the row has {found} fields, the header has {columns}",
                    where=f"{self.path}:{line + before}",
                    hint=self._ragged_hint(found, columns),
                )
        if sound < len(data):
            broken = data[sound:]
            try:
                broken.decode("utf-8")
            except UnicodeDecodeError as error:
                at = line + data.count(b"\n", 0, sound + error.start)
                raise InputError(
                    f"the byte 0x{broken[error.start]:02X} is not UTF-8 text",
                    where=f"{self.path}:{at}",
                    hint="save the file as UTF-8; if it is Latin-1: iconv -f latin1 -t utf8 FILE",
                ) from error

    def _utf8(self, data: bytes) -> int:
        """Bytes of ``data`` that form whole lines of UTF-8."""
        if data.isascii():
            return len(data)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            return data.rfind(b"\n", 0, error.start) + 1
        return len(data)

    def _ragged_hint(self, found: int, columns: int) -> str:
        if found == columns + 1:
            return (
                "a row name without a column name (R: write.table with col.names = NA), "
                "or a separator inside a field without quotes"
            )
        return "complete the row, or put fields that hold a separator in quotes"

    def rows(self, *, size: int | None = None) -> Generator[_Rows, None, None]:
        """The data rows, in blocks."""
        left = self.header.lines
        for block in self._blocks(size or self.block_bytes, columns=len(self.header.columns)):
            if left == 0:
                yield block
                continue
            below = int(np.searchsorted(block.fields.lines, left))  # rows of this block that belong to the header
            left -= min(left, int(np.count_nonzero(block.buffer == 10)))
            f = block.fields
            yield block._replace(
                fields=Fields(f.starts[below:], f.ends[below:], f.quoted[below:], f.lines[below:], f.ragged)
            )

    def text(self, rows: _Rows, column: int) -> pl.Series:
        """One column as text, String ``(M,)``; an empty field is null."""
        fields, name = rows.fields, self.header.columns[column]
        series = text_series(self.kernels, rows.buffer, fields.starts[:, column], fields.ends[:, column], name=name)
        quoted = fields.quoted[:, column]
        if quoted.any():
            inner = pl.Series("quoted", quoted)
            plain = pl.when(inner).then(series.str.replace_all('""', '"', literal=True)).otherwise(series)
            series = pl.select(plain.alias(name)).to_series()
        return series

    def sample(self) -> pl.DataFrame:
        """The first rows as text."""
        with closing(self.rows(size=SAMPLE_BYTES)) as blocks:
            for rows in blocks:
                if len(rows.fields.starts):
                    return pl.DataFrame([self.text(rows, i) for i in range(len(self.header.columns))])
        raise InputError("the file has a header line but no rows", where=self.path, hint="add at least one row")

    def types(self, columns: list[str]) -> dict[str, pl.DataType]:
        """Types of some columns, decided over the whole file."""
        found = {name: ColumnType() for name in columns}
        index = {name: self.header.columns.index(name) for name in columns}
        try:
            for rows in self.rows():
                for name, kind in found.items():
                    if kind.number:
                        kind.update(_nulls(self.text(rows, index[name])))
        except InputError:  # the reading itself meets it again, after the sound rows before it
            return {name: pl.String() for name in columns}
        return {name: kind.dtype for name, kind in found.items()}


class TableReader(NamedTuple):
    """A table with its columns told apart."""

    table: TextTable
    sequence: str
    id_name: str | None
    others: list[str]


def open_table(table: TextTable, *, sequence: str | None, id_column: str | None) -> TableReader:
    """Find the sequence and the id column.

    Raises
    ------
    InputError
        A named column is missing, no column looks like sequences, or there are no rows.
    """
    columns = table.header.columns
    sample = table.sample()
    if sequence is not None:
        known_column(sequence, columns, table.path, setting="data.sequence or --sequence")
    if id_column is not None:
        known_column(id_column, columns, table.path, setting="data.id")
    if table.detected.format == "lines":
        return TableReader(table, "sequence", None, [])
    chosen = sequence or sequence_column(sample, table.path)
    id_name = id_column or id_column_of(sample, sequence=chosen)
    return TableReader(table, chosen, id_name, [x for x in columns if x not in (chosen, id_name)])


def read_table(reader: TableReader, letters: Letters, *, columns: bool) -> Generator[Pieced, None, None]:
    """Pieces of a table, in file order; a fault in a row is raised after the sound rows before it.

    Parameters
    ----------
    reader
        The table.
    letters
        The encoder.
    columns
        Whether to read the columns other than the sequence and the id (a first pass finds their types).
    """
    table = reader.table
    index = {name: i for i, name in enumerate(table.header.columns)}
    others = reader.others if columns else []
    types = table.types(others) if others else {}
    count = 0
    for rows in table.rows():
        fields = rows.fields
        n = len(fields.starts)
        if n == 0:
            continue
        table.kernels.seen(len(rows.buffer))
        letters.kernels.seen(len(rows.buffer))
        numbers = numbered(count + 1, n)
        ids = numbers
        if reader.id_name is not None:
            text = table.text(rows, index[reader.id_name])
            ids = pl.select(pl.when(text == "").then(numbers).otherwise(text).alias("id")).to_series()
        frame = pl.DataFrame([_nulls(table.text(rows, index[name])) for name in others]) if others else pl.DataFrame()
        at = index[reader.sequence]
        yield letters.encode(
            rows.buffer,
            fields.starts[:, at],
            fields.ends[:, at],
            ids=ids,
            columns=cast_text(frame, types),
            places=rows.line + fields.lines,
        )
        count += n


def _nulls(text: pl.Series) -> pl.Series:
    """Empty text as null."""
    return pl.select(pl.when(text != "").then(text).alias(text.name)).to_series()


def _row_end(buffer: Bytes, fields: Fields) -> int:
    """One past the newline that closes the first row."""
    end = int(fields.ends[0, -1]) if fields.starts.size else 0
    return end + int(np.argmax(buffer[end:] == 10)) + 1
