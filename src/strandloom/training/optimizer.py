"""The optimiser of a model: fused where the device has it, weight decay on matrices only."""

from __future__ import annotations

import torch
from torch import nn

from strandloom.training.settings import OptimizerSettings

FUSED_DEVICES = ("cpu", "cuda", "mps")


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW, Adam or SGD over the trainable weights of a model.

    Weights of two or more dimensions decay; vectors and scalars (biases, norms) do not. Parameters keep their order, so
    the optimiser's state can be named by the parameter.
    """
    weights = [x for x in model.parameters() if x.requires_grad]
    groups = [
        {"params": [x for x in weights if x.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [x for x in weights if x.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = all(x.device.type in FUSED_DEVICES and x.is_floating_point() for x in weights)
    rate = settings.learning_rate
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=fused)
    kind = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=settings.betas, fused=fused)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of the optimiser one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
