"""Random changes of a training batch, on its device, from a generator given by the caller."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from strandloom.alphabet import DNA
from strandloom.training.onehot import reverse_complement
from strandloom.training.settings import Strand


def augment(
    codes: Tensor,
    lengths: Tensor | None = None,
    *,
    generator: torch.Generator,
    strand: Strand,
    shift: int = 0,
    mutation: float = 0.0,
    anchor: str = "left",
    plain: bool = False,
) -> Tensor:
    """Reverse complement (under ``strand="both"``), shift and mutate the rows of a batch, each row on its own.

    Parameters
    ----------
    codes
        uint8 (B, L).
    lengths
        Bases per row, int (B,); None when every row fills all L columns.
    generator
        On the device of ``codes``.
    strand
        ``both`` turns each row over with probability one half.
    shift
        Each row moves by a whole number of bases drawn from ``-shift .. shift``; freed columns become pad.
    mutation
        Probability that a base becomes one of the three others.
    anchor
        Where shorter rows stand.
    plain
        There are no ambiguity codes.

    Returns
    -------
    Tensor
        uint8 (B, L).
    """
    if strand == "both":
        codes = turn_over(codes, lengths, generator=generator, anchor=anchor, plain=plain)
    if shift:
        codes = move(codes, shift, generator=generator)
    if mutation:
        codes = mutate(codes, mutation, generator=generator)
    return codes


def turn_over(
    codes: Tensor, lengths: Tensor | None, *, generator: torch.Generator, anchor: str, plain: bool = False
) -> Tensor:
    """Each row of codes, uint8 (B, L), or its reverse complement, with equal probability."""
    chosen = torch.rand(len(codes), generator=generator, device=codes.device) < 0.5
    return torch.where(chosen[:, None], reverse_complement(codes, lengths, anchor, plain=plain), codes)


def move(codes: Tensor, shift: int, *, generator: torch.Generator) -> Tensor:
    """Each row of codes, uint8 (B, L), moved by ``-shift .. shift`` columns; freed columns become pad."""
    width = codes.shape[1]
    by = torch.randint(0, 2 * shift + 1, (len(codes), 1), generator=generator, device=codes.device)
    wide = functional.pad(codes, (shift, shift), value=DNA.pad)  # (B, L + 2 shift)
    return wide.gather(1, torch.arange(width, device=codes.device)[None] + by)


def mutate(codes: Tensor, rate: float, *, generator: torch.Generator) -> Tensor:
    """Codes, uint8 (B, L), with each base replaced by one of the three others with probability ``rate``."""
    hit = torch.rand(codes.shape, generator=generator, device=codes.device) < rate
    step = torch.randint(1, 4, codes.shape, generator=generator, device=codes.device, dtype=torch.uint8)
    return torch.where(hit & (codes < 4), (codes + step) % 4, codes)
