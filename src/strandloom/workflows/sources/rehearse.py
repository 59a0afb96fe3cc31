"""Practice for a collection: draw reads, hide lineages from them, gather the evidence. Reads are drawn, met and forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.draws import ReadProfile, draw_reads
from strandloom.workflows.sources.evidence import Evidence, ReadBlock, gather_without
from strandloom.workflows.sources.learn import Lesson
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.model import padded
from strandloom.workflows.sources.pool import Pool
from strandloom.workflows.sources.practice import (
    NOTHING,
    RELATED,
    SEEN,
    STRANGE,
    practice_views,
    reads_like_nothing,
    regimes,
)
from strandloom.workflows.sources.settings import SourceTraining
from strandloom.workflows.sources.tables import LineageCounts, Tables

REAL_LENGTH = 150
"""Longest part of a real read that is used in practice, bases."""


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A collection made ready for practice.

    Parameters
    ----------
    pool
        Contigs, or reads.
    lineage
        int64 ``(C,)``: lineage of each contig.
    lineages, counts, tables
        What they are made of.
    profile
        What reads drawn from genomes look like; None: the contigs are reads themselves.
    """

    pool: Pool
    lineage: NDArray[np.int64]
    lineages: Lineages
    counts: LineageCounts
    tables: Tables
    profile: ReadProfile | None

    def draw(
        self, lineage: NDArray[np.integer], *, seed: int, learned: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """One read from each of the given lineages: uint8 ``(N, L)`` and lengths int32 ``(N,)``.

        Parameters
        ----------
        learned
            Of real reads every second one is learned from, and the others are kept to judge by.
        """
        if self.profile is not None:
            found = draw_reads(self._by_lineage, lineage, profile=self.profile, seed=seed)
            return found.codes, found.lengths
        generator = np.random.default_rng(seed)
        order = np.argsort(self.lineage, kind="stable")
        bounds = np.searchsorted(self.lineage[order], np.arange(len(self.lineages) + 1))
        own = np.asarray(lineage, np.int64)
        room = bounds[own + 1] - bounds[own]
        half = (room + learned) // 2
        pick = 2 * (generator.random(len(own)) * half).astype(np.int64) + (not learned)
        contig = order[bounds[own] + np.minimum(pick, room - 1)]
        reads = ReadBlock(self.pool.codes, self.pool.starts[contig], self.pool.lengths[contig].astype(np.int32))
        return padded(reads, min(REAL_LENGTH, int(reads.lengths.max(initial=1))))

    @property
    def _by_lineage(self) -> Pool:
        """The pool, with lineages as its members."""
        order = np.argsort(self.lineage, kind="stable")
        return Pool(
            self.pool.codes,
            self.pool.starts[order],
            self.pool.lengths[order],
            self.lineage[order].astype(np.int32),
            len(self.lineages),
        )

    def evidence(
        self,
        lineage: NDArray[np.integer],
        visible: NDArray[np.uint64],
        *,
        seed: int,
        threads: int,
        learned: bool = False,
    ) -> Evidence:
        """Evidence of fresh reads; ``learned`` as for :meth:`draw`."""
        reads = ReadBlock.rectangle(*self.draw(lineage, seed=seed, learned=learned))
        return gather_without(self.tables, self.counts, reads, visible, threads=threads)

    def nothing(
        self,
        count: int,
        settings: SourceTraining,
        *,
        seed: int,
        threads: int,
        hidden: np.uint64 = np.uint64(0),
        learned: bool = False,
    ) -> Evidence:
        """Evidence of reads that resemble nothing.

        Parameters
        ----------
        hidden, learned
            As for :meth:`lesson` and :meth:`draw`: the reads are made of real ones. Those that are learned from see as much of the
            collection as other practice reads do, else what is hidden would tell them apart; others see all of it, as reads of a sample do.
        """
        generator = np.random.default_rng([seed, 5])
        used = np.flatnonzero((self.lineages.own & hidden) == 0)
        lineage = used[generator.integers(0, len(used), count)]
        codes, lengths = self.draw(lineage, seed=seed, learned=learned)
        strange = reads_like_nothing(codes, generator=generator)
        view = np.full(count, self.lineages.all & ~hidden)
        if learned:
            asked = _asked(settings, count, generator, seen=self.profile is not None)
            view &= practice_views(lineage, asked, self.lineages, generator=generator).visible
        return gather_without(self.tables, self.counts, ReadBlock.rectangle(strange, lengths), view, threads=threads)

    def lesson(
        self, settings: SourceTraining, *, seed: int, hidden: np.uint64 = np.uint64(0), threads: int = 1
    ) -> Lesson:
        """Practice evidence with its answers.

        Parameters
        ----------
        hidden
            Lineages that no read comes from or sees.
        """
        lineages = self.lineages
        generator = np.random.default_rng([seed, 3])
        used = np.flatnonzero((lineages.own & hidden) == 0)
        lineage = np.repeat(used, settings.reads_per_lineage)
        asked = _asked(settings, len(lineage), generator, seen=self.profile is not None)
        views = practice_views(lineage, asked, lineages, generator=generator)
        visible = views.visible & ~hidden
        regime = regimes(lineage, visible, lineages)
        met = np.flatnonzero(regime != NOTHING)
        found = self.evidence(lineage, visible, seed=seed, threads=threads, learned=True).rows(met)
        count = max(1, int(len(met) * settings.nothing))
        alien = self.nothing(count, settings, seed=seed + 1, threads=threads, hidden=hidden, learned=True)
        environment = lineages.environment[lineage[met]]
        per = np.bincount(lineages.environment[used], minlength=lineages.environments)
        weight = (1 / np.maximum(per, 1))[environment].astype(np.float32)
        return Lesson(
            Evidence.concat([found, alien]),
            np.concatenate([environment, np.zeros(count, np.int64)]),
            np.concatenate([regime[met], np.full(count, NOTHING, np.int8)]),
            np.concatenate([weight, np.full(count, weight.mean(), np.float32)]),
        )


def _asked(settings: SourceTraining, count: int, generator: np.random.Generator, *, seen: bool) -> NDArray[np.int64]:
    """What is hidden from each read; reads of real samples are never seen before, so their own part is always hidden."""
    rest = max(0.0, 1 - settings.related - settings.strange)
    shares = np.array([rest if seen else 0.0, settings.related + (0.0 if seen else rest), settings.strange])
    return generator.choice(np.array([SEEN, RELATED, STRANGE]), count, p=shares / shares.sum())
