"""Parts of networks, computed where substitutions change something: what the networks of :mod:`strandloom.explain.local` share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.models.attention import AttentionPool
from strandloom.models.blocks import Conv, ConvBlock
from strandloom.models.channels_last import channels_last


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
        answer = (kernel * scale_of(block.norm)).flip(0)
        self.before, self.after = (-(-side // window) * window for side in (right, left))
        table = kernel.new_zeros(self.before + stretch + self.after, stretch, 4, filters)
        for i in range(stretch):
            table[self.before + i - right : self.before + i + left + 1, i] = answer
        self.table = table.flatten(1, 2)  # (w, stretch * 4, F)

    def keep(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Values before ReLU, ``(L', S, F)``: -inf at padding and up to a multiple of the window."""
        values = positions_first(self.block.norm(self.block.conv(channels_last(x))))  # (L, S, F)
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


def attend(
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
    scores = attention_scores(pool, new, seen)
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


def attention_scores(pool: AttentionPool, features: Tensor, seen: Tensor | None) -> Tensor:
    """Scores ``(w, E, H)`` of features ``(w, E, C)``, lowest at padding."""
    scores = pool.score(features)
    return scores if seen is None else scores.masked_fill(~seen[..., None], lowest(scores))


def scale_of(norm: nn.BatchNorm2d) -> Tensor:
    """What a norm multiplies each channel by in evaluation, ``(C,)``."""
    assert norm.running_var is not None
    return norm.weight * torch.rsqrt(norm.running_var + norm.eps)


def positions_first(x: Tensor) -> Tensor:
    """``(S, C, 1, P)`` to ``(P, S, C)``."""
    return x.squeeze(2).permute(2, 0, 1).contiguous()


def outside(x: Tensor, start: int, stop: int) -> Tensor:
    """What stands before ``start`` and from ``stop`` on."""
    return torch.cat([x[:start], x[stop:]])


def maximum(new: Tensor, rest: Tensor, row: Tensor) -> Tensor:
    """Maximum over positions of ``new (w, E, C)`` and of the rest ``(p, S, C)`` of its sequence: ``(E, C)``."""
    highest = new.amax(dim=0)
    return torch.maximum(highest, rest.amax(dim=0)[row]) if len(rest) else highest


def lowest(x: Tensor) -> float:
    """The lowest finite number of its kind."""
    return torch.finfo(x.dtype).min
