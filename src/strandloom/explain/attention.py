"""Attention weights as an attribution: where a network says that it looks, which need not be what decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.alphabet import Codes
from strandloom.errors import UsageError
from strandloom.explain.gradient import blocks, cleared, encoded
from strandloom.explain.strands import mirrored, turned


@torch.no_grad()
def attention(
    modules: Sequence[nn.Module],
    codes: Codes,
    *,
    strand: Literal["one", "both"] = "one",
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Attention weights, averaged over heads and members, placed on the bases that stand there.

    They are the same for every output, never negative, and sum to 1 over a sequence without gaps (Jain & Wallace 2019 on why they are no
    explanation by themselves).

    Parameters
    ----------
    modules
        Members with a method ``attention_weights`` from one-hot ``(B, 4, L)`` to ``(B, H, L)``; put into evaluation mode and moved to
        ``device``.
    codes
        uint8 ``(N, L)``.
    strand
        ``both``: averaged with the weights of the reverse complement, turned back.
    batch_size
        Sequences in a pass; the result does not depend on it beyond rounding.
    progress
        Called with the number of sequences done so far.

    Returns
    -------
    NDArray[np.float32]
        ``(N, 4, L)``: the weight of the position at each base that may stand there, 0 at the others.

    Raises
    ------
    UsageError
        A member has no attention.
    """
    out = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    readers = [_reader(member.eval().to(device)) for member in modules]
    for rows in blocks(len(codes), batch_size):
        x = encoded(codes[rows], device)
        weights = torch.stack([_mean_heads(reader, x) for reader in readers]).mean(dim=0)  # (B, L)
        if strand == "both":
            other = turned(x)
            back = torch.stack([_mean_heads(reader, other) for reader in readers]).mean(dim=0)
            weights = (weights + mirrored(back[:, None], x)[:, 0]) / 2
        out[rows] = ((x > 0) * weights[:, None, :]).cpu().numpy()
        if progress is not None:
            progress(rows.stop)
    return cleared(out, codes)


def _reader(member: nn.Module) -> Callable[[Tensor], Tensor]:
    reader = getattr(member, "attention_weights", None)
    if reader is None:
        raise UsageError(
            f"{type(member).__name__} has no attention weights to show",
            hint="use the method gradient, integrated_gradients, deeplift or mutagenesis",
        )
    return reader


def _mean_heads(reader: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Weights ``(B, L)``, mean over heads."""
    weights = reader(x)
    if weights.shape[1] == 0:
        raise UsageError(
            "this network was built without attention heads (heads: 0), so it has no attention weights to show",
            hint="use the method gradient, integrated_gradients, deeplift or mutagenesis",
        )
    return weights.float().mean(dim=1)
