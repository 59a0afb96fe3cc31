"""What sets of fitted baselines share: order, times, what was skipped and why; fitting them one by one; building one again."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import BundleError
from strandloom.evaluation.baselines.base import State, Unfit
from strandloom.evaluation.ranking import Floats


class Method(Protocol):
    """A fitted baseline of any task."""

    name: ClassVar[str]
    title: ClassVar[str]

    def describe(self) -> str:
        """What was chosen in fitting, in one phrase."""
        ...


M = TypeVar("M", bound=Method)


@dataclass(frozen=True, eq=False)
class Fitted(ABC, Generic[M]):
    """Baselines in the order of the report; iterates over them.

    Parameters
    ----------
    methods
        The fitted ones.
    seconds
        Name to seconds of fitting.
    skipped
        Name to the reason why it does not apply.
    titles
        Name to title of those that were skipped.
    notes
        What was limited, in plain words.
    """

    methods: tuple[M, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[M]:
        return iter(self.methods)

    def __len__(self) -> int:
        return len(self.methods)

    @abstractmethod
    def answer(self, method: M, codes: Codes, lengths: NDArray[np.integer]) -> Floats:
        """What one of them says of codes ``(N, L)``, float64 ``(N, K)``."""

    def answers(self, codes: Codes, lengths: NDArray[np.integer]) -> dict[str, Floats]:
        """What each says, by name."""
        return {one.name: self.answer(one, codes, lengths) for one in self.methods}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Name to ``{"title", "about", "seconds"}`` or ``{"title", "skipped"}``, for the evaluation and the report."""
        found: dict[str, dict[str, Any]] = {
            one.name: {
                "title": one.title,
                "about": one.describe(),
                "seconds": round(self.seconds.get(one.name, 0.0), 2),
            }
            for one in self.methods
        }
        found.update({name: {"title": self.titles[name], "skipped": why} for name, why in self.skipped.items()})
        return found


class Fits(NamedTuple):
    """What :func:`fit_each` gives: the first four parts of a :class:`Fitted`."""

    methods: tuple[Any, ...]
    seconds: dict[str, float]
    skipped: dict[str, str]
    titles: dict[str, str]


def fit_each(
    kinds: Mapping[str, Any],
    names: Sequence[str],
    fit: Callable[[Any], Any],
    *,
    progress: Callable[[str], None] | None,
) -> Fits:
    """Fit kinds of baselines by name, timing each; one that does not apply is skipped with its reason.

    Parameters
    ----------
    kinds
        Every kind by name.
    fit
        Fits a kind, or raises :class:`~strandloom.evaluation.baselines.base.Unfit`.
    progress
        Called with the title of each before it is fitted.

    """
    methods: list[Any] = []
    seconds: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for name in names:
        if progress is not None:
            progress(kinds[name].title)
        started = time.perf_counter()
        try:
            methods.append(fit(kinds[name]))
        except Unfit as reason:
            skipped[name] = str(reason)
            continue
        seconds[name] = time.perf_counter() - started
    titles = {name: kinds[name].title for name in skipped}
    return Fits(tuple(methods), seconds, skipped, titles)


def from_state(kinds: Mapping[str, Any], name: str, state: State) -> Any:
    """A stored baseline by name.

    Raises
    ------
    BundleError
        This program has no such baseline, or the state lacks a piece.
    """
    if name not in kinds:
        raise BundleError(
            f"the bundle holds the baseline {name!r}, which this program does not know",
            hint="install a newer strandloom",
        )
    try:
        return kinds[name].from_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the stored baseline {name!r} is incomplete ({error})") from error
