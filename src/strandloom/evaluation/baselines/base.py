"""What every baseline is: fitted from codes, gives class probabilities, travels as arrays and a small dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import SettingsError, StrandloomError
from strandloom.evaluation.ranking import Floats

PREDICT_ROWS = 2048  # rows turned into features at once


class State(NamedTuple):
    """A fitted baseline as data: named arrays and a JSON-able dictionary (no pickle, no code)."""

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


class Baseline(Protocol):
    """A fitted classical classifier."""

    name: ClassVar[str]
    title: ClassVar[str]

    def describe(self) -> str:
        """What was chosen in fitting, in one phrase."""
        ...

    def predict_proba(self, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """Class probabilities ``(N, K)`` of codes ``(N, L)`` with ``lengths`` bases each; rows do not affect each
        other.
        """
        ...

    def state(self) -> State:
        """Everything needed to build it again."""
        ...

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The same baseline from its state."""
        ...


class Unfit(StrandloomError):
    """A baseline does not apply to this data; the message says why. Caught by ``fit_baselines``, never shown as a
    failure.
    """


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows: codes uint8 ``(N, L)``, lengths int ``(N,)``, class int64 ``(N,)``."""

    codes: Codes
    lengths: NDArray[np.integer]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.integer]) -> Rows:
        """A selection of rows."""
        return Rows(self.codes[rows], self.lengths[rows], self.y[rows])


@dataclass(frozen=True, eq=False)
class FitData:
    """What a baseline may learn from and choose on.

    Parameters
    ----------
    train, validation
        Fitted on the first, chosen on the second; neither is empty.
    classes
        Number of classes, K (a class may be absent from train).
    aligned
        Whether column j means the same position in every row.
    kmer_sizes
        k-mer lengths to try, all of them fitting the sequences.
    seed
        Seed of sub-samples.
    """

    train: Rows
    validation: Rows
    classes: int
    aligned: bool
    kmer_sizes: tuple[int, ...]
    seed: int

    def prior(self) -> Floats:
        """Class shares in train, one added to each count, ``(K,)``."""
        counts = np.bincount(self.train.y, minlength=self.classes) + 1.0
        return counts / counts.sum()


def log_loss(probabilities: Floats, y: NDArray[np.integer]) -> float:
    """Mean ``-log p`` of the true class."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-15)).mean())


def draw(rows: int, limit: int, *, seed: int) -> NDArray[np.int64]:
    """At most ``limit`` of ``rows`` row numbers, a seeded draw in rising order."""
    if rows <= limit:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))


def check_length(codes: Codes, length: int, *, name: str) -> None:
    """Raise when a table of another width meets a baseline fitted at ``length`` columns."""
    if codes.shape[1] != length:
        raise SettingsError(
            f"the baseline {name} was fitted on windows of {length} bases, these have {codes.shape[1]}",
            hint="place the sequences in the window of the bundle first",
        )
