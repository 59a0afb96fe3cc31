"""Files that are sent: spooled to disk under limits, read in blocks, answered line by line; memory does not grow with them."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from strandloom.errors import InputError, StrandloomError
from strandloom.io.detect import FileFormat, detect
from strandloom.io.plain import dump_json
from strandloom.io.read import column_names, read_blocks
from strandloom.serve.models import Loaded
from strandloom.serve.problems import Problem, problem_json, problem_of
from strandloom.serve.rows import Asked, asked_of_block, chunks, tolerant
from strandloom.serve.settings import LimitSettings

FORMATS: tuple[FileFormat, ...] = ("fasta", "fastq", "csv", "tsv", "ndjson", "lines")
BLOCK_ROWS = 1_024
AHEAD = 4
"""Blocks that wait for their answers while the next are read."""
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_STEP = 1 << 20
_UNPACK = "unpacked, the file is larger than {:,} bytes"


class Spool:
    """A file that arrives in pieces, unpacked while it is written.

    Parameters
    ----------
    handle
        Where it is written.
    limits
        How large it may be.
    """

    def __init__(self, handle: IO[bytes], limits: LimitSettings) -> None:
        self._handle, self._limits = handle, limits
        self._received = self._written = self._run = self._record = 0
        self._unpack: zlib._Decompress | None = None
        self._begun = False
        self._fasta: bool | None = None
        self._last = b""

    def take(self, data: bytes) -> None:
        """Write the next bytes.

        Raises
        ------
        Problem
            The file, or a line of it, is too long, or its gzip data are damaged.
        """
        if not data:
            return
        self._received += len(data)
        if self._received > self._limits.upload_bytes:
            raise Problem(413, "too_large", f"the file is larger than {self._limits.upload_bytes:,} bytes")
        if not self._begun:
            self._begun = True
            self._unpack = zlib.decompressobj(31) if data[:2] == _GZIP else None
        if self._unpack is None:
            self._write(data)
        else:
            self._inflate(data)

    def finish(self) -> None:
        """All has come.

        Raises
        ------
        Problem
            Nothing came, or its gzip data end too early.
        """
        if not self._begun:
            raise Problem(422, "no_rows", "the body is empty", hint="send a file: curl --data-binary @FILE")
        if self._unpack is not None and not self._unpack.eof:
            raise Problem(422, "unreadable_input", "the gzip data end too early: the file is cut short")
        self._handle.flush()

    def _inflate(self, data: bytes) -> None:
        assert self._unpack is not None
        while data:
            if self._unpack.eof:  # the next member, or zeros that fill a tape
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._unpack = zlib.decompressobj(31)
            try:
                self._write(self._unpack.decompress(data, _STEP))
            except zlib.error:
                raise Problem(422, "unreadable_input", "the gzip data are damaged") from None
            data = self._unpack.unused_data if self._unpack.eof else self._unpack.unconsumed_tail

    def _write(self, data: bytes) -> None:
        if not self._written and data[:2] == _GZIP:
            raise Problem(422, "unreadable_input", "the file was packed twice", hint="unpack it once: gunzip FILE")
        self._written += len(data)
        if self._written > self._limits.unpacked_bytes:
            raise Problem(413, "too_large", _UNPACK.format(self._limits.unpacked_bytes))
        end = data.rfind(b"\n")
        self._run = self._run + len(data) if end < 0 else len(data) - end - 1
        if self._run > self._limits.line_bytes:
            raise Problem(
                413,
                "too_large",
                f"a line is longer than {self._limits.line_bytes:,} bytes",
                hint="is this a text file?",
            )
        self._check_record(data)
        self._handle.write(data)

    def _check_record(self, data: bytes) -> None:
        """A sequence of FASTA may run over many lines, all of which are held at once when it is read."""
        if self._fasta is None:
            begin = data.removeprefix(_BOM).lstrip()
            if begin:
                self._fasta = begin[:1] == b">"
        if not self._fasta:
            return
        joined = self._last + data
        header = joined.rfind(b"\n>")  # a header begins a line
        self._last = data[-1:]
        self._record = self._record + len(data) if header < 0 else len(joined) - header
        if self._record > self._limits.line_bytes:
            raise Problem(
                413,
                "too_large",
                f"a sequence is longer than {self._limits.line_bytes:,} bytes",
                hint="cut it into windows, or use `strandloom predict --genome`",
            )


class Answering:
    """A spooled file and a model: blocks in, lines of NDJSON out.

    Parameters
    ----------
    path
        The file as it was spooled.
    model
        What answers, from its first row to its last.
    sequence
        The column of a table that holds the sequences; None: it is recognised.

    Raises
    ------
    Problem
        The file is of another kind, or no row of it can be read.
    """

    def __init__(self, path: Path, model: Loaded, *, sequence: str | None = None) -> None:
        self.model = model
        self.rows = self.errors = 0
        self._waiting: deque[tuple[Asked, Future[list[str]] | None]] = deque()
        self._fault: Problem | None = None
        try:
            check_kind(path)
            own = model.manifest.sequence
            if sequence is None and own is not None and own in column_names(path):
                sequence = own
            self._blocks = read_blocks(
                path,
                sequence=sequence,
                policy=tolerant(model.answerer.letters),
                block_rows=BLOCK_ROWS,
                columns="all" if model.answerer.covariates else "none",
            )
            self._more = self._read()
        except StrandloomError as error:
            raise problem_of(error, shown="the file") from None
        if self._fault is not None and not self._waiting:
            raise self._fault
        if not self._waiting:
            raise Problem(422, "no_rows", "the file holds no sequence")

    def lines(self) -> Iterator[bytes]:
        """Answers in order, block by block, and a last line that says that all is there, or what stopped it."""
        while self._waiting:
            asked, future = self._waiting.popleft()
            while self._more and len(self._waiting) < AHEAD:
                self._more = self._read()
            answers = [] if future is None else future.result()
            self.rows += len(asked.lines)
            self.errors += asked.errors
            yield from chunks(asked.merged(answers))
        tail = {"rows": self.rows, "errors": self.errors, "model": self.model.name, "digest": self.model.digest}
        if self._fault is None:
            yield (dump_json({"done": True, **tail}, indent=None) + "\n").encode()
        else:
            yield (dump_json({"done": False, "error": self._fault.to_json(), **tail}, indent=None) + "\n").encode()

    def _read(self) -> bool:
        """Read a block and queue it; whether there may be more."""
        try:
            records = next(self._blocks, None)
            if records is None:
                return False
            asked = asked_of_block(records, self.model)
            future = None
            if asked.rows is not None:
                future = self.model.batcher.submit(asked.rows, rows=asked.rows.size, wait=True)
            self._waiting.append((asked, future))
        except InputError as error:
            self._fault = problem_of(error, shown="the file")
            return False
        except Problem as problem:
            self._fault = problem
            return False
        return True


def check_kind(path: Path) -> None:
    """Whether a file is of a kind that is taken.

    Raises
    ------
    Problem
        415: it is not.
    InputError
        It is of no known kind.
    """
    kind = detect(path).format
    if kind not in FORMATS:
        raise Problem(415, "wrong_format", f"a file of kind {kind} is not taken", hint="send " + ", ".join(FORMATS))


async def spooled(body: AsyncIterator[bytes], path: Path, *, limits: LimitSettings) -> None:
    """Write a body to disk, a mebibyte at a time, in a thread.

    Raises
    ------
    Problem
        As :meth:`Spool.take` and :meth:`Spool.finish`.
    """
    from starlette.concurrency import run_in_threadpool

    with path.open("wb") as handle:
        spool = Spool(handle, limits)
        held: list[bytes] = []
        size = 0
        async for data in body:
            held.append(data)
            size += len(data)
            if size >= _STEP:
                await run_in_threadpool(spool.take, b"".join(held))
                held, size = [], 0
        await run_in_threadpool(spool.take, b"".join(held))
        spool.finish()


def stopped(error: Exception) -> bytes:
    """The last line of an answer that was cut off by an unforeseen error."""
    problem = problem_json("failed", f"the answer stopped: {type(error).__name__}")
    return (dump_json({"done": False, "error": problem}, indent=None) + "\n").encode()
