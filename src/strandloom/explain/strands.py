"""Sequences in a padded window as they stand on the other strand: what is no base at the ends stays where it is.

A window of ``--ACGTN-`` turns to ``--NACGT-``: the first and the last column that hold a base keep their places, and column ``p``
between them goes to ``first + last - p``. One form for tensors, one for codes; both agree.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from strandloom.alphabet import DNA, Codes


def turned(x: Tensor) -> Tensor:
    """Reverse complement of one-hot ``(B, 4, L)``; all-zero columns at the ends stay where they are."""
    flipped = x.flip(1)  # A C G T to T G C A
    seen = (x != 0).any(dim=1)  # (B, L)
    if bool(seen[:, 0].all()) and bool(seen[:, -1].all()):
        return flipped.flip(2)
    return mirrored(flipped, x)


def mirrored(values: Tensor, x: Tensor) -> Tensor:
    """Values ``(B, C, L)`` at the columns of one-hot ``x (B, 4, L)``, at those where they stand once it is turned; 0 at the ends."""
    first, last = (end[:, None, None] for end in ends(x))  # (B, 1, 1)
    places = torch.arange(x.shape[-1], device=x.device)
    source = (first + last - places).clamp(0, x.shape[-1] - 1)  # (B, 1, L); at the ends any place: it is cleared below
    return values.gather(2, source.expand_as(values)) * ((places >= first) & (places <= last))


def ends(x: Tensor) -> tuple[Tensor, Tensor]:
    """First and last column of one-hot ``(B, 4, L)`` that hold a base, int64 ``(B,)`` each; L and -1 where none does."""
    seen = (x != 0).any(dim=1)  # (B, L)
    places = torch.arange(x.shape[-1], device=x.device)
    return torch.where(seen, places, x.shape[-1]).amin(dim=1), torch.where(seen, places, -1).amax(dim=1)


def turned_codes(codes: Codes) -> Codes:
    """Reverse complement of codes uint8 ``(N, L)``; pads and gaps at the ends stay where they are."""
    length = codes.shape[1]
    seen = codes < DNA.gap
    places = np.arange(length)
    first = np.where(seen, places, length).min(axis=1, initial=length)[:, None]
    last = np.where(seen, places, -1).max(axis=1, initial=-1)[:, None]
    source = (first + last - places).clip(0, max(length - 1, 0))
    moved = DNA.complement(np.take_along_axis(codes, source, 1))
    return np.where((places >= first) & (places <= last), moved, codes)
