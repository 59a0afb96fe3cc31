"""What is wanted of the outputs as one number, and how far predictions may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.design.settings import GoalSettings
from strandloom.errors import SettingsError, nearest

Floats = NDArray[np.float64]


class Answers(NamedTuple):
    """Predictions of N sequences: float64 ``(N, K)``, and their standard deviation over the networks; None where there is one."""

    values: Floats
    spread: Floats | None


Oracle = Callable[[Codes, NDArray[np.int32]], Answers]
"""Codes ``(N, L)`` and their lengths to answers."""
Similarity = Callable[[Codes], Floats]
"""Codes ``(N, L)`` to the similarity with the nearest training sequence, ``(N,)``."""


@dataclass(frozen=True, eq=False)
class Objective:
    """Goals, resolved.

    Parameters
    ----------
    output
        int64 ``(G,)``: the output of each goal.
    sign
        float64 ``(G,)``: 1 as high as possible, -1 as low as possible, 0 a value.
    aim
        float64 ``(G,)``: the value, where one is wanted.
    weight, scale
        float64 ``(G,)``: of each goal, and the standard deviation of its output in training.
    tolerance
        Share of the scale within which a value is reached.
    """

    output: NDArray[np.int64]
    sign: Floats
    aim: Floats
    weight: Floats
    scale: Floats
    tolerance: float

    @classmethod
    def of(cls, goals: Sequence[GoalSettings], names: Sequence[str], scale: Floats, *, tolerance: float) -> Objective:
        """Goals for the outputs of a model.

        Raises
        ------
        SettingsError
            An output is not there, is not named though there are several, or has two goals.
        """
        output: list[int] = []
        for goal in goals:
            if goal.output is None and len(names) > 1:
                raise SettingsError(
                    "the model has several outputs, and a goal does not say which it means",
                    where="goals",
                    hint="outputs: " + ", ".join(names),
                )
            name = names[0] if goal.output is None else goal.output
            if name not in names:
                like = nearest(name, names)
                raise SettingsError(
                    f"the model has no output `{name}`",
                    where="goals",
                    hint=f"did you mean `{like}`?" if like else "outputs: " + ", ".join(names),
                )
            if names.index(name) in output:
                raise SettingsError(f"the output `{name}` has two goals", where="goals", hint="give each output one")
            output.append(names.index(name))
        sign = np.array([{"max": 1.0, "min": -1.0}.get(str(goal.aim), 0.0) for goal in goals])
        aim = np.array([goal.aim if isinstance(goal.aim, float) else 0.0 for goal in goals])
        weight = np.array([goal.weight for goal in goals])
        return cls(np.array(output), sign, aim, weight, np.maximum(scale[output], 1e-12), tolerance)

    def merit(self, values: Floats) -> Floats:
        """Higher is better, float64 ``(N,)``: weighted sum over goals, each in standard deviations of its output."""
        own = values[:, self.output] / self.scale
        missed = -np.abs(own - self.aim / self.scale)
        return np.asarray((np.where(self.sign == 0, missed, self.sign * own) * self.weight).sum(1))

    def reached(self, values: Floats) -> NDArray[np.bool_]:
        """Whether every goal is a value that has been reached, bool ``(N,)``; highest and lowest are never reached."""
        if (self.sign != 0).any():
            return np.zeros(len(values), bool)
        off = np.abs(values[:, self.output] - self.aim) / self.scale
        return np.asarray((off <= self.tolerance).all(1))

    def out_of_range(self, low: Floats, high: Floats) -> list[int]:
        """Goals whose value lies outside what was measured in training."""
        return [
            g for g, k in enumerate(self.output) if self.sign[g] == 0 and not low[k] <= self.aim[g] <= high[k]
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Region:
    """Where predictions are trusted.

    Parameters
    ----------
    spread
        Largest standard deviation over the networks, float64 ``(K,)``; None: any.
    similarity
        Least similarity to the nearest training sequence; None: any.
    low, high
        Lowest and highest value of training, float64 ``(K,)``; None: any value.
    near
        What measures the similarity; None: the model does not hold its training sequences.
    limit
        Whether steps out of the region are refused.
    """

    spread: Floats | None = None
    similarity: float | None = None
    low: Floats | None = None
    high: Floats | None = None
    near: Similarity | None = None
    limit: bool = False

    @property
    def measures(self) -> tuple[str, ...]:
        """What it goes by, in words; empty: nothing is known of the model's limits."""
        found = []
        if self.spread is not None:
            found.append("networks agree")
        if self.near is not None and self.similarity is not None:
            found.append("near training")
        if self.low is not None:
            found.append("values that were measured")
        return tuple(found)

    def inside(self, answers: Answers, codes: Codes) -> NDArray[np.bool_]:
        """Whether sequences are trusted, bool ``(N,)``."""
        return np.asarray(self.distance(answers, codes) <= 0)

    def distance(self, answers: Answers, codes: Codes) -> Floats:
        """How far sequences lie outside, float64 ``(N,)``; 0: inside. Each measure counts in its own limits."""
        return self.answer_distance(answers) + self.code_distance(codes)

    def answer_distance(self, answers: Answers) -> Floats:
        """The part that the answers tell: disagreement beyond its limit, and values beyond those of training."""
        found = np.zeros(len(answers.values))
        if self.spread is not None and answers.spread is not None:
            found += np.maximum(answers.spread / np.maximum(self.spread, 1e-12) - 1, 0).sum(1)
        if self.low is not None and self.high is not None:
            width = np.maximum(self.high - self.low, 1e-12)
            over = np.maximum(answers.values - self.high, 0) + np.maximum(self.low - answers.values, 0)
            found += (over / width).sum(1)
        return found

    def code_distance(self, codes: Codes) -> Floats:
        """The part that the sequences tell: similarity to training below its limit."""
        if self.near is None or self.similarity is None or not len(codes):
            return np.zeros(len(codes))
        return np.maximum(1 - self.near(codes) / max(self.similarity, 1e-12), 0)
