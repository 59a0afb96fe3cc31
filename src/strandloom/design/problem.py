"""A design problem: what answers, what is wanted, what is allowed; and the points that a method moves through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.design.objective import Answers, Floats, Objective, Oracle, Region
from strandloom.design.rules import Rules

_AT_ONCE = 48
"""Candidates of a start whose similarity to training is asked: it costs more than their prediction."""
_MOST_AT_ONCE = 60_000
"""Candidates that are made and predicted at once."""
_MENDS = 2
"""Substitutions in which a sequence is mended, at most, as a multiple of its length."""

Gauge = Callable[[Codes], Floats]
"""Codes ``(N, L)`` to an estimate of the merit of every substitution, float64 ``(N, L, 4)``."""


class Screen(NamedTuple):
    """Which substitutions are worth a prediction: so many of each sequence, the highest by an estimate."""

    gauge: Gauge
    most: int


@dataclass(frozen=True, eq=False)
class Points:
    """N sequences with what is predicted of them.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    start
        int64 ``(N,)``: the start that each was made of.
    answers
        Values and their spread.
    merit
        float64 ``(N,)``.
    """

    codes: Codes
    start: NDArray[np.int64]
    answers: Answers
    merit: Floats

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Points:
        """A selection."""
        spread = self.answers.spread
        answers = Answers(self.answers.values[rows], None if spread is None else spread[rows])
        return Points(self.codes[rows], self.start[rows], answers, self.merit[rows])

    @staticmethod
    def join(parts: Sequence[Points]) -> Points:
        """Several one after the other."""
        spreads = [p.answers.spread for p in parts]
        known = [x for x in spreads if x is not None]
        answers = Answers(
            np.concatenate([p.answers.values for p in parts]),
            np.concatenate(known) if len(known) == len(parts) else None,
        )
        return Points(
            np.concatenate([p.codes for p in parts]),
            np.concatenate([p.start for p in parts]),
            answers,
            np.concatenate([p.merit for p in parts]),
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method works on.

    Parameters
    ----------
    oracle
        The model.
    objective, rules, region
        What is wanted, allowed and trusted.
    screen
        Which substitutions are predicted; None: all.
    """

    oracle: Oracle
    objective: Objective
    rules: Rules
    region: Region
    screen: Screen | None = None

    def points(self, codes: Codes, start: NDArray[np.integer]) -> Points:
        """Sequences with their predictions."""
        answers = self.oracle(codes, self.rules.length[start].astype(np.int32))
        return Points(codes, np.asarray(start, np.int64), answers, self.objective.merit(answers.values))

    def substitutions(self, codes: Codes, start: NDArray[np.integer]) -> tuple[Codes, NDArray[np.int64]]:
        """Every sequence one allowed substitution away, uint8 ``(M, L)``, and the row that each comes from, int64 ``(M,)``."""
        tried = self.rules.allowed[start] & (codes[..., None] != np.arange(4))
        row, position, base = np.nonzero(tried)
        made = codes[row]
        made[np.arange(len(row)), position] = base
        return made, row.astype(np.int64)

    def best_children(self, beam: Points, count: int) -> Points:
        """Up to so many best points of each start that are one allowed substitution away from a beam and keep to every rule.

        Goes through the beam in blocks of starts, so that memory does not grow with their number.
        """
        kept = []
        per_row = max(int(self.rules.allowed.any(2).sum(1).max(initial=1)) * 3, 1)
        order = np.argsort(beam.start, kind="stable")
        starts = beam.start[order]
        edges = np.flatnonzero(np.append(True, starts[1:] != starts[:-1]))
        bounds = np.append(edges, len(order))
        at = 0
        while at < len(edges):
            stop = at + 1
            while stop < len(edges) and (bounds[stop + 1] - bounds[at]) * per_row <= _MOST_AT_ONCE:
                stop += 1
            part = beam.take(order[bounds[at] : bounds[stop]])
            made, row = self.substitutions(part.codes, part.start)
            start = part.start[row]
            lawful = np.flatnonzero(self.rules.kept(made, start))
            if self.screen is not None:
                lawful = lawful[_promising(self.screen, part.codes, made[lawful], row[lawful])]
            if len(lawful):
                kept.append(self.best(self.points(made[lawful], start[lawful]), count))
            at = stop
        return Points.join(kept) if kept else beam.take(np.zeros(len(beam), bool))

    def strangeness(self, points: Points) -> Floats:
        """How far points lie outside the region where that is a limit, float64 ``(N,)``; 0: inside, or there is no limit."""
        if not self.region.limit:
            return np.zeros(len(points))
        return self.region.distance(points.answers, points.codes)

    def best(self, points: Points, count: int) -> Points:
        """Up to so many best points of each start, best first; where the region is a limit, points inside come before those outside, and
        among these the nearest to it.

        Equal sequences count once; of equal merit the earlier point comes first.
        """
        if not len(points):
            return points
        order = _distinct(points)
        if not self.region.limit:
            order = order[np.lexsort((-points.merit[order], points.start[order]))]
            return points.take(order[_rank(points.start[order]) < count])
        answered = self.region.answer_distance(points.answers)
        order = order[np.lexsort((-points.merit[order], answered[order], points.start[order]))]
        if self.region.near is None or self.region.similarity is None:
            return points.take(order[_rank(points.start[order]) < count])
        # similarity costs more than a prediction: it is asked of the most promising points alone
        order = order[_rank(points.start[order]) < max(_AT_ONCE, 2 * count)]
        far = answered[order] + self.region.code_distance(points.codes[order])
        order = order[np.lexsort((-points.merit[order], far, points.start[order]))]
        return points.take(order[_rank(points.start[order]) < count])

    def mended(self, codes: Codes, start: NDArray[np.integer], generator: np.random.Generator) -> Codes:
        """Sequences changed, substitution by substitution, towards keeping to every rule; those that cannot be mended stay broken."""
        out = codes.copy()
        allowed = self.rules.allowed[start]
        standing = np.take_along_axis(allowed, np.minimum(out, 3)[..., None].astype(np.int64), 2)[..., 0]
        wrong = allowed.any(2) & ~standing & (out < 4)
        if wrong.any():  # letters first: each place has its own
            out[wrong] = (allowed[wrong] * generator.random((int(wrong.sum()), 4))).argmax(1)
        rows = np.flatnonzero(~self.rules.kept(out, start))
        for _ in range(_MENDS * codes.shape[1]):
            if not len(rows):
                break
            own = np.asarray(start)[rows]
            now = self.rules.broken(out[rows], own).sum(1)
            tried, of = self.substitutions(out[rows], own)
            then = self.rules.broken(tried, own[of]).sum(1)
            order = np.lexsort((generator.random(len(tried)), then, of))
            _, first = np.unique(of[order], return_index=True)
            best = order[first]
            better = then[best] < now[of[best]]
            out[rows[of[best[better]]]] = tried[best[better]]
            rows = rows[of[best[better]]][then[best[better]] > 0]
        return out


def _promising(screen: Screen, parents: Codes, made: Codes, row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the substitutions that a screen lets through, in their order; ``row`` is the parent of each, sorted."""
    if not len(made):
        return np.zeros(0, np.int64)
    position = (made != parents[row]).argmax(1)
    estimate = screen.gauge(parents)[row, position, made[np.arange(len(made)), position]]
    order = np.lexsort((-estimate, row))
    return np.sort(order[_rank(row[order]) < screen.most])


def _rank(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row among those of its start, int64 ``(N,)``; starts are sorted."""
    first = np.flatnonzero(np.append(True, start[1:] != start[:-1]))
    return np.asarray(np.arange(len(start)) - np.repeat(first, np.diff(np.append(first, len(start)))))


def _distinct(points: Points) -> NDArray[np.int64]:
    """The first of every equal sequence of a start, int64, in their order."""
    keys = np.column_stack([points.start.astype(np.uint32).view(np.uint8).reshape(-1, 4), points.codes])
    whole = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1]))).ravel()
    _, first = np.unique(whole, return_index=True)
    return np.sort(first)
