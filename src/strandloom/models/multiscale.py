"""Parallel convolutions of several widths, each pooled by attention and by its maximum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from strandloom.models.attention import AttentionPool
from strandloom.models.blocks import ConvBlock, Head, padding_mask, position_max
from strandloom.models.channels_last import channels_last
from strandloom.models.settings import MultiscaleSettings

SILENT = -1.0
"""First bias of the filters, in standard deviations. At 0 a filter answers at half of the positions; a motif stands in one or two."""


class Branch(nn.Module):
    """One width: convolution, batch norm, ReLU, dropout, then the maximum and the attention-weighted sums.

    Parameters
    ----------
    channels
        Input channels C.
    filters
        Filters F.
    width
        Width of the filters, in bases.
    heads
        Attention heads.
    dropout
        Share of channels dropped while training.
    """

    def __init__(self, channels: int, *, filters: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.conv = ConvBlock(channels, filters, width, dropout=dropout, start=SILENT)
        self.attention = AttentionPool(filters, heads)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``(B, C, 1, L)`` to ``(B, F * (1 + heads))``."""
        h = self.conv(x, mask).squeeze(2)  # (B, F, L)
        return torch.cat([position_max(h), self.attention(h, mask)], dim=1)  # h is never negative, zero at padding


class Multiscale(nn.Module):
    """Multi-scale network with attention pooling, after the tutorial of ``tutorial.py``: any length, padding left out, a weighted sum.

    Parameters
    ----------
    settings
        Its shape.
    channels
        Input channels C (4 for DNA).
    outputs
        Raw scores K.
    """

    def __init__(self, settings: MultiscaleSettings, *, channels: int, outputs: int) -> None:
        super().__init__()
        filters = settings.filters_by_width
        self.branches = nn.ModuleList(
            Branch(channels, filters=count, width=width, heads=settings.heads, dropout=settings.dropout)
            for width, count in zip(settings.widths, filters, strict=True)
        )
        features = sum(filters) * (1 + settings.heads)
        self.head = Head(
            features,
            dense=settings.dense,
            outputs=outputs,
            dropout=settings.dense_dropout,
            input_dropout=settings.dense_dropout,
        )

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)``, all-zero columns being padding, to raw scores ``(B, K)``."""
        mask = padding_mask(x)
        x = channels_last(x)
        return self.head(torch.cat([branch(x, mask) for branch in self.branches], dim=1))

    def attention_weights(self, x: Tensor) -> Tensor:
        """Where each branch's heads look: ``(B, widths * heads, L)``, each row summing to 1."""
        mask = padding_mask(x)
        x = channels_last(x)
        weights = []
        for branch in self.branches:
            assert isinstance(branch, Branch)
            weights.append(branch.attention.weights(branch.conv(x, mask).squeeze(2), mask))
        return torch.cat(weights, dim=1)
