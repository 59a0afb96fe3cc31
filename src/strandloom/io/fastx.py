"""FASTA and FASTQ: blocks of bytes to pieces of records, without a Python object per record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.detect import Detected
from strandloom.io.kernels import Bytes, Kernels, Positions, as_bytes, line_ends
from strandloom.io.letters import BLOCK_BASES, Letters, Pieced
from strandloom.io.scan import FULL, MOST_RECORDS, ODD, Scan
from strandloom.io.stream import BLOCK_BYTES, ByteStream
from strandloom.io.strings import numbered, split_text, text_series

_MARKERS = {"fasta": 62, "fastq": 64}
_LOOKED_BACK = 1 << 16


def read_fastx(
    path: Path,
    detected: Detected,
    letters: Letters,
    *,
    columns: bool = True,
    block_rows: int = MOST_RECORDS,
    block_bytes: int = BLOCK_BYTES,
) -> Generator[Pieced, None, None]:
    """Pieces of a FASTA or FASTQ file, in file order; a fault in its form is raised after the sound records before it.

    Parameters
    ----------
    path, detected
        The file and what :func:`~strandloom.io.detect.detect` says of it.
    letters
        The encoder; its ``lead`` is 1.
    columns
        Whether to keep the header text after the id, as the column ``description``.
    block_rows
        Records per piece at most, reached where the compiled kernels are in use.
    block_bytes
        Bytes per block; the records are the same for every value.
    """
    parser = (_Fasta if detected.format == "fasta" else _Fastq)(path, letters, columns=columns, rows=block_rows)
    with ByteStream(path, detected.compression) as stream:
        try:
            for block in stream.blocks(block_bytes):
                letters.kernels.seen(len(block))
                used = yield from parser.parse(block)
                stream.rest = block[used:].tobytes()
                stream.line = parser.lines
            data = stream.rest.rstrip(b"\r\n \t")
            if data:
                yield from parser.parse(as_bytes(data + b"\n"), last=True)
        except InputError:
            yield from parser.scanned()  # a forbidden letter before the fault comes first
            raise
        yield from parser.scanned()


class _Parser(ABC):
    """What both formats share: where the parser stands in the file, and how ids and descriptions are cut."""

    format: Literal["fasta", "fastq"]

    def __init__(self, path: Path, letters: Letters, *, columns: bool, rows: int) -> None:
        self.path, self.letters, self.columns, self.rows = path, letters, columns, rows
        self.kernels: Kernels = letters.kernels
        self.lines = 0
        self.records = 0
        self.started = False

    def parse(self, block: Bytes, *, last: bool = False) -> Generator[Pieced, None, int]:
        """Pieces of the whole records in a block, and how many bytes of it they take; all are whole in the ``last``."""
        first = 0
        if not self.started:  # blank lines and a byte-order mark
            marker = block == _MARKERS[self.format]
            first = int(marker.argmax()) if marker.any() else len(block)
            self.started = first < len(block)
            self.lines += int(np.count_nonzero(block[:first] == 10))
        return first + (yield from self.records_of(block[first:], last=last))

    @abstractmethod
    def records_of(self, block: Bytes, *, last: bool) -> Generator[Pieced, None, int]:
        """As :meth:`parse`, of a block that begins with a record."""

    @cached_property
    def scan(self) -> Scan:
        """The compiled pass over the records."""
        return Scan(self.format, self.letters.table, rows=self.rows, bases=BLOCK_BASES, described=self.columns)

    def scan_block(self, block: Bytes) -> Generator[Pieced, None, tuple[int, bool]]:
        """Pieces that the records of a block complete, how many bytes were taken in, and whether an odd record follows."""
        at, why = 0, FULL
        while why == FULL:
            at, line, why = self.scan.add(block, at, self.lines + 1)
            self.lines = line - 1
            if why == FULL:
                yield from self.scanned()
        return at, why == ODD

    def scanned(self) -> Generator[Pieced, None, None]:
        """A piece of the records that the scan has gathered, if there are any."""
        if "scan" not in vars(self) or not len(self.scan):
            return
        found = self.scan.take()
        first, ids = self.records + 1, found.ids
        self.records += len(found.places)
        columns = pl.DataFrame()
        if self.columns:
            columns = split_text(found.descriptions, 10, name="description").to_frame()
        yield self.letters.judge(
            found.encoded,
            found.texts,
            found.edges,
            ids=cache(lambda: _named(split_text(ids, 10, name="id"), first)),
            columns=columns,
            places=found.places,
        )

    def piece(
        self,
        buffer: Bytes,
        heads: Positions,
        head_ends: Positions,
        starts: Positions,
        ends: Positions,
        places: Positions,
    ) -> Pieced:
        """Encode records with headers ``[heads, head_ends)`` (without the marker) and sequences ``[starts, ends)``."""
        words = self.kernels.word_ends(buffer, heads, head_ends)
        ids = _named(text_series(self.kernels, buffer, heads, words, name="id"), self.records + 1)
        columns = pl.DataFrame()
        if self.columns:
            rest = np.minimum(words + 1, head_ends)
            columns = text_series(self.kernels, buffer, rest, head_ends, name="description").to_frame()
        self.records += len(heads)
        return self.letters.encode(buffer, starts, ends, ids=ids, columns=columns, places=places)


def _named(ids: pl.Series, first: int) -> pl.Series:
    """Ids, String ``(N,)``, with the record's number, from ``first`` on, where one is empty."""
    if not (ids == "").any():
        return ids
    return pl.select(pl.when(ids == "").then(numbered(first, len(ids))).otherwise(ids).alias("id")).to_series()


class _Fasta(_Parser):
    """Records that begin at a ``>`` after a newline; sequences may run over several lines."""

    format = "fasta"

    def records_of(self, block: Bytes, *, last: bool) -> Generator[Pieced, None, int]:
        size = len(block) if last else _last_header(block)
        buffer = block[:size]
        if not size:
            return 0
        if self.kernels.compiled:
            yield from self.scan_block(buffer)
            return size
        newlines = line_ends(buffer)
        follows = newlines[:-1] + 1
        at = np.flatnonzero(buffer[follows] == _MARKERS["fasta"])
        heads = np.concatenate(([0], follows[at]))
        lines = np.concatenate(([0], at + 1))  # line of each header in this block
        head_ends = newlines[lines]
        starts = head_ends + 1
        yield self.piece(
            buffer,
            heads + 1,
            head_ends - (buffer[head_ends - 1] == 13),
            starts,
            np.maximum(starts, np.concatenate((heads[1:], [len(buffer)])) - 1),  # without the last newline
            self.lines + lines + 1,
        )
        self.lines += len(newlines)
        return size


def _last_header(block: Bytes) -> int:
    """Where the last header of a block begins; 0 where it has no other than the first."""
    end = len(block)
    while end > 1:
        first = max(0, end - _LOOKED_BACK)
        found = block[first:end].tobytes().rfind(b"\n>")
        if found >= 0:
            return first + found + 1
        end = first + 1
    return 0


class _Fastq(_Parser):
    """Records of four lines."""

    format = "fastq"

    def records_of(self, block: Bytes, *, last: bool) -> Generator[Pieced, None, int]:
        at, odd = 0, True
        if self.kernels.compiled:
            at, odd = yield from self.scan_block(block)
        rest = block[at:]
        whole = len(rest) if last else _whole(rest) if odd else 0
        if whole:
            yield from self.scanned()
            yield from self._lines(rest[:whole])
        return at + whole

    def _lines(self, buffer: Bytes) -> Generator[Pieced, None, None]:
        """Pieces of whole lines; the error of a record that is none."""
        newlines = line_ends(buffer)
        n = len(newlines) // 4
        starts = np.concatenate(([0], newlines[:-1] + 1))
        ends = newlines - ((buffer[newlines - 1] == 13) & (newlines > starts))
        s, e = starts[: 4 * n].reshape(n, 4), ends[: 4 * n].reshape(n, 4)
        good = (
            (buffer[s[:, 0]] == 64) & (buffer[s[:, 2]] == 43) & (e[:, 1] - s[:, 1] == e[:, 3] - s[:, 3])
        )  # an empty line starts with its own newline, which is neither @ nor +
        sound = n if good.all() else int(good.argmin())
        if sound:
            s, e = s[:sound], e[:sound]
            yield self.piece(buffer, s[:, 0] + 1, e[:, 0], s[:, 1], e[:, 1], self.lines + 1 + 4 * np.arange(sound))
        if sound < n or len(newlines) % 4:
            raise self._fault(
                buffer.tobytes(), starts[4 * sound : 4 * sound + 4], ends[4 * sound : 4 * sound + 4], 4 * sound
            )
        self.lines += len(newlines)

    def _fault(self, data: bytes, starts: Positions, ends: Positions, before: int) -> InputError:
        """The error for the record that begins ``before`` lines into the block."""
        lines = [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        line, number = self.lines + before + 1, self.records + 1
        words = lines[0][1:].split(maxsplit=1)
        record = words[0].decode("utf-8", "replace") if words and lines[0].startswith(b"@") else str(number)

        def error(message: str, offset: int, hint: str) -> InputError:
            return InputError(message, where=f"{self.path}:{line + offset}, record '{record}'", hint=hint)

        if not lines[0].startswith(b"@"):
            return error("a record must begin with '@'", 0, "a FASTQ record has four lines: @id, sequence, +, quality")
        if len(lines) > 2 and not lines[2].startswith(b"+"):
            return error(
                "the third line of a record must begin with '+'",
                2,
                "sequences that run over several lines are not supported: unwrap them first (seqtk seq FILE)",
            )
        if len(lines) < 4:
            return error(
                f"the file ends inside a record: {len(lines)} of 4 lines",
                len(lines) - 1,
                "the file is cut short; copy or download it again",
            )
        return error(
            f"{len(lines[1])} bases but {len(lines[3])} quality values",
            3,
            "the record is damaged or the file cut short; copy or download it again",
        )


def _whole(buffer: Bytes) -> int:
    """Bytes of the lines that make whole records of four."""
    ends = line_ends(buffer)
    records = len(ends) // 4
    return int(ends[4 * records - 1]) + 1 if records else 0
