"""FASTA and FASTQ: blocks of bytes to pieces of records, without a Python object per record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.detect import Detected, text_blocks
from strandloom.io.kernels import Bytes, FastqRows, Kernels, Positions, as_bytes, line_ends
from strandloom.io.letters import Letters, Pieced
from strandloom.io.stream import BLOCK_BYTES, ByteStream
from strandloom.io.strings import numbered, split_text, text_series


def read_fastx(
    path: Path, detected: Detected, letters: Letters, *, columns: bool = True, block_bytes: int = BLOCK_BYTES
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
    block_bytes
        Bytes per block; the records are the same for every value.
    """
    parser = (_Fasta if detected.format == "fasta" else _Fastq)(path, letters, columns=columns)
    with ByteStream(path, detected.compression) as stream:
        held: list[bytes] = []
        for block in text_blocks(stream, block_bytes):
            if not parser.started and not held:  # blank lines at the start
                parser.lines += block.count(b"\n")
                block = block.lstrip(b"\r\n")
                parser.lines -= block.count(b"\n")
                if not block:
                    continue
            held.append(block)
            letters.kernels.seen(len(block))
            cut = parser.cut(held)
            if cut:
                data = b"".join(held)
                yield from parser.parse(data, cut)
                held = [data[parser.used :]] if parser.used < len(data) else []
                stream.line = parser.lines
        data = b"".join(held).rstrip(b"\r\n \t")
        if data:
            yield from parser.parse(data + b"\n", len(data) + 1, last=True)


class _Parser(ABC):
    """What both formats share: where the parser stands in the file, and how ids and descriptions are cut."""

    def __init__(self, path: Path, letters: Letters, *, columns: bool) -> None:
        self.path, self.letters, self.columns = path, letters, columns
        self.kernels: Kernels = letters.kernels
        self.lines = 0
        self.records = 0
        self.used = 0
        self.started = False

    @abstractmethod
    def cut(self, held: list[bytes]) -> int:
        """How many bytes of the joined blocks may be parsed; the last block is new."""

    @abstractmethod
    def parse(self, data: bytes, size: int, *, last: bool = False) -> Generator[Pieced, None, None]:
        """Pieces of the records in the first ``size`` bytes; ``used`` says how many of them were whole, unless the file ends there."""

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
        ids = text_series(self.kernels, buffer, heads, words, name="id")
        ids, columns = self.names(ids, buffer, heads, words, head_ends)
        return self.letters.encode(buffer, starts, ends, ids=ids, columns=columns, places=places)

    def names(
        self, ids: pl.Series, buffer: Bytes, heads: Positions, words: Positions, head_ends: Positions
    ) -> tuple[pl.Series, pl.DataFrame]:
        """Ids ``[heads, words)``, numbers where they are empty, and the descriptions after them; counts the records."""
        if (words == heads).any():
            numbers = numbered(self.records + 1, len(heads))
            ids = pl.select(pl.when(ids == "").then(numbers).otherwise(ids).alias("id")).to_series()
        others = pl.DataFrame()
        if self.columns:
            rest = np.minimum(words + 1, head_ends)
            others = text_series(self.kernels, buffer, rest, head_ends, name="description").to_frame()
        self.records += len(heads)
        return ids, others


class _Fasta(_Parser):
    """Records that begin at a ``>`` after a newline; sequences may run over several lines."""

    def cut(self, held: list[bytes]) -> int:
        new = held[-1]
        before = sum(map(len, held[:-1]))
        at = new.rfind(b"\n>")
        if at >= 0:
            return before + at + 1
        if len(held) > 1 and new.startswith(b">") and held[-2].endswith(b"\n"):
            return before
        return 0

    def parse(self, data: bytes, size: int, *, last: bool = False) -> Generator[Pieced, None, None]:
        buffer, self.started, self.used = as_bytes(data)[:size], True, size
        newlines = line_ends(buffer)
        follows = newlines[:-1] + 1
        at = np.flatnonzero(buffer[follows] == 62)
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


class _Fastq(_Parser):
    """Records of four lines."""

    def cut(self, held: list[bytes]) -> int:
        if len(held) > 1:
            held[:] = [b"".join(held)]
        return len(held[0]) if self.kernels.compiled else _whole(as_bytes(held[0]))

    def parse(self, data: bytes, size: int, *, last: bool = False) -> Generator[Pieced, None, None]:
        buffer, self.started, self.used = as_bytes(data)[:size], True, size
        if not self.kernels.compiled:
            yield from self._lines(buffer)
            return
        at, odd = 0, False
        while at < size and not odd:
            found = self.kernels.fastq(buffer, at, self.letters.table)
            if len(found.heads):
                yield self._rows(buffer, found)
            elif not found.odd:
                break
            at, odd = found.used, found.odd
        rest = buffer[at:]
        whole = len(rest) if last else _whole(rest) if odd else 0
        self.used = at + whole
        if whole:
            yield from self._lines(rest[:whole])

    def _rows(self, buffer: Bytes, found: FastqRows) -> Pieced:
        """A piece of records that are scanned and encoded already."""
        ids = split_text(found.ids, 10, name="id")
        ids, columns = self.names(ids, buffer, found.heads, found.words, found.head_ends)
        places = self.lines + 1 + 4 * np.arange(len(found.heads))
        self.lines += 4 * len(found.heads)
        return self.letters.judge(
            found.encoded, buffer, found.starts, found.ends, ids=ids, columns=columns, places=places
        )

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
