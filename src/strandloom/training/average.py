"""The running average of the weights (EMA), which is what is validated, kept and shipped."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """An exponential running average of a model's weights and batch-norm statistics.

    The decay of step t is ``min(decay, (1 + t) / (10 + t))``, so that the first weights are soon forgotten. Statistics
    held in floating-point buffers are averaged the same way, since they belong to the weights they were made under;
    counters are copied.

    Parameters
    ----------
    model
        Followed; its weights are read at each update.
    decay
        In (0, 1); None follows the model without averaging, at no cost.
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.source = model
        self.model = model if decay is None else copy.deepcopy(model).requires_grad_(False)
        # the parameters themselves, not what state_dict gives: cuDNN moves the weights of an LSTM to other memory when it first runs
        mine, theirs = (x.state_dict(keep_vars=True) for x in (self.model, model))
        self._mine = [x for x in mine.values() if x.is_floating_point()]
        self._theirs = [x for x in theirs.values() if x.is_floating_point()]
        self._counters = [(mine[k], theirs[k]) for k, x in mine.items() if not x.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step (counted from 0 over all epochs)."""
        if self.decay is None:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
        for mine, theirs in self._counters:
            mine.copy_(theirs)

    def state(self) -> dict[str, Tensor]:
        """The averaged weights by name (the live tensors)."""
        return self.model.state_dict()
