"""What DeepLIFT's operations pass back in place of gradients, as functions of torch's autograd: the arithmetic of `rescale`.

Rows stand in groups of a sequence and its references, the sequence first; only the rows of the references carry multipliers back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

SMALL = 1e-6
"""Differences of inputs below this have no quotient in float32: there the gradient is taken."""

Elementwise = Callable[[Tensor], Tensor]


class Rescale(Function):
    """An elementwise function."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Elementwise, group: int) -> Tensor:
        y = function(x)
        multiplier = torch.empty_like(y)
        (x1, x0), (y1, y0), (first, into) = (_pairs(t, group) for t in (x, y, multiplier))
        first.zero_()
        difference = x1 - x0
        if function is F.relu:  # differences of equal rounding on both sides: only 0 has no quotient
            torch.where(difference == 0, (x0 > 0).to(y.dtype), (y1 - y0).div_(difference), out=into)
            ctx.save_for_backward(multiplier)
            return y
        small = ~(difference.abs() >= SMALL)  # also where both are infinite
        torch.sub(y1, y0, out=into).div_(difference.masked_fill_(small, 1))
        if bool(small.any()):
            with torch.enable_grad():
                at = x0[small].requires_grad_()
                (slope,) = torch.autograd.grad(function(at).sum(), at)
            into[small] = slope
        ctx.save_for_backward(multiplier)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (multiplier,) = ctx.saved_tensors
        return grad * multiplier, None, None


class Product(Function):
    """A product of activations."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, group: int) -> Tensor:
        ctx.shapes = a.shape, b.shape
        ctx.save_for_backward(_middle(a, group), _middle(b, group))
        return a * b

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        a, b = ctx.saved_tensors
        of_a, of_b = ctx.shapes
        return (grad * b).sum_to_size(of_a), (grad * a).sum_to_size(of_b), None


class Bilinear(Function):
    """Any function of two activations that is linear in each."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, function: Callable[[Tensor, Tensor], Tensor], group: int) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(_middle(a, group), _middle(b, group))
        return function(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        with torch.enable_grad():
            a, b = (t.detach().requires_grad_() for t in ctx.saved_tensors)
            of_a, of_b = torch.autograd.grad(ctx.function(a, b), (a, b), grad)
        return of_a, of_b, None, None


class Softmax(Function):
    """Softmax over one dimension, as ``y = exp(s - l)`` with ``l = log Σ exp(s)``; in float64, for its values are small."""

    @staticmethod
    def forward(ctx: Any, s: Tensor, dim: int, group: int) -> Tensor:
        wide = s if s.device.type == "mps" else s.double()  # Apple's devices have none
        s1, s0 = _pairs(wide.clamp(min=torch.finfo(torch.float32).min), group)
        l1, l0 = s1.logsumexp(dim + 1, keepdim=True), s0.logsumexp(dim + 1, keepdim=True)
        shift = torch.maximum(l1, l0)
        e1, e0 = (s1 - shift).exp(), (s0 - shift).exp()  # their sums are at most 1
        total1, total0 = (l1 - shift).exp(), (l0 - shift).exp()
        of_sum = _quotient(l1 - l0, total1 - total0, 1 / torch.maximum(total1, total0)) * _quotient(
            e1 - e0, s1 - s0, e0
        )
        of_power = _quotient((s1 - l1).exp() - (s0 - l0).exp(), (s1 - l1) - (s0 - l0), (s0 - l0).exp())
        ctx.dim, ctx.group = dim, group
        ctx.save_for_backward(of_power, of_sum)
        return s.softmax(dim)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        of_power, of_sum = ctx.saved_tensors
        out = torch.zeros_like(grad)
        g = _pairs(grad, ctx.group)[1] * of_power
        _pairs(out, ctx.group)[1].copy_(g - of_sum * g.sum(ctx.dim + 1, keepdim=True))
        return out, None, None


class Maximum(Function):
    """Maxima over the last dimension of ``x (B, ..., K)``, or over windows of it: ``(B, ..., P)`` and their places."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, pool: Callable[[Tensor], tuple[Tensor, Tensor]], group: int
    ) -> tuple[Tensor, Tensor]:
        y, at = pool(x)
        (x1, x0), (y1, y0), (at1, at0) = (_pairs(t, group) for t in (x, y, at))
        at1, x1 = at1.expand_as(at0), x1.expand_as(x0)
        ahead0 = y0 - x0.gather(-1, at1)  # by how much the winner of the reference leads there
        ahead1 = y1 - x1.gather(-1, at0)  # and that of the sequence here
        both = ahead0 + ahead1
        ctx.save_for_backward(at0, at1, torch.where(both > 0, ahead0 / both, 0.5))
        ctx.group, ctx.shape, ctx.strides = group, x.shape, x.stride()
        ctx.mark_non_differentiable(at)
        return y, at

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _at: Tensor) -> tuple[Tensor, None, None]:
        at0, at1, share = ctx.saved_tensors
        out = torch.empty_strided(ctx.shape, ctx.strides, dtype=grad.dtype, device=grad.device).zero_()
        g, into = _pairs(grad, ctx.group)[1], _pairs(out, ctx.group)[1]
        into.scatter_add_(-1, at0, g * share)
        into.scatter_add_(-1, at1, g * (1 - share))
        return out, None, None


def over_last(x: Tensor) -> tuple[Tensor, Tensor]:
    """Maximum of ``x (..., K)`` and its place, ``(..., 1)``."""
    if x.ndim == 3 and x.device.type == "cpu":  # the pooling kernel takes a third of the time in channels-last memory
        y, at = F.max_pool2d_with_indices(x.unsqueeze(2), (1, x.shape[-1]))
        return y.squeeze(2), at.squeeze(2)
    y, at = x.max(dim=-1, keepdim=True)
    return y, at


def _pairs(x: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """The sequence ``(n, 1, ...)`` and the references ``(n, R, ...)`` in the groups of ``x (n (1 + R), ...)``."""
    grouped = x.unflatten(0, (-1, group))
    return grouped[:, :1], grouped[:, 1:]


def _quotient(of: Tensor, by: Tensor, limit: Tensor) -> Tensor:
    """``of / by`` in float64, ``limit`` where ``by`` is nearly 0."""
    return torch.where(by.abs() < 1e-9, limit, of / by)


def _middle(x: Tensor, group: int) -> Tensor:
    """Mean of each row and the sequence of its group, same shape."""
    grouped = x.unflatten(0, (-1, group))
    return ((grouped + grouped[:, :1]) / 2).flatten(0, 1)
