"""Where sequences lie in a genome: from columns, or from ids such as ``chr1:17036408-17036508`` that `bedtools getfasta` writes."""

from __future__ import annotations

import polars as pl

_ID = r"^(?:\S+::)?(\S+?):(\d+)-(\d+)(?:\(([+-])\))?(?:\s|$)"
_STARTS = ("start", "chromStart", "chrom_start")
_ENDS = ("end", "chromEnd", "chrom_end", "stop")
_NAMES = ("chrom", "chromosome", "chr", "seqname")


def coordinates(ids: pl.Series, columns: pl.DataFrame) -> pl.DataFrame | None:
    """Interval of each row, 0-based and half open as in BED.

    Parameters
    ----------
    ids
        Row names, String ``(N,)``; ``chrom:start-end``, with ``(+)`` or ``(-)`` where the strand is known.
    columns
        Other columns of the table, ``N`` rows or none; ``chrom``, ``start`` and ``end`` (and ``strand``) come before the ids.

    Returns
    -------
    polars.DataFrame or None
        ``chrom`` String, ``start`` and ``end`` Int64, ``strand`` String (``+``, ``-`` or ``.``); None unless every row has an interval.
    """
    return _from_columns(columns) if _found(columns) else _from_ids(ids)


def _found(columns: pl.DataFrame) -> bool:
    return all(any(name in columns.columns for name in names) for names in (_NAMES, _STARTS, _ENDS))


def _from_columns(columns: pl.DataFrame) -> pl.DataFrame | None:
    chrom, start, end = (next(name for name in names if name in columns.columns) for names in (_NAMES, _STARTS, _ENDS))
    strand = pl.col("strand").cast(pl.String) if "strand" in columns.columns else pl.lit(".")
    found = columns.select(
        pl.col(chrom).cast(pl.String).alias("chrom"),
        pl.col(start).cast(pl.Int64, strict=False).alias("start"),
        pl.col(end).cast(pl.Int64, strict=False).alias("end"),
        pl.when(strand.is_in(["+", "-"])).then(strand).otherwise(pl.lit(".")).alias("strand"),
    )
    return None if any(found[name].has_nulls() for name in ("chrom", "start", "end")) else found


def _from_ids(ids: pl.Series) -> pl.DataFrame | None:
    if not len(ids):
        return None
    parts = ids.to_frame("id").select(pl.col("id").str.extract_groups(_ID).alias("x")).unnest("x")
    parts.columns = ["chrom", "start", "end", "strand"]
    if parts["chrom"].has_nulls():
        return None
    return parts.with_columns(
        pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64), pl.col("strand").fill_null(".")
    )
