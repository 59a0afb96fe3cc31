"""What every baseline of labels shares: rows with 0/1 labels, the protocol, the loss on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.ranking import Floats


class LabelBaseline(Protocol):
    """A fitted classical model of labels."""

    name: ClassVar[str]
    title: ClassVar[str]

    def describe(self) -> str:
        """What was chosen in fitting, in one phrase."""
        ...

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Probability of each label ``(N, K)`` for codes ``(N, L)`` with ``lengths`` bases each."""
        ...

    def state(self) -> State:
        """Everything needed to build it again."""
        ...

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        ...


@dataclass(frozen=True, eq=False)
class LabelRows:
    """Rows with labels: codes uint8 ``(N, L)``, lengths int ``(N,)``, 0/1 float32 ``(N, K)``."""

    codes: Codes
    lengths: NDArray[np.integer]
    y: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.integer]) -> LabelRows:
        """A selection of rows."""
        return LabelRows(self.codes[rows], self.lengths[rows], self.y[rows])


@dataclass(frozen=True, eq=False)
class LabelFit:
    """What a baseline may learn from and choose on.

    Parameters
    ----------
    train, validation
        Fitted on the first, chosen on the second; neither is empty.
    kmer_sizes
        k-mer lengths to try, all of them fitting the sequences.
    seed
        Seed of sub-samples.
    """

    train: LabelRows
    validation: LabelRows
    kmer_sizes: tuple[int, ...]
    seed: int

    def prevalence(self) -> Floats:
        """Share of the training rows that have each label, half a row added to either side, ``(K,)``."""
        return (self.train.y.sum(axis=0, dtype=np.float64) + 0.5) / (len(self.train) + 1.0)
