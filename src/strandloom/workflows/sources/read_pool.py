"""Real reads of a collection's samples as a pool: trimmed, filtered, counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection
from strandloom.workflows.sources.evidence import ReadBlock
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
    flat: list[NDArray[np.uint8]] = []
    lengths: list[NDArray[np.int64]] = []
    member: list[NDArray[np.int32]] = []
    notes: list[str] = []
    for number, sample in enumerate(collection.members):
        facts = ReadFacts()
        count = 0
        for block in prepared(SampleFiles(sample.name, sample.file), settings, facts):
            own = block.reads.part(slice(MOST_READS - count))
            flat.append(_apart(own))
            lengths.append(own.lengths.astype(np.int64))
            member.append(np.full(len(own.starts), number, np.int32))
            count += len(own.starts)
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
    every = np.concatenate(lengths)
    starts = np.concatenate(([0], np.cumsum(every + 1)[:-1])).astype(np.int64)
    return Pool(np.concatenate(flat), starts, every, np.concatenate(member), len(collection)), notes


def _apart(reads: ReadBlock) -> NDArray[np.uint8]:
    """The bases of reads one after the other, a gap behind each."""
    ends = np.cumsum(reads.lengths.astype(np.int64) + 1)
    number = np.repeat(np.arange(len(ends)), reads.lengths + 1)
    within = np.arange(len(number)) - np.concatenate(([0], ends))[number]
    at = np.minimum(reads.starts[number] + within, max(len(reads.codes) - 1, 0))
    codes = reads.codes[at]
    codes[ends - 1] = GAP
    return codes
