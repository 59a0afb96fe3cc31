"""Reads in: which files make up a sample, trimming, lengths; everything dropped is counted."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.frames import find_column, read_text_frame
from strandloom.io.read import read_blocks
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.workflows.sources.collection import candidates
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.settings import ReadSettings
from strandloom.workflows.sources.trim import Trimmer, find_adapters

LETTERS = LetterPolicy(gap="remove", empty="skip")
MATES = LetterPolicy(gap="remove")
"""Of mates none may be skipped: the others would move up to the wrong partners."""
BLOCK_ROWS = 16_384
_SUFFIX = re.compile(r"(?i)\.(?:fastq|fq|fasta|fa|fna|txt)?(?:\.gz)?$")
_MATE = re.compile(r"^(.+?)[._](R?)([12])((?:_001)?)$")
_TABLES = (".tsv", ".csv", ".txt")
SEQUENCE_COLUMNS = ("sequence", "seq", "read", "dna")
"""Names of the column of a table that holds reads themselves."""
_LOOKED_AT = 1 << 18
"""Bytes of a file by which its reads are guessed."""


class SampleFiles(NamedTuple):
    """The files of a sample."""

    sample: str
    first: Path
    second: Path | None = None
    """Mates of the first file's reads, in the same order."""


@dataclass
class ReadFacts:
    """What became of the reads of a sample."""

    reads: int = 0
    """Reads (mates count one each) met."""
    kept: int = 0
    """Reads that were answered."""
    short: int = 0
    """Dropped: fewer bases than the minimum, after trimming."""
    ambiguous: int = 0
    """Dropped: no stretch of bases long enough between letters such as N."""
    adapters: int = 0
    """Reads of which an adapter was cut off."""
    low_quality: int = 0
    """Reads of which bases of low quality were cut off."""
    bases: int = 0
    """Bases of the reads kept."""
    adapter_share: float = 0.0
    """Share of the first reads in which an adapter was seen."""
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """In words, a line each."""
        found = []
        if self.short:
            found.append(f"{self.short:,} of {self.reads:,} reads are too short")
        if self.ambiguous:
            found.append(f"{self.ambiguous:,} of {self.reads:,} reads have no stretch of known bases")
        if self.adapters:
            found.append(f"an adapter was cut off {self.adapters:,} of {self.reads:,} reads")
        if self.low_quality:
            found.append(f"bases of low quality were cut off {self.low_quality:,} of {self.reads:,} reads")
        return [*found, *self.notes]


class Prepared(NamedTuple):
    """Reads of a block that are to be answered."""

    ids: pl.Series
    """String ``(N,)``; of pairs the first mate's id stands for both."""
    reads: ReadBlock
    second: bool
    """Whether they are second mates."""


def sample_files(inputs: Sequence[str | Path]) -> list[SampleFiles]:
    """Samples of files: one a file, named after it; ``X_R1`` and ``X_R2`` (or ``X_1``, ``X_2``) are mates; or tables ``sample[, file]``.

    Raises
    ------
    InputError
        A file is missing, or two samples have one name.
    """
    found: list[SampleFiles] = []
    paths = [Path(x) for x in inputs]
    mates: dict[tuple[Path, str, str], dict[str, Path]] = {}
    for path in paths:
        if not path.is_file():
            what = "this is a folder" if path.is_dir() else "there is no such file"
            raise InputError(
                what, where=path, hint="name read files (FASTQ or FASTA, gz is fine), or a table with sample and file"
            )
        named = _mate_of(path, paths)
        if named:
            mates.setdefault((path.parent, named[1], named[4]), {})[named[3]] = path
    paired = {x for both in mates.values() if len(both) == 2 for x in both.values()}
    for path in paths:
        if Path(path.name.lower().removesuffix(".gz")).suffix in _TABLES and (rows := _from_table(path)):
            found += rows
        elif path not in paired:
            found.append(SampleFiles(_stem(path), path))
        else:
            named = _mate_of(path, paths)
            assert named is not None
            both = mates[path.parent, named[1], named[4]]
            if path == both["1"]:
                found.append(SampleFiles(named[1], both["1"], both["2"]))
    seen: dict[str, Path] = {}
    for sample in found:
        if sample.sample in seen:
            raise InputError(
                f"two files make a sample called '{sample.sample}': {seen[sample.sample]} and {sample.first}",
                hint="rename one, or name the samples in a table with the columns sample and file",
            )
        seen[sample.sample] = sample.first
    return found


def _mate_of(path: Path, paths: Sequence[Path]) -> re.Match[str] | None:
    """How a file is named as one of two mates: ``_R1``, or a bare ``_1`` where no ``_3`` shows that the numbers count samples."""
    named = _MATE.match(_stem(path))
    if named is None or named[2]:
        return named
    third = f"{named[1]}_3{named[4]}"
    return None if any(x.parent == path.parent and _stem(x) == third for x in paths) else named


def _stem(path: Path) -> str:
    return _SUFFIX.sub("", path.name) or path.name


def _from_table(path: Path) -> list[SampleFiles]:
    """Samples of a table; none where it has no column ``sample``."""
    table = read_text_frame(path)
    sample, file = find_column(table.frame.columns, ("sample", "sampleid")), find_column(table.frame.columns, ("file",))
    second = find_column(table.frame.columns, ("file2", "mates", "reverse"))
    if sample is None:
        if find_column(table.frame.columns, SEQUENCE_COLUMNS) is None:
            raise InputError(
                "this is neither reads nor a table of samples: it has no column 'sample'",
                where=path,
                hint="give FASTQ or FASTA, or a table with the columns sample and file; counts of taxa go to: strandloom sources taxa",
            )
        return []
    found = []
    for row, name in enumerate(table.frame[sample]):
        if not name:
            raise InputError(f"the column '{sample}' is empty", where=table.where(row), hint="name every sample")
        given = table.frame[file][row] if file else None
        first = path.parent / given if given else _beside(path.parent, name)
        other = table.frame[second][row] if second else None
        for one in (first, path.parent / other if other else first):
            if not one.is_file():
                raise InputError(
                    f"sample '{name}' has no file {one}", where=table.where(row), hint="check the column 'file'"
                )
        found.append(SampleFiles(name, first, path.parent / other if other else None))
    return found


def _beside(folder: Path, name: str) -> Path:
    places = candidates(folder, name)
    return next((x for x in places if x.is_file()), places[0])


def expected_reads(files: SampleFiles) -> int:
    """About how many reads a sample has, from the beginning of each file; 0 where it cannot be told."""
    total = 0.0
    for path in (files.first, files.second):
        if path is None:
            continue
        try:
            with path.open("rb") as handle:
                head = handle.read(_LOOKED_AT)
            data = _inflated(head) if head[:2] == b"\x1f\x8b" else head
        except (OSError, zlib.error):
            return 0
        records = data.count(b"\n") / 4 if data[:1] == b"@" else data.count(b">")
        total += records * path.stat().st_size / max(len(head), 1)
    return int(total)


def _inflated(head: bytes) -> bytes:
    """What the beginning of a gzip file holds; members may follow one another."""
    found = []
    while head[:2] == b"\x1f\x8b":
        member = zlib.decompressobj(31)
        found.append(member.decompress(head))
        head = member.unused_data
    return b"".join(found)


def prepared(files: SampleFiles, settings: ReadSettings, facts: ReadFacts) -> Iterator[Prepared]:
    """The reads of a sample, block by block; of pairs first and second mates in turn.

    ``facts`` grows while they are read.

    Raises
    ------
    InputError
        A file cannot be read on; what came before has been given. Mates are not as many as first reads.
    """
    adapters = find_adapters(files.first, settings, facts)
    trimmer = Trimmer(adapters, settings.quality) if adapters or settings.quality else None
    if files.second is None:
        for block in _blocks(files.first, trimmer, facts, LETTERS):
            yield _kept(block, settings, facts, second=False)
        return
    one, two = _blocks(files.first, trimmer, facts, MATES), _blocks(files.second, trimmer, facts, MATES)
    while True:
        first, second = next(one, None), next(two, None)
        if first is None and second is None:
            return
        count = [0 if x is None else len(x) for x in (first, second)]
        if count[0] != count[1]:
            next(one if count[0] < count[1] else two, None)  # a fault that ended its block says more
            shorter = files.first if count[0] < count[1] else files.second
            raise InputError(
                f"the mates are not as many: this file ends {abs(count[0] - count[1]):,} reads (or more) before the other",
                where=shorter,
                hint="pair the files again (for example with repair.sh or seqkit pair), or give one of them alone",
            )
        assert first is not None
        assert second is not None
        yield _kept(first, settings, facts, second=False)
        yield _kept(second, settings, facts, second=True, ids=first.ids)


def _blocks(file: Path, trimmer: Trimmer | None, facts: ReadFacts, letters: LetterPolicy) -> Iterator[Records]:
    if trimmer is None:
        yield from read_blocks(file, policy=letters, block_rows=BLOCK_ROWS, columns="none")
    else:
        yield from trimmer.blocks(file, facts, policy=letters, block_rows=BLOCK_ROWS)


def _kept(
    block: Records, settings: ReadSettings, facts: ReadFacts, *, second: bool, ids: pl.Series | None = None
) -> Prepared:
    """The reads of a block that are long enough."""
    lengths = block.lengths
    facts.reads += len(block) + block.letters.skipped_rows
    facts.short += block.letters.skipped_rows
    long = lengths >= settings.min_length
    known = longest_known(block) >= min(settings.min_length, 32)
    kept = np.flatnonzero(long & known)
    facts.short += int((~long).sum())
    facts.ambiguous += int((long & ~known).sum())
    facts.kept += len(kept)
    facts.bases += int(lengths[kept].sum())
    names = block.ids if ids is None else ids
    whole = ReadBlock.ragged(block.codes, block.offsets)
    if len(kept) == len(block):
        return Prepared(names, whole, second)
    return Prepared(names.gather(kept), ReadBlock(whole.codes, whole.starts[kept], whole.lengths[kept]), second)


def longest_known(block: Records) -> NDArray[np.int64]:
    """The longest stretch of A, C, G, T in each read, int64 ``(N,)``."""
    known = block.codes <= 3
    if known.all():
        return block.lengths.copy()
    edge = np.zeros(len(known) + 1, bool)
    edge[block.offsets] = True  # a stretch ends with its read
    before = np.concatenate(([False], known[:-1])) & ~edge[:-1]
    after = np.concatenate((known[1:], [False])) & ~edge[1:]
    first, last = np.flatnonzero(known & ~before), np.flatnonzero(known & ~after)
    longest = np.zeros(len(block), np.int64)
    np.maximum.at(longest, np.searchsorted(block.offsets, first, side="right") - 1, last - first + 1)
    return longest
