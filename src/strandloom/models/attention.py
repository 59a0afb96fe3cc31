"""Attention pooling done right: free-range scores, padding left out, a weighted sum, weights that can be read."""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor, nn


class AttentionPool(nn.Module):
    """Pools positions into one vector per head: softmax over positions of a learned score, then a weighted sum.

    Parameters
    ----------
    channels
        Channels C of the input.
    heads
        Number of independent weightings, H.

    Notes
    -----
    The scores are linear in the channels, so that a head can look at a single position (a squashed score keeps the
    ratio of two weights below e² and the pooling near a plain mean). Rows without any unmasked position give zeros.
    """

    def __init__(self, channels: int, heads: int = 1) -> None:
        super().__init__()
        self.score = nn.Linear(channels, heads)

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Weights of the positions, float32 ``(B, H, P)``; they sum to 1 over positions (to 0 in a row all masked).

        Parameters
        ----------
        x
            Features ``(B, C, P)``.
        mask
            bool ``(B, P)``, true where there is sequence; None: everywhere.
        """
        scores = self.score(x.transpose(1, 2)).transpose(1, 2)  # (B, H, P)
        scores = scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores
        if mask is None:
            return scores.softmax(dim=-1)
        seen = mask[:, None, :]  # (B, 1, P)
        lowest = torch.finfo(scores.dtype).min
        return scores.masked_fill(~seen, lowest).softmax(dim=-1) * seen

    @overload
    def forward(self, x: Tensor, mask: Tensor | None = None, *, return_weights: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, return_weights: Literal[True]
    ) -> tuple[Tensor, Tensor]: ...

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Pool ``x (B, C, P)`` to ``(B, H * C)``; with ``return_weights`` also the weights ``(B, H, P)``."""
        weights = self.weights(x, mask)
        pooled = torch.bmm(weights.to(x.dtype), x.transpose(1, 2))  # (B, H, C)
        flat = pooled.flatten(1)  # (B, H * C)
        return (flat, weights) if return_weights else flat


def spread_weights(weights: Tensor, *, window: int, length: int) -> Tensor:
    """Weights of pooled positions ``(B, H, P)`` spread evenly over their bases: ``(B, H, L)``, same sums.

    Parameters
    ----------
    window
        Bases per pooled position; the last one may hold fewer.
    length
        Bases L of the sequence.
    """
    if window == 1:
        return weights[..., :length]
    spread = weights.repeat_interleave(window, dim=-1)[..., :length] / window
    rest = length % window
    if rest:
        spread[..., length - rest :] *= window / rest
    return spread
