"""Whole tables as text: TSV, CSV (plain or gzip) and Parquet to a frame of String columns, with the line of every row."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.delimited import split_fields, whole_rows
from strandloom.io.detect import BOM, detect
from strandloom.io.kernels import Kernels, Positions, as_bytes
from strandloom.io.stream import ByteStream, open_error
from strandloom.io.strings import text_series

_CHUNK = 1 << 24
_PIECE, _FIRST = 1 << 18, 1 << 16
"""Bytes of a table parsed at a time, and at least at first: comments and the header are among them."""
_NO_SEPARATOR = 10
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
NAMED = 5
"""Ids or rows that a message names; the rest is only counted."""


class TextFrame(NamedTuple):
    """A table of M rows, every column String: stripped, null where empty."""

    frame: pl.DataFrame
    path: Path
    lines: Positions
    """int64 (M,): line of each row in a text file, or number of the row, from 1, in a Parquet file."""
    unit: str
    """``line`` or ``row``."""

    def where(self, row: int) -> str:
        """The place of a row, for messages: ``file:line``."""
        number = int(self.lines[row])
        return f"{self.path}:{number}" if self.unit == "line" else f"{self.path}, row {number}"

    def take(self, kept: pl.Series) -> TextFrame:
        """The rows where a mask, Boolean ``(M,)``, is true."""
        return self._replace(frame=self.frame.filter(kept), lines=self.lines[kept.to_numpy()])


def key(name: str) -> str:
    """A column name without case, spaces and punctuation: ``#Sample ID``, ``sample-id`` and ``sampleID`` are one."""
    return _PUNCTUATION.sub("", name.lower())


def find_column(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """The first of ``names`` (each as :func:`key` writes it) that a column has; None: none."""
    keys: dict[str, str] = {}
    for column in columns:
        keys.setdefault(key(column), column)
    return next((keys[name] for name in names if name in keys), None)


def listed(names: Sequence[str], *, most: int = NAMED) -> str:
    """Some names for a message: ``a, b, c, … (12 in all)``."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, … ({len(names):,} in all)"


def read_text_frame(
    path: str | Path, *, headed: Callable[[list[str]], bool] | None = None, comments: Sequence[str] = ()
) -> TextFrame:
    """Read a table; what separates the fields is seen from its first row.

    Lines that begin with ``#`` and have not the fields of the rows are comments. A header that is one name short, as R writes it, gets
    ``column_1`` for the row names.

    Parameters
    ----------
    path
        TSV, CSV (separated by ``,`` or ``;``), plain or gzip, or Parquet.
    headed
        Says of the fields of the first row whether they are column names; None: they are. Without names the columns are ``column_1``, ….
    comments
        First words of lines that are no rows, such as ``track`` in BED, wherever they stand; those with ``#`` are none either then.

    Raises
    ------
    InputError
        The file is missing, empty, damaged or no table, a row has another number of fields, or two columns have one name.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise open_error(error, path) from error
    if magic.startswith(b"PAR1"):
        return _parquet(path)
    with ByteStream(path, "gzip" if magic[:2] == b"\x1f\x8b" else "none") as stream:
        data = b"".join(block.tobytes() for block in stream.blocks()).removeprefix(BOM)
    if b"\0" in data[:4096] or data.startswith(b"<") or not data.strip():
        detect(path)  # says what it is instead
        raise InputError("this is no table", where=path, hint="TSV, CSV and Parquet are read")
    _check_text(data, path)
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return _text(_without(data.rstrip(b"\r\n") + b"\n", comments), path, headed, comments)


def text_frame_blocks(
    path: str | Path,
    *,
    headed: Callable[[list[str]], bool] | None = None,
    comments: Sequence[str] = (),
    size: int = _PIECE,
) -> Iterator[TextFrame]:
    """The same as :func:`read_text_frame`, some rows at a time: memory does not grow with a text file (a Parquet file is one piece).

    Parameters
    ----------
    headed, comments
        As for :func:`read_text_frame`.
    size
        Bytes of text parsed at a time.

    Raises
    ------
    InputError
        As :func:`read_text_frame`.
    """
    path = Path(path)
    if not path.is_file() or detect(path).format not in ("tsv", "csv") or not _fed(path):
        yield read_text_frame(path, headed=headed, comments=comments)
        return
    before = 0
    names: list[str] | None = None
    separator = ""
    for raw, last in _pieces(path, size, comments):
        _check_text(raw, path, first=before + 1)
        text = _without(raw, comments)
        if names is None:
            found = _text(text, path, headed, comments, some=not last)
            separator, names = _header(text)[0], list(found.frame.columns)
        else:
            frame, lines = _rows(text, separator, names, path, before, comments)
            found = TextFrame(frame, path, lines, "line")
        before += text.count(b"\n")
        if found.frame.height:
            yield found


def _pieces(path: Path, size: int, comments: Sequence[str]) -> Iterator[tuple[bytes, bool]]:
    """Whole rows of a text file, about so many bytes at a time, and whether they are the last."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    held, target, separator = b"", max(size, _FIRST), 0
    with ByteStream(path, "gzip" if packed else "none") as stream:
        blocks = stream.blocks()
        while True:
            block = next(blocks, None)
            held += b"" if block is None else block.tobytes()
            if not separator:
                held = held.removeprefix(BOM)
            if block is None:
                held = held.rstrip(b"\r\n") + b"\n"
            while len(held) > target:
                separator = separator or _separator(_without(held, comments))
                cut = whole_rows(as_bytes(held[:target]), quotes=True, separator=separator, keep_blank_tail=False)[0]
                if not cut:
                    target *= 2  # a row longer than a piece
                    continue
                yield held[:cut], cut == len(held)
                held, target = held[cut:], size
            if block is None:
                if held:
                    yield held, True
                return


def _separator(data: bytes) -> int:
    found = _header(data)[0]
    return ord(found) if found else _NO_SEPARATOR


def _without(data: bytes, comments: Sequence[str]) -> bytes:
    """A text in which lines that begin with one of these words are empty."""
    for word in comments:
        if word.encode() in data:
            data = re.sub(rb"(?m)^%s(?: [^\n]*)?\r?$" % word.encode(), b"", data)
    return data


def _fed(path: Path) -> bool:
    """Whether lines end with a line feed: old files with carriage returns alone are read whole."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return head[:2] == b"\x1f\x8b" or b"\n" in head


def _parquet(path: Path) -> TextFrame:
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"the Parquet file is damaged: {str(error).splitlines()[0]}", where=path) from error
    simple = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    frame = frame.select(_stripped(pl.col(name).cast(pl.String)) for name in simple)
    if not frame.height:
        raise InputError("the table has no rows", where=path, hint="add at least one row")
    return TextFrame(frame, path, np.arange(1, frame.height + 1), "row")


def _check_text(data: bytes, path: Path, *, first: int = 1) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the byte 0x{data[error.start]:02X} is not UTF-8 text",
            where=_place(path, data, error.start, first),
            hint="save the file as UTF-8; if it is Latin-1: iconv -f latin1 -t utf8 FILE",
        ) from error


def _place(path: Path, data: bytes, at: int, first: int) -> str:
    """``file:line`` of a byte, where the data begin at line ``first``."""
    number = first + data.count(b"\n", 0, at)
    return f"{path}:{number}"


def _text(
    data: bytes,
    path: Path,
    headed: Callable[[list[str]], bool] | None,
    comments: Sequence[str],
    *,
    some: bool = False,
) -> TextFrame:
    """A text with its header; ``some``: more rows follow, so that none here is no fault."""
    separator, at, line, names = _header(data)
    below = data.find(b"\n", at) + 1
    if headed is not None and not headed(names):
        names, below, line = [f"column_{i}" for i in range(1, len(names) + 1)], at, line - 1
    elif len(_split(data[below : data.find(b"\n", below)], separator)) == len(names) + 1:
        names = ["", *names]
    names = [name or f"column_{i}" for i, name in enumerate(names, 1)]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InputError(
            f"two columns are named '{twice}'", where=f"{path}:{line}", hint="give every column its own name"
        )
    frame, lines = _rows(data[below:], separator, names, path, line, comments)
    if not frame.height and not some:
        raise InputError("the file has a header line but no rows", where=path, hint="add at least one row")
    return TextFrame(frame, path, lines, "line")


def _header(data: bytes) -> tuple[str, int, int, list[str]]:
    """Separator, offset and line number of the first row that is no comment, and its fields."""
    marked: list[tuple[int, int, bytes]] = []
    at, line = 0, 0
    while True:
        end = data.find(b"\n", at)
        text = data[at:end] if end >= 0 else b""
        line += 1
        if end < 0 or (text.strip() and not text.startswith(b"#")):
            break
        if text.strip():
            marked.append((at, line, text))
        at = end + 1
    probe = text.strip() or (marked[-1][2] if marked else b"")
    separator = next((x for x in ("\t", ",", ";") if x.encode() in probe), "")
    if separator == "," and probe.count(b";") > probe.count(b","):
        separator = ";"
    width = len(_split(text, separator)) if text.strip() else 0
    for start, number, comment in marked:
        fields = _split(comment, separator)
        if len(fields) > 1 and (not width or abs(len(fields) - width) <= 1):
            return separator, start, number, fields
    return separator, at, line, _split(text, separator)


def _split(line: bytes, separator: str) -> list[str]:
    text = line.decode("utf-8", "replace").rstrip("\r")
    if not separator:
        return [text.strip().strip('"')]
    return [field.strip() for field in next(csv.reader([text], delimiter=separator), [])]


def _rows(
    data: bytes, separator: str, names: list[str], path: Path, before: int, comments: Sequence[str]
) -> tuple[pl.DataFrame, Positions]:
    """The rows of a text below its header, and their lines; ``before`` lines stand above."""
    if comments and b"#" in data:
        data = re.sub(rb"(?m)^#[^\n]*", b"", data)
    kernels, byte = Kernels(), ord(separator) if separator else _NO_SEPARATOR
    frames, lines = [pl.DataFrame(schema=dict.fromkeys(names, pl.String))], [np.zeros(0, np.int64)]
    at = 0
    size = _CHUNK
    while at < len(data):
        chunk = data[at : at + size]
        cut, opened = whole_rows(as_bytes(chunk), quotes=True, separator=byte, keep_blank_tail=False)
        last = at + len(chunk) == len(data)
        if opened >= 0 and last:
            raise InputError(
                "a quote is opened and never closed",
                where=_place(path, data, at + opened, before + 1),
                hint='close it, or write a quote inside a field as ""',
            )
        if not cut:
            size *= 2  # a row longer than a chunk
            continue
        buffer = as_bytes(chunk[:cut])
        fields = split_fields(buffer, byte, len(names), quotes=True)
        above = before + 1 + data.count(b"\n", 0, at)
        if fields.ragged is not None:
            raise InputError(
                f"the row has {fields.ragged[1]} fields, the header has {len(names)}",
                where=f"{path}:{above + fields.ragged[0]}",
                hint="complete the row, or put fields that hold a separator in quotes",
            )
        flat = text_series(
            kernels, buffer, fields.starts.ravel(), fields.ends.ravel(), name="cell"
        )  # (rows * columns,)
        cells = flat.to_frame().select(_stripped(pl.col("cell"))).to_series()
        frames.append(pl.DataFrame([cells.gather_every(len(names), i).alias(name) for i, name in enumerate(names)]))
        lines.append(above + fields.lines)
        at += cut
    frame, numbers = pl.concat(frames), np.concatenate(lines)
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    return (frame, numbers) if filled.all() else (frame.filter(filled), numbers[filled.to_numpy()])


def _stripped(column: pl.Expr) -> pl.Expr:
    """Text without the spaces around it and with doubled quotes single; null where nothing is left."""
    text = column.str.replace_all('""', '"', literal=True).str.strip_chars()
    return pl.when(text != "").then(text)


def typed(column: pl.Series) -> pl.Series:
    """Numbers as numbers, where every cell that is filled holds one."""
    empty = column.null_count()
    if empty == len(column):
        return column
    for kind in (pl.Int64, pl.Float64):
        found = column.cast(kind, strict=False)
        if found.null_count() == empty:
            return found
    return column
