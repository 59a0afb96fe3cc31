"""The encoder: convolutions with norms and gated residuals, a code of channels at each position, pooled by segments into so many values.

The published autoencoder had no activations before its code, no norms, unbounded outputs with a squared error, and a dense layer in which
the position of everything was lost.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from strandloom.models.blocks import Conv, ConvBlock, GatedResidualBlock, MaskedBatchNorm, padding_mask, pool_mask
from strandloom.models.channels_last import channels_last
from strandloom.workflows.encoding.settings import EncoderSettings

BASES = 4


class Encoded(NamedTuple):
    """What the encoder makes of a batch."""

    values: Tensor
    """float ``(B, V)``."""
    code: Tensor
    """float ``(B, C, P)``: the code at each position, before it is pooled."""


class _PictureStem(nn.Module):
    """A convolution over a position × base picture: filters also slide over the order of the bases."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        part = max(filters // 3, 1)
        self.conv = nn.Conv2d(1, part, (2, width), padding=(0, width // 2))
        self.mix = ConvBlock(3 * part, filters, 1)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """One-hot ``(B, 4, L)`` to ``(B, filters, 1, L)``, never negative."""
        found = self.conv(x[:, None])[..., : x.shape[2]]  # (B, part, 3, L)
        mixed: Tensor = self.mix(channels_last(functional.gelu(found).flatten(1, 2)), mask)
        return mixed


class _Stem(nn.Module):
    """A convolution over positions, the bases as channels."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        self.block = ConvBlock(BASES, filters, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """As :meth:`_PictureStem.forward`."""
        found: Tensor = self.block(channels_last(x), mask)
        return found


class Encoder(nn.Module):
    """One-hot ``(B, 4, L)`` to values ``(B, V)``.

    Parameters
    ----------
    settings
        Sizes and objective.
    length
        Bases L.
    """

    def __init__(self, settings: EncoderSettings, *, length: int) -> None:
        super().__init__()
        self.settings, self.length = settings, length
        filters, channels = settings.filters, settings.channels
        self.pool = settings.window(length)
        self.positions = -(-length // self.pool)
        self.stem = (_PictureStem if settings.stem == "2d" else _Stem)(filters, settings.width)
        self.narrow = Conv(filters, channels, 1)
        self.blocks = nn.ModuleList(GatedResidualBlock(channels, dilation=2**i) for i in range(settings.blocks))
        self.norm = MaskedBatchNorm(channels)
        self.code = nn.Conv1d(channels, settings.values // (2 * settings.segments), 1)
        self.head = self._head()

    def _head(self) -> nn.Module:
        settings, code = self.settings, self.code.out_channels
        if settings.objective == "masked":
            return nn.Conv1d(code, BASES * self.pool, 1)
        if settings.objective == "denoise":
            return nn.Sequential(
                nn.Linear(settings.values, 1000), nn.GELU(), nn.Linear(1000, BASES * self.positions * self.pool)
            )
        return nn.Sequential(nn.Linear(settings.values, 256), nn.GELU(), nn.Linear(256, 128))

    def encode(self, x: Tensor) -> Encoded:
        """Values and codes of one-hot ``(B, 4, L)``."""
        pool = self.pool
        mask = padding_mask(x)
        found = functional.max_pool2d(self.stem(x, mask), (1, pool), ceil_mode=True)
        mask = pool_mask(mask, pool)
        found = self.narrow(found)
        for block in self.blocks:
            found = block(found, mask)
        code = self.code(functional.gelu(self.norm(found, mask)).squeeze(2))
        active = functional.gelu(code).float()
        if mask is not None:
            active = active * mask[:, None]
        size = self.settings.segments
        largest, mean = functional.adaptive_max_pool1d(active, size), functional.adaptive_avg_pool1d(active, size)
        return Encoded(torch.cat([largest.flatten(1), mean.flatten(1)], 1), code)

    def bases(self, encoded: Encoded) -> Tensor:
        """Raw scores of the bases ``(B, 4, L)`` (objectives masked and denoise)."""
        if self.settings.objective == "masked":
            found = self.head(functional.gelu(encoded.code))  # (B, 4 pool, P)
            found = found.unflatten(1, (BASES, self.pool)).transpose(2, 3).flatten(2)
        else:
            found = self.head(encoded.values).unflatten(1, (BASES, -1))
        return found[..., : self.length]

    def projected(self, encoded: Encoded) -> Tensor:
        """Unit vectors ``(B, 128)`` (objective contrastive)."""
        found: Tensor = functional.normalize(self.head(encoded.values), dim=1)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(B, V)``."""
        return self.encode(x).values
