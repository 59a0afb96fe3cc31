"""The MarkTechPost tutorial's "advanced CNN with attention" as published, faults included, for comparison.

Its attention cannot work: a tanh score under a softmax over 200 positions weighs every position by nearly 1/200, and a
maximum follows where a weighted sum belongs. ``multiscale`` is the network it meant to be.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.models.blocks import Dropout, position_max
from strandloom.models.channels_last import BatchNorm1d, Conv1d, channels_last
from strandloom.models.start import keras_start

WIDTHS = (3, 7, 15, 25)
FILTERS = 64


def _norm(features: int) -> BatchNorm1d:
    return BatchNorm1d(features, eps=1e-3, momentum=0.01)  # Keras' defaults


class TutorialBranch(nn.Module):
    """Convolution, ReLU, batch norm, dropout, scaling by softmaxed tanh scores, maximum over positions."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = Conv1d(channels, FILTERS, width, edges=(width // 2, width // 2))
        self.norm = _norm(FILTERS)
        self.dropout = Dropout(0.2)
        self.score = nn.Conv1d(FILTERS, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, L)`` in channels-last memory to ``(B, 64)``."""
        h = self._features(x)
        return position_max(h * self._weights(h))

    def attention_weights(self, x: Tensor) -> Tensor:
        """Weights of the positions, ``(B, 1, L)``, each row summing to 1."""
        return self._weights(self._features(x))

    def _features(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(torch.relu(self.conv(x))))  # (B, 64, L)

    def _weights(self, h: Tensor) -> Tensor:
        if torch.jit.is_tracing():
            scores = self.score(h)  # (B, 1, L)
        else:
            scores = F.linear(h.transpose(1, 2), self.score.weight[:, :, 0], self.score.bias).transpose(1, 2)
        return torch.tanh(scores).softmax(dim=-1)


class Tutorial(nn.Module):
    """114,693 weights with one output on DNA, batch-norm statistics counted; 113,413 trainable.

    Parameters
    ----------
    channels
        Input channels C (4 for DNA).
    outputs
        Raw scores K; the original has one, under a sigmoid.
    """

    def __init__(self, *, channels: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(TutorialBranch(channels, width) for width in WIDTHS)
        self.dense = nn.Sequential(
            nn.Linear(len(WIDTHS) * FILTERS, 256), nn.ReLU(), _norm(256), Dropout(0.5),
            nn.Linear(256, 128), nn.ReLU(), _norm(128), Dropout(0.3),
        )  # fmt: skip
        self.output = nn.Linear(128, outputs)
        keras_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, C, L)`` to raw scores ``(B, K)``; padding is not told from sequence."""
        if not torch.jit.is_tracing():
            x = channels_last(x).squeeze(2)
        joined = torch.cat([branch(x) for branch in self.branches], dim=1)  # (B, 256)
        return self.output(self.dense(joined))

    def attention_weights(self, x: Tensor) -> Tensor:
        """Where each branch looks, ``(B, 4, L)``: nearly everywhere alike, see above."""
        x = channels_last(x).squeeze(2)
        weights = [branch.attention_weights(x) for branch in self.branches if isinstance(branch, TutorialBranch)]
        return torch.cat(weights, dim=1)
