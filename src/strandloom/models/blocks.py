"""Parts shared by the architectures: padding masks, masked norms and pools, convolution and residual blocks.

Features run as ``(B, C, 1, P)`` in channels-last memory: on CPU a convolution is faster that way than on
``(B, C, P)``, most of all in bfloat16. Positions that are padding hold zeros wherever a convolution reads them, so
that a sequence padded further gives the same output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from strandloom.models.channels_last import convolve


def padding_mask(x: Tensor) -> Tensor | None:
    """True where a column of ``x (B, C, L)`` is not all zero: bool ``(B, L)``; None where every column holds a base.

    None lets whole batches without padding skip the masking; it gives the same values. Under tracing, export and
    compilation the mask is always returned, so that the graph does not depend on the data.
    """
    mask = (x != 0).any(dim=1)  # (B, L)
    if mask.is_meta or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return mask
    return None if bool(mask.all()) else mask


def pool_mask(mask: Tensor | None, window: int) -> Tensor | None:
    """Mask ``(B, L)`` of bases to the mask ``(B, ceil(L / window))`` of pooled positions: true where any base is."""
    if mask is None or window == 1:
        return mask
    return F.max_pool1d(mask[:, None].float(), window, ceil_mode=True)[:, 0] > 0


class _PositionMax(torch.autograd.Function):
    """See :func:`position_max`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """``(B, C, P)`` to ``(B, C)``."""
        y, at = F.max_pool2d(x.unsqueeze(2), (1, x.shape[-1]), return_indices=True)
        ctx.save_for_backward(at.flatten(1))
        ctx.positions = x.shape[-1]
        return y.flatten(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Gradient of the input: that of the output at the maximum, 0 elsewhere."""
        (at,) = ctx.saved_tensors  # (B, C)
        rows, channels = at.shape
        spread = grad.new_zeros((rows, ctx.positions, channels))
        return spread.scatter_(1, at[:, None], grad[:, None]).transpose(1, 2)


def position_max(x: Tensor) -> Tensor:
    """Maximum of ``x (B, C, P)`` over positions: ``(B, C)``.

    Trained on the CPU its gradient goes to the first position that has it: a third of the cost of ``amax``, which shares it
    out among equals.
    """
    if x.requires_grad and x.device.type == "cpu" and torch.is_grad_enabled():
        return _PositionMax.apply(x)
    return x.amax(dim=-1)


def masked_max(x: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum of ``x (B, C, P)`` over unmasked positions: ``(B, C)``; zeros in a row all masked."""
    if mask is None:
        return position_max(x)
    seen = mask[:, None, :]
    return position_max(x.masked_fill(~seen, torch.finfo(x.dtype).min)) * seen.any(dim=-1)


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of ``x (B, C, P)`` over unmasked positions: ``(B, C)``; zeros in a row all masked."""
    if mask is None:
        return x.mean(dim=-1)
    seen = mask[:, None, :].to(x.dtype)
    return (x * seen).sum(dim=-1) / seen.sum(dim=-1).clamp(min=1)


def same_padding(width: int, *, dilation: int = 1) -> tuple[int, int]:
    """Zeros on the left and right that keep the number of positions at stride 1 (an even width has one more right)."""
    total = dilation * (width - 1)
    return total // 2, total - total // 2


class Conv(nn.Conv2d):
    """Convolution over the positions of ``(B, C, 1, P)`` with zeros at both ends ("same")."""

    def __init__(self, channels: int, filters: int, width: int, *, dilation: int = 1, bias: bool = True) -> None:
        super().__init__(channels, filters, (1, width), dilation=(1, dilation), bias=bias)
        self.edges = same_padding(width, dilation=dilation)

    def forward(self, input: Tensor) -> Tensor:
        """``(B, C, 1, P)`` to ``(B, F, 1, P)``."""
        dilation = self.dilation[1]
        return convolve(input, self.weight, self.bias, dilation=dilation, edges=self.edges)


class FeatureNorm(nn.BatchNorm1d):
    """Batch norm of ``(B, C)`` that uses the running statistics for a batch of one."""

    def forward(self, input: Tensor) -> Tensor:
        """``(B, C)`` to ``(B, C)``."""
        if self.training and len(input) == 1:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class _MaskedNorm(torch.autograd.Function):
    """Training-time batch norm over unmasked positions, from the fused kernels (4 passes instead of about 20).

    The fused kernel's statistics of the zero-filled input, over all positions, give those over the unmasked ones:
    with a share s of them, mean = mean_all / s and E[x²] = (var_all + mean_all²) / s.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, seen: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``x (B, C, 1, P)``, ``seen (B, 1, 1, P)`` of 1 and 0: the output, mean ``(C,)`` and variance ``(C,)``."""
        kept = x * seen
        _, mean_all, inverse_all = torch.native_batch_norm(kept, weight, bias, None, None, True, 0.0, eps)
        share = seen.float().mean().clamp(min=1 / seen.numel())
        mean = mean_all / share
        variance = ((inverse_all**-2 - eps + mean_all.square()) / share - mean.square()).clamp(min=0)
        ctx.eps = eps  # type: ignore[attr-defined]
        ctx.save_for_backward(kept, seen, weight, mean, torch.rsqrt(variance + eps), share)
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(kept, mean, variance, weight, bias, eps=eps) * seen, mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _mean: Tensor, _variance: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        """Gradients of the input, weight and bias."""
        kept, seen, weight, mean, inverse, share = ctx.saved_tensors
        grad = grad * seen
        _, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, kept, weight, None, None, mean, inverse, True, ctx.eps, [False, True, True]
        )
        count = share * seen.numel()
        scale = weight * inverse  # the input's gradient is scale * (grad - mean(grad) - normed * mean(grad * normed))
        slope = -scale * inverse * grad_weight / count
        start = -scale * grad_bias / count - slope * mean
        scale, slope, start = (v[None, :, None, None].to(grad.dtype) for v in (scale, slope, start))
        return torch.addcmul(torch.addcmul(start, kept, slope), grad, scale) * seen, None, grad_weight, grad_bias, None


class MaskedBatchNorm(nn.BatchNorm2d):
    """Batch norm of ``(B, C, 1, P)`` whose statistics leave padding out; padding comes out as zeros.

    Without a mask it is ``nn.BatchNorm2d``. The parameters and buffers have the same names.
    """

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise ``input (B, C, 1, P)`` under a bool ``mask (B, P)``."""
        fixed = not self.training or input.numel() == input.shape[1]  # one position in all has no variance
        if mask is None and not (self.training and fixed):
            return super().forward(input)
        if fixed:
            y = F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
            return y if mask is None else y * mask[:, None, None, :].to(y.dtype)
        assert mask is not None
        seen = mask[:, None, None, :].to(input.dtype)
        y, mean, variance = _MaskedNorm.apply(input, seen, self.weight, self.bias, self.eps)
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            count = mask.sum()
            step = 0.1 * (count > 1)  # nn.BatchNorm's momentum; a single position has no variance
            self.running_mean.lerp_(mean, step)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), step)
            self.num_batches_tracked.add_(1)
        return y


class ConvBlock(nn.Module):
    """Convolution, masked batch norm, ReLU, channel dropout: ``(B, C, 1, P)`` to ``(B, F, 1, P)``, never negative.

    Parameters
    ----------
    channels, filters
        Channels C in and F out.
    widths
        Width of the filters in positions, or several, each with its share of the filters.
    dropout
        Share of whole channels dropped while training.
    start
        First bias of the norm, in standard deviations; below zero a filter is silent at most positions from the start.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        widths: int | Sequence[int],
        *,
        dropout: float = 0.0,
        start: float = 0.0,
    ) -> None:
        super().__init__()
        one = widths if isinstance(widths, int) else None
        self.conv = (
            Conv(channels, filters, one, bias=False)
            if one
            else MixedConv(channels, filters, cast(Sequence[int], widths))
        )
        self.norm = MaskedBatchNorm(filters)
        nn.init.constant_(self.norm.bias, start)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Padding of the input must be zeros; padding of the output is zeros."""
        return self.dropout(F.relu(self.norm(self.conv(x), mask)))


class MixedConv(nn.Module):
    """Filters of several widths side by side, shared out as evenly as can be: ``(B, C, 1, P)`` to ``(B, F, 1, P)``.

    Narrow filters find short motifs that wide ones overfit around; wide ones see long motifs whole.
    """

    def __init__(self, channels: int, filters: int, widths: Sequence[int]) -> None:
        super().__init__()
        shares = [filters // len(widths) + (i < filters % len(widths)) for i in range(len(widths))]
        self.convs = nn.ModuleList(
            Conv(channels, share, width, bias=False) for share, width in zip(shares, widths, strict=True) if share
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same positions; channels by width, in the order given."""
        return torch.cat([conv(x) for conv in self.convs], dim=1) if len(self.convs) > 1 else self.convs[0](x)


class Dropout(nn.Module):
    """Dropout from one random byte a value: ``nn.Dropout`` spends half of a training step on drawing on the CPU.

    Eight bytes come from one draw. Any shape and memory format; on other devices than the CPU it is ``nn.Dropout``.

    Parameters
    ----------
    rate
        Share of the values dropped while training; on the CPU rounded to 1/256, at most 255/256 (a rate below 1/256 is exact).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.dropped = min(round(rate * 256), 255)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        if not self.training or not self.rate:
            return x
        if x.device.type != "cpu" or self.rate < 1 / 256:
            return F.dropout(x, self.rate)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = torch.empty_like(x, requires_grad=False)  # dense, in the memory order of x
        flat = keep.as_strided((keep.numel(),), (1,))
        torch.ge(words.view(torch.uint8)[: len(flat)], self.dropped, out=flat)
        flat.mul_(256 / (256 - self.dropped))
        return x * keep

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate:g}"


class GatedResidualBlock(nn.Module):
    """Adds ``gain * project(values * sigmoid(gates))`` of a dilated convolution to its input.

    The gates follow van den Oord et al. (2016); the learned gain starts at 0.3, near the identity, so that deep stacks
    train at once.

    Parameters
    ----------
    channels
        Channels C in and out.
    width
        Width of the convolution, in positions.
    dilation
        Positions from one tap to the next.
    dropout
        Share of values dropped inside the block while training.
    """

    def __init__(self, channels: int, *, width: int = 3, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = MaskedBatchNorm(channels)
        self.conv = Conv(channels, 2 * channels, width, dilation=dilation)
        self.dropout = Dropout(dropout)
        self.project = Conv(channels, channels, 1)
        self.gain = nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(B, C, 1, P)`` to ``(B, C, 1, P)``; what stands at padding is left undefined."""
        values, gates = self.conv(self.norm(x, mask)).chunk(2, dim=1)  # 2 x (B, C, 1, P)
        h = self.dropout(values * torch.sigmoid(gates))
        assert self.project.bias is not None
        # the gain is folded into the weights: times the activations, its gradient would be a sum over all of them
        return x + F.conv2d(h, self.project.weight * self.gain, self.project.bias * self.gain)


class Head(nn.Module):
    """Dense layers from pooled features ``(B, D)`` to raw scores ``(B, K)``, in float32 also under autocast.

    Parameters
    ----------
    features
        Width D of the input.
    dense
        Units of each hidden layer.
    outputs
        Number of scores K.
    dropout
        Share of units dropped after each hidden layer while training.
    input_dropout
        Share of the features dropped before the first layer while training.
    """

    def __init__(
        self, features: int, *, dense: Sequence[int], outputs: int, dropout: float, input_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm = FeatureNorm(features)
        hidden: list[nn.Module] = [nn.Dropout(input_dropout)]
        for units in dense:
            hidden += [nn.Linear(features, units), nn.GELU(), nn.Dropout(dropout)]
            features = units
        self.hidden = nn.Sequential(*hidden)
        self.output = nn.Linear(features, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, D)`` to ``(B, K)``."""
        if torch.amp.is_autocast_available(x.device.type) and torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self.output(self.hidden(self.norm(x.float())))
        return self.output(self.hidden(self.norm(x)))


Activation = Literal["relu", "gelu", "exp", "silu", "sigmoid", "tanh", "softplus"]


class Exponential(nn.Module):
    """``exp(min(x, 10))``: sharp first-layer filters that read as motifs (Koo & Ploenzke 2021)."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return torch.exp(x.clamp(max=10))


def activation(name: Activation) -> nn.Module:
    """The module of an activation's name."""
    modules: dict[Activation, type[nn.Module]] = {
        "relu": nn.ReLU,
        "gelu": nn.GELU,
        "exp": Exponential,
        "silu": nn.SiLU,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softplus": nn.Softplus,
    }
    return modules[name]()
