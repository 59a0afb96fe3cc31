"""Layers over the positions of ``(B, C, P)`` that keep their features in channels-last memory.

There a convolution, a pooling or a norm takes a fraction of the time on the CPU, most of all in bfloat16; see docs/performance.md.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def channels_last(x: Tensor) -> Tensor:
    """One-hot ``(B, C, L)`` as ``(B, C, 1, L)`` in channels-last memory."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


WIDEST_PRODUCT = 64
"""Filters up to this width may be computed as a matrix product over the windows, which holds every base as often as the width."""


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int = 1,
    dilation: int = 1,
    edges: tuple[int, int] = (0, 0),
) -> Tensor:
    """Convolution over the positions of ``x (B, C, 1, P)`` in channels-last memory: ``(B, F, 1, P')``.

    oneDNN's gradient of bfloat16 filters wider than 24 takes four to six times as long as a matrix product over the windows
    (measured on Zen 5, oneDNN of torch 2.13), so one-hot input, which needs no gradient itself, goes that way.

    Parameters
    ----------
    weight, bias
        ``(F, C, 1, W)`` and ``(F,)``.
    stride, dilation
        Positions from one window, and from one tap, to the next.
    edges
        Zeros put on the left and right.
    """
    width, (left, right) = weight.shape[-1], edges
    wide = 24 < width <= WIDEST_PRODUCT and stride == dilation == 1 and x.shape[1] <= 8
    low = x.dtype == torch.bfloat16 or (x.device.type == "cpu" and torch.is_autocast_enabled("cpu"))
    if (
        wide
        and low
        and x.device.type == "cpu"
        and weight.requires_grad
        and torch.is_grad_enabled()
        and not x.requires_grad
    ):
        x = F.pad(x, edges).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        rows, channels, _, positions = x.shape
        windows = x.as_strided((rows, positions - width + 1, width * channels), (x.stride(0), channels, 1))
        filters = weight.permute(0, 3, 1, 2).flatten(1)  # (F, W * C)
        return F.linear(windows, filters, bias).transpose(1, 2).unsqueeze(2)
    if left != right:
        x, left = F.pad(x, edges), 0
    return F.conv2d(x, weight, bias, stride=(1, stride), padding=(0, left), dilation=(1, dilation))


class _KeepOrder(torch.autograd.Function):
    """The identity; see :func:`keep_order`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Same values and memory."""
        ctx.strides = x.stride()
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Same values, in the memory order of the input."""
        if grad.stride() == ctx.strides:
            return grad
        return torch.empty_strided(grad.shape, ctx.strides, dtype=grad.dtype, device=grad.device).copy_(grad)


def keep_order(x: Tensor) -> Tensor:
    """``x`` itself, with a gradient that comes back in its memory order: what it meets next then runs at full speed."""
    return _KeepOrder.apply(x) if x.requires_grad and torch.is_grad_enabled() else x


class Conv1d(nn.Conv1d):
    """``nn.Conv1d``, computed over ``(1, P)``: only that is fast in channels-last memory.

    Traced for another engine it is the plain convolution, as are :class:`BatchNorm1d` and :class:`MaxPool1d`: engines join these
    with what follows, but not across a change of shape.

    Parameters
    ----------
    edges
        Zeros put on the left and right.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        width: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
        edges: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(channels, filters, width, stride=stride, dilation=dilation, bias=bias)
        self.edges = edges

    def forward(self, input: Tensor) -> Tensor:
        """``(B, C, P)`` to ``(B, F, P')``."""
        if torch.jit.is_tracing():
            return super().forward(F.pad(input, self.edges) if any(self.edges) else input)
        stride, dilation = self.stride[0], self.dilation[0]
        weight = self.weight.unsqueeze(2)
        x = input.unsqueeze(2)
        return convolve(x, weight, self.bias, stride=stride, dilation=dilation, edges=self.edges).squeeze(2)


class BatchNorm1d(nn.BatchNorm1d):
    """``nn.BatchNorm1d`` that keeps channels-last memory."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape, ``(B, C, P)`` or ``(B, C)``."""
        if input.ndim == 2 or torch.jit.is_tracing():
            return super().forward(input)
        return super().forward(input.unsqueeze(2)).squeeze(2)

    def _check_input_dim(self, input: Tensor) -> None: ...


class MaxPool1d(nn.Module):
    """``nn.MaxPool1d``, computed over ``(1, P)`` for the sake of channels-last memory."""

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, P)`` to ``(B, C, P')``."""
        if torch.jit.is_tracing():
            return F.max_pool1d(x, self.size, self.stride)
        return F.max_pool2d(x.unsqueeze(2), (1, self.size), (1, self.stride)).squeeze(2)
