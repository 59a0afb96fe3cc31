"""Tables of places on a genome as sequences: each row is a window around its interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.detect import BED_COMMENTS
from strandloom.io.frames import TextFrame, find_column, read_text_frame, text_frame_blocks, typed
from strandloom.io.genome import Genome
from strandloom.io.records import MESSAGES, LetterCounts, Records

BLOCK_ROWS = 16_384
_CHROM, _START, _END, _STRAND = (
    ("chrom", "chromosome", "chr", "seqname", "contig"),
    ("start", "chromstart"),
    ("end", "chromend", "stop"),
    ("strand", "column6"),
)
"""Names of columns, as :func:`~strandloom.io.frames.key` writes them; the sixth of BED, which names none, is the strand."""
_BED_NAMES = {"column_1": "chrom", "column_2": "start", "column_3": "end"}
_WHOLE = re.compile(r"[+-]?\d+")


def window_blocks(
    path: str | Path,
    genome: Genome,
    *,
    length: int,
    block_rows: int = BLOCK_ROWS,
    columns: bool = True,
    windows: bool = False,
    skip: bool = False,
) -> Iterator[Records]:
    """Windows of a table's intervals, block by block; memory does not grow with the windows.

    Parameters
    ----------
    path
        A table with a header and the columns ``chrom``, ``start``, ``end`` (0-based, half open) and perhaps ``strand``; or BED.
    genome
        Where the bases are.
    length
        Bases of every window, centred on its interval; what lies beyond a contig is padding.
    columns
        Whether records have the columns of the table, which is then read whole; otherwise some rows at a time.
    windows
        Whether their ``start`` and ``end`` are those of the windows instead of the intervals.
    skip
        Whether rows with such a fault are left out and counted, instead of an end at the first.

    Raises
    ------
    InputError
        A column is missing, a place is no whole number, ends before it begins, or lies on no contig; the line is named.
    """
    for read in place_frames(path, whole=columns):
        yield from _windows(read, genome, length=length, block_rows=block_rows, windows=windows, skip=skip)


def place_frames(path: str | Path, *, whole: bool) -> Iterator[TextFrame]:
    """A table of places, or BED, whose columns are then ``chrom``, ``start``, ``end``, ``column_4``, …

    Parameters
    ----------
    whole
        Whether the table is read in one piece; otherwise some rows at a time.

    Raises
    ------
    InputError
        As :func:`~strandloom.io.frames.read_text_frame`.
    """
    if whole:
        frames: Iterator[TextFrame] = iter([read_text_frame(path, headed=_headed, comments=BED_COMMENTS)])
    else:
        frames = text_frame_blocks(path, headed=_headed, comments=BED_COMMENTS)
    for read in frames:
        yield read._replace(frame=read.frame.rename(_BED_NAMES, strict=False))


def _headed(fields: list[str]) -> bool:
    """Whether the first row of a table of places holds names: that of BED holds numbers."""
    named = all(find_column(fields, keys) for keys in (_CHROM, _START, _END))
    return named or not any(_WHOLE.fullmatch(x) for x in fields[1:3])


def _windows(
    read: TextFrame, genome: Genome, *, length: int, block_rows: int, windows: bool, skip: bool
) -> Iterator[Records]:
    names = [find_column(read.frame.columns, keys) for keys in (_CHROM, _START, _END)]
    if None in names:
        raise InputError(
            "places on a genome need the columns chrom, start and end",
            where=read.path,
            hint="columns: " + ", ".join(read.frame.columns[:12]),
        )
    chrom, start_name, end_name = (str(name) for name in names)
    places = _read_places(read, genome, chrom, start_name, end_name)
    left_out = LetterCounts()
    bad = np.flatnonzero(places.fault)
    if len(bad):
        if not skip:
            raise _fault(read, genome, places, int(bad[0]))
        words = [
            f"{_fault(read, genome, places, row).message} ({read.unit} {read.lines[row]})"
            for row in bad[:MESSAGES].tolist()
        ]
        left_out = LetterCounts(skipped_rows=len(bad), skipped=tuple(words))
        sound = ~places.fault
        read, places = read.take(pl.Series(sound)), places.take(sound)
    text, contig, start, end, _ = places
    minus = np.zeros(len(start), bool)
    strand_name = find_column(read.frame.columns, _STRAND)
    if strand_name is not None:
        minus = (read.frame[strand_name].fill_null("") == "-").to_numpy()
    first = (start + end) // 2 - length // 2
    others = read.frame.drop([chrom, start_name, end_name])
    ids = (text + ":" + pl.Series(start).cast(pl.String) + "-" + pl.Series(end).cast(pl.String)).alias("id")
    if "id" in others.columns and not others["id"].null_count():
        ids, others = others["id"].cast(pl.String), others.drop("id")
    ends = (first, first + length) if windows else (start, end)
    columns = pl.DataFrame(
        [text.alias("chrom"), pl.Series("start", ends[0]), pl.Series("end", ends[1]), *(typed(s) for s in others)]
    )
    for at in range(0, max(len(start), 1), block_rows):
        rows = slice(at, at + block_rows)
        found = genome.windows(contig[rows], first[rows], length=length, minus=minus[rows])
        count = len(found.codes)
        letters = LetterCounts(rows=count, bases=count * length, n=int((found.codes == DNA.any).sum()))
        yield Records(
            found.codes.reshape(-1),
            np.arange(count + 1, dtype=np.int64) * length,
            ids[rows],
            columns[rows],
            letters if at else letters + left_out,
            "id",
        )


class _Places(NamedTuple):
    """N places as they were read; what is at fault holds zeros."""

    contig_name: pl.Series
    contig: NDArray[np.int64]
    """-1: the genome has none of that name."""
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    fault: NDArray[np.bool_]

    def take(self, kept: NDArray[np.bool_]) -> _Places:
        return _Places(
            self.contig_name.filter(pl.Series(kept)),
            self.contig[kept],
            self.start[kept],
            self.end[kept],
            self.fault[kept],
        )


def _read_places(read: TextFrame, genome: Genome, chrom: str, start_name: str, end_name: str) -> _Places:
    text = read.frame[chrom].fill_null("")
    known = {contig.name: i for i, contig in enumerate(genome.contigs)}
    contig = text.replace_strict(known, default=-1, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    numbers = [read.frame[name].cast(pl.Int64, strict=False) for name in (start_name, end_name)]
    start, end = (x.fill_null(0).to_numpy().astype(np.int64) for x in numbers)
    sizes = genome.sizes[np.maximum(contig, 0)]
    middle = (start + end) // 2
    fault = (contig < 0) | (end < start)
    fault |= (start >= sizes) | (end <= 0) | (middle >= sizes) | (middle < 0)  # a window of padding says nothing
    for x in numbers:
        fault |= x.is_null().to_numpy()
    return _Places(text, contig, start, end, fault)


def _fault(read: TextFrame, genome: Genome, places: _Places, row: int) -> InputError:
    """What is wrong with a place."""
    where, name, start, end = read.where(row), places.contig_name[row], places.start[row], places.end[row]
    if places.contig[row] < 0:
        try:
            genome.number(name, where=where)
        except InputError as error:
            return error
    for word, keys in (("start", _START), ("end", _END)):
        text = read.frame[str(find_column(read.frame.columns, keys))][row]
        if text is None or pl.Series([text]).cast(pl.Int64, strict=False)[0] is None:
            return InputError(f"the {word} '{text or ''}' is no whole number", where=where)
    if end < start:
        return InputError(f"the interval ends at {end}, before it begins at {start}", where=where)
    return InputError(
        f"the place {start:,} to {end:,} lies beyond its contig '{name}' of {genome.sizes[places.contig[row]]:,} bases",
        where=where,
        hint="the table belongs to another version of the genome",
    )
