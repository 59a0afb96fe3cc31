"""Networks of several kinds side by side: in training each answers for itself, afterwards their raw scores are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of several networks.

    Parameters
    ----------
    networks
        Each maps float ``(B, C, L)`` to raw scores ``(B, K)``.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)`` to raw scores: in training those of each network ``(B, P, K)``, else their mean ``(B, K)``."""
        every = torch.stack([network(x) for network in self.networks], dim=1)
        return every if self.training else every.mean(1)
