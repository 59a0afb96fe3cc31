"""The one score of a network that is explained, as a module of its own: ``(B, 4, L)`` in, ``(B,)`` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from strandloom.errors import UsageError
from strandloom.explain.attribution import Output
from strandloom.explain.strands import turned


class Explained(nn.Module):
    """The mean score of the members of a model, of one or both strands, for one output.

    Differentiable in the one-hot input. It is in evaluation mode and stays there; its weights ask for no gradients.

    Parameters
    ----------
    modules
        Networks from one-hot ``(B, 4, L)`` to raw scores ``(B, K)``, averaged.
    output
        Index of the explained score.
    against
        ``others``: the difference from the mean of the other scores (classes; for two classes the log odds). ``none``: the
        score itself (labels, values, K = 1).
    strand
        ``both``: averaged with the scores of the reverse complement, which turns round what is not padding.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        output: Output,
        *,
        against: Literal["others", "none"] = "others",
        strand: Literal["one", "both"] = "one",
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(modules)
        self.output = output
        self.against = against
        self.strand = strand
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Explained:
        """Stays in evaluation mode."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, 4, L)`` to the explained score ``(B,)``.

        Raises
        ------
        UsageError
            The network has no such output.
        """
        total = self._one_strand(x)
        if self.strand == "both":
            total = (total + self._one_strand(turned(x))) / 2
        return total

    def _one_strand(self, x: Tensor) -> Tensor:
        scores = torch.stack([member(x) for member in self.members]).mean(dim=0)  # (B, K)
        outputs, index = scores.shape[1], self.output.index
        if not 0 <= index < outputs:
            raise UsageError(f"the network has outputs 0 to {outputs - 1}, not {index}")
        own = scores[:, index]
        if self.against == "none" or outputs == 1:
            return own
        return own - (scores.sum(dim=1) - own) / (outputs - 1)
