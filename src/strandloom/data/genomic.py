"""Tables of places on a genome as sequences: each row is a window around its interval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, find_column, read_text_frame, text_frame_blocks, typed
from strandloom.io.genome import Genome
from strandloom.io.intervals import BED_HEADS
from strandloom.io.records import MESSAGES, LetterCounts, Records

BLOCK_ROWS = 16_384
_CHROM, _START, _END, _STRAND = (
    ("chrom", "chromosome", "chr", "seqname", "contig", "column1"),
    ("start", "chromstart", "column2"),
    ("end", "chromend", "stop", "column3"),
    ("strand",),
)
"""Names of columns, as :func:`~strandloom.io.frames.key` writes them; those of BED, which has none, are numbers."""
_BED_STRAND = "column_6"


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
    whole = (
        [read_text_frame(path, headed=_headed, above=BED_HEADS)]
        if columns
        else text_frame_blocks(path, headed=_headed, above=BED_HEADS)
    )
    for read in whole:
        yield from _windows(read, genome, length=length, block_rows=block_rows, windows=windows, skip=skip)


def _headed(fields: list[str]) -> bool:
    """Whether the first row of a table of places holds names: that of BED holds a place."""
    return not (len(fields) > 2 and fields[1].isdecimal() and fields[2].isdecimal())


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
    left_out = LetterCounts()
    bad = _first_faults(read, genome, chrom, start_name, end_name)
    if bad:
        if not skip:
            raise bad[min(bad)]
        messages = tuple(
            f"{error.message} ({read.unit} {read.lines[row]})" for row, error in list(bad.items())[:MESSAGES]
        )
        left_out = LetterCounts(skipped_rows=len(bad), skipped=messages)
        kept = np.ones(read.frame.height, bool)
        kept[list(bad)] = False
        read = read.take(pl.Series(kept))
    text = read.frame[chrom]
    contig = genome.find(text.to_list())
    start, end = (read.frame[name].cast(pl.Int64).to_numpy() for name in (start_name, end_name))
    minus = np.zeros(len(start), bool)
    strand_name = _strand_column(read.frame)
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


def _first_faults(read: TextFrame, genome: Genome, chrom: str, start_name: str, end_name: str) -> dict[int, InputError]:
    """What is wrong with places, by row; of several faults the first."""
    text = read.frame[chrom].fill_null("")
    start, end = (_numbers(read.frame[name]) for name in (start_name, end_name))
    numbered = start.is_not_null().to_numpy() & end.is_not_null().to_numpy()
    first, last = (x.fill_null(0).to_numpy() for x in (start, end))
    contig = genome.find(text.to_list())
    known = contig >= 0
    sizes = genome.sizes[np.maximum(contig, 0)]
    middle = (first + last) // 2
    ordered = first <= last
    # a window of padding says nothing
    off = (first >= sizes) | (last <= 0) | (middle >= sizes) | (middle < 0)
    found: dict[int, InputError] = {}
    for row in np.flatnonzero(~known | ~numbered | ~ordered | off).tolist():
        where, hint = read.where(row), None
        if not known[row]:
            try:
                genome.number(text[row], where=where)
            except InputError as error:
                found[row] = error
            continue
        if not numbered[row]:
            name, column = ("start", start_name) if start[row] is None else ("end", end_name)
            words = f"the {name} '{read.frame[column][row] or ''}' is no whole number"
        elif not ordered[row]:
            words = f"the interval ends at {last[row]}, before it begins at {first[row]}"
        else:
            words = f"the place {first[row]:,} to {last[row]:,} lies beyond its contig '{text[row]}' of {sizes[row]:,} bases"
            hint = "the table belongs to another version of the genome"
        found[row] = InputError(words, where=where, hint=hint)
    return found


def _strand_column(frame: pl.DataFrame) -> str | None:
    """The column of strands: by its name, or the sixth of BED, where it holds nothing else."""
    named = find_column(frame.columns, _STRAND)
    if named is None and _BED_STRAND in frame.columns and frame[_BED_STRAND].is_in(["+", "-", "."]).all():
        return _BED_STRAND
    return named


def _numbers(column: pl.Series) -> pl.Series:
    """Whole numbers; null where there is none."""
    return column.cast(pl.Int64, strict=False)
