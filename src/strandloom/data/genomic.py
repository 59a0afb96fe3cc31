"""Tables of places on a genome as sequences: each row is a window around its interval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, find_column, read_text_frame, text_frame_blocks, typed
from strandloom.io.genome import Genome
from strandloom.io.records import LetterCounts, Records

BLOCK_ROWS = 16_384
_CHROM, _START, _END, _STRAND = (
    ("chrom", "chromosome", "chr", "seqname", "contig", "column1"),
    ("start", "chromstart", "column2"),
    ("end", "chromend", "stop", "column3"),
    ("strand",),
)
"""Names of columns, as :func:`~strandloom.io.frames.key` writes them; those of BED, which has none, are numbers."""


def window_blocks(
    path: str | Path,
    genome: Genome,
    *,
    length: int,
    block_rows: int = BLOCK_ROWS,
    columns: bool = True,
    windows: bool = False,
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

    Raises
    ------
    InputError
        A column is missing, a place is no whole number, ends before it begins, or lies on no contig; the line is named.
    """
    whole = [read_text_frame(path, headed=_headed)] if columns else text_frame_blocks(path, headed=_headed)
    for read in whole:
        yield from _windows(read, genome, length=length, block_rows=block_rows, windows=windows)


def _headed(fields: list[str]) -> bool:
    """Whether the first row of a table of places holds names: that of BED holds a place."""
    return not (len(fields) > 2 and fields[1].isdecimal() and fields[2].isdecimal())


def _windows(read: TextFrame, genome: Genome, *, length: int, block_rows: int, windows: bool) -> Iterator[Records]:
    names = [find_column(read.frame.columns, keys) for keys in (_CHROM, _START, _END)]
    if None in names:
        raise InputError(
            "places on a genome need the columns chrom, start and end",
            where=read.path,
            hint="columns: " + ", ".join(read.frame.columns[:12]),
        )
    chrom, start_name, end_name = (str(name) for name in names)
    strand_name = find_column(read.frame.columns, _STRAND)
    text = read.frame[chrom].fill_null("")
    known = {contig.name: i for i, contig in enumerate(genome.contigs)}
    contig = text.replace_strict(known, default=-1, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    if (contig < 0).any():
        row = int((contig < 0).argmax())
        genome.number(text[row], where=read.where(row))
    start, end = (_numbers(read.frame[name], name, read.where) for name in (start_name, end_name))
    bad = np.flatnonzero(end < start)
    if len(bad):
        row = int(bad[0])
        raise InputError(f"the interval ends at {end[row]}, before it begins at {start[row]}", where=read.where(row))
    sizes = genome.sizes[contig]
    middle = (start + end) // 2
    off = np.flatnonzero(
        (start >= sizes) | (end <= 0) | (middle >= sizes) | (middle < 0)
    )  # a window of padding says nothing
    if len(off):
        row = int(off[0])
        raise InputError(
            f"the place {start[row]:,} to {end[row]:,} lies beyond its contig '{text[row]}' of {sizes[row]:,} bases",
            where=read.where(row),
            hint="the table belongs to another version of the genome",
        )
    minus = np.zeros(len(start), bool)
    if strand_name is not None:
        minus = (read.frame[strand_name].fill_null("") == "-").to_numpy()
    first = middle - length // 2
    others = read.frame.drop([chrom, start_name, end_name])
    ids = (text + ":" + pl.Series(start).cast(pl.String) + "-" + pl.Series(end).cast(pl.String)).alias("id")
    if "id" in others.columns and not others["id"].null_count():
        ids, others = others["id"].cast(pl.String), others.drop("id")
    ends = (first, first + length) if windows else (start, end)
    columns = pl.DataFrame(
        [text.alias("chrom"), pl.Series("start", ends[0]), pl.Series("end", ends[1]), *(typed(s) for s in others)]
    )
    for at in range(0, len(start), block_rows):
        rows = slice(at, at + block_rows)
        found = genome.windows(contig[rows], first[rows], length=length, minus=minus[rows])
        count = len(found.codes)
        letters = LetterCounts(rows=count, bases=count * length, n=int((found.codes == DNA.any).sum()))
        yield Records(
            found.codes.reshape(-1),
            np.arange(count + 1, dtype=np.int64) * length,
            ids[rows],
            columns[rows],
            letters,
            "id",
        )


def _numbers(column: pl.Series, name: str, where: object) -> NDArray[np.int64]:
    found = column.cast(pl.Int64, strict=False)
    if found.null_count():
        row = int(found.is_null().arg_max() or 0)
        raise InputError(f"the {name} '{column[row]}' is no whole number", where=where(row))  # type: ignore[operator]
    return found.to_numpy().astype(np.int64)
