"""What a collection's sequences are made of: how often each short word occurs, and which lineages have each long one.

Short words (6, 8 and 10 bases) say what a genome is composed of; they are counted. Long ones (16 bases, 7 residues of an open frame)
say whose sequence it is; for these only the set of lineages that have them is kept, for a sample of the words that fits the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.pool import Pool

SHORT = (6, 8, 10)
"""Bases of the counted words."""
LONG_DNA = 16
"""Bases of the long words."""
LONG_PROTEIN = 7
"""Residues of the long protein words."""
SMOOTHING = 0.5
"""Pseudocount of a counted word."""
OPEN_FRAME = 60
"""Fewest residues between two stop codons that are taken for a gene; shorter sequences: three quarters of them."""
FULL = 0.7
"""Share of a table's slots that are used at most."""
_RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_BY_TCAG = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
"""The standard genetic code, codons in the order TTT, TTC, TTA, TTG, TCT … (the bacterial one reads the same)."""


def genetic_code() -> NDArray[np.uint8]:
    """Codon number (A C G T = 0 1 2 3) to residue 0 … 19, 255 for a stop: uint8 ``(64,)``."""
    table = np.empty(64, np.uint8)
    for at, letter in enumerate(_BY_TCAG):
        bases = ["TCAG"[at >> 4], "TCAG"[(at >> 2) & 3], "TCAG"[at & 3]]
        number = sum("ACGT".index(base) << shift for base, shift in zip(bases, (4, 2, 0), strict=True))
        table[number] = 255 if letter == "*" else _RESIDUES.index(letter)
    return table


class WordSets(NamedTuple):
    """Which lineages have each of some long words."""

    prints: NDArray[np.uint16]
    """uint16 ``(S,)``: 16 bits of the word in each slot, 0 where it is empty; S is a power of two."""
    numbers: NDArray[np.uint16]
    """uint16 ``(S,)``: its set."""
    sets: NDArray[np.uint64]
    """uint64 ``(M,)``: the lineages of each set, a bit each; set 0 is empty."""
    keep: int
    """Of 256 words, how many are sampled."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The words of a collection, as a trained model keeps them.

    Parameters
    ----------
    lineages
        Whose words they are.
    counts
        For each length of :data:`SHORT`, canonical k-mers of each environment: float64 ``(4**k, E)`` as counted, not yet smoothed.
    dna, protein
        Long words.
    """

    lineages: Lineages
    counts: tuple[NDArray[np.float64], ...]
    dna: WordSets
    protein: WordSets

    @cached_property
    def logs(self) -> tuple[NDArray[np.float32], ...]:
        """Log probability of each short word in each environment, float32 ``(4**k, E)``."""
        return tuple(
            np.log((c + SMOOTHING) / (c.sum(0) + smoothing_total(k))).astype(np.float32)
            for k, c in zip(SHORT, self.counts, strict=True)
        )

    @cached_property
    def code(self) -> NDArray[np.uint8]:
        """The genetic code."""
        return genetic_code()


def smoothing_total(k: int) -> float:
    """Sum of the pseudocounts of all canonical k-mers."""
    return SMOOTHING * (4**k / 2)


@dataclass(frozen=True, eq=False)
class LineageCounts:
    """Short words of each lineage, for practice.

    Parameters
    ----------
    counts
        For each length of :data:`SHORT`, uint32 ``(4**k, G)``.
    """

    counts: tuple[NDArray[np.uint32], ...]

    @cached_property
    def logs(self) -> NDArray[np.float32]:
        """Logarithm of a count with its pseudocount, for every count that all lineages together can reach."""
        most = max(int(c.sum(1, dtype=np.int64).max(initial=0)) for c in self.counts)
        return np.log(np.arange(most + 1) + SMOOTHING).astype(np.float32)

    @cached_property
    def totals(self) -> tuple[NDArray[np.float64], ...]:
        """Words of each lineage, float64 ``(G,)`` each."""
        return tuple(c.sum(0, dtype=np.float64) for c in self.counts)


def count_short(pool: Pool, lineage: NDArray[np.integer], lineages: Lineages) -> LineageCounts:
    """Count the short words of every lineage.

    Parameters
    ----------
    lineage
        int ``(C,)``: the lineage of each contig of the pool, rising within a member.
    """
    from strandloom.workflows.sources.word_kernels import count_words

    parts = _stretches(pool, lineage)
    found = []
    for k in SHORT:
        own = np.zeros(4**k, np.uint32)
        counts = np.zeros((4**k, len(lineages)), np.uint32)
        for number in range(len(lineages)):
            own[:] = 0
            for start, stop in parts[number]:
                count_words(pool.codes[start:stop], k, own)
            counts[:, number] = own
        found.append(counts)
    return LineageCounts(tuple(found))


def build_tables(
    pool: Pool,
    lineage: NDArray[np.integer],
    lineages: Lineages,
    counts: LineageCounts,
    *,
    bits: int = 24,
    say: Callable[[str], None] = lambda _: None,
) -> Tables:
    """Gather the words of a collection.

    Parameters
    ----------
    lineage
        int ``(C,)``: the lineage of each contig of the pool.
    counts
        Of :func:`count_short`.
    bits
        A table of long words has at most 2 to this power slots of four bytes (of protein words twice as many); where the collection has
        more words than fit, a sample is kept.
    """
    summed = []
    for c in counts.counts:
        by = np.zeros((len(c), lineages.environments))
        for e in range(lineages.environments):
            by[:, e] = c[:, lineages.environment == e].sum(1, dtype=np.float64)
        summed.append(by)
    bases = float(pool.lengths.sum())
    dna = _gather(lambda sets: _enter_dna(pool, lineage, lineages, sets), words=bases, bits=bits)
    say(f"{_used(dna):,} words of {LONG_DNA} bases ({dna.keep} of 256 kept)")
    frames = list(_frames(pool))
    residues = float(sum(int(own[:, 2].sum()) for own in frames))
    protein = _gather(lambda sets: _enter_protein(pool, lineage, lineages, frames, sets), words=residues, bits=bits + 1)
    say(f"{_used(protein):,} words of {LONG_PROTEIN} residues ({protein.keep} of 256 kept)")
    return Tables(lineages, tuple(summed), dna, protein)


class _Entering(NamedTuple):
    """A table while it is filled."""

    prints: NDArray[np.uint16]
    masks: NDArray[np.uint64]
    keep: int
    most: int


def _used(sets: WordSets) -> int:
    return int(np.count_nonzero(sets.prints))


def _gather(enter: Callable[[_Entering], bool], *, words: float, bits: int) -> WordSets:
    """Fill a table; with fewer words where they turn out not to fit."""
    least = max(10, int(np.ceil(np.log2(max(words, 1) / FULL))))
    size = 1 << min(bits, least)
    keep = int(np.clip(256 * FULL * size / max(words, 1), 1, 256))
    while True:
        table = _Entering(np.zeros(size, np.uint16), np.zeros(size, np.uint64), keep, int(0.9 * size))
        if enter(table) or keep == 1:
            break
        keep = max(1, keep * 3 // 4)
    sets, numbers = np.unique(table.masks, return_inverse=True)
    if (
        len(sets) > 65536
    ):  # the rarest sets give up their least common lineages: they lose the words that only they tell apart
        sets, numbers = _fewer_sets(sets, numbers)
    return WordSets(table.prints, numbers.astype(np.uint16).reshape(-1), sets, keep)


def _fewer_sets(sets: NDArray[np.uint64], numbers: NDArray[np.integer]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The 65,535 commonest sets and the empty one, which stands for all others."""
    often = np.argsort(-np.bincount(numbers.reshape(-1), minlength=len(sets)), kind="stable")
    kept = often[sets[often] != 0][:65535]
    new = np.zeros(len(sets), np.int64)
    new[kept] = np.arange(1, len(kept) + 1)
    return np.concatenate([np.zeros(1, np.uint64), sets[kept]]), new[numbers.reshape(-1)]


def _stretches(pool: Pool, lineage: NDArray[np.integer]) -> dict[int, list[tuple[int, int]]]:
    """For each lineage the parts of the pool's codes that hold its contigs, gaps included."""
    found: dict[int, list[tuple[int, int]]] = {g: [] for g in range(int(lineage.max(initial=-1)) + 1)}
    edges = np.flatnonzero(np.diff(lineage, prepend=-1))
    for first, last in zip(edges, np.append(edges[1:], len(lineage)), strict=True):
        stop = int(pool.starts[last - 1] + pool.lengths[last - 1] + 1)
        found[int(lineage[first])].append((int(pool.starts[first]), stop))
    return found


def _enter_dna(pool: Pool, lineage: NDArray[np.integer], lineages: Lineages, table: _Entering) -> bool:
    from strandloom.workflows.sources.word_kernels import add_dna

    used = 0
    for number, parts in _stretches(pool, lineage).items():
        for start, stop in parts:
            used = add_dna(
                pool.codes[start:stop], LONG_DNA, table.keep, table.prints, table.masks, lineages.own[number], table.most, used
            )  # fmt: skip
            if used < 0:
                return False
    return True


def _frames(pool: Pool) -> Iterator[NDArray[np.int64]]:
    """The open frames of each contig that are taken for genes, int64 ``(M, 3)``."""
    from strandloom.workflows.sources.word_kernels import longest_frames, open_frames

    code = genetic_code()
    for start, length in zip(pool.starts.tolist(), pool.lengths.tolist(), strict=True):
        least = max(LONG_PROTEIN, min(OPEN_FRAME, length // 4))
        room = np.empty((2 * length // max(least, 1) + 12, 3), np.int64)
        frames = room[: open_frames(pool.codes, start, length, code, least, room)]
        kept = np.ones(len(frames), np.bool_)
        if length > 3 * OPEN_FRAME:  # in a read every open frame may be the one
            order = np.argsort(-frames[:, 2], kind="stable")
            longest_frames(frames, order, length, np.zeros(length, np.bool_), kept)
        yield frames[kept]


def _enter_protein(
    pool: Pool,
    lineage: NDArray[np.integer],
    lineages: Lineages,
    frames: Sequence[NDArray[np.int64]],
    table: _Entering,
) -> bool:
    from strandloom.workflows.sources.word_kernels import add_protein

    code, used = genetic_code(), 0
    rows = zip(pool.starts.tolist(), pool.lengths.tolist(), lineage.tolist(), frames, strict=True)
    for start, length, number, own in rows:
        used = add_protein(
            pool.codes, start, length, own, code, len(_RESIDUES), LONG_PROTEIN, table.keep,
            table.prints, table.masks, lineages.own[number], table.most, used,
        )  # fmt: skip
        if used < 0:
            return False
    return True
