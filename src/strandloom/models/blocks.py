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


def channels_last(x: Tensor) -> Tensor:
    """One-hot ``(B, C, L)`` as ``(B, C, 1, L)`` in channels-last memory."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


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
    wide = width > 24 and stride == dilation == 1 and x.shape[1] <= 8
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
        Share of the values dropped while training; on the CPU rounded to 1/256, at least 1/256.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.dropped = min(max(round(rate * 256), 1), 255) if rate else 0

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        if not self.training or not self.rate:
            return x
        if x.device.type != "cpu":
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


def keras_start(network: nn.Module) -> None:
    """Give a network the first weights that Keras gives, under which the published networks were trained.

    Convolutions and dense layers: uniform after Glorot & Bengio (2010), biases 0; LSTMs: the same for the input, orthogonal
    for the states, biases 0 but 1 for the forget gate. On real data the 5'UTR network reaches R² .71 that way and .69 from
    torch's start, in as many epochs (docs/performance.md).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LSTM):
            for name, weight in module.named_parameters():
                if "weight_ih" in name:
                    nn.init.xavier_uniform_(weight)
                elif "weight_hh" in name:
                    nn.init.orthogonal_(weight)
                else:
                    nn.init.zeros_(weight)
                    if "bias_ih" in name:
                        nn.init.ones_(weight.data[module.hidden_size : 2 * module.hidden_size])


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
