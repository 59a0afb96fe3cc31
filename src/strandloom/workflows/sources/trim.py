"""Adapters and bases of low quality off the ends of reads, by cutadapt (Martin, EMBnet.journal 17:10, 2011)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from strandloom.alphabet import DNA
from strandloom.errors import InputError, UsageError
from strandloom.io.detect import detect
from strandloom.io.letters import Letters, finish
from strandloom.io.read import read_blocks
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.workflows.sources.settings import ReadSettings

if TYPE_CHECKING:
    from strandloom.workflows.sources.reads import ReadFacts

KNOWN = {"TruSeq": "AGATCGGAAGAGC", "Nextera": "CTGTCTCTTATACACATCT", "small RNA": "TGGAATTCTCGGGTGCCAAGG"}
"""3' adapters that Illumina's kits leave, as cutadapt's guide names them."""
LOOKED_AT = 10_000
"""Reads in which adapters are looked for."""
LEAST_SHARE = 0.001
_SEED = 12
_INSTALL = "pip install 'strandloom[reads]'"


def find_adapters(file: Path, settings: ReadSettings, facts: ReadFacts) -> tuple[str, ...]:
    """The adapters to cut off: those asked for, or the known one that the first reads show.

    Raises
    ------
    UsageError
        An adapter is no DNA sequence.
    """
    if settings.adapters == "none":
        return ()
    if settings.adapters != "auto":
        for adapter in settings.adapters:
            if len(adapter) < 5 or (DNA.encode(adapter) > 14).any():
                raise UsageError(
                    f"'{adapter}' is no adapter: at least 5 letters of DNA are needed",
                    where="--adapter",
                    hint="or auto, or none",
                )
        return tuple(x.upper() for x in settings.adapters)
    found, reads = dict.fromkeys(KNOWN, 0), 0
    for block in read_blocks(file, block_rows=LOOKED_AT, columns="none"):
        text = DNA.decode_table[np.insert(block.codes, block.offsets[1:], np.uint8(255))].tobytes()
        rows = text.split(b"?")
        reads = len(rows)
        for name, adapter in KNOWN.items():
            seed = adapter[1 : 1 + _SEED].encode()
            found[name] = sum(seed in row for row in rows)
        break
    best = max(found, key=lambda name: found[name])
    share = found[best] / max(reads, 1)
    if found[best] < 3 or share < LEAST_SHARE:
        return ()
    facts.adapter_share = share
    facts.notes.append(f"{facts.adapter_share:.1%} of the first reads carry the {best} adapter")
    try:
        import cutadapt  # noqa: F401
    except ImportError:
        facts.notes.append(f"the adapters were NOT cut off, because cutadapt is not installed: {_INSTALL}")
        return ()
    return (KNOWN[best],)


class Trimmer:
    """Cuts reads; one at a time, because cutadapt does.

    Parameters
    ----------
    adapters
        3' adapters; with 10 % of differences, and from 3 overlapping bases on.
    quality
        Bases at the end below this quality go (BWA's rule); 0: none.

    Raises
    ------
    UsageError
        cutadapt is not installed.
    """

    def __init__(self, adapters: tuple[str, ...], quality: int) -> None:
        try:
            from cutadapt.adapters import BackAdapter
        except ImportError as error:
            raise UsageError("trimming needs cutadapt, which is not installed", hint=_INSTALL) from error
        self.adapters: list[Any] = [BackAdapter(x, max_errors=0.1, min_overlap=3) for x in adapters]
        self.quality = quality

    def blocks(self, file: Path, facts: ReadFacts, *, policy: LetterPolicy, block_rows: int) -> Iterator[Records]:
        """The trimmed reads of a file.

        Raises
        ------
        InputError
            It cannot be read; qualities are asked for and there are none.
        """
        if self.quality:
            yield from self._with_qualities(file, facts, policy, block_rows)
            return
        for block in read_blocks(file, policy=policy, block_rows=block_rows, columns="none"):
            text = DNA.decode_table[block.codes].tobytes().decode("ascii")
            ends = block.offsets[1:].copy()
            for row, (start, stop) in enumerate(
                zip(block.offsets[:-1].tolist(), block.offsets[1:].tolist(), strict=True)
            ):
                kept = self._cut(text[start:stop])
                facts.adapters += kept < stop - start
                ends[row] = start + kept
            yield _shortened(block, ends)

    def _cut(self, sequence: str) -> int:
        """Bases before the adapter."""
        for adapter in self.adapters:
            found = adapter.match_to(sequence)
            if found is not None:
                sequence = sequence[: found.rstart]
        return len(sequence)

    def _with_qualities(self, file: Path, facts: ReadFacts, policy: LetterPolicy, block_rows: int) -> Iterator[Records]:
        import dnaio
        from cutadapt.qualtrim import quality_trim_index

        if detect(file).format != "fastq":
            raise InputError("there are no qualities to trim by", where=file, hint="leave --quality out")
        try:
            with dnaio.open(file) as records:
                rows = iter(records)
                while chunk := list(islice(rows, block_rows)):
                    names, texts = [], []
                    for record in chunk:
                        _, stop = quality_trim_index(record.qualities, 0, self.quality)
                        facts.low_quality += stop < len(record)
                        kept = self._cut(record.sequence[:stop])
                        facts.adapters += kept < stop
                        names.append(record.name.split(maxsplit=1)[0] if record.name else "")
                        texts.append(record.sequence[:kept] or "N")
                    yield _encoded(names, texts, policy, file)
        except (dnaio.FileFormatError, EOFError, OSError) as error:
            raise InputError(
                f"the file cannot be read on: {error}", where=file, hint="copy or download it again"
            ) from error


def _shortened(block: Records, ends: Any) -> Records:
    """The same reads up to given ends."""
    lengths = ends - block.offsets[:-1]
    at = (
        np.repeat(block.offsets[:-1], lengths)
        + np.arange(int(lengths.sum()))
        - np.repeat(np.cumsum(lengths) - lengths, lengths)
    )
    return Records(
        block.codes[at],
        np.concatenate(([0], np.cumsum(lengths))),
        block.ids,
        block.columns,
        block.letters,
        block.id_name,
    )


def _encoded(names: list[str], texts: list[str], policy: LetterPolicy, file: Path) -> Records:
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    letters = Letters(policy, str(file), unit="row")
    found = letters.encode(
        np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8),
        np.concatenate([[0], ends[:-1]]),
        ends,
        ids=pl.Series("id", names, dtype=pl.String),
        columns=pl.DataFrame(),
        places=np.arange(1, len(texts) + 1),
    )
    if found.error is not None:
        raise InputError(found.error.message, where=found.error.where, hint=found.error.hint)
    return finish(found.piece, letters, id_name=None)
