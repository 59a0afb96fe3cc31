"""A design problem: what answers, what is wanted, what is allowed; and the points that a method moves through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.design.objective import Answers, Floats, Objective, Oracle, Region
from strandloom.design.rules import Rules

_AT_ONCE = 32
"""Candidates of a start whose similarity to training is asked at once: it costs more than their prediction."""
_MOST_MENDS = 200


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
    """

    oracle: Oracle
    objective: Objective
    rules: Rules
    region: Region

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

    def best(self, points: Points, count: int) -> Points:
        """Up to so many best points of each start, best first; where the region is a limit only those inside.

        Equal sequences count once; of equal merit the earlier point comes first.
        """
        if not len(points):
            return points
        order = np.lexsort((-points.merit, points.start))
        _, first = np.unique(
            np.column_stack([points.start[order].astype(np.uint32).view(np.uint8).reshape(-1, 4), points.codes[order]]),
            axis=0,
            return_index=True,
        )
        order = order[np.sort(first)]
        if self.region.limit:
            order = order[self.region.trusted(points.answers)[order]]
        start = points.start[order]
        bounds = np.searchsorted(start, np.unique(start))
        rank = np.arange(len(start)) - np.repeat(bounds, np.diff(np.append(bounds, len(start))))
        if not self.region.limit or self.region.near is None or self.region.similarity is None:
            return points.take(order[rank < count])
        return points.take(self._near_enough(points.codes, order, start, rank, count))

    def _near_enough(
        self,
        codes: Codes,
        order: NDArray[np.int64],
        start: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.int64]:
        """The first so many of each start, in order, that are similar enough to training."""
        kept: list[NDArray[np.int64]] = []
        found = np.zeros(int(start.max(initial=-1)) + 1, np.int64)
        step = max(_AT_ONCE, count)
        for low in range(0, int(rank.max(initial=-1)) + 1, step):
            ask = (rank >= low) & (rank < low + step) & (found[start] < count)
            if not ask.any():
                break
            rows = order[ask]
            rows = rows[self.region.similar(codes[rows])]
            own = start[np.isin(order, rows)]
            kept.append(rows)
            np.add.at(found, own, 1)
        if not kept:
            return np.zeros(0, np.int64)
        rows = np.concatenate(kept)
        place = np.empty(len(codes), np.int64)
        place[order] = np.arange(len(order))
        rows = rows[np.argsort(place[rows], kind="stable")]
        own = start[place[rows]]
        bounds = np.searchsorted(own, np.unique(own))
        within = np.arange(len(own)) - np.repeat(bounds, np.diff(np.append(bounds, len(own))))
        return np.asarray(rows[within < count])

    def mended(self, codes: Codes, start: NDArray[np.integer], generator: np.random.Generator) -> Codes:
        """Sequences changed, substitution by substitution, towards keeping to every rule; those that cannot be mended stay broken."""
        out = codes.copy()
        rows = np.flatnonzero(~self.rules.kept(out, start))
        for _ in range(_MOST_MENDS):
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
