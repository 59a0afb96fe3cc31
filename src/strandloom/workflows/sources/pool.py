"""The sequences of a collection in one array: every contig (or read) of every member, with where each begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import InputError
from strandloom.io.read import read_blocks
from strandloom.io.settings import LetterPolicy

GAP = DNA.pad
"""The code that stands after every contig, so that no window runs over its end unseen."""
GENOME_LETTERS = LetterPolicy(gap="remove", unknown="n", empty="skip")
_BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Pool:
    """Contigs one after the other.

    Parameters
    ----------
    codes
        uint8 ``(T,)``: the contigs, :data:`GAP` after each.
    starts, lengths
        int64 ``(C,)``: where each contig begins, and its bases.
    member
        int32 ``(C,)``, rising: whose it is.
    members
        Number of members, G.
    """

    codes: Codes
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    member: NDArray[np.int32]
    members: int

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """int64 ``(G + 1,)``: contigs ``bounds[g]:bounds[g + 1]`` are those of member g."""
        return np.searchsorted(self.member, np.arange(self.members + 1)).astype(np.int64)

    @cached_property
    def bases(self) -> NDArray[np.int64]:
        """Bases of each member, int64 ``(G,)``."""
        return np.bincount(self.member, self.lengths, minlength=self.members).astype(np.int64)

    def of(self, member: int) -> Codes:
        """The codes of one member, gaps included, uint8."""
        first, last = int(self.bounds[member]), int(self.bounds[member + 1])
        if first == last:
            return self.codes[:0]
        return self.codes[int(self.starts[first]) : int(self.starts[last - 1] + self.lengths[last - 1] + 1)]

    def take(self, members: Sequence[int]) -> Pool:
        """Some members, numbered anew in the order given."""
        parts = [self._contigs(member) for member in members]
        lengths = np.concatenate([self.lengths[x] for x in parts]) if parts else np.zeros(0, np.int64)
        return Pool(
            np.concatenate([self.of(member) for member in members]) if members else self.codes[:0],
            _starts(lengths),
            lengths,
            np.repeat(np.arange(len(members), dtype=np.int32), [x.stop - x.start for x in parts]),
            len(members),
        )

    def _contigs(self, member: int) -> slice:
        return slice(int(self.bounds[member]), int(self.bounds[member + 1]))


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where contigs begin that each end in one gap."""
    return np.concatenate(([0], np.cumsum(lengths + 1)[:-1])).astype(np.int64) if len(lengths) else lengths


def read_pool(
    files: Sequence[str | Path],
    *,
    least: int = 1,
    on_file: Callable[[int], None] | None = None,
) -> Pool:
    """Read one file for each member.

    Parameters
    ----------
    files
        FASTA or FASTQ (gz), one for each member.
    least
        Contigs with fewer bases are left out.
    on_file
        Told after each file how many are done.

    Raises
    ------
    InputError
        A file cannot be read, or has no contig of ``least`` bases.
    """
    codes: list[Codes] = []
    lengths: list[NDArray[np.int64]] = []
    for number, file in enumerate(files):
        own_codes, own_lengths = _read(Path(file), least)
        codes.append(own_codes)
        lengths.append(own_lengths)
        if on_file is not None:
            on_file(number + 1)
    every = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
    member = np.repeat(np.arange(len(lengths), dtype=np.int32), [len(x) for x in lengths])
    joined = np.concatenate(codes) if codes else np.zeros(0, np.uint8)
    return Pool(joined, _starts(every), every, member, len(files))


def _read(file: Path, least: int) -> tuple[Codes, NDArray[np.int64]]:
    """Codes of the contigs of a file, a gap after each, and their lengths."""
    parts: list[Codes] = []
    lengths: list[NDArray[np.int64]] = []
    shorter = 0
    for block in read_blocks(file, policy=GENOME_LETTERS, block_rows=_BLOCK_ROWS, columns="none"):
        kept = np.flatnonzero(block.lengths >= least)
        shorter += len(block) - len(kept)
        rows = block if len(kept) == len(block) else block.take(kept)
        at = rows.offsets[1:]
        parts.append(np.insert(rows.codes, at, np.uint8(GAP)))
        lengths.append(rows.lengths)
    found = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
    if not len(found):
        told = f"{shorter:,} sequences are shorter than {least} bases" if shorter else "there is no sequence in it"
        raise InputError(
            f"nothing can be used: {told}", where=file, hint="check the file, or take its row out of the table"
        )
    return np.concatenate(parts), found
