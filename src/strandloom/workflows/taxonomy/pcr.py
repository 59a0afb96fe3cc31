"""In-silico PCR: where primers sit in sequences, on either strand, and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strandloom.alphabet import DNA, Codes
from strandloom.settings import Settings
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.ragged import Offsets, cut
from strandloom.workflows.taxonomy.search import MASKS

PAIR, HALF, PARTS, ONE, PART, NONE = 5, 4, 3, 2, 1, 0
"""How sure an insert is: two whole sites; one whole and one in part; two in part; one whole and an end of the sequence; a long part
and an end; no insert."""
WHOLE_SITE, PART_OF_SITE, NO_SITE = 2, 1, 0


class PcrSettings(Settings):
    """How much a site may differ from its primer."""

    mismatches: float = Field(0.2, ge=0, le=0.4)
    """Bases that may differ, as a share of the primer's length."""
    inner: int = Field(5, ge=0)
    """Bases at the 3' end of a primer that must fit better."""
    inner_mismatches: int = Field(2, ge=0)
    """Of those, how many may differ."""


@dataclass(frozen=True, eq=False)
class Sites:
    """The insert found in each of N sequences, in the sequence's own coordinates."""

    strand: NDArray[np.int8]
    """int8 ``(N,)``: 1 as the reference, -1 the other strand, 0 no site."""
    start: NDArray[np.int64]
    """int64 ``(N,)``: first base of the insert, -1 where there is none."""
    end: NDArray[np.int64]
    """int64 ``(N,)``: one past its last base, -1 where there is none."""
    quality: NDArray[np.int8]
    """int8 ``(N,)``: how sure it is, :data:`PAIR` to :data:`NONE`."""
    kinds: NDArray[np.int8]
    """int8 ``(N, 2)``: what lies before and after it: 2 a whole site, 1 a part of it, 0 none."""
    mismatches: NDArray[np.int16]
    """int16 ``(N, 2)``: bases in which those sites differ from the primers."""

    def __len__(self) -> int:
        return len(self.strand)


def locate(
    codes: Codes,
    offsets: Offsets,
    marker: Marker,
    *,
    settings: PcrSettings | None = None,
    lengths: tuple[int, int] | None = None,
) -> Sites:
    """Find the primer sites of a marker in each sequence.

    A base of a sequence fits a letter of a primer where they have a base in common (IUPAC on both sides). Of all pairs of sites at a
    fitting distance, on both strands, the one with the fewest mismatches is taken, the first of equals. Where there is no pair, one
    site and the end of the sequence (or what is left of the other primer there) will do.

    Parameters
    ----------
    codes, offsets
        N sequences one after the other, uint8 ``(total,)`` and int64 ``(N + 1,)``.
    marker
        The primers and the length of the insert.
    settings
        How much a site may differ.
    lengths
        Shortest and longest insert; left out, those of the marker.
    """
    from strandloom.workflows.taxonomy.pcr_kernels import locate as compiled

    settings = settings or PcrSettings()
    low, high = lengths or (marker.min_length, marker.max_length)
    forward, reverse = DNA.encode(marker.forward), DNA.encode(marker.reverse)
    number = len(offsets) - 1
    found, strand = np.zeros((number, 7), np.int64), np.zeros(number, np.int8)
    compiled(
        MASKS[codes], offsets,
        MASKS[forward], MASKS[DNA.reverse_complement(reverse)], MASKS[reverse], MASKS[DNA.reverse_complement(forward)],
        int(settings.mismatches * len(forward)), int(settings.mismatches * len(reverse)),
        settings.inner, settings.inner_mismatches, low, high, found, strand,
    )  # fmt: skip
    quality, start, end = found[:, 0].astype(np.int8), found[:, 1], found[:, 2]
    return Sites(strand, start, end, quality, found[:, 3:5].astype(np.int8), found[:, 5:7].astype(np.int16))


@dataclass(frozen=True, eq=False)
class Trimmed:
    """Sequences without primers, and what was cut."""

    codes: Codes
    """uint8 ``(total,)``: the sequences one after the other."""
    offsets: Offsets
    """int64 ``(N + 1,)``."""
    strand: NDArray[np.int8]
    """int8 ``(N,)``: 1 or -1 where primers told the strand (-1 was turned round), 0 where there were none: left as it was."""
    cut: NDArray[np.int64]
    """int64 ``(N, 2)``: bases cut before and after the insert, in the orientation of the input."""

    @property
    def trimmed(self) -> int:
        """Sequences that had primers."""
        return int((self.strand != 0).sum())

    @property
    def turned(self) -> int:
        """Sequences that were turned round."""
        return int((self.strand == -1).sum())


def trim_primers(codes: Codes, offsets: Offsets, marker: Marker, *, settings: PcrSettings | None = None) -> Trimmed:
    """Cut primers, parts of primers and what lies beyond them (adapters) off sequences, and turn these as the reference.

    Sequences without primers stay as they are. An insert may be from half as long as the marker's shortest to twice as long as its
    longest, so that primers are also cut off what is not of the marker.

    Parameters
    ----------
    codes, offsets
        N sequences one after the other, uint8 ``(total,)`` and int64 ``(N + 1,)``.
    marker
        The primers.
    settings
        How much a site may differ.
    """
    sites = locate(codes, offsets, marker, settings=settings, lengths=(marker.min_length // 2, 2 * marker.max_length))
    held = sites.quality > NONE
    sizes = np.diff(offsets)
    start, end = np.where(held, sites.start, 0), np.where(held, sites.end, sizes)
    strand = np.where(held, sites.strand, 0).astype(np.int8)
    trimmed, bounds = cut(codes, offsets, start, end, strand)
    return Trimmed(trimmed, bounds, strand, np.stack([start, sizes - end], axis=1))
