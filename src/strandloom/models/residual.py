"""The default: a first convolution of many narrow filters, dilated gated residual blocks, and a head that pools and keeps position."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.models.attention import AttentionPool, spread_weights
from strandloom.models.blocks import (
    Conv,
    ConvBlock,
    GatedResidualBlock,
    Head,
    MaskedBatchNorm,
    masked_max,
    padding_mask,
    pool_mask,
)
from strandloom.models.channels_last import channels_last
from strandloom.models.settings import ResidualSettings

KEEP_POSITION_UP_TO = 1000
"""Bases up to which ``position: auto`` keeps position: windows around a site are shorter, contigs longer."""


def pool_window(settings: ResidualSettings, *, length: int) -> int:
    """Bases per position after the first convolution; ``auto`` keeps short sequences fine and long ones cheap."""
    if settings.pool != "auto":
        return settings.pool
    for window, below in ((1, 16), (2, 96), (4, 2049), (8, 4097)):
        if length < below:
            return window
    return 16


def keeps_position(settings: ResidualSettings, *, length: int) -> bool:
    """Whether the head sees where features lie."""
    return settings.position == "keep" or (settings.position == "auto" and length <= KEEP_POSITION_UP_TO)


class PositionBins(nn.Module):
    """Few channels averaged in equal stretches of the sequence: the part of the head that knows where things are.

    Parameters
    ----------
    channels
        Channels C of the input.
    kept
        Channels c averaged.
    positions
        Positions P of the input; fixed.
    bins
        Stretches; at most P.
    """

    share: Tensor

    def __init__(self, channels: int, *, kept: int, positions: int, bins: int) -> None:
        super().__init__()
        bins = min(bins, positions)
        self.features = kept * bins
        self.project = Conv(channels, kept, 1)
        share = torch.zeros(positions, bins)
        for i in range(bins):
            first, last = i * positions // bins, math.ceil((i + 1) * positions / bins)
            share[first:last, i] = 1 / (last - first)
        self.register_buffer("share", share, persistent=False)  # follows from the settings: no weight

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(B, C, 1, P)`` to ``(B, c * bins)``; padding counts as zeros."""
        y = self.project(x).squeeze(2)  # (B, c, P)
        if mask is not None:
            y = y * mask[:, None, :]
        return (y @ self.share.to(y.dtype)).flatten(1)


class Residual(nn.Module):
    """Dilated gated residual network over one-hot sequence.

    Parameters
    ----------
    settings
        Its shape.
    channels
        Input channels C (4 for DNA).
    length
        Bases L of the input. Without kept position any other length works too.
    outputs
        Raw scores K.

    Notes
    -----
    The head reads, side by side, the maximum of every first-layer filter (which motifs are there), the maximum and the
    attention-weighted sums of the last block (which arrangements are there) and, if kept, averages of a few
    channels in equal stretches (where they are). Without that last part, right padding and its amount change nothing.
    """

    def __init__(self, settings: ResidualSettings, *, channels: int, length: int, outputs: int) -> None:
        super().__init__()
        self.length = length
        self.window = pool_window(settings, length=length)
        width = settings.channels
        self.stem = ConvBlock(channels, settings.filters, settings.stem_widths)
        self.project = Conv(settings.filters, width, 1)
        self.blocks = nn.ModuleList(
            GatedResidualBlock(
                width,
                width=settings.width,
                dilation=settings.dilations[i % len(settings.dilations)],
                dropout=settings.dropout,
            )
            for i in range(settings.blocks)
        )
        self.norm = MaskedBatchNorm(width)
        self.attention = AttentionPool(width, settings.heads) if settings.heads else None
        self.position = (
            PositionBins(
                width,
                kept=settings.position_channels,
                positions=math.ceil(length / self.window),
                bins=settings.position_bins,
            )
            if keeps_position(settings, length=length)
            else None
        )
        features = settings.filters + width * (1 + settings.heads)
        features += self.position.features if self.position is not None else 0
        self.head = Head(
            features,
            dense=(settings.dense,),
            outputs=outputs,
            dropout=settings.dense_dropout,
            input_dropout=settings.dense_dropout,
        )

    def _trunk(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """One-hot ``(B, C, L)`` to motifs ``(B, F)``, features ``(B, C', 1, P)`` and the mask ``(B, P)``."""
        mask = padding_mask(x)
        h = self.stem(channels_last(x), mask)  # (B, F, 1, L)
        if self.window > 1:
            h = F.max_pool2d(h, (1, self.window), ceil_mode=True)  # (B, F, 1, P)
        mask = pool_mask(mask, self.window)
        motifs = h.amax(dim=(2, 3))  # (B, F); never negative, zero at padding
        h = self.project(h)
        for block in self.blocks:
            h = block(h, mask)
        return motifs, F.gelu(self.norm(h, mask)), mask

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)``, all-zero columns being padding, to raw scores ``(B, K)``."""
        motifs, h, mask = self._trunk(x)
        flat = h.squeeze(2)  # (B, C', P)
        parts = [motifs, masked_max(flat, mask)]
        if self.attention is not None:
            parts.append(self.attention(flat, mask))
        if self.position is not None:
            parts.append(self.position(h, mask))
        return self.head(torch.cat(parts, dim=1))

    def attention_weights(self, x: Tensor) -> Tensor:
        """Where the attention heads look: ``(B, heads, L)``, each row summing to 1; no rows without attention."""
        _, h, mask = self._trunk(x)
        if self.attention is None:
            return x.new_zeros(len(x), 0, x.shape[-1])
        weights = self.attention.weights(h.squeeze(2), mask)  # (B, heads, P)
        return spread_weights(weights, window=self.window, length=x.shape[-1])
