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
    padded
        Variants whose window lies over an end of the contig.
    """

    rows: NDArray[np.int64]
    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    left_out: tuple[LeftOut, ...]
    padded: int


@dataclass(frozen=True, eq=False)
class AllelePair:
    """Windows of N variants; what lies beyond a contig is padding, and counts as part of the window, as in training and prediction.

    Parameters
    ----------
    reference, alternative
        uint8 ``(U, L)`` of the distinct reference windows, and ``(N, L)``.
    which
        The reference window of each variant, int64 ``(N,)``.
    """

    reference: Codes
    alternative: Codes
    which: NDArray[np.int64]


def place(block: VariantBlock, genome: Genome, *, length: int, longest: int | None = None) -> Placed:
    """Variants of a block on a genome; one whose reference allele is not that of the genome is left out.

    Parameters
    ----------
    length
        Bases of the model's window.
    longest
        Bases of the longest allele that fits; None: half the window.
    """
    most = length // 2 if longest is None else longest
    contig, start = genome.find(block.chrom), block.positions
    sizes = np.append(genome.sizes, 0)[contig]
    ref_length = np.array([len(x) for x in block.ref], np.int64)
    known = (contig >= 0) & (start + ref_length <= sizes)
    same = known.copy()
    single = np.flatnonzero(known & (ref_length == 1))
    same[single] = genome.codes[genome.starts[contig[single]] + start[single]] == DNA.encode(
        "".join(block.ref[i] for i in single.tolist())
    )
    for row in np.flatnonzero(known & (ref_length > 1)).tolist():
        at = int(genome.starts[contig[row]] + start[row])
        same[row] = (genome.codes[at : at + len(block.ref[row])] == DNA.encode(block.ref[row])).all()
    fits = np.array([max(len(r), len(a)) <= most for r, a in zip(block.ref, block.alt, strict=True)], bool)
    left = list(block.left_out)
    for row in np.flatnonzero(~(same & fits)).tolist():
        reason = _reason(genome, block, row, int(contig[row]), int(start[row]), same=bool(same[row]), most=most)
        record = (block.line[row], block.chrom[row], str(block.pos[row]), block.id[row], block.ref[row], block.alt[row])
        left.append(LeftOut(*record, reason))
    rows = np.flatnonzero(same & fits)
    begin = start[rows] - length // 2
    padded = int(((begin < 0) | (begin + length > sizes[rows])).sum())
    return Placed(rows, contig[rows], start[rows], tuple(sorted(left, key=lambda one: one.line)), padded)


def _reason(genome: Genome, block: VariantBlock, row: int, contig: int, start: int, *, same: bool, most: int) -> str:
    """Why a variant cannot be scored."""
    if contig < 0:
        return "the genome has no such contig"
    own, ref = genome.contigs[contig], block.ref[row]
    if start + len(ref) > own.length:
        return f"it ends beyond the contig of {own.length:,} bases"
    if not same:
        there = DNA.decode(np.asarray(genome.codes[own.start + start : own.start + start + len(ref)]))
        said, held = (x if len(x) <= 20 else f"{x[:20]}…" for x in (ref, there))
        return f"the reference allele is not the genome's: the file says {said}, the genome {held}"
    return f"an allele is longer than the {most:,} bases that fit"


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
    reference = genome.windows(placed.contig[first], begin[first], length=length).codes
    which = which.reshape(-1)
    column = placed.start - begin
    refs = [block.ref[row] for row in placed.rows.tolist()]
    alts = [block.alt[row] for row in placed.rows.tolist()]
    lengths = np.array([[len(ref), len(alt)] for ref, alt in zip(refs, alts, strict=True)], np.int64).reshape(-1, 2)
    alternative = reference[which]
    single = np.flatnonzero((lengths == 1).all(axis=1))
    alternative[single, column[single]] = DNA.encode("".join(alts[i] for i in single.tolist()))
    others = np.flatnonzero((lengths != 1).any(axis=1))
    more = int(np.maximum(lengths[others, 0] - lengths[others, 1], 0).max(initial=0))
    wide = genome.windows(placed.contig[others], begin[others], length=length + more).codes
    for source, row in zip(wide, others.tolist(), strict=True):
        at = int(column[row])
        alternative[row] = np.concatenate([source[:at], DNA.encode(alts[row]), source[at + len(refs[row]) :]])[:length]
    return AllelePair(reference, alternative, which)
