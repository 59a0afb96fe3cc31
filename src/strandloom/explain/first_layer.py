"""The kernels of a network that see the bases themselves, found by running it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from strandloom.errors import UsageError
from strandloom.models.blocks import Exponential
from strandloom.training.onehot import one_hot, one_hot_table

_POINTWISE = (
    nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, Exponential
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Kernels:
    """First-layer kernels of one width and dilation.

    Parameters
    ----------
    name
        Path of the convolution in its network.
    weight
        float32 ``(F, 4, W)``, a batch norm that follows folded in.
    bias
        float32 ``(F,)``.
    dilation
        Bases from one tap to the next.
    activation
        The non-linearity that follows; None where it is no module of its own.
    """

    name: str
    weight: Tensor
    bias: Tensor
    dilation: int
    activation: nn.Module | None

    @property
    def span(self) -> int:
        """Bases that a window covers."""
        return self.dilation * (self.weight.shape[-1] - 1) + 1


@dataclass(eq=False)
class _Call:
    """A module as it was called."""

    part: nn.Module
    input: Tensor
    output: Tensor | None = None


def first_kernels(module: nn.Module, length: int) -> list[Kernels]:
    """The convolutions of a network that see the one-hot bases themselves.

    They are told by running the network once on two random sequences: whatever convolution gets the one-hot input (with or without
    zeros at its ends) is one, wherever it stands. A batch norm that gets their output is folded in, and a non-linearity that is a
    module of its own is remembered.

    Parameters
    ----------
    module
        A network from one-hot ``(B, 4, L)``.
    length
        Bases L of its input.

    Raises
    ------
    UsageError
        There is none.
    """
    codes = np.random.default_rng(0).integers(0, 4, (2, length), dtype=np.uint8)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    x = one_hot(torch.from_numpy(codes), one_hot_table()).to(device)
    calls: list[_Call] = []

    def hook(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls.append(_Call(part, inputs[0].clone()))

    def after(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        call = next(call for call in reversed(calls) if call.part is part)
        call.output = output.clone()

    handles = []
    for part in module.modules():
        if isinstance(part, (nn.Conv1d, nn.Conv2d, nn.modules.batchnorm._BatchNorm, *_POINTWISE)):
            handles += [part.register_forward_pre_hook(hook), part.register_forward_hook(after)]
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(x)
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    names = {part: name for name, part in module.named_modules()}
    found: dict[str, Kernels] = {}
    for call in calls:
        weight = _weight(call, x)
        if weight is not None:
            found.setdefault(names[call.part], _kernels(names[call.part], call, weight, calls))
    if not found:
        raise UsageError(
            "the network has no convolution over the four bases",
            hint="filters are read from nn.Conv1d, or nn.Conv2d of one row, that get the one-hot input (B, 4, L)",
        )
    return list(found.values())


def _weight(call: _Call, x: Tensor) -> Tensor | None:
    """Weights ``(F, 4, W)`` of a convolution that gets the one-hot ``x (B, 4, L)``, zeros beside it allowed; None for any other."""
    conv, given = call.part, call.input
    if not isinstance(conv, nn.Conv1d | nn.Conv2d) or conv.groups != 1:
        return None
    weight = conv.weight.detach()
    if given.ndim == 4 and given.shape[1:3] == (4, 1) and weight.shape[2] == 1:
        given, weight = given[:, :, 0], weight[:, :, 0]
    elif given.ndim == 4 and given.shape[1:3] == (1, 4) and weight.shape[2] == 4:
        given, weight = given[:, 0], weight[:, 0]
    if given.ndim != 3 or given.shape[1] != 4 or len(given) != len(x):
        return None
    length = x.shape[-1]
    for left in range(given.shape[-1] - length + 1):
        inside = given[:, :, left : left + length]
        if bool((inside == x).all()) and float(given.sum()) == float(x.sum()):
            return weight.float().cpu()
    return None


def _kernels(name: str, call: _Call, weight: Tensor, calls: Sequence[_Call]) -> Kernels:
    """Kernels with the norm and the non-linearity that follow."""
    conv = call.part
    assert isinstance(conv, nn.Conv1d | nn.Conv2d)
    bias = torch.zeros(len(weight)) if conv.bias is None else conv.bias.detach().float().cpu()
    output = call.output
    for other in calls:
        norm = other.part
        if not isinstance(norm, nn.modules.batchnorm._BatchNorm) or norm.running_var is None:
            continue
        at = _channel(other.input, output)
        if at is None or other.output is None or norm.running_mean is None:
            continue
        own = slice(at, at + len(weight))
        scale = torch.rsqrt(norm.running_var[own] + norm.eps)
        scale = (scale if norm.weight is None else scale * norm.weight.detach()[own]).float().cpu()
        shift = torch.zeros(len(weight)) if norm.bias is None else norm.bias.detach()[own].float().cpu()
        bias = (bias - norm.running_mean[own].float().cpu()) * scale + shift
        weight = weight * scale[:, None, None]
        output = other.output[:, own]
        break
    followers = (x.part for x in calls if isinstance(x.part, _POINTWISE) and _channel(x.input, output) is not None)
    return Kernels(name, weight, bias, int(conv.dilation[-1]), next(followers, None))


def _channel(given: Tensor, output: Tensor | None) -> int | None:
    """Channel of ``given`` from which the channels of ``output`` stand in it; None where they do not."""
    if output is None or given.ndim < 3 or given.shape[2:] != output.shape[2:] or len(given) != len(output):
        return None
    many = output.shape[1]
    return next((i for i in range(given.shape[1] - many + 1) if torch.equal(given[:, i : i + many], output)), None)
