"""The network of the published form: bases and a map of the place side by side, joined, to the species.

ePlacer (NOAA Northeast Fisheries Science Center), with an input that says that no place is known.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from strandloom.models.blocks import Dropout
from strandloom.models.channels_last import BatchNorm1d, Conv1d, MaxPool1d, channels_last

PENALTY = 0.5
"""Weight of the range penalty in the loss."""


class FusionNetwork(nn.Module):
    """Log probabilities of species from a sequence and a place.

    Parameters
    ----------
    width
        Columns of the sequences, L, at least 2.
    cells
        Cells of the map, G.
    species
        S.
    drop
        Share of values dropped while training.
    """

    def __init__(self, width: int, cells: int, species: int, *, drop: float = 0.3) -> None:
        super().__init__()
        self.width, self.cells, self.species = width, cells, species
        self.sequence = nn.Sequential(
            Conv1d(4, 64, 3, edges=(1, 1)), BatchNorm1d(64), nn.ReLU(),
            Conv1d(64, 128, 3, edges=(1, 1)), BatchNorm1d(128), nn.ReLU(),
            MaxPool1d(2, 2), Dropout(drop),
        )  # fmt: skip
        self.place = nn.Sequential(
            nn.Linear(cells + 1, 128), nn.BatchNorm1d(128), nn.ReLU(), Dropout(drop),
            nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), Dropout(drop),
        )  # fmt: skip
        self.join = nn.Sequential(
            nn.Linear(128 * (width // 2) + 64, 256), nn.BatchNorm1d(256), nn.ReLU(), Dropout(drop),
            nn.Linear(256, species),
        )  # fmt: skip

    def forward(self, bases: Tensor, place: Tensor) -> Tensor:
        """Log probabilities (B, S) of one-hot bases (B, 4, L) at places (B, G + 1), the flag "no place" last."""
        x = self.sequence(channels_last(bases).squeeze(2))  # (B, 128, L // 2)
        both = torch.cat([x.transpose(1, 2).flatten(1), self.place(place)], dim=1)  # (B, 128 · (L // 2) + 64)
        return self.join(both).float().log_softmax(dim=1)


class FusionLoss(NamedTuple):
    """Both parts of the loss, scalar each."""

    truth: Tensor
    """Mean negative log probability of the true species."""
    penalty: Tensor
    """Mean probability of species out of range less that of species in range; 0 for unknown places."""

    def total(self, penalty: float = PENALTY) -> Tensor:
        """The sum that is minimised."""
        return self.truth + penalty * self.penalty


def fusion_loss(logs: Tensor, truth: Tensor, signs: Tensor) -> FusionLoss:
    """Loss of a batch.

    Parameters
    ----------
    logs
        float (B, S): log probabilities.
    truth
        int64 (B,): the true species.
    signs
        int8 (B, S): 1 where the species is out of range at the place, -1 in range, 0 no data or no place.
    """
    return FusionLoss(nn.functional.nll_loss(logs, truth), (logs.exp() * signs).sum(dim=1).mean())
