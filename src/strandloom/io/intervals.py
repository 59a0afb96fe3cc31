"""Intervals on a genome: BED, narrowPeak, GFF3 and GTF (plain or gz) to arrays, with the line of every record; written as BED."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.detect import BED_COMMENTS
from strandloom.io.kernels import as_bytes, line_ends
from strandloom.io.stream import ByteStream, open_error
from strandloom.io.write import replacing

Kind = Literal["bed", "gff"]
PLUS, MINUS, NO_STRAND = 1, -1, 0
_BED_NAMES = ("name", "score", "strand", "signal", "p", "q", "peak")
_ATTRIBUTE = r'(?:^|;)\s*{name}(?:=|\s+)"?([^";]+)"?'


@dataclass(frozen=True, eq=False)
class Intervals:
    """N intervals, 0-based and half open.

    Parameters
    ----------
    names
        Contig names.
    contig
        int64 ``(N,)``: index into ``names``.
    start, end
        int64 ``(N,)``.
    strand
        int8 ``(N,)``: 1, -1, or 0 where it is not known.
    label
        String ``(N,)``: what each is (the name of a BED record, the type of a GFF one); empty where nothing says.
    columns
        Other columns as text, N rows or none.
    path, lines
        The file, and int64 ``(N,)`` the line of each record, for messages; None where they were made.
    """

    names: tuple[str, ...]
    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.int8]
    label: pl.Series
    columns: pl.DataFrame
    path: Path | None = None
    lines: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bases of each, int64 ``(N,)``."""
        return self.end - self.start

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Intervals:
        """Some of them, in the order asked for."""
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        columns = self.columns[at] if self.columns.height else self.columns
        lines = None if self.lines is None else self.lines[at]
        return replace(
            self, contig=self.contig[at], start=self.start[at], end=self.end[at], strand=self.strand[at], label=self.label.gather(at),
            columns=columns, lines=lines,
        )  # fmt: skip

    def where(self, row: int) -> str | None:
        """The place of a record, ``file:line``."""
        return None if self.path is None or self.lines is None else f"{self.path}:{int(self.lines[row])}"

    def renamed(self, names: dict[str, str]) -> Intervals:
        """The same with contigs called otherwise; those not named keep their name."""
        return replace(self, names=tuple(names.get(name, name) for name in self.names))


def make_intervals(
    chrom: Sequence[str],
    start: Sequence[int] | NDArray[np.integer],
    end: Sequence[int] | NDArray[np.integer],
    *,
    strand: Sequence[int] | None = None,
    label: Sequence[str] | None = None,
) -> Intervals:
    """Intervals from lists."""
    names = tuple(dict.fromkeys(chrom))
    number = {name: i for i, name in enumerate(names)}
    count = len(chrom)
    return Intervals(
        names, np.array([number[x] for x in chrom], np.int64), np.asarray(start, np.int64), np.asarray(end, np.int64),
        np.zeros(count, np.int8) if strand is None else np.asarray(strand, np.int8),
        pl.Series("label", [""] * count if label is None else list(label), dtype=pl.String), pl.DataFrame(),
    )  # fmt: skip


def read_intervals(
    path: str | Path, *, kind: Kind | None = None, feature: str | None = None, attribute: str | None = None
) -> Intervals:
    """Read a file of intervals.

    Parameters
    ----------
    path
        BED with 3 to 6 columns or narrowPeak (0-based, half open); GFF3 or GTF (1-based, end included, told from 0 here).
    kind
        None: GFF where the fourth and fifth of nine columns are numbers and the second is none, else BED.
    feature
        GFF: keep records of this type (``gene``, ``exon`` …) alone.
    attribute
        GFF: the attribute that becomes the label (``gene_id``, ``Name``); None: the type.

    Raises
    ------
    InputError
        The file cannot be read; a record lacks columns, has a place that is no number or ends before it begins: the line is named.
    """
    source = Path(path)
    frame, lines = _rows(source)
    kind = kind or _kind(frame)
    chosen = _gff(frame, lines, source, feature) if kind == "gff" else _bed(frame, lines, source)
    if attribute is not None and kind == "gff":
        pattern = _ATTRIBUTE.format(name=re.escape(attribute))
        label = chosen.columns["attributes"].str.extract(pattern, 1).fill_null("").alias("label")
        chosen = replace(chosen, label=label)
    return chosen


def write_bed(path: str | Path, intervals: Intervals) -> None:
    """Write BED: three columns, or six where there are labels or strands."""
    frame = pl.DataFrame(
        {
            "chrom": pl.Series(list(intervals.names), dtype=pl.String).gather(intervals.contig),
            "start": intervals.start,
            "end": intervals.end,
        }
    )
    if intervals.strand.any() or bool((intervals.label != "").any()):
        signs = pl.Series([".", "+", "-"]).gather(intervals.strand.astype(np.int64) % 3)
        label = intervals.label.replace("", ".")
        frame = frame.with_columns(label.alias("name"), pl.lit(0).alias("score"), signs.alias("strand"))
    with replacing(path, text=False) as handle:
        handle.write(frame.write_csv(separator="\t", include_header=False).encode())


def _rows(path: Path) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Records as text columns, and their lines."""
    try:
        with path.open("rb") as handle:
            packed = handle.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise open_error(error, path) from error
    with ByteStream(path, "gzip" if packed else "none") as stream:
        data = b"".join(block.tobytes() for block in stream.blocks())
    if not data.endswith(b"\n"):
        data += b"\n"
    buffer = as_bytes(data)
    ends = line_ends(buffer)
    starts = np.concatenate([[0], ends[:-1] + 1])
    kept = ends > starts
    kept &= ~((ends == starts + 1) & (buffer[starts] == 13))
    kept &= buffer[starts] != ord("#")
    for word in BED_COMMENTS:
        at = np.flatnonzero(kept & (buffer[starts] == ord(word[0])))
        marked = np.array([data[starts[i] : ends[i]].split(b" ")[0].rstrip(b"\r") == word.encode() for i in at], bool)
        kept[at[marked]] = False
    rows = np.flatnonzero(kept)
    if not len(rows):
        raise InputError("the file holds no interval", where=path)
    summed = np.concatenate([[0], np.cumsum(buffer == 9)])
    tabs = summed[ends[rows]] - summed[starts[rows]]
    if tabs[0] < 2:
        raise InputError(
            "an interval needs at least three columns, separated by tabs",
            where=f"{path}:{rows[0] + 1}",
            hint="chrom, start, end; spaces do not separate",
        )
    odd = np.flatnonzero(tabs != tabs[0])
    if len(odd):
        raise InputError(
            f"{int(tabs[odd[0]]) + 1} columns, where the first record has {int(tabs[0]) + 1}",
            where=f"{path}:{rows[odd[0]] + 1}",
        )
    text = data if len(rows) == len(starts) else b"".join(data[starts[i] : ends[i] + 1] for i in rows.tolist())
    names = [f"c{i}" for i in range(int(tabs[0]) + 1)]
    frame = pl.read_csv(
        text,
        separator="\t",
        has_header=False,
        new_columns=names,
        infer_schema=False,
        quote_char=None,
        encoding="utf8-lossy",
    )
    last = names[-1]
    return frame.with_columns(pl.col(last).str.strip_chars_end("\r")).with_columns(pl.all().fill_null("")), rows + 1


def _kind(frame: pl.DataFrame) -> Kind:
    first = frame.row(0)
    if len(first) in (8, 9) and first[3].isdigit() and first[4].isdigit() and not first[1].isdigit():
        return "gff"
    return "bed"


def _numbers(frame: pl.DataFrame, column: str, lines: NDArray[np.int64], path: Path, what: str) -> NDArray[np.int64]:
    found = frame[column].str.strip_chars().cast(pl.Int64, strict=False)
    if found.null_count():
        row = int(found.is_null().arg_max() or 0)
        raise InputError(f"the {what} '{frame[column][row]}' is no whole number", where=f"{path}:{lines[row]}")
    return found.to_numpy().astype(np.int64)


def _checked(intervals: Intervals) -> Intervals:
    bad = np.flatnonzero((intervals.end < intervals.start) | (intervals.start < 0))
    if len(bad):
        row = int(bad[0])
        start, end = int(intervals.start[row]), int(intervals.end[row])
        why = f"the interval begins before its contig, at {start}"
        if start >= 0:
            why = f"the interval ends at {end}, before it begins at {start}"
        raise InputError(
            why, where=intervals.where(row), hint="BED counts from 0 and leaves the end out; GFF counts from 1"
        )
    return intervals


def _of(
    frame: pl.DataFrame, lines: NDArray[np.int64], path: Path, start: NDArray[np.int64], end: NDArray[np.int64]
) -> Intervals:
    names = frame["c0"].unique(maintain_order=True).to_list()
    number = {name: i for i, name in enumerate(names)}
    contig = frame["c0"].replace_strict(number, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    empty = pl.Series("label", [""], dtype=pl.String).extend_constant("", len(start) - 1)
    return Intervals(
        tuple(names), contig, start, end, np.zeros(len(start), np.int8), empty, pl.DataFrame(), path, lines
    )


def _bed(frame: pl.DataFrame, lines: NDArray[np.int64], path: Path) -> Intervals:
    start, end = (_numbers(frame, c, lines, path, what) for c, what in (("c1", "start"), ("c2", "end")))
    found = _of(frame, lines, path, start, end)
    others = {name: frame[f"c{i}"] for i, name in enumerate(_BED_NAMES, 3) if f"c{i}" in frame.columns}
    strand = found.strand
    if "strand" in others:
        strand = _strand(others["strand"])
    label = others.get("name", found.label).alias("label")
    kept = pl.DataFrame([s.alias(name) for name, s in others.items() if name not in ("name", "strand")])
    return _checked(replace(found, strand=strand, label=label, columns=kept))


def _gff(frame: pl.DataFrame, lines: NDArray[np.int64], path: Path, feature: str | None) -> Intervals:
    if len(frame.columns) < 9:
        raise InputError(f"{len(frame.columns)} columns, where GFF has 9", where=f"{path}:{lines[0]}")
    if feature is not None:
        kept = (frame["c2"] == feature).to_numpy()
        if not kept.any():
            known = ", ".join(frame["c2"].unique().sort().head(8).to_list())
            raise InputError(f"no record is of the type '{feature}'", where=path, hint=f"types: {known}")
        frame, lines = frame.filter(pl.Series(kept)), lines[kept]
    start, end = (_numbers(frame, c, lines, path, what) for c, what in (("c3", "start"), ("c4", "end")))
    found = _of(frame, lines, path, start - 1, end)
    columns = pl.DataFrame([frame["c1"].alias("source"), frame["c5"].alias("score"), frame["c8"].alias("attributes")])
    return _checked(replace(found, strand=_strand(frame["c6"]), label=frame["c2"].alias("label"), columns=columns))


def _strand(column: pl.Series) -> NDArray[np.int8]:
    text = column.str.strip_chars()
    return ((text == "+").cast(pl.Int8) - (text == "-").cast(pl.Int8)).to_numpy().astype(np.int8)
