"""The encoder: convolutions with norms and residuals, a code of channels at each position, pooled by segments into so many values.

The published autoencoder had no activations before its code, no norms, unbounded outputs with a squared error, and a dense layer in which
the position of everything was lost.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from strandloom.workflows.encoding.settings import EncoderSettings

BASES = 4


class Encoded(NamedTuple):
    """What the encoder makes of a batch."""

    values: Tensor
    """float ``(B, V)``."""
    code: Tensor
    """float ``(B, C, P)``: the code at each position, before it is pooled."""


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8 if channels % 8 == 0 else 1, channels)
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape ``(B, C, P)``."""
        added: Tensor = self.out(functional.gelu(self.conv(functional.gelu(self.norm(x)))))
        return x + added


class _PictureStem(nn.Module):
    """A convolution over a position × base picture: filters also slide over the order of the bases."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        part = max(filters // 3, 1)
        self.conv = nn.Conv2d(1, part, (2, width), padding=(0, width // 2))
        self.mix = nn.Conv1d(3 * part, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, 4, L)`` to ``(B, filters, L)``."""
        found = self.conv(x[:, None]).flatten(1, 2)  # (B, part, 3, L) → (B, 3 part, L)
        mixed: Tensor = self.mix(functional.gelu(found[..., : x.shape[2]]))
        return mixed


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
        self.positions = -(-length // settings.pool)
        self.stem: nn.Module = (
            _PictureStem(filters, settings.width)
            if settings.stem == "2d"
            else nn.Conv1d(BASES, filters, settings.width, padding=settings.width // 2)
        )
        self.narrow = nn.Conv1d(filters, channels, 1)
        self.blocks = nn.Sequential(*(_Residual(channels, 2**i) for i in range(settings.blocks)))
        self.code = nn.Conv1d(channels, settings.values // (2 * settings.segments), 1)
        self.head = self._head()

    def _head(self) -> nn.Module:
        settings, code = self.settings, self.code.out_channels
        if settings.objective == "masked":
            return nn.Conv1d(code, BASES * settings.pool, 1)
        if settings.objective == "denoise":
            return nn.Sequential(
                nn.Linear(settings.values, 1000), nn.GELU(), nn.Linear(1000, BASES * self.positions * settings.pool)
            )
        return nn.Sequential(nn.Linear(settings.values, 256), nn.GELU(), nn.Linear(256, 128))

    def encode(self, x: Tensor) -> Encoded:
        """Values and codes of one-hot ``(B, 4, L)``."""
        pool = self.settings.pool
        found = self.stem(x)[..., : x.shape[2]]
        found = functional.max_pool1d(functional.gelu(found), pool, ceil_mode=True)
        code = self.code(functional.gelu(self.blocks(self.narrow(found))))
        active = functional.gelu(code)
        size = self.settings.segments
        largest, mean = functional.adaptive_max_pool1d(active, size), functional.adaptive_avg_pool1d(active, size)
        return Encoded(torch.cat([largest.flatten(1), mean.flatten(1)], 1), code)

    def bases(self, encoded: Encoded) -> Tensor:
        """Raw scores of the bases ``(B, 4, L)`` (objectives masked and denoise)."""
        if self.settings.objective == "masked":
            found = self.head(functional.gelu(encoded.code))  # (B, 4 pool, P)
            found = found.unflatten(1, (BASES, self.settings.pool)).transpose(2, 3).flatten(2)
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
