"""``residual`` networks, computed where substitutions change them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from strandloom.explain.local_layers import (
    Stem,
    attend,
    attention_scores,
    lowest,
    maximum,
    outside,
    positions_first,
    scale_of,
)
from strandloom.models.blocks import GatedResidualBlock, padding_mask, pool_mask
from strandloom.models.residual import PositionBins, Residual


class LocalResidual:
    """A ``residual`` network where substitutions change it."""

    def __init__(self, network: Residual) -> None:
        self.network = network
        self.stretch = network.window
        self.stem = Stem(network.stem, stretch=self.stretch, window=network.window)
        self.project = network.project.weight  # (C, F, 1, 1)
        self.blocks = [DilatedBlock(block) for block in network.blocks if isinstance(block, GatedResidualBlock)]
        self.scale = scale_of(network.norm)
        self.attention = network.attention
        self.positions = None if network.position is None else Positions(network.position)

    def keep(self, x: Tensor) -> KeptResidual:
        """See :class:`~strandloom.explain.local.Local`."""
        network = self.network
        mask = padding_mask(x)
        values = self.stem.keep(x, mask)  # (L', S, F)
        mask = pool_mask(mask, network.window)
        motifs = self.stem.pooled(values.relu())  # (P, S, F)
        h = network.project(motifs.permute(1, 2, 0).unsqueeze(2).contiguous(memory_format=torch.channels_last))
        kept = []
        for block in self.blocks:
            h, its = block.keep(h, mask)
            kept.append(its)
        normed = positions_first(network.norm(h, mask))  # (P, S, C)
        features = F.gelu(normed)
        seen = None if mask is None else mask.t()
        return KeptResidual(
            self,
            values,
            motifs,
            -_products(motifs, self.project),
            kept,
            normed,
            features,
            None if self.attention is None else attention_scores(self.attention, features, seen),
            None if self.positions is None else self.positions.keep(features, seen),
            seen,
        )


@dataclass(frozen=True, eq=False)
class KeptResidual:
    """What is kept of S sequences at P pooled positions."""

    local: LocalResidual
    values: Tensor
    """Stem before ReLU, ``(L', S, F)``."""
    motifs: Tensor
    """Stem, pooled, ``(P, S, F)``."""
    unprojected: Tensor
    """Minus its projection, ``(P, S, C)``."""
    blocks: list[tuple[Tensor, Tensor]]
    """Of each block, as :meth:`DilatedBlock.keep` has it."""
    normed: Tensor
    """After the last norm, ``(P, S, C)``."""
    features: Tensor
    """After GELU, ``(P, S, C)``, zero at padding."""
    attention: Tensor | None
    """Scores of the attention, ``(P, S, H)``."""
    positions: tuple[Tensor, Tensor] | None
    """As :meth:`Positions.keep` has it."""
    seen: Tensor | None
    """bool ``(P, S)``, false at padding; None: no padding."""

    def scores(self, row: Tensor, change: Tensor, *, first: int) -> Tensor:
        """See :class:`~strandloom.explain.local.Kept`."""
        local = self.local
        motifs, start = local.stem.edited(self.values, row, change, first=first)  # (w, E, F)
        stop = start + len(motifs)
        parts = [maximum(motifs, outside(self.motifs, start, stop), row)]
        difference = self.unprojected[start:stop].index_select(1, row)  # (w, E, C)
        difference += _products(motifs, local.project)
        for block, kept in zip(local.blocks, self.blocks, strict=True):
            difference, start = block.edited(self._shown(difference, start, row), start, kept, row)
        stop = start + len(difference)
        new = self.normed[start:stop].index_select(1, row)
        new = F.gelu(new.addcmul_(self._shown(difference, start, row), local.scale))
        rest = outside(self.features, start, stop)
        seen = None if self.seen is None else self.seen[start:stop, row]  # (w, E)
        if seen is None or self.seen is None:
            parts.append(maximum(new, rest, row))
        else:
            hidden = ~outside(self.seen, start, stop)[..., None]
            low = lowest(new)
            parts.append(maximum(new.masked_fill(~seen[..., None], low), rest.masked_fill(hidden, low), row))
        if local.attention is not None and self.attention is not None:
            parts.append(attend(local.attention, new, seen, rest, outside(self.attention, start, stop), row))
        if local.positions is not None and self.positions is not None:
            parts.append(local.positions.edited(new, seen, self.positions, row, start=start))
        return local.network.head(torch.cat(parts, dim=1))

    def _shown(self, difference: Tensor, start: int, row: Tensor) -> Tensor:
        """Differences ``(w, E, C)`` from position ``start`` on, zero at padding."""
        if self.seen is None:
            return difference
        return difference * self.seen[start : start + len(difference), row, None]


class DilatedBlock:
    """A gated residual block over differences: its norm and its gain are folded into the weights, its biases cancel.

    The positions stand as rows of one picture and the edits as its columns: oneDNN then leaves out the products with the zeros around it.
    """

    def __init__(self, block: GatedResidualBlock) -> None:
        self.block = block
        self.before, self.after = block.conv.edges[1], block.conv.edges[0]
        self.dilation = block.conv.dilation[1]
        weight = (block.conv.weight * scale_of(block.norm)[:, None, None]).transpose(2, 3)  # (2C, C, W, 1)
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.project = block.project.weight * block.gain  # (C, C, 1, 1)

    def keep(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """``(S, C, 1, P)`` to the output, and to values before the gates ``(P, S, 2C)`` and minus what is added ``(P, S, C)``."""
        values = positions_first(self.block.conv(self.block.norm(x, mask)))
        return self.block(x, mask), (values, -_products(F.glu(values, dim=2), self.project))

    def edited(self, difference: Tensor, start: int, kept: tuple[Tensor, Tensor], row: Tensor) -> tuple[Tensor, int]:
        """Differences of the input from position ``start`` on, ``(w, E, C)``, to those of the output, and their first position."""
        values, unadded = kept
        stop = start + len(difference)
        first, last = max(start - self.before, 0), min(stop + self.after, len(values))
        picture = difference.permute(2, 0, 1).unsqueeze(0)  # (1, C, w, E)
        edge = max(start - first + self.after, last - stop + self.before)
        new = F.conv2d(picture, self.weight, padding=(edge, 0), dilation=(self.dilation, 1))[0].permute(1, 2, 0)
        new = new[first - start + edge - self.after :][: last - first]  # (w', E, 2C)
        new += values[first:last].index_select(1, row)
        out = unadded[first:last].index_select(1, row)
        out[start - first : stop - first] += difference
        out += _products(F.glu(new, dim=2), self.project)
        return out, first


class Positions:
    """The averages of :class:`PositionBins`: the change of a few positions is added to them."""

    def __init__(self, bins: PositionBins) -> None:
        self.bins = bins
        self.weight, self.bias = bins.project.weight[:, :, 0, 0], bins.project.bias

    def keep(self, features: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features ``(P, S, C)`` to the few channels ``(P, S, c)`` and their averages ``(S, c, bins)``."""
        channels = self._channels(features, seen)
        return channels, torch.einsum("psc,pn->scn", channels, self.bins.share)

    def edited(
        self, new: Tensor, seen: Tensor | None, kept: tuple[Tensor, Tensor], row: Tensor, *, start: int
    ) -> Tensor:
        """Features ``(w, E, C)`` from position ``start`` on to the averages ``(E, c * bins)``."""
        channels, averages = kept
        stop = start + len(new)
        difference = self._channels(new, seen) - channels[start:stop].index_select(1, row)  # (w, E, c)
        return (averages[row] + torch.einsum("wec,wn->ecn", difference, self.bins.share[start:stop])).flatten(1)

    def _channels(self, features: Tensor, seen: Tensor | None) -> Tensor:
        channels = F.linear(features, self.weight, self.bias)
        return channels if seen is None else channels * seen[..., None]


def _products(x: Tensor, weight: Tensor) -> Tensor:
    """``x (w, E, C)`` times a filter of width 1, ``(D, C, 1, 1)``: ``(w, E, D)``; twice as fast as a product of matrices where oneDNN
    knows more of the processor than the library for those does."""
    return F.conv2d(x.transpose(1, 2).unsqueeze(2), weight).squeeze(2).transpose(1, 2)
