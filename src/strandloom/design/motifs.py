"""Motifs and places in many sequences at once, with the constant bases around them; and how they are written in settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.design.enzymes import SITES
from strandloom.design.settings import LETTERS
from strandloom.errors import SettingsError, nearest

_PLACE = re.compile(r"(-?\d+)(?:-(-?\d+))?")
BITS = np.array([sum(1 << "ACGT".index(b) for b in DNA.members[x]) for x in DNA.letters] + [0], np.uint8)
"""Bases that a code may stand for, as bits; none for gap and padding."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences that are judged, with what every rule reads of them.

    Parameters
    ----------
    codes, starts
        uint8 ``(N, L)``: the sequences and those that they were made of.
    first, length
        int64 ``(N,)``: the column of the first base, and bases.
    allowed
        uint8 ``(N, L)``: bits of the bases that may stand there.
    left, right
        Flanking bases as codes.
    """

    codes: Codes
    starts: Codes
    allowed: NDArray[np.uint8]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    left: Codes
    right: Codes

    @cached_property
    def flanked(self) -> NDArray[np.uint8]:
        """Bits of the bases with the flanks around them, uint8 ``(N, left + L + right)``."""
        rows, width = self.codes.shape
        out = np.zeros((rows, len(self.left) + width + len(self.right)), np.uint8)
        out[:, len(self.left) : len(self.left) + width] = BITS[self.codes]
        each = np.arange(rows)[:, None]
        if len(self.left):
            out[each, self.first[:, None] + np.arange(len(self.left))] = BITS[self.left]
        if len(self.right):
            out[each, self.end[:, None] + np.arange(len(self.right))] = BITS[self.right]
        return out

    @property
    def end(self) -> NDArray[np.int64]:
        """The column behind the last base, with the left flank before it, int64 ``(N,)``."""
        return len(self.left) + self.first + self.length

    def mismatches(self, motif: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Bases that differ from a motif (bits) where it begins at each column, int64 ``(N, columns)``; all where it leaves the bases."""
        text = self.flanked
        columns = max(text.shape[1] - len(motif) + 1, 0)
        found, outside = np.zeros((len(text), columns), np.int64), np.zeros((len(text), columns), bool)
        for i, bits in enumerate(motif):
            here = text[:, i : i + columns]
            outside |= here == 0
            found += (here & ~bits) != 0
        found[outside] = len(motif)
        return found

    def inside(self, width: int) -> NDArray[np.bool_]:
        """Whether a word that begins at each column touches the sequence, bool ``(N, columns)``: words of the flanks are given."""
        columns = max(self.flanked.shape[1] - width + 1, 0)
        at = np.arange(columns)
        return (at + width > (len(self.left) + self.first)[:, None]) & (at < self.end[:, None])

    def count(self, motif: NDArray[np.uint8], *, frame: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Occurrences of a motif that touch the sequence, int64 ``(N,)``."""
        hits = (self.mismatches(motif) == 0) & self.inside(len(motif))
        if frame is not None:
            hits &= frame[:, : hits.shape[1]]
        return np.asarray(hits.sum(1), np.int64)

    def in_frame(self) -> NDArray[np.bool_]:
        """Whether a codon that begins at each column is in the frame of what follows the sequence, bool ``(N, columns)``."""
        return np.asarray((self.end[:, None] - np.arange(self.flanked.shape[1])) % 3 == 0)


def bits_of(text: str) -> NDArray[np.uint8]:
    """Bits of a motif in IUPAC codes, uint8 ``(w,)``."""
    return BITS[DNA.encode(text)]


def spelled(bits: NDArray[np.uint8]) -> str:
    """The IUPAC codes of bits."""
    return "".join(LETTERS[int(np.flatnonzero(BITS[: len(LETTERS)] == b)[0])] for b in bits)


def turned(text: str) -> str:
    """The reverse complement of a motif in IUPAC codes."""
    return DNA.decode(DNA.reverse_complement(DNA.encode(text)))


def motif_of(text: str) -> tuple[str, tuple[str, ...]]:
    """The name of a forbidden motif and the words it stands for: an enzyme's site on both strands, or IUPAC codes as given.

    Raises
    ------
    SettingsError
        It is neither.
    """
    known = {name.lower(): name for name in SITES}
    if text.lower() in known:
        name = known[text.lower()]
        return f"{name} ({SITES[name]})", tuple(dict.fromkeys((SITES[name], turned(SITES[name]))))
    upper = text.upper().replace("U", "T")
    if not upper or any(x not in LETTERS for x in upper):
        like = nearest(text, SITES)
        raise SettingsError(
            f"`{text}` is neither a motif in IUPAC codes nor an enzyme that is known",
            where="rules.forbid",
            hint=f"did you mean `{like}`?" if like else "enzymes: " + ", ".join(SITES),
        )
    return upper, (upper,)


def places(text: str, length: int, *, where: str) -> slice:
    """Columns of ``"5"``, ``"2-8"``, ``"-3"`` or ``"-8--1"`` in a sequence of so many bases; negative numbers count from its end.

    Raises
    ------
    SettingsError
        It is no place, or lies outside.
    """
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise SettingsError(f"`{text}` is no position", where=where, hint="5, 1-10, -3 (from the end), -8--1")
    ends = [int(x) for x in found.groups() if x is not None]
    columns = [x - 1 if x > 0 else length + x for x in ends]
    first, last = columns[0], columns[-1]
    if 0 not in ends and 0 <= last < first < length:
        raise SettingsError(
            f"the positions {text} run backwards", where=where, hint="the smaller one comes first: 2-8, -8--1"
        )
    if 0 in ends or first < 0 or last >= length or last < first:
        raise SettingsError(
            f"the positions {text} do not lie in a sequence of {length} bases",
            where=where,
            hint="the first base is 1, the last one -1",
        )
    return slice(first, last + 1)
