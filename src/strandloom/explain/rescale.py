"""DeepLIFT's rules as a mode of torch: while it is on, every operation met passes multipliers back in place of gradients.

Rows come in groups of a sequence and its references. A multiplier ``m`` of an operation is exact where ``Σ m (x₁ - x₀) = y₁ - y₀`` between
the sequence (1) and a reference (0); linear operations have theirs by nature, the others get one here. Multipliers are the same seen
from either end, so only the rows of the references carry them back, and the sequence goes through the network once for all of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from strandloom.explain.rescale_functions import (
    Bilinear,
    Elementwise,
    Maximum,
    Product,
    Rescale,
    Softmax,
    over_last,
)

ELEMENTWISE = frozenset([
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "logsigmoid", "tanh", "tanhshrink", "softplus",
    "softsign", "hardtanh", "hardsigmoid", "hardswish", "softshrink", "hardshrink", "threshold", "exp", "exp2", "expm1", "log", "log2",
    "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "square", "abs", "absolute", "sin", "cos", "erf", "erfc", "atan", "arctan", "sinh",
    "cosh", "clamp", "clamp_min", "clamp_max", "clip",
])  # fmt: skip
"""Functions of one value each, by the names under which torch has them."""


class Multipliers(TorchFunctionMode):
    """The mode.

    Parameters
    ----------
    rows
        Rows B of a batch: whole groups, in each the sequence first.
    group
        Rows of a group, 1 + R.

    Notes
    -----
    Elementwise functions: the rescale rule (Shrikumar et al. 2017), the quotient of differences. Products of two activations (also of
    matrices): each factor by the mean of the other, the symmetric split that leaves nothing over. Softmax: exp of the score minus
    the logarithm of the sum of exps, each by its quotient. Maxima: the path integral of the maximum of two, the winner of the sequence
    and that of the reference; they share the multiplier 1 in proportion to the leads by which each wins. Layer and group norm:
    products and a rescaled root. What is not known here (an LSTM, sorting) keeps its gradient, and the sums tell.
    """

    def __init__(self, *, rows: int, group: int) -> None:
        super().__init__()
        self.rows, self.group = rows, group

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One operation, with the mode off."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            # A shortcut for training has a gradient of its own, which hides what it does: let the layers see no reason to take it.
            return False if func == torch.Tensor.requires_grad.__get__ else func(*args, **kwargs)  # type: ignore[attr-defined]
        if not torch.is_grad_enabled():
            return func(*args, **kwargs)
        bare = name.strip("_")
        written = (name.endswith("_") and not name.startswith("__")) or name == "__imul__" or name == "__itruediv__"
        y = self._apply(bare.removeprefix("i") if name.startswith("__i") else bare, func, args, kwargs, written)
        if y is None:
            return func(*args, **kwargs)
        if written or kwargs.get("inplace") or (bare in ELEMENTWISE and any(x is True for x in args)):
            return args[0].copy_(y)
        return y

    def _apply(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], written: bool) -> Any:
        """The result under the rule of the operation, None where it has no rule or needs none."""
        if name in ELEMENTWISE:
            values = [x for x in args[1:] if not isinstance(x, bool)]
            named = {k: v for k, v in kwargs.items() if k not in ("inplace", "input")}
            if not args or not self._depends(args[0]) or any(isinstance(x, Tensor) for x in (*values, *named.values())):
                return None
            if name == "relu":
                return self.rescale(args[0], F.relu)
            plain = _out_of_place(name) if written else func
            return self.rescale(args[0], lambda t: plain(t, *values, **named))
        rule = getattr(self, f"_{name}", None) if name in RULES else None
        return None if rule is None else rule(func, *args, **kwargs)

    def _depends(self, *tensors: Any) -> bool:
        """Whether all are activations whose rows are the rows of the batch."""
        return all(isinstance(t, Tensor) and t.requires_grad and t.ndim > 0 and len(t) == self.rows for t in tensors)

    def rescale(self, x: Tensor, function: Elementwise) -> Tensor:
        """An elementwise function of ``x (B, ...)``."""
        return Rescale.apply(x, function, self.group)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The product of ``a`` and ``b`` ``(B, ...)``, broadcast."""
        return Product.apply(a, b, self.group)

    def _mul(self, func: Any, a: Any, b: Any) -> Tensor | None:
        return self.product(a, b) if self._depends(a, b) and a.ndim == b.ndim else None

    _rmul = _multiply = _mul

    def _div(self, func: Any, a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor | None:
        if not self._depends(b) or rounding_mode is not None:
            return None
        inverse = self.rescale(b, torch.reciprocal)
        if isinstance(a, Tensor) and a.requires_grad:
            return self._mul(None, a, inverse)
        return inverse * a

    _truediv = _divide = _true_divide = _div

    def _rdiv(self, func: Any, b: Any, a: Any) -> Tensor | None:
        return self._div(func, a, b)

    _rtruediv = _rdiv

    def _pow(self, func: Any, x: Any, power: Any) -> Tensor | None:
        if self._depends(x) and not isinstance(power, Tensor):
            return self.rescale(x, lambda t: torch.pow(t, power))
        return None

    def _rpow(self, func: Any, x: Any, base: Any) -> Tensor | None:
        return self.rescale(x, lambda t: base**t) if self._depends(x) and not isinstance(base, Tensor) else None

    def _matmul(self, func: Any, a: Any, b: Any) -> Tensor | None:
        return Bilinear.apply(a, b, func, self.group) if self._depends(a, b) and a.ndim == b.ndim > 2 else None

    _bmm = _matmul

    def _einsum(self, func: Any, equation: str, *operands: Any) -> Tensor | None:
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
        if len(operands) != 2 or not self._depends(*operands):
            return None
        return Bilinear.apply(*operands, lambda a, b: torch.einsum(equation, a, b), self.group)

    def _softmax(self, func: Any, x: Any, dim: int = -1, _stacklevel: int = 3, dtype: Any = None) -> Tensor | None:
        return Softmax.apply(x, dim % x.ndim, self.group) if self._depends(x) and dim % x.ndim else None

    def _glu(self, func: Any, x: Any, dim: int = -1) -> Tensor | None:
        if not self._depends(x):
            return None
        values, gates = x.chunk(2, dim=dim)
        return self.product(values, self.rescale(gates, torch.sigmoid))

    def _prelu(self, func: Any, x: Any, weight: Any) -> Tensor | None:
        if not self._depends(x):
            return None
        slopes = weight.view(1, -1, *[1] * (x.ndim - 2)) if weight.numel() > 1 else weight
        return self.rescale(x, F.relu) - slopes * self.rescale(-x, F.relu)

    def _scaled_dot_product_attention(
        self, func: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
        *, scale: float | None = None, enable_gqa: bool = False,
    ) -> Tensor | None:  # fmt: skip
        if not self._depends(q, k, v) or dropout_p or is_causal or enable_gqa:
            return None
        scores = Bilinear.apply(q, k.transpose(-1, -2), torch.matmul, self.group)
        scores = scores * (q.shape[-1] ** -0.5 if scale is None else scale)
        if attn_mask is not None:
            scores = scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
        return Bilinear.apply(Softmax.apply(scores, scores.ndim - 1, self.group), v, torch.matmul, self.group)

    def _normal(self, x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
        centred = x - x.mean(dim=dims, keepdim=True)
        variance = self.product(centred, centred).mean(dim=dims, keepdim=True)
        return self.product(centred, self.rescale(variance + eps, torch.rsqrt))

    def _layer_norm(
        self, func: Any, x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Tensor | None:
        if not self._depends(x) or len(normalized_shape) >= x.ndim:
            return None
        y = self._normal(x, tuple(range(-len(normalized_shape), 0)), eps)
        y = y if weight is None else y * weight
        return y if bias is None else y + bias

    def _group_norm(
        self, func: Any, x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Tensor | None:
        if not self._depends(x):
            return None
        y = self._normal(x.reshape(len(x), num_groups, -1), (2,), eps).reshape(x.shape)
        shape = (1, -1, *[1] * (x.ndim - 2))
        y = y if weight is None else y * weight.view(shape)
        return y if bias is None else y + bias.view(shape)

    def _max_pool1d(self, func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return self._pool(func, F.max_pool1d_with_indices, 2, x, args, kwargs)

    def _max_pool2d(self, func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return self._pool(func, F.max_pool2d_with_indices, 3, x, args, kwargs)

    _max_pool1d_with_indices, _max_pool2d_with_indices = _max_pool1d, _max_pool2d

    def _pool(self, func: Any, pool: Any, spatial: int, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._depends(x) or x.ndim != spatial + 1:
            return None
        wants = kwargs.get("return_indices", False) or func.__name__.endswith("indices") or (len(args) == 6 and args[5])
        kwargs, args = {k: v for k, v in kwargs.items() if k != "return_indices"}, args[:5]
        size = x.shape[2:]
        after: list[torch.Size] = []

        def planes(flat: Tensor) -> tuple[Tensor, Tensor]:
            y, at = pool(flat.unflatten(2, size), *args, **kwargs)
            after.append(y.shape[2:])
            return y.flatten(2), at.flatten(2)

        y, at = Maximum.apply(x.flatten(2), planes, self.group)
        y, at = y.unflatten(2, after[0]), at.unflatten(2, after[0])
        return (y, at) if wants else y

    def _adaptive_max_pool1d(self, func: Any, x: Any, output_size: Any, return_indices: bool = False) -> Tensor | None:
        single = output_size in (1, (1,), [1])
        return self._amax(func, x, -1, keepdim=True) if single and not return_indices else None

    def _amax(self, func: Any, x: Any, dim: Any = (), keepdim: bool = False) -> Tensor | None:
        return self._reduced(x, dim, keepdim)[0] if self._reducible(x, dim) else None

    def _max(self, func: Any, x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        other = dim if isinstance(dim, Tensor) else other
        if other is not None:
            return self._maximum(func, x, other)
        if dim is None or not self._reducible(x, dim):
            return None
        return torch.return_types.max(self._reduced(x, dim, keepdim))

    def _maximum(self, func: Any, a: Tensor, b: Tensor) -> Tensor | None:
        return b + self.rescale(a - b, F.relu) if self._depends(a - b) else None

    def _minimum(self, func: Any, a: Tensor, b: Tensor) -> Tensor | None:
        return a - self.rescale(a - b, F.relu) if self._depends(a - b) else None

    def _reducible(self, x: Any, dim: Any) -> bool:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
        return self._depends(x) and bool(dims) and all(d % x.ndim for d in dims)

    def _reduced(self, x: Tensor, dim: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
        dims = sorted(d % x.ndim for d in ((dim,) if isinstance(dim, int) else dim))
        last = x.movedim(dims, list(range(x.ndim - len(dims), x.ndim))).flatten(x.ndim - len(dims))  # (B, ..., K)
        y, at = Maximum.apply(last, over_last, self.group)
        y, at = y.squeeze(-1), at.squeeze(-1)
        if keepdim:
            for d in dims:
                y, at = y.unsqueeze(d), at.unsqueeze(d)
        return y, at


RULES = frozenset([
    "mul", "rmul", "multiply", "div", "truediv", "divide", "true_divide", "rdiv", "rtruediv", "pow", "rpow", "matmul", "bmm", "einsum",
    "softmax", "glu", "prelu", "scaled_dot_product_attention", "layer_norm", "group_norm", "max_pool1d", "max_pool1d_with_indices",
    "max_pool2d", "max_pool2d_with_indices", "adaptive_max_pool1d", "amax", "max", "maximum", "minimum",
])  # fmt: skip
"""Operations that have a method of that name above."""


def _out_of_place(name: str) -> Any:
    """The function that does not write into its argument."""
    return getattr(torch, name, None) or getattr(F, name)
