"""How designs are found: substitution by substitution, by populations, by annealing, or along the gradient.

Every method is a function of the problem, the points of the starts and the settings; after each round it gives the best point of every
start so far, and what else it has met that could be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.design.gradient import Differentiable, climb_gradient
from strandloom.design.problem import Points, Problem
from strandloom.design.settings import DesignSettings
from strandloom.errors import UsageError

_CHAINS = 10
"""Parts of ``population`` for each parallel chain."""
_HOT, _COLD = 0.5, 0.01
"""Temperatures of annealing, in standard deviations of the training values."""
_TRIES = 4


class Round(NamedTuple):
    """After a round: the best point of each start, in the order of starts, and others that were met."""

    best: Points
    others: Points


Rounds = Iterator[Round]


def search(
    problem: Problem,
    starts: Points,
    settings: DesignSettings,
    *,
    differentiable: Differentiable | None = None,
) -> Rounds:
    """Rounds of the method that the settings ask for; they end early where nothing improves any more.

    Parameters
    ----------
    starts
        One point a start, in order.
    differentiable
        The networks as a function with a gradient, for method ``gradient``.

    Raises
    ------
    UsageError
        The method needs a gradient and there is none.
    """
    generator = np.random.default_rng((settings.seed, 5))
    if settings.method == "gradient":
        if differentiable is None:
            raise UsageError("the model has no gradient", where="method", hint="choose beam or genetic")
        return _by_gradient(problem, starts, settings, differentiable, generator)
    if settings.method == "genetic":
        return _genetic(problem, starts, settings, generator)
    if settings.method == "annealing":
        return _annealing(problem, starts, settings, generator)
    return _climb(problem, starts, settings, width=1 if settings.method == "greedy" else settings.beam)


def better_of(problem: Problem, kept: Points, found: Points) -> Points:
    """The better point of each start, in the order of starts; where the region is a limit, a point nearer to it comes first."""
    both = Points.join([kept, found])
    strange = problem.strangeness(both)
    order = np.lexsort((np.arange(len(both)), -both.merit, strange, both.start))
    _, first = np.unique(both.start[order], return_index=True)
    return both.take(order[first])


def _climb(problem: Problem, starts: Points, settings: DesignSettings, *, width: int) -> Rounds:
    """The best substitutions of all that are allowed, again and again.

    A beam holds the best points of a start that were met; it ends where none of them is new. Outside the region, where that is a limit, a
    step must lead towards it, and any step that does is better than one that does not.
    """
    best, beam = starts, starts
    for _ in range(settings.rounds):
        moving = ~problem.objective.reached(best.answers.values) | (problem.strangeness(best) > 0)
        beam = beam.take(moving[beam.start])
        if not len(beam):
            return
        children = problem.best_children(beam, width)
        if not len(children):
            return
        after = better_of(problem, best, children)
        if width == 1:  # a start that did not get better never will
            moved = (after.codes != best.codes).any(1)
            beam = after.take(moved)
        else:
            both = problem.best(Points.join([beam, children]), width)
            new = _new(both, children)
            some = np.zeros(len(best), bool)
            some[both.start[new]] = True
            beam = both.take(some[both.start])
        best = after
        yield Round(best, children)


def _new(points: Points, among: Points) -> NDArray[np.bool_]:
    """Whether each point is one of others, bool ``(N,)``."""
    known = {(int(s), c.tobytes()) for s, c in zip(among.start, among.codes, strict=True)}
    return np.array([(int(s), c.tobytes()) in known for s, c in zip(points.start, points.codes, strict=True)], bool)


def _mutated(
    problem: Problem, codes: Codes, start: NDArray[np.int64], generator: np.random.Generator, *, least: int = 1
) -> Codes:
    """Copies with one or more random substitutions that are allowed at their positions, uint8 ``(N, L)``."""
    out = codes.copy()
    each = np.arange(len(codes))
    for number in range(least + 2):
        moving = np.ones(len(codes), bool) if number < least else generator.random(len(codes)) < 0.35
        free = problem.rules.allowed[start] & (out[..., None] != np.arange(4))  # (N, L, 4)
        weight = free.reshape(len(codes), -1) * generator.random((len(codes), free[0].size if len(codes) else 0))
        at = weight.argmax(1)
        possible = weight[each, at] > 0
        rows = np.flatnonzero(moving & possible)
        out[rows, at[rows] // 4] = at[rows] % 4
    return out


def _lawful(
    problem: Problem,
    make: Callable[[NDArray[np.int64]], Codes],
    parents: Codes,
    start: NDArray[np.int64],
) -> Codes:
    """Children that keep to the rules; where several tries gave none, the parents themselves."""
    out = parents.copy()
    rows = np.arange(len(parents))
    for _ in range(_TRIES):
        made = make(rows)
        kept = problem.rules.kept(made, start[rows])
        out[rows[kept]] = made[kept]
        rows = rows[~kept]
        if not len(rows):
            break
    return out


def _genetic(
    problem: Problem, starts: Points, settings: DesignSettings, generator: np.random.Generator
) -> Rounds:  # fmt: skip
    """A population for each start: tournaments, crossing over, mutation; the best of parents and children live on."""
    size = settings.population
    start = np.repeat(starts.start, size)
    first = starts.codes[start]
    codes = _lawful(problem, lambda rows: _mutated(problem, first[rows], start[rows], generator), first, start)
    codes[::size] = starts.codes
    people = problem.best(Points.join([starts, problem.points(codes, start)]), size)
    best = better_of(problem, starts, people)
    for _ in range(settings.rounds):
        if problem.objective.reached(best.answers.values).all():
            return
        made, own = _offspring(problem, people, len(starts), size, generator)
        people = problem.best(Points.join([people, problem.points(made, own)]), size)
        best = better_of(problem, best, people)
        yield Round(best, people)


def _offspring(
    problem: Problem, people: Points, starts: int, size: int, generator: np.random.Generator
) -> tuple[Codes, NDArray[np.int64]]:
    """Children of each start's people (sorted by merit), as many as asked for, and their starts."""
    counts = np.bincount(people.start, minlength=starts)
    own = np.repeat(np.flatnonzero(counts), size)
    first = (np.cumsum(counts) - counts)[own]

    def winners() -> NDArray[np.int64]:
        drawn = (generator.random((len(own), 2)) * counts[own][:, None]).astype(np.int64)
        return first + drawn.min(1)  # the earlier of two is the better one

    one, other = winners(), winners()

    def crossed(rows: NDArray[np.int64]) -> Codes:
        a, b = people.codes[one[rows]], people.codes[other[rows]]
        cut = generator.integers(0, a.shape[1] + 1, (len(rows), 1))
        mixed = np.where(np.arange(a.shape[1]) < cut, a, b).astype(np.uint8)
        return _mutated(problem, mixed, own[rows], generator)

    return _lawful(problem, crossed, people.codes[one], own), own


def _annealing(
    problem: Problem, starts: Points, settings: DesignSettings, generator: np.random.Generator
) -> Rounds:  # fmt: skip
    """Random substitutions, accepted by their gain and a temperature that falls (Kirkpatrick et al. 1983)."""
    chains = max(1, settings.population // _CHAINS)
    start = np.repeat(starts.start, chains)
    state, best = starts.take(start), starts
    sweep = int(problem.rules.length.max())
    steps = settings.rounds * sweep
    scale = float(problem.objective.weight.sum())
    for number in range(settings.rounds):
        for inner in range(sweep):
            share = (number * sweep + inner) / max(steps - 1, 1)
            temperature = scale * _HOT * (_COLD / _HOT) ** share

            def moved(rows: NDArray[np.int64], codes: Codes = state.codes) -> Codes:
                return _mutated(problem, codes[rows], start[rows], generator)

            made = problem.points(_lawful(problem, moved, state.codes, start), start)
            gain = made.merit - state.merit
            accepted = np.log(np.maximum(generator.random(len(gain)), 1e-300)) < gain / temperature
            now, then = problem.strangeness(state), problem.strangeness(made)
            accepted = ((then <= now) & accepted) | (then < now)  # never away from the region, always towards it
            pair = Points.join([state, made])
            each = np.arange(len(state))
            state = pair.take(np.where(accepted, each + len(state), each))
            best = better_of(problem, best, state)
        yield Round(best, state)
        if problem.objective.reached(best.answers.values).all():
            return


def _by_gradient(
    problem: Problem,
    starts: Points,
    settings: DesignSettings,
    differentiable: Differentiable,
    generator: np.random.Generator,
) -> Rounds:
    """Sequences drawn along the gradient, mended where they break a rule, and asked of the whole model."""
    copies = max(1, settings.population // _CHAINS)
    start = np.repeat(starts.start, copies)
    best = starts
    drawn = climb_gradient(
        differentiable, problem.objective, starts.codes[start], problem.rules.allowed[start], settings=settings,
        most_edits=settings.rules.max_edits,
    )  # fmt: skip
    for codes in drawn:
        mended = problem.mended(codes, start, generator)
        kept = problem.rules.kept(mended, start)
        if kept.any():
            found = problem.points(mended[kept], start[kept])
            best = better_of(problem, best, found)
            yield Round(best, found)
        else:
            yield Round(best, best.take(np.zeros(len(best), bool)))
        if problem.objective.reached(best.answers.values).all():
            return
