"""Where sequences lie in a genome: from columns, or from ids such as ``chr1:17036408-17036508`` that `bedtools getfasta` writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

_ID = r"^(?:\S+::)?(\S+?):(\d+)-(\d+)(?:\(([+-])\))?(?:\s|$)"
_STARTS = ("start", "chromStart", "chrom_start")
_ENDS = ("end", "chromEnd", "chrom_end", "stop")
_NAMES = ("chrom", "chromosome", "chr", "seqname")
_STRANDS = {
    "+": "+", "1": "+", "+1": "+", "1.0": "+",
    "-": "-", "-1": "-", "-1.0": "-",
}  # fmt: skip


class Coordinates(NamedTuple):
    """Intervals of N sequences, if they have any that can be trusted."""

    frame: pl.DataFrame | None
    """``chrom`` String, ``start`` and ``end`` Int64 (0-based and half open, as in BED), ``strand`` String (``+``, ``-`` or ``.``); None
    unless every row has an interval that fits its sequence."""
    note: str | None
    """What was done to the intervals, or why there are none, in plain words; None where there is nothing to say."""


def located(ids: pl.Series, columns: pl.DataFrame, lengths: NDArray[np.integer] | None = None) -> Coordinates:
    """Interval of each row, held against the sequences.

    Parameters
    ----------
    ids
        Row names, String ``(N,)``; ``chrom:start-end``, with ``(+)`` or ``(-)`` where the strand is known.
    columns
        Other columns of the table, ``N`` rows or none; ``chrom``, ``start`` and ``end`` (and ``strand``) come before the ids.
    lengths
        int ``(N,)``: bases of each whole sequence. Intervals of as many bases are taken as they are; where every one of them has a base
        less, they count from 1 with the end included, as `samtools faidx` does, and are told from 0; of any others nothing is known.
        None: the intervals are not checked.
    """
    return _fitting(_from_columns(columns) if _found(columns) else _from_ids(ids), ids, lengths)


def coordinates(
    ids: pl.Series, columns: pl.DataFrame, lengths: NDArray[np.integer] | None = None
) -> pl.DataFrame | None:
    """The intervals of :func:`located` alone."""
    return located(ids, columns, lengths).frame


def _found(columns: pl.DataFrame) -> bool:
    return all(any(name in columns.columns for name in names) for names in (_NAMES, _STARTS, _ENDS))


def _from_columns(columns: pl.DataFrame) -> pl.DataFrame:
    """Null where a cell is empty or no number."""
    chrom, start, end = (next(name for name in names if name in columns.columns) for names in (_NAMES, _STARTS, _ENDS))
    strand = pl.col("strand").cast(pl.String).str.strip_chars() if "strand" in columns.columns else pl.lit(".")
    return columns.select(
        pl.col(chrom).cast(pl.String).alias("chrom"),
        pl.col(start).cast(pl.Int64, strict=False).alias("start"),
        pl.col(end).cast(pl.Int64, strict=False).alias("end"),
        strand.replace_strict(_STRANDS, default=".", return_dtype=pl.String).alias("strand"),
    )


def _from_ids(ids: pl.Series) -> pl.DataFrame:
    """Null where an id names no interval."""
    parts = ids.to_frame("id").select(pl.col("id").str.extract_groups(_ID).alias("x")).unnest("x")
    parts.columns = ["chrom", "start", "end", "strand"]
    return parts.with_columns(pl.col("start", "end").cast(pl.Int64, strict=False), pl.col("strand").fill_null("."))


def _fitting(found: pl.DataFrame, ids: pl.Series, lengths: NDArray[np.integer] | None) -> Coordinates:
    empty = found.select(pl.any_horizontal(pl.col("chrom", "start", "end").is_null())).to_series()
    if empty.all():  # also where there is no row
        return Coordinates(None, None)
    if empty.any():
        return Coordinates(
            None, f"{empty.sum():,} of {len(found):,} sequences have no interval, so no coordinates are given"
        )
    if lengths is None:
        return Coordinates(found, None)
    bases = (found["end"] - found["start"]).to_numpy()
    off = np.asarray(lengths, np.int64) - bases  # (N,)
    if not off.any():
        return Coordinates(found, None)
    if (off == 1).all() and (found["start"] >= 1).all():
        return Coordinates(
            found.with_columns(pl.col("start") - 1),
            "the intervals count from 1, as those of samtools faidx do; they are given from 0",
        )
    row = int(np.flatnonzero(off)[0])
    chrom, start, end, _ = found.row(row)
    sizes = f"has {bases[row]:,} bases and its sequence {lengths[row]:,}"
    return Coordinates(
        None, f"the interval of '{ids[row]}' ({chrom}:{start}-{end}) {sizes}, so no coordinates are given"
    )
