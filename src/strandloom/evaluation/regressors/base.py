"""What every regressor shares: rows with values, the protocol, errors on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.ranking import Floats

Anchor = Literal["left", "right", "centre"]


class Regressor(Protocol):
    """A fitted classical regressor."""

    name: ClassVar[str]
    title: ClassVar[str]

    def describe(self) -> str:
        """What was chosen in fitting, in one phrase."""
        ...

    def predict(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Values ``(N, K)`` of codes ``(N, L)`` with ``lengths`` bases each, in the unit of the target."""
        ...

    def state(self) -> State:
        """Everything needed to build it again."""
        ...

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same regressor from its state."""
        ...


@dataclass(frozen=True, eq=False)
class ValueRows:
    """Measured rows.

    Parameters
    ----------
    codes, lengths
        uint8 ``(N, L)`` and int ``(N,)``.
    y
        float64 ``(N, K)``.
    weights
        float64 ``(N,)``, mean 1.
    """

    codes: Codes
    lengths: NDArray[np.integer]
    y: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.integer]) -> ValueRows:
        """A selection of rows."""
        return ValueRows(self.codes[rows], self.lengths[rows], self.y[rows], self.weights[rows])


@dataclass(frozen=True, eq=False)
class ValueFit:
    """What a regressor may learn from and choose on.

    Parameters
    ----------
    train, validation
        Fitted on the first, chosen on the second; neither is empty.
    aligned
        Whether column j means the same position in every row.
    anchor
        Where sequences shorter than the window stand.
    kmer_sizes
        k-mer lengths to try, all of them fitting the sequences.
    seed
        Seed of sub-samples.
    """

    train: ValueRows
    validation: ValueRows
    aligned: bool
    anchor: Anchor
    kmer_sizes: tuple[int, ...]
    seed: int


def scaled_error(predicted: Floats, rows: ValueRows, scale: Floats) -> float:
    """Weighted mean squared error ``(N, K)`` in units of ``scale (K,)``: targets of different units count the same."""
    squared = (((predicted - rows.y) / scale) ** 2).mean(1)
    return float((squared * rows.weights).sum() / rows.weights.sum())


def spread(rows: ValueRows) -> Floats:
    """Standard deviation of each target, float64 ``(K,)``; 1 where it never varies."""
    found = rows.y.std(0)
    return np.where(found > 0, found, 1.0)
