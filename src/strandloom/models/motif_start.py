"""First weights from known motifs: part of the first filters begin as matrices, the rest stay random (the DanQ-JASPAR rule)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from strandloom.errors import SettingsError
from strandloom.models.blocks import ConvBlock, MixedConv
from strandloom.models.layers import PLAIN, Chain, Layers, ParallelStep, ResidualStep, WindowStep
from strandloom.models.multiscale import Multiscale
from strandloom.models.residual import Residual
from strandloom.models.tutorial import Tutorial
from strandloom.pwm import Matrix, information, reverse_complement, richest_window

MARGIN = 3
"""Random positions kept on either side of a motif where the filter is wide enough."""
LEAST_INFORMATION = 0.5
"""A motif wider than its filter is trimmed to its most informative window, unless that holds less than this share of its information."""

FirstLayer = nn.Conv1d | nn.Conv2d
"""A convolution that reads one-hot sequence: weights ``(F, 4, W)``, or ``(F, 4, 1, W)``."""


class Placement(NamedTuple):
    """A motif in a filter."""

    filter: int
    """Number of the filter among the first filters, in the order of :func:`first_layers`."""
    motif: str
    """Name of the motif."""
    reverse: bool
    """Whether its reverse complement was put there."""
    offset: int
    """Position of the filter at which it starts."""
    first: int
    """First position of the motif, as it was turned, that was kept."""
    width: int
    """Positions of the motif that were kept."""
    whole: bool
    """Whether nothing was trimmed off."""


@dataclass(frozen=True)
class MotifStart:
    """Which first filters start from motifs.

    Parameters
    ----------
    filters
        First filters of the network.
    placed
        The filters that were set, in their order.
    left_out
        Motifs that are too wide for every filter, even trimmed.
    """

    filters: int
    placed: tuple[Placement, ...]
    left_out: tuple[str, ...]

    def line(self) -> str:
        """In words."""
        trimmed = sum(not one.whole for one in self.placed)
        motifs = len({one.motif for one in self.placed})
        text = f"{len(self.placed)} of {self.filters} first filters start from {motifs} known motifs"
        text += f", {trimmed} of them trimmed to their most informative window" if trimmed else ""
        return text + (f"; {len(self.left_out)} motifs were too wide and left out" if self.left_out else "")


def start_from_motifs(
    module: nn.Module,
    matrices: Mapping[str, Matrix],
    *,
    share: float = 0.5,
    seed: int,
    reverse_complements: bool = False,
) -> MotifStart:
    """Overwrite part of the first filters of a network by motifs, in place.

    A filter that is set keeps its random weights around the motif, which stands at a random offset as its probabilities minus
    0.25; where the layer has a bias, the filter's is drawn from -1 … 0. Each motif takes the narrowest filter that holds it
    whole and is free, otherwise the widest free one, trimmed. Where there are more motifs than filters to set, chance decides.

    Parameters
    ----------
    module
        A network from one-hot ``(B, 4, L)``.
    matrices
        Name to base probabilities ``(w, 4)``.
    share
        Share of the filters of each first convolution that may be set; every motif is used once at most.
    seed
        Seed of the choice, the offsets and the biases.
    reverse_complements
        Set another filter to the reverse complement of each motif.

    Raises
    ------
    SettingsError
        The network has no convolution over the four bases, or no motif fits.

    References
    ----------
    Quang & Xie, "DanQ", Nucleic Acids Research 44:e107 (2016), and its DanQ-JASPAR variant.
    """
    layers = first_layers(module)
    rng = np.random.default_rng(seed)
    widths = [layer.kernel_size[-1] for layer in layers]
    firsts = np.cumsum([0, *(layer.out_channels for layer in layers)])
    free = [round(share * layer.out_channels) for layer in layers]
    used = [0] * len(layers)
    names = list(matrices)
    placed, left_out = [], set()
    for i in rng.permutation(len(names)):
        name, matrix = names[i], np.asarray(matrices[names[i]], np.float64)
        if _window(matrix, max(widths)) is None:
            left_out.add(name)
            continue
        for reverse in (False, True) if reverse_complements else (False,):
            turned = reverse_complement(matrix) if reverse else matrix
            at = _choose(len(turned), widths, [n - m for n, m in zip(free, used, strict=True)])
            window = None if at is None else _window(turned, widths[at])
            if at is None or window is None:
                continue
            first, width = window
            spare = widths[at] - width
            margin = min(MARGIN, spare // 2)
            offset = int(rng.integers(margin, spare - margin + 1))
            _set(layers[at], used[at], turned[first : first + width], offset, bias=float(rng.uniform(-1, 0)))
            number = int(firsts[at]) + used[at]
            placed.append(Placement(number, name, reverse, offset, first, width, width == len(turned)))
            used[at] += 1
    if not placed:
        raise SettingsError(
            f"none of the {len(names)} motifs fits the first filters ({', '.join(map(str, widths))} positions wide)",
            where="training.first_filters",
            hint="use wider first filters, a larger share or other motifs",
        )
    return MotifStart(int(firsts[-1]), tuple(sorted(placed)), tuple(name for name in names if name in left_out))


def first_layers(module: nn.Module) -> list[FirstLayer]:
    """The convolutions that read the sequence itself, in the order of their channels.

    Of a network of your own it is the first convolution over four channels that it holds.

    Raises
    ------
    SettingsError
        There is none, or its filters skip positions (dilation).
    """
    match module:
        case Residual():
            found = _of_block(module.stem)
        case Multiscale():
            found = [conv for branch in module.branches for conv in _of_block(branch.conv)]  # type: ignore[arg-type]
        case Tutorial():
            found = [branch.conv for branch in module.branches]  # type: ignore[misc]
        case Layers():
            found = _of_chain(module.body)
        case _:
            found = [m for m in module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d) and m.in_channels == 4][:1]
    found = [layer for layer in found if layer.dilation[-1] == 1]
    if not found:
        raise SettingsError("the network has no first convolution over the four bases, side by side", where="model")
    return found


def _window(matrix: Matrix, width: int) -> tuple[int, int] | None:
    """First position and width of the part of a matrix that stands for it in a filter; None where too little fits."""
    if len(matrix) <= width:
        return 0, len(matrix)
    first, held = richest_window(matrix, width), information(matrix)
    return (first, width) if held[first : first + width].sum() >= LEAST_INFORMATION * held.sum() else None


def _choose(length: int, widths: list[int], free: list[int]) -> int | None:
    """The narrowest layer with room that holds so many positions, otherwise the widest with room."""
    open_layers = [i for i, n in enumerate(free) if n > 0]
    holding = [i for i in open_layers if widths[i] >= length]
    if holding:
        return min(holding, key=lambda i: widths[i])
    return max(open_layers, key=lambda i: widths[i], default=None)


def _set(layer: FirstLayer, number: int, matrix: Matrix, offset: int, *, bias: float) -> None:
    with torch.no_grad():
        place = layer.weight[number, ..., offset : offset + len(matrix)]  # (4, w) or (4, 1, w)
        place.copy_(torch.from_numpy(matrix.T - 0.25).view(place.shape))
        if layer.bias is not None:
            layer.bias[number] = bias


def _of_block(block: ConvBlock) -> list[FirstLayer]:
    return list(block.conv.convs) if isinstance(block.conv, MixedConv) else [block.conv]  # type: ignore[arg-type]


def _of_chain(chain: Chain) -> list[FirstLayer]:
    """The first convolutions of a chain of blocks; none where something else than dropout and the like comes first."""
    for step in chain.steps:
        if isinstance(step, ParallelStep):
            assert isinstance(step.inner, nn.ModuleList)
            return [conv for branch in step.inner for conv in _of_chain(branch)]  # type: ignore[arg-type]
        if isinstance(step, ResidualStep):
            return _of_chain(step.inner)  # type: ignore[arg-type]
        if isinstance(step, WindowStep):
            return [step.inner] if isinstance(step.inner, nn.Conv1d) else []
        if not isinstance(step.inner, PLAIN):
            return []
    return []
