"""What the encoder is asked without labels: hidden bases, all bases, or which copies belong together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from strandloom.alphabet import DNA
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.workflows.encoding.network import BASES, Encoder

COLD = 0.1
"""Temperature of the contrastive loss."""


class Asked(NamedTuple):
    """Loss of a batch, and of how many of the asked bases (or copies) the answer was right."""

    loss: Tensor
    right: int
    asked: int


def hidden_places(shape: tuple[int, int], *, share: float, span: int, generator: torch.Generator) -> Tensor:
    """Which bases are hidden, bool ``(B, L)``: spans that begin at random, about a share of all."""
    begins = torch.rand(shape, generator=generator) < share / span
    found = begins.clone()
    for step in range(1, span):
        found[:, step:] |= begins[:, :-step]
    return found


def ask(encoder: Encoder, codes: Tensor, *, generator: torch.Generator) -> Asked:
    """Put the question of the encoder's objective to a batch.

    Parameters
    ----------
    codes
        uint8 ``(B, L)``.
    generator
        Draws what is hidden or altered.
    """
    settings = encoder.settings
    table = one_hot_table(codes.device)
    if settings.objective == "contrastive":
        return _ask_copies(encoder, codes, table, generator)
    known = codes < BASES
    share, span = settings.altered
    hidden = hidden_places(tuple(codes.shape), share=share, span=span, generator=generator) & known  # type: ignore[arg-type]
    x = one_hot(codes, table) * (~hidden)[:, None]
    scores = encoder.bases(encoder.encode(x)).float()
    asked = hidden if settings.objective == "masked" else known
    target = codes.long().clamp(max=BASES - 1)
    each = functional.cross_entropy(scores, target, reduction="none")
    count = int(asked.sum())
    right = int(((scores.argmax(1) == target) & asked).sum())
    return Asked((each * asked).sum() / max(count, 1), right, count)


def _ask_copies(encoder: Encoder, codes: Tensor, table: Tensor, generator: torch.Generator) -> Asked:
    """InfoNCE over two altered copies of each sequence."""
    copies = torch.cat([altered(codes, encoder, generator), altered(codes, encoder, generator)])
    vectors = encoder.projected(encoder.encode(one_hot(copies, table))).float()
    likeness = vectors @ vectors.T / COLD
    likeness.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(copies)).roll(len(codes))
    loss = functional.cross_entropy(likeness, partner)
    return Asked(loss, int((likeness.argmax(1) == partner).sum()), len(copies))


def altered(codes: Tensor, encoder: Encoder, generator: torch.Generator) -> Tensor:
    """Copies of a batch: moved, turned or not, with some bases replaced, uint8 ``(B, L)``."""
    settings, length = encoder.settings, codes.shape[1]
    share, span = settings.altered
    far = int(length * settings.moved)
    moves = torch.randint(-far, far + 1, (len(codes), 1), generator=generator)
    place = torch.arange(length)[None] + moves
    out = torch.where(
        (place >= 0) & (place < length),
        codes.gather(1, place.clamp(0, length - 1)),
        torch.tensor(DNA.pad, dtype=torch.uint8),
    )
    turn = torch.rand(len(codes), generator=generator) < 0.5
    out[turn] = torch.flip(DNA_COMPLEMENT[out[turn].long()], (1,))
    changed = hidden_places((len(codes), length), share=share, span=span, generator=generator) & (out < BASES)
    return torch.where(changed, torch.randint(0, BASES, out.shape, generator=generator, dtype=torch.uint8), out)


DNA_COMPLEMENT = torch.from_numpy(DNA.complement_table.copy())
"""Code to the code of its complement, uint8 ``(codes,)``."""
