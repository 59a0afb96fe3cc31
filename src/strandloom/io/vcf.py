"""Variants of a VCF, block by block: one row an alternative allele; what is no plain sequence is given back with its reason."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.stream import open_error

BLOCK_RECORDS = 8192
_FIELDS = 5
_BASES = frozenset("ACGTN")
_GZIP = b"\x1f\x8b"
_FURTHEST = 1 << 40


class LeftOut(NamedTuple):
    """An alternative allele that cannot be scored: its record as it stands in the file, and why."""

    line: int
    chrom: str
    pos: str
    id: str
    ref: str
    alt: str
    reason: str


class Record(NamedTuple):
    """A record of a VCF; ``alts`` are separated by commas, ``rest`` is ``QUAL, FILTER, INFO``."""

    line: int
    chrom: str
    pos: int
    id: str
    ref: str
    alts: str
    rest: tuple[str, str, str] = (".", ".", ".")


@dataclass
class VariantBlock:
    """N alternative alleles in the order of the file.

    Parameters
    ----------
    line
        Line of the file, counted from 1.
    chrom, pos, id, ref, alt
        As in the file (positions count from 1), letters in upper case.
    rest
        ``QUAL, FILTER, INFO`` of the record; ``.`` where it has none.
    left_out
        Alleles that are none of bases alone.
    records
        Records of the file that this block was made of.
    """

    line: list[int] = field(default_factory=list)
    chrom: list[str] = field(default_factory=list)
    pos: list[int] = field(default_factory=list)
    id: list[str] = field(default_factory=list)
    ref: list[str] = field(default_factory=list)
    alt: list[str] = field(default_factory=list)
    rest: list[tuple[str, str, str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    records: int = 0

    def __len__(self) -> int:
        return len(self.line)

    def add(self, record: Record) -> None:
        """Take a record in: each of its alternative alleles is a row, or left out with its reason."""
        self.records += 1
        upper = record.ref.upper()
        for alt in record.alts.split(","):
            reason = _reason(record.pos, upper, alt)
            if reason:
                own = (record.line, record.chrom, str(record.pos), record.id, record.ref, alt)
                self.left_out.append(LeftOut(*own, reason))
                continue
            self.line.append(record.line)
            self.chrom.append(record.chrom)
            self.pos.append(record.pos)
            self.id.append(record.id)
            self.ref.append(upper)
            self.alt.append(alt.upper())
            self.rest.append(record.rest)

    @property
    def positions(self) -> NDArray[np.int64]:
        """int64 ``(N,)``, counted from 0."""
        return np.array(self.pos, np.int64) - 1


def read_variants(path: str | Path, *, block_records: int = BLOCK_RECORDS) -> Iterator[VariantBlock]:
    """Read a VCF (plain, gz or bgz); memory holds one block.

    Several alternative alleles of a record are rows of their own. Symbolic alleles (``<DEL>``), breakends, ``*``, ``.`` and letters other
    than A, C, G, T and N are left out with a reason.

    Raises
    ------
    InputError
        The file cannot be read, has no line ``#CHROM``, or a record has too few fields or a position that is no whole number; the line is
        named.
    """
    source = Path(path)
    block, headed = VariantBlock(), False
    for number, line in enumerate(_lines(source), 1):
        if line.startswith("#"):
            headed = headed or line.startswith("#CHROM")
            continue
        if not line.strip():
            continue
        if not headed:
            raise InputError(
                "a record stands before the line #CHROM, so this is no VCF",
                where=f"{source}:{number}",
                hint="give a VCF 4 file",
            )
        _take(block, line.rstrip("\r\n"), number, source)
        if block.records == block_records:
            yield block
            block = VariantBlock()
    if not headed:
        raise InputError("there is no line #CHROM, so this is no VCF", where=source, hint="give a VCF 4 file")
    if block.records:
        yield block


def _take(block: VariantBlock, line: str, number: int, source: Path) -> None:
    fields = line.split("\t", _FIELDS + 3)
    if len(fields) < _FIELDS:
        raise InputError(
            f"the record has {len(fields)} fields; needed are {_FIELDS} at least, separated by tabs",
            where=f"{source}:{number}",
        )
    chrom, pos, name, ref, alts = fields[:_FIELDS]
    if not (pos.isascii() and pos.isdigit()):
        raise InputError(f"the position '{pos}' is no whole number", where=f"{source}:{number}")
    padded = [*fields[_FIELDS : _FIELDS + 3], ".", ".", "."]
    block.add(Record(number, chrom, int(pos), name, ref, alts, (padded[0], padded[1], padded[2])))


def _reason(place: int, ref: str, alt: str) -> str:
    """Why an allele cannot be scored; empty where it can."""
    if place < 1:
        return "the position is before the first base"
    if place > _FURTHEST:
        return "the position is beyond any contig"
    if alt in (".", ""):
        return "no alternative allele"
    if alt == "*":
        return "the allele is missing because of a deletion upstream (*)"
    if alt.startswith("<"):
        return f"symbolic allele {alt}"
    if "[" in alt or "]" in alt:
        return "breakend"
    for words, letters in (("reference", ref), ("alternative", alt.upper())):
        odd = sorted(set(letters) - _BASES)
        if odd or not letters:
            return f"the {words} allele holds {', '.join(odd) or 'nothing'}"
    return "the alternative allele is the reference" if alt.upper() == ref else ""


def header_lines(path: str | Path) -> list[str]:
    """Lines of a VCF that begin with ``##``, without their ends."""
    found = []
    for line in _lines(Path(path)):
        if not line.startswith("##"):
            break
        found.append(line.rstrip("\r\n"))
    return found


def _lines(source: Path) -> Iterator[str]:
    if source.is_fifo() or source.is_char_device():
        raise InputError(
            "a pipe cannot be read: the file is looked at twice", where=source, hint="write it to a file first"
        )
    try:
        with source.open("rb") as probe:
            packed = probe.read(2) == _GZIP
        with _opened(source, packed=packed) as handle:
            yield from handle
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"the file is cut off or damaged ({error})", where=source, hint="download it again") from None
    except OSError as error:
        raise open_error(error, source) from None


def _opened(source: Path, *, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(source, "rt", encoding="utf-8-sig", errors="replace")
    return source.open(encoding="utf-8-sig", errors="replace")
