"""Real reads of a collection's samples as a pool: trimmed, filtered, counted."""

from __future__ import annotations

import numpy as np

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection
from strandloom.workflows.sources.pool import GAP, Pool
from strandloom.workflows.sources.reads import ReadFacts, SampleFiles, prepared
from strandloom.workflows.sources.settings import ReadSettings

LEAST_READS = 200
"""Fewest reads of a sample."""
MOST_READS = 500_000
"""Reads of a sample that are used; the first ones."""


def pool_of_reads(collection: Collection, settings: ReadSettings) -> tuple[Pool, list[str]]:
    """The reads of every sample, and notes on what was dropped.

    Raises
    ------
    InputError
        A file cannot be read, or no read of a sample can be used.
    """
    codes, lengths, member, notes = [], [], [], []
    for number, sample in enumerate(collection.members):
        facts = ReadFacts()
        count = 0
        for block in prepared(SampleFiles(sample.name, sample.file), settings, facts):
            room = MOST_READS - count
            for start, length in zip(
                block.reads.starts[:room].tolist(), block.reads.lengths[:room].tolist(), strict=True
            ):
                codes.append(block.reads.codes[start : start + length])
                lengths.append(length)
            own = min(room, len(block.reads.starts))
            member += [number] * own
            count += own
            if count >= MOST_READS:
                notes.append(f"{sample.name}: the first {MOST_READS:,} reads are used")
                break
        if count < LEAST_READS:
            raise InputError(
                f"sample '{sample.name}' has {count:,} reads that can be used; at least {LEAST_READS} are needed",
                where=sample.file,
                hint="; ".join(facts.lines()) or None,
            )
        notes += [f"{sample.name}: {line}" for line in facts.lines()]
    every = np.array(lengths, np.int64)
    flat = np.full(int(every.sum()) + len(every), np.uint8(GAP))
    starts = np.concatenate(([0], np.cumsum(every + 1)[:-1])).astype(np.int64)
    for start, read in zip(starts.tolist(), codes, strict=True):
        flat[start : start + len(read)] = read
    return Pool(flat, starts, every, np.array(member, np.int32), len(collection)), notes
