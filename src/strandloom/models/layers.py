"""A network from a typed list of blocks, its shapes inferred block by block and its mistakes told in words.

Blocks do literally what they say: convolutions and norms do not know padding (as in the published networks this kind
expresses); attention and global pooling do, through a mask that follows the blocks before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.errors import SettingsError
from strandloom.models import settings as s
from strandloom.models.attention import AttentionPool
from strandloom.models.blocks import (
    Dropout,
    Exponential,
    activation,
    masked_max,
    masked_mean,
    padding_mask,
    same_padding,
)
from strandloom.models.channels_last import BatchNorm1d, Conv1d, MaxPool1d, channels_last, keep_order
from strandloom.models.start import keras_start


class Flatten(nn.Module):
    """Positions and channels to one vector, channel by channel.

    Traced for another engine it goes position by position where :class:`Dense` follows: engines hold the channels of a position
    together, and would spend as long on the other order as on the network.

    Parameters
    ----------
    positions
        Positions P of the input.
    """

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.positions, self.by_position = positions, False

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, P)`` to ``(B, C * P)``."""
        return (x.transpose(1, 2) if self.by_position and torch.jit.is_tracing() else x).flatten(1)


class Dense(nn.Linear):
    """``nn.Linear``; traced behind a :class:`Flatten` by position, its weights are put into that order."""

    positions = 0

    def forward(self, input: Tensor) -> Tensor:
        """``(B, D)`` to ``(B, units)``."""
        if self.positions and torch.jit.is_tracing():
            weight = self.weight.unflatten(1, (-1, self.positions)).transpose(1, 2).flatten(1)
            return F.linear(input, weight, self.bias)
        return super().forward(input)


PLAIN = (Dropout, nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, Exponential)
"""Modules that treat every value alike."""


class Shape(NamedTuple):
    """What flows between blocks: ``channels`` values at each of ``positions``, or a flat vector (positions None)."""

    positions: int | None
    channels: int

    def __str__(self) -> str:
        return f"({self.channels},)" if self.positions is None else f"({self.positions}, {self.channels})"


@dataclass(frozen=True)
class Placed:
    """A block in its place: its path from the model, its settings, the shape that leaves it and its module."""

    path: str
    settings: s.BlockSettings
    shape: Shape
    module: Step


class Step(nn.Module):
    """A block: features and mask in, features and mask out. The base keeps the mask and applies ``inner``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``x`` is ``(B, C, P)`` or ``(B, D)``; ``mask`` is bool ``(B, P)``, or None where nothing is padding."""
        return self.inner(x), mask


class WindowStep(Step):
    """A convolution or pooling: the mask is true where any position of the window was."""

    def __init__(self, inner: nn.Module, *, size: int, stride: int, dilation: int = 1, edges: tuple[int, int]) -> None:
        super().__init__(inner)
        self.size, self.stride, self.dilation, self.edges = size, stride, dilation, edges

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``(B, C, P)`` to ``(B, F, P')``."""
        if mask is not None and (self.size, self.stride) != (1, 1):
            padded = F.pad(mask[:, None].float(), self.edges)
            mask = F.max_pool1d(padded, self.size, self.stride, dilation=self.dilation)[:, 0] > 0
        return self.inner(x), mask


class Pad(nn.Module):
    """Empty positions at both ends.

    Parameters
    ----------
    left, right
        How many.
    """

    def __init__(self, left: int, right: int) -> None:
        super().__init__()
        self.edges = (left, right)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, P)`` to ``(B, C, left + P + right)``."""
        return F.pad(x, self.edges)


class PadStep(Step):
    """Empty positions, which the mask does not hold."""

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``(B, C, P)`` to ``(B, C, left + P + right)``."""
        assert isinstance(self.inner, Pad)
        return self.inner(x), None if mask is None else F.pad(mask, self.inner.edges)


class LayerNormStep(Step):
    """Layer norm over the channels at each position."""

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Same shape."""
        return (self.inner(x.transpose(1, 2)).transpose(1, 2) if x.ndim == 3 else self.inner(x)), mask


class BiLSTMStep(Step):
    """Both directions' states at every position, or only the last of each."""

    def __init__(self, inner: nn.LSTM, *, sequences: bool) -> None:
        super().__init__(inner)
        self.sequences = sequences

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``(B, C, P)`` to ``(B, 2 * units, P)`` or ``(B, 2 * units)``."""
        states, (last, _) = self.inner(x.transpose(1, 2))  # (B, P, 2 * units), (2, B, units)
        if self.sequences:
            return states.transpose(1, 2), mask
        return torch.cat([last[0], last[1]], dim=1), None


class PoolStep(Step):
    """Attention pooling: positions go, and with them the mask."""

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``(B, C, P)`` to ``(B, D)``."""
        return self.inner(x, mask), None


class GlobalPool(nn.Module):
    """Maximum or average over unmasked positions."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``(B, C, P)`` to ``(B, C)``."""
        return masked_max(x, mask) if self.method == "max" else masked_mean(x, mask)


class Chain(nn.Module):
    """Blocks one after the other."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output of the last block (the input itself if there is none)."""
        for step in self.steps:
            x, mask = step(x, mask)
            x = keep_order(x)
        return x, mask


class ParallelStep(Step):
    """Branches joined along the channels; a position is unmasked where it is in any branch."""

    def __init__(self, branches: list[Chain]) -> None:
        super().__init__(nn.ModuleList(branches))

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``(B, C, P)`` to ``(B, sum of the branches' channels, P')``."""
        assert isinstance(self.inner, nn.ModuleList)
        outputs = [branch(x, mask) for branch in self.inner]
        masks = [m for _, m in outputs if m is not None]
        joined = torch.stack(masks).any(dim=0) if len(masks) == len(outputs) else None
        return torch.cat([y for y, _ in outputs], dim=1), joined


class ResidualStep(Step):
    """A chain whose output is added to its input."""

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Same shape."""
        return x + self.inner(x, mask)[0], mask


class Layers(nn.Module):
    """The network of a list of blocks, with a dense layer to the outputs at its end.

    Parameters
    ----------
    settings
        The blocks.
    channels
        Input channels C (4 for DNA).
    length
        Bases L of the input.
    outputs
        Raw scores K.

    Raises
    ------
    SettingsError
        A block does not fit what comes before it; ``where`` names it (``model.blocks[3]``).
    """

    def __init__(self, settings: s.LayersSettings, *, channels: int, length: int, outputs: int) -> None:
        super().__init__()
        placed: list[Placed] = []
        self.body, shape = _chain(settings.blocks, Shape(length, channels), "model.blocks", placed)
        if shape.positions is not None:
            raise SettingsError(
                f"the last block leaves {_words(shape)}, but the output layer needs a flat vector",
                where="model.blocks",
                hint="end with flatten, global_pool or attention_pool (and dense layers, if wanted)",
            )
        self.output = nn.Linear(shape.channels, outputs)
        self.placed = tuple(placed)
        self._masks = any(isinstance(p.module, PoolStep) for p in placed)
        keras_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)`` to raw scores ``(B, K)``."""
        mask = padding_mask(x) if self._masks else None
        y, _ = self.body(x if torch.jit.is_tracing() else channels_last(x).squeeze(2), mask)
        return self.output(y)


def _chain(blocks: tuple[s.BlockSettings, ...], shape: Shape, where: str, placed: list[Placed]) -> tuple[Chain, Shape]:
    steps: list[Step] = []
    for i, block in enumerate(blocks):
        path = f"{where}[{i}]"
        step, shape = _step(block, shape, path, placed)
        placed.append(Placed(path, block, shape, step))
        steps.append(step)
    _pair(steps)
    return Chain(steps), shape


def _pair(steps: list[Step]) -> None:
    """Let each flattening and the dense layer that follows it agree on the order they use in other engines."""
    for i, step in enumerate(steps):
        if isinstance(step.inner, Flatten):
            after = (x.inner for x in steps[i + 1 :] if not isinstance(x.inner, PLAIN))
            follower = next(after, None)
            if isinstance(follower, Dense):
                step.inner.by_position = True
                follower.positions = step.inner.positions


def _words(shape: Shape) -> str:
    if shape.positions is None:
        return f"a flat vector of {shape.channels}"
    return f"{shape.positions} position{'' if shape.positions == 1 else 's'} of {shape.channels} channels"


def _need_positions(block: s.BlockSettings, shape: Shape, where: str) -> int:
    if shape.positions is None:
        raise SettingsError(
            f"{block.block} works along positions, but what reaches it is {_words(shape)}",
            where=where,
            hint="move it before the block that flattens or pools the positions away",
        )
    return shape.positions


def _windows(block: s.BlockSettings, positions: int, *, span: int, stride: int, where: str) -> int:
    if positions < span:
        raise SettingsError(
            f"{block.block} needs windows of {span} positions, but only {positions} reach it",
            where=where,
            hint="use longer sequences, a smaller window or less pooling before it"
            + (", or padding: same" if block.block == "conv" else ""),
        )
    return (positions - span) // stride + 1


def _step(block: s.BlockSettings, shape: Shape, where: str, placed: list[Placed]) -> tuple[Step, Shape]:
    """The module of one block and the shape that leaves it; blocks inside it are added to ``placed``."""
    channels = shape.channels
    match block:
        case s.ConvBlockSettings():
            positions = _need_positions(block, shape, where)
            span = block.dilation * (block.width - 1) + 1
            edges = same_padding(block.width, dilation=block.dilation) if block.padding == "same" else (0, 0)
            after = _windows(block, positions + sum(edges), span=span, stride=block.stride, where=where)
            conv = Conv1d(
                channels, block.filters, block.width,
                stride=block.stride, dilation=block.dilation, bias=block.bias, edges=edges,
            )  # fmt: skip
            step: Step = WindowStep(conv, size=block.width, stride=block.stride, dilation=block.dilation, edges=edges)
            return step, Shape(after, block.filters)
        case s.PadBlockSettings():
            positions = _need_positions(block, shape, where)
            return PadStep(Pad(block.left, block.right)), Shape(positions + block.left + block.right, channels)
        case s.PoolBlockSettings():
            positions = _need_positions(block, shape, where)
            stride = block.stride or block.size
            after = _windows(block, positions, span=block.size, stride=stride, where=where)
            pool = (MaxPool1d if block.method == "max" else nn.AvgPool1d)(block.size, stride)
            return WindowStep(pool, size=block.size, stride=stride, edges=(0, 0)), Shape(after, channels)
        case s.NormBlockSettings():
            return _norm(block, channels, where), shape
        case s.ActivationBlockSettings():
            return Step(activation(block.function)), shape
        case s.DropoutBlockSettings():
            return Step(Dropout(block.rate)), shape
        case s.BiLSTMBlockSettings():
            positions = _need_positions(block, shape, where)
            lstm = nn.LSTM(channels, block.units, batch_first=True, bidirectional=True)
            return BiLSTMStep(lstm, sequences=block.sequences), Shape(
                positions if block.sequences else None, 2 * block.units
            )
        case s.AttentionPoolBlockSettings():
            _need_positions(block, shape, where)
            return PoolStep(AttentionPool(channels, block.heads)), Shape(None, channels * block.heads)
        case s.GlobalPoolBlockSettings():
            _need_positions(block, shape, where)
            return PoolStep(GlobalPool(block.method)), Shape(None, channels)
        case s.FlattenBlockSettings():
            positions = _need_positions(block, shape, where)
            return Step(Flatten(positions)), Shape(None, positions * channels)
        case s.DenseBlockSettings():
            if shape.positions is not None:
                raise SettingsError(
                    f"dense needs a flat vector, but what reaches it is {_words(shape)}",
                    where=where,
                    hint="put flatten, global_pool or attention_pool before it (at each position: conv, width 1)",
                )
            return Step(Dense(channels, block.units)), Shape(None, block.units)
        case s.ParallelBlockSettings():
            return _parallel(block, shape, where, placed)
        case s.ResidualBlockSettings():
            chain, after_shape = _chain(block.blocks, shape, f"{where}.blocks", placed)
            if after_shape != shape:
                raise SettingsError(
                    f"residual adds output to input, but {_words(shape)} went in and {_words(after_shape)} came out",
                    where=where,
                    hint="inside it use padding: same, stride 1, no pooling, and end with as many channels as went in",
                )
            return ResidualStep(chain), shape
    raise AssertionError(block)


def _norm(block: s.NormBlockSettings, channels: int, where: str) -> Step:
    if block.method == "layer":
        return LayerNormStep(nn.LayerNorm(channels))
    if block.method == "batch":
        return Step(BatchNorm1d(channels))
    if channels % block.groups:
        raise SettingsError(
            f"{block.groups} groups do not divide {channels} channels",
            where=where,
            hint="set groups to a divisor of the channels",
        )
    return Step(nn.GroupNorm(block.groups, channels))


def _parallel(block: s.ParallelBlockSettings, shape: Shape, where: str, placed: list[Placed]) -> tuple[Step, Shape]:
    chains, shapes = [], []
    for i, branch in enumerate(block.branches):
        chain, after = _chain(branch, shape, f"{where}.branches[{i}]", placed)
        chains.append(chain)
        shapes.append(after)
    if len({after.positions for after in shapes}) > 1:
        listed = ", ".join(f"branch {i} gives {_words(after)}" for i, after in enumerate(shapes))
        raise SettingsError(
            f"the branches of parallel must end with the same positions to be joined, but {listed}",
            where=where,
            hint="use padding: same and the same pooling in each branch, or pool each branch to a flat vector",
        )
    return ParallelStep(chains), Shape(shapes[0].positions, sum(after.channels for after in shapes))
