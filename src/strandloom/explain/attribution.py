"""What every way of attributing returns: one score for each base at each position, and whether the picture can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes

Method = Literal["gradient", "integrated_gradients", "deeplift", "mutagenesis", "attention"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Output:
    """The score of a network that is explained: its index k in 0 … K - 1, and the label that it stands for.

    A classifier of two or more classes is explained by the difference of this class's score from the mean of the others, which is
    what decides; labels and values by their own score.
    """

    index: int
    label: str


@dataclass(frozen=True)
class Check:
    """Whether a map can be trusted.

    Parameters
    ----------
    gap
        Completeness: median over sequences of ``|Σ contributions - (score - reference score)|``, in standard deviations of
        ``score - reference score`` over sequences. None where the method promises no sum.
    agreement
        Median Pearson correlation, over the sampled sequences, of the contributions with those of mutagenesis. None where it was not
        measured (nothing varies, or the map is of mutagenesis).
    sampled
        Sequences that ``agreement`` was measured on.
    cautions
        What is wrong, in plain words that stand on the picture; empty where nothing is.
    """

    gap: float | None = None
    agreement: float | None = None
    sampled: int = 0
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class AttributionMap:
    """Scores of all four bases at every position of N sequences for one output of a network.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``: the sequences, placed in the network's window.
    scores
        float32 ``(N, 4, L)``, order ``ACGT``: what each base would contribute at each position, in units of the explained score (logits,
        or the unit of the value). Only differences between the bases of a position have a meaning of their own; 0 at padding.
    output
        The explained score.
    method
        How the scores were made.
    predicted
        float32 ``(N,)``: the explained score of each sequence.
    check
        Whether to trust the map.
    """

    codes: Codes
    scores: NDArray[np.float32]
    output: Output
    method: Method
    predicted: NDArray[np.float32]
    check: Check

    def __len__(self) -> int:
        """Sequences N."""
        return len(self.codes)

    @property
    def contributions(self) -> NDArray[np.float32]:
        """What the base that stands at each position contributes, ``(N, L)``: mean of the bases an ambiguity code may be, 0 at padding."""
        return contributions(self.codes, self.scores)

    @property
    def effects(self) -> NDArray[np.float32]:
        """The predicted change of the score when a base is put in place of the one that stands there, ``(N, 4, L)``."""
        return self.scores - self.contributions[:, None, :]


def contributions(codes: Codes, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores ``(N, 4, L)`` of the bases that stand in codes uint8 ``(N, L)``: ``(N, L)``, as :attr:`AttributionMap.contributions`."""
    from strandloom.alphabet import DNA

    weights = DNA.one_hot_table.astype(np.float32)[codes]  # (N, L, 4)
    return np.einsum("nlc,ncl->nl", weights, scores, optimize=True)
