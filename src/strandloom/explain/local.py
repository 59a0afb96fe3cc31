"""Raw scores of single substitutions, computed only where they change anything.

A substitution reaches the positions that a filter over it covers, and a few more after every layer; elsewhere the activations are
those of the sequence itself (fastISM, Nair et al. 2022). Here the *difference* from them goes through the linear layers, so that a
dilated filter costs one product for each position that differs, not for each that will; what no substitution in a stretch of bases
reaches is pooled once for all of them.

Arrays run as ``(positions, sequences S or edits E, channels)``: a run of positions is then one matrix, and every layer a few products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.models.attention import AttentionPool
from strandloom.models.blocks import Conv, ConvBlock, GatedResidualBlock, padding_mask, pool_mask
from strandloom.models.channels_last import channels_last
from strandloom.models.multiscale import Branch, Multiscale
from strandloom.models.residual import PositionBins, Residual

WIDEST_POOL = 32
"""Bases in a pooled position up to which a residual network is computed in part: what a base adds is a table that grows with the square."""
MULTISCALE_STRETCH = 8
"""Bases whose substitutions are computed together where nothing is pooled: few, or most of what is computed does not change."""


class Edits(NamedTuple):
    """E substitutions in a block of sequences, as columns of equal length."""

    row: Tensor
    """Sequence of the block, int64."""
    position: Tensor
    """Position, 0 … L - 1, int64."""
    base: Tensor
    """Base that is put there, 0 … 3, int64."""

    def __len__(self) -> int:
        """Number of substitutions E."""
        return len(self.row)

    def take(self, which: slice | Tensor) -> Edits:
        """Some of the substitutions."""
        return Edits(self.row[which], self.position[which], self.base[which])


class Kept(Protocol):
    """What is kept of S sequences, to score their substitutions."""

    def scores(self, row: Tensor, change: Tensor, *, first: int) -> Tensor:
        """Raw scores ``(E, K)`` of substitutions in bases ``first : first + stretch``.

        Parameters
        ----------
        row
            int64 ``(E,)``: the sequence of each.
        change
            ``(E, stretch * 4)``: by how much the one-hot input differs in the stretch.
        first
            A multiple of the stretch.
        """


class Local(Protocol):
    """A network that can be computed where a substitution changes something."""

    @property
    def stretch(self) -> int:
        """Bases whose substitutions are computed together."""

    def keep(self, x: Tensor) -> Kept:
        """Compute one-hot ``(S, 4, L)`` and keep what its substitutions need."""


def local(network: nn.Module) -> Local | None:
    """The network as one that is computed where a substitution changes something; None where it cannot be.

    It can for ``residual`` (up to 32 bases in a pooled position) and ``multiscale`` networks as they are built, without hooks.
    """
    if any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        return None
    if type(network) is Residual and network.window <= WIDEST_POOL:
        return LocalResidual(network)
    if type(network) is Multiscale:
        return LocalMultiscale(network)
    return None


class Stem:
    """First convolution with its norm and ReLU: a substitution adds its share to the positions its filters cover.

    Parameters
    ----------
    block
        The layer.
    stretch
        Bases whose substitutions are computed together.
    window
        Positions that are pooled next: what is computed begins and ends at a multiple of it.
    """

    def __init__(self, block: ConvBlock, *, stretch: int, window: int = 1) -> None:
        self.block, self.stretch, self.window = block, stretch, window
        convs = [block.conv] if isinstance(block.conv, Conv) else [c for c in block.conv.convs if isinstance(c, Conv)]
        left, right = (max(conv.edges[side] for conv in convs) for side in (0, 1))
        kernel = convs[0].weight.new_zeros(left + 1 + right, 4, block.norm.num_features)  # (W, 4, F)
        filters = 0
        for conv in convs:
            start, count, width = left - conv.edges[0], conv.out_channels, conv.kernel_size[1]
            kernel[start : start + width, :, filters : filters + count] = conv.weight[:, :, 0].permute(2, 1, 0)
            filters += count
        # (W, 4, F): what a base adds to each position, the first of them `right` before its own
        answer = (kernel * _scale(block.norm)).flip(0)
        self.before, self.after = (-(-side // window) * window for side in (right, left))
        table = kernel.new_zeros(self.before + stretch + self.after, stretch, 4, filters)
        for i in range(stretch):
            table[self.before + i - right : self.before + i + left + 1, i] = answer
        self.table = table.flatten(1, 2)  # (w, stretch * 4, F)

    def keep(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Values before ReLU, ``(L', S, F)``: -inf at padding and up to a multiple of the window."""
        values = _positions_first(self.block.norm(self.block.conv(channels_last(x))))  # (L, S, F)
        if mask is not None:
            values = values.masked_fill(~mask.t()[..., None], -torch.inf)
        return F.pad(values, (0, 0, 0, 0, 0, -len(values) % self.window), value=-torch.inf)

    def edited(self, kept: Tensor, row: Tensor, change: Tensor, *, first: int) -> tuple[Tensor, int]:
        """Output where the stretch at ``first`` reaches, pooled, ``(w, E, F)``, and its first position after pooling."""
        start, stop = max(first - self.before, 0), min(first + self.stretch + self.after, len(kept))
        skipped = start - (first - self.before)
        table = self.table[skipped : skipped + stop - start]
        values = kept[start:stop].index_select(1, row)
        values.baddbmm_(change.expand(len(table), -1, -1), table).relu_()
        return self.pooled(values), start // self.window

    def pooled(self, values: Tensor) -> Tensor:
        """Maxima of windows."""
        return values if self.window == 1 else values.unflatten(0, (-1, self.window)).amax(dim=1)


class DilatedBlock:
    """A gated residual block over differences: its norm and its gain are folded into the weights, its biases cancel.

    The positions stand as rows of one picture and the edits as its columns: oneDNN then leaves out the products with the zeros around it.
    """

    def __init__(self, block: GatedResidualBlock) -> None:
        self.block = block
        self.before, self.after = block.conv.edges[1], block.conv.edges[0]
        self.dilation = block.conv.dilation[1]
        weight = (block.conv.weight * _scale(block.norm)[:, None, None]).transpose(2, 3)  # (2C, C, W, 1)
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self.project = block.project.weight * block.gain  # (C, C, 1, 1)

    def keep(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """``(S, C, 1, P)`` to the output, and to values before the gates ``(P, S, 2C)`` and minus what is added ``(P, S, C)``."""
        values = _positions_first(self.block.conv(self.block.norm(x, mask)))
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


class LocalMultiscale:
    """A ``multiscale`` network where substitutions change it."""

    stretch = MULTISCALE_STRETCH

    def __init__(self, network: Multiscale) -> None:
        self.network = network
        branches = [branch for branch in network.branches if isinstance(branch, Branch)]
        self.branches = [(Stem(branch.conv, stretch=self.stretch), branch.attention) for branch in branches]

    def keep(self, x: Tensor) -> Kept:
        """See :class:`Local`."""
        mask = padding_mask(x)
        seen = None if mask is None else mask.t()
        kept = []
        for stem, attention in self.branches:
            values = stem.keep(x, mask)
            features = values.relu()
            kept.append((values, features, _scores(attention, features, seen)))
        return _KeptMultiscale(self, kept, seen)


@dataclass(frozen=True, eq=False)
class _KeptMultiscale:
    """Of each branch the values before ReLU, the features ``(L, S, F)`` and their scores ``(L, S, H)``; bool ``(L, S)``."""

    local: LocalMultiscale
    branches: list[tuple[Tensor, Tensor, Tensor]]
    seen: Tensor | None

    def scores(self, row: Tensor, change: Tensor, *, first: int) -> Tensor:
        """See :class:`Kept`."""
        parts = []
        for (stem, attention), (values, features, scores) in zip(self.local.branches, self.branches, strict=True):
            new, start = stem.edited(values, row, change, first=first)
            stop = start + len(new)
            rest = _outside(features, start, stop)
            parts.append(_maximum(new, rest, row))
            seen = None if self.seen is None else self.seen[start:stop, row]
            parts.append(_attend(attention, new, seen, rest, _outside(scores, start, stop), row))
        return self.local.network.head(torch.cat(parts, dim=1))


class LocalResidual:
    """A ``residual`` network where substitutions change it."""

    def __init__(self, network: Residual) -> None:
        self.network = network
        self.stretch = network.window
        self.stem = Stem(network.stem, stretch=self.stretch, window=network.window)
        self.project = network.project.weight  # (C, F, 1, 1)
        self.blocks = [DilatedBlock(block) for block in network.blocks if isinstance(block, GatedResidualBlock)]
        self.scale = _scale(network.norm)
        self.attention = network.attention
        self.positions = None if network.position is None else Positions(network.position)

    def keep(self, x: Tensor) -> Kept:
        """See :class:`Local`."""
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
        normed = _positions_first(network.norm(h, mask))  # (P, S, C)
        features = F.gelu(normed)
        seen = None if mask is None else mask.t()
        return _KeptResidual(
            self,
            values,
            motifs,
            -_products(motifs, self.project),
            kept,
            normed,
            features,
            None if self.attention is None else _scores(self.attention, features, seen),
            None if self.positions is None else self.positions.keep(features, seen),
            seen,
        )


@dataclass(frozen=True, eq=False)
class _KeptResidual:
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
        """See :class:`Kept`."""
        local = self.local
        motifs, start = local.stem.edited(self.values, row, change, first=first)  # (w, E, F)
        stop = start + len(motifs)
        parts = [_maximum(motifs, _outside(self.motifs, start, stop), row)]
        difference = self.unprojected[start:stop].index_select(1, row)  # (w, E, C)
        difference += _products(motifs, local.project)
        for block, kept in zip(local.blocks, self.blocks, strict=True):
            difference, start = block.edited(self._shown(difference, start, row), start, kept, row)
        stop = start + len(difference)
        new = self.normed[start:stop].index_select(1, row)
        new = F.gelu(new.addcmul_(self._shown(difference, start, row), local.scale))
        rest = _outside(self.features, start, stop)
        seen = None if self.seen is None else self.seen[start:stop, row]  # (w, E)
        if seen is None or self.seen is None:
            parts.append(_maximum(new, rest, row))
        else:
            hidden = ~_outside(self.seen, start, stop)[..., None]
            lowest = _lowest(new)
            parts.append(_maximum(new.masked_fill(~seen[..., None], lowest), rest.masked_fill(hidden, lowest), row))
        if local.attention is not None and self.attention is not None:
            parts.append(_attend(local.attention, new, seen, rest, _outside(self.attention, start, stop), row))
        if local.positions is not None and self.positions is not None:
            parts.append(local.positions.edited(new, seen, self.positions, row, start=start))
        return local.network.head(torch.cat(parts, dim=1))

    def _shown(self, difference: Tensor, start: int, row: Tensor) -> Tensor:
        """Differences ``(w, E, C)`` from position ``start`` on, zero at padding."""
        if self.seen is None:
            return difference
        return difference * self.seen[start : start + len(difference), row, None]


def _attend(
    pool: AttentionPool, new: Tensor, seen: Tensor | None, rest: Tensor, rest_scores: Tensor, row: Tensor
) -> Tensor:
    """Attention pooling of what substitutions reach and of what they do not: ``(E, H * C)``.

    Parameters
    ----------
    new, seen
        Features ``(w, E, C)`` that are reached, and bool ``(w, E)``, false at padding (None: no padding).
    rest, rest_scores
        Features ``(p, S, C)`` that are not, and their scores ``(p, S, H)``, lowest at padding.
    """
    scores = _scores(pool, new, seen)
    highest = scores.amax(dim=0)  # (E, H)
    if len(rest):
        rest_highest = rest_scores.amax(dim=0)  # (S, H)
        highest = torch.maximum(highest, rest_highest[row])
    shares = (scores - highest).exp_()  # (w, E, H)
    total = shares.sum(dim=0)
    pooled = torch.bmm(shares.permute(1, 2, 0), new.transpose(0, 1))  # (E, H, C)
    if len(rest):
        rest_shares = (rest_scores - rest_highest).exp_()  # (p, S, H)
        rest_pooled = torch.bmm(rest_shares.permute(1, 2, 0), rest.transpose(0, 1))  # (S, H, C)
        factor = (rest_highest[row] - highest).exp_()  # (E, H)
        total = total + rest_shares.sum(dim=0)[row] * factor
        pooled = pooled.addcmul_(rest_pooled[row], factor[..., None])
    return (pooled / total[..., None]).flatten(1)


def _scale(norm: nn.BatchNorm2d) -> Tensor:
    """What a norm multiplies each channel by in evaluation, ``(C,)``."""
    assert norm.running_var is not None
    return norm.weight * torch.rsqrt(norm.running_var + norm.eps)


def _positions_first(x: Tensor) -> Tensor:
    """``(S, C, 1, P)`` to ``(P, S, C)``."""
    return x.squeeze(2).permute(2, 0, 1).contiguous()


def _products(x: Tensor, weight: Tensor) -> Tensor:
    """``x (w, E, C)`` times a filter of width 1, ``(D, C, 1, 1)``: ``(w, E, D)``; twice as fast as a product of matrices where oneDNN
    knows more of the processor than the library for those does."""
    return F.conv2d(x.transpose(1, 2).unsqueeze(2), weight).squeeze(2).transpose(1, 2)


def _outside(x: Tensor, start: int, stop: int) -> Tensor:
    """What stands before ``start`` and from ``stop`` on."""
    return torch.cat([x[:start], x[stop:]])


def _maximum(new: Tensor, rest: Tensor, row: Tensor) -> Tensor:
    """Maximum over positions of ``new (w, E, C)`` and of the rest ``(p, S, C)`` of its sequence: ``(E, C)``."""
    highest = new.amax(dim=0)
    return torch.maximum(highest, rest.amax(dim=0)[row]) if len(rest) else highest


def _scores(pool: AttentionPool, features: Tensor, seen: Tensor | None) -> Tensor:
    """Scores ``(w, E, H)`` of features ``(w, E, C)``, lowest at padding."""
    scores = pool.score(features)
    return scores if seen is None else scores.masked_fill(~seen[..., None], _lowest(scores))


def _lowest(x: Tensor) -> float:
    return torch.finfo(x.dtype).min
