"""Torch with bfloat16 weights: no file, the weights of the bundle are rounded when it is loaded."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

EXACT = ("head", "output")
"""Parts of a network that stay in fp32: they turn pooled features into raw scores, which 8 bits of precision would coarsen."""


class BF16Network(nn.Module):
    """A network whose convolutions and dense layers compute in bfloat16.

    Batch norms keep their statistics, and the parts named in ``EXACT`` all their weights, in fp32.

    Parameters
    ----------
    network
        Maps one-hot float32 ``(B, C, L)`` to raw scores ``(B, K)``; copied.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).to(torch.bfloat16)
        for module in self.network.modules():
            if isinstance(module, _BatchNorm):
                module.float()
        for name in EXACT:
            part = getattr(self.network, name, None)
            if isinstance(part, nn.Module):
                part.float().register_forward_pre_hook(_as_float)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)`` to raw scores, float32 ``(B, K)``."""
        scores: Tensor = self.network(x.to(torch.bfloat16))
        return scores.float()


def _as_float(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.float() if isinstance(x, Tensor) else x for x in inputs)
