"""Windows of a genome with the reference and with the alternative allele of variants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.io.genome import Genome
from strandloom.io.vcf import LeftOut, VariantBlock


@dataclass(frozen=True, eq=False)
class Placed:
    """N variants that can be scored.

    Parameters
    ----------
    rows
        Their places in the block, int64 ``(N,)``.
    contig, start
        Number of the contig and first base of the reference allele counted from 0, int64 ``(N,)``.
    left_out
        Alleles that cannot be scored, those that the reader left out included, by line.
    """

    rows: NDArray[np.int64]
    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, eq=False)
class AllelePair:
    """Windows of N variants.

    Parameters
    ----------
    reference, alternative
        uint8 ``(U, L)`` of the distinct reference windows, and ``(N, L)``.
    reference_lengths, alternative_lengths
        int32: bases of each.
    which
        The reference window of each variant, int64 ``(N,)``.
    padded
        Variants whose window lies over an end of the contig.
    """

    reference: Codes
    alternative: Codes
    reference_lengths: NDArray[np.int32]
    alternative_lengths: NDArray[np.int32]
    which: NDArray[np.int64]
    padded: int


def place(block: VariantBlock, genome: Genome, *, length: int) -> Placed:
    """Variants of a block on a genome; one whose reference allele is not that of the genome is left out.

    Parameters
    ----------
    length
        Bases of the model's window: longer alleles do not fit.
    """
    numbers = {contig.name: i for i, contig in enumerate(genome.contigs)}
    contig = np.array([numbers.get(name, -1) for name in block.chrom], np.int64)
    start = block.positions
    bases = genome.codes
    kept, left = [], list(block.left_out)
    for row in range(len(block)):
        reason = _reason(block.ref[row], block.alt[row], int(contig[row]), int(start[row]), genome, bases, length)
        if reason:
            left.append(
                LeftOut(
                    block.line[row],
                    block.chrom[row],
                    str(block.pos[row]),
                    block.id[row],
                    block.ref[row],
                    block.alt[row],
                    reason,
                )
            )
        else:
            kept.append(row)
    rows = np.array(kept, np.int64)
    return Placed(rows, contig[rows], start[rows], tuple(sorted(left, key=lambda one: one.line)))


def _reason(ref: str, alt: str, contig: int, start: int, genome: Genome, bases: Codes, length: int) -> str:
    """Why a variant cannot be scored; empty where it can."""
    if contig < 0:
        return "the genome has no such contig"
    own = genome.contigs[contig]
    if start + len(ref) > own.length:
        return f"it ends beyond the contig of {own.length:,} bases"
    there = DNA.decode(np.asarray(bases[own.start + start : own.start + start + len(ref)]))
    if there != ref:
        shown = there if len(there) <= 20 else f"{there[:20]}…"
        return f"the reference allele is not the genome's: {shown}"
    if max(len(ref), len(alt)) > length // 2:
        return f"an allele is longer than half the model's window of {length:,} bases"
    return ""


def cut_pairs(block: VariantBlock, placed: Placed, genome: Genome, *, length: int, shift: int = 0) -> AllelePair:
    """Windows with either allele, which begin at the same base; what an insertion adds is taken off the end, what a deletion removes is
    filled up there.

    Parameters
    ----------
    length
        Bases L of a window.
    shift
        Bases by which windows are moved to the right; at 0 the first base of the allele is in the middle.
    """
    begin = placed.start - length // 2 + shift
    keys = np.column_stack([placed.contig, begin])
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    reference = genome.windows(placed.contig[first], begin[first], length=length)
    column = placed.start - begin
    refs = [block.ref[row] for row in placed.rows.tolist()]
    alts = [block.alt[row] for row in placed.rows.tolist()]
    changed = np.array([len(alt) - len(ref) for ref, alt in zip(refs, alts, strict=True)], np.int64)
    which = which.reshape(-1)
    alternative = reference.codes[which].copy()
    lengths = reference.lengths[which].copy()
    more = int(max(-changed.min(initial=0), 0))
    wide = genome.windows(placed.contig, begin, length=length + more) if more else None
    for row, (ref, alt) in enumerate(zip(refs, alts, strict=True)):
        at, codes = int(column[row]), DNA.encode(alt)
        if not changed[row]:
            alternative[row, at : at + len(alt)] = codes
            continue
        source = reference.codes[which[row]] if wide is None else wide.codes[row]
        joined = np.concatenate([source[:at], codes, source[at + len(ref) :]])[:length]
        alternative[row] = joined
        lengths[row] = int((joined != DNA.pad).sum())
    padded = int((reference.lengths[which] < length).sum())
    return AllelePair(reference.codes, alternative, reference.lengths, lengths, which, padded)
