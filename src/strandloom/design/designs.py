"""A design from starts to finals: every step that was an improvement, and finals that differ enough from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.design.gradient import Differentiable, first_order
from strandloom.design.methods import search
from strandloom.design.objective import Objective, Oracle, Region
from strandloom.design.problem import Points, Problem, Screen
from strandloom.design.rules import Rules
from strandloom.design.settings import DesignSettings
from strandloom.errors import InputError, SettingsError, UsageError
from strandloom.words import plural

_CHOICES = 100
"""Points of each start that are kept to choose from where designs must differ."""
Tell = Callable[[int, int, float], None]
"""Round, rounds at most, and the mean merit so far."""


@dataclass(frozen=True, eq=False)
class Designs:
    """What came of some starts.

    Parameters
    ----------
    rules
        What was kept to; its starts are those that were designed from, in order.
    kept
        int64 ``(S,)``: numbers of these starts among all that were given.
    given
        These starts as they were given, before any repair.
    steps, round
        Every point that was the best of its start for the first time, the starts at round 0, by start and round; int64 ``(M,)``.
    finals
        Points, at most one a start.
    without
        Start (its number in order) to the reason why it has no final.
    notes
        What was changed or left out, in plain words.
    """

    rules: Rules
    kept: NDArray[np.int64]
    given: Points
    steps: Points
    round: NDArray[np.int64]
    finals: Points
    without: dict[int, str]
    notes: tuple[str, ...]


def design(
    codes: Codes,
    lengths: NDArray[np.integer],
    *,
    ids: Sequence[str],
    oracle: Oracle,
    objective: Objective,
    region: Region,
    settings: DesignSettings,
    drawn: NDArray[np.bool_] | None = None,
    differentiable: Differentiable | None = None,
    tell: Tell = lambda *_: None,
) -> Designs:
    """Design from starts.

    Parameters
    ----------
    codes, lengths, ids
        uint8 ``(S, L)`` with padding, int ``(S,)`` and names of the starts.
    oracle, objective, region
        What answers, what is wanted, and what is trusted.
    drawn
        bool ``(S,)``: starts drawn at random, which are changed to keep to the rules without a word.
    differentiable
        The networks with a gradient (method ``gradient``, and to screen).
    tell
        Hears of each round.

    Raises
    ------
    InputError
        A start holds another letter than A, C, G, T, or breaks a rule (and is neither to be mended nor left out).
    SettingsError
        Rules contradict each other or the starts.
    UsageError
        A gradient is needed and there is none.
    """
    _only_bases(codes, lengths, ids)
    apart, most = settings.rules.apart, int(np.max(lengths))
    if apart > most:
        raise SettingsError(
            f"designs of {most} bases cannot differ in {apart} positions", where="rules.apart", hint=f"at most {most}"
        )
    if drawn is not None and drawn.any():
        codes = _drawn_lawfully(
            codes, lengths, ids, drawn, lambda rules: Problem(oracle, objective, rules, region), settings
        )
    possible, notes = _possible(codes, lengths, ids, settings)
    names = [ids[i] for i in possible.tolist()]
    rules = Rules.of(settings.rules, codes[possible], lengths[possible], ids=names)
    begun, within, more = _lawful_starts(Problem(oracle, objective, rules, region), codes[possible], names, settings)
    kept, notes = possible[within], [*notes, *more]
    rules = Rules.of(settings.rules, codes[kept], lengths[kept], ids=[ids[i] for i in kept.tolist()])
    problem = Problem(oracle, objective, rules, region, _screen(objective, settings, differentiable))
    given = problem.points(codes[kept], np.arange(len(kept)))
    starts = problem.points(begun, np.arange(len(kept)))
    steps, rounds = [starts], [np.zeros(len(kept), np.int64)]
    best, choices = starts, starts
    for number, after in enumerate(search(problem, starts, settings, differentiable=differentiable), 1):
        moved = (after.best.codes != best.codes).any(1)
        steps.append(after.best.take(moved))
        rounds.append(np.full(int(moved.sum()), number))
        best = after.best
        if settings.rules.apart:
            choices = problem.best(Points.join([choices, after.others, best]), _CHOICES)
        tell(number, settings.rounds, float(best.merit.mean()))
    every, when = Points.join(steps), np.concatenate(rounds)
    order = np.lexsort((when, every.start))
    finals, without = _finals(problem, starts, best, choices, settings)
    return Designs(rules, kept, given, every.take(order), when[order], finals, without, tuple(notes))


def _screen(objective: Objective, settings: DesignSettings, differentiable: Differentiable | None) -> Screen | None:
    if settings.screen is None:
        return None
    if differentiable is None:
        raise UsageError(
            "the model has no gradient to screen by", where="screen", hint="leave it out, or take --engine torch"
        )
    return Screen(lambda codes: first_order(differentiable, objective, codes), settings.screen)


def _only_bases(codes: Codes, lengths: NDArray[np.integer], ids: Sequence[str]) -> None:
    odd = (codes > 3) & (codes != DNA.pad)
    short = np.flatnonzero((codes < 4).sum(1) != lengths)
    if odd.any() or len(short):
        row = int(np.flatnonzero(odd.any(1))[0]) if odd.any() else int(short[0])
        raise InputError(
            "a start must be made of A, C, G and T alone",
            where=f"start '{ids[row]}'",
            hint="replace other letters; which base should stand there is for you to say",
        )
    if not len(codes):
        raise InputError("there is no start to design from")


def _drawn_lawfully(
    codes: Codes,
    lengths: NDArray[np.integer],
    ids: Sequence[str],
    drawn: NDArray[np.bool_],
    asked: Callable[[Rules], Problem],
    settings: DesignSettings,
) -> Codes:
    """Starts of which those drawn at random keep to every rule where that can be; their edits count from there."""
    own = np.flatnonzero(drawn)
    free = settings.rules.model_copy(update={"max_edits": None, "fixed": ()})
    rules, faults = Rules.with_faults(free, codes[own], lengths[own], ids=[ids[i] for i in own.tolist()])
    if len(faults) == len(own):
        raise next(iter(faults.values()))
    out = codes.copy()
    generator = np.random.default_rng((settings.seed, 2))
    out[own] = asked(rules).mended(codes[own], np.arange(len(own)), generator)
    return out


def _possible(
    codes: Codes, lengths: NDArray[np.integer], ids: Sequence[str], settings: DesignSettings
) -> tuple[NDArray[np.int64], list[str]]:
    """Numbers of the starts for which the rules can be kept at all; the others are an error, or left out with a note."""
    _, faults = Rules.with_faults(settings.rules, codes, lengths, ids=ids)
    every = np.arange(len(codes))
    if not faults:
        return every, []
    first = faults[min(faults)]
    if settings.broken_starts == "error" or len(faults) == len(codes):
        raise first
    kept = np.setdiff1d(every, list(faults))
    return kept, [f"{plural(len(faults), 'start')} left out, for which the rules cannot be kept: {first.message}"]


def _lawful_starts(
    problem: Problem, codes: Codes, ids: Sequence[str], settings: DesignSettings
) -> tuple[Codes, NDArray[np.int64], list[str]]:
    """Starts that keep to the rules, their numbers, and notes."""
    start = np.arange(len(codes))
    broken = problem.rules.broken(codes, start)
    bad = np.flatnonzero(broken.sum(1))
    if not len(bad):
        return codes, start, []
    names = problem.rules.names
    if settings.broken_starts == "error":
        row = int(bad[0])
        which = "; ".join(f"{names[i]} (off by {broken[row, i]})" for i in np.flatnonzero(broken[row]))
        raise InputError(
            f"the start breaks a rule: {which}" + (f"; so {_do(len(bad) - 1)}" if len(bad) > 1 else ""),
            where=f"start '{ids[row]}'",
            hint="--broken-starts repair changes such starts first, --broken-starts skip leaves them out",
        )
    if settings.broken_starts == "skip":
        kept = np.setdiff1d(start, bad)
        if not len(kept):
            raise InputError("every start breaks a rule", hint="--broken-starts repair changes them first")
        return codes[kept], kept, [f"{plural(len(bad), 'start')} left out: they break a rule"]
    mended = problem.mended(codes, start, np.random.default_rng((settings.seed, 3)))
    still = np.flatnonzero(~problem.rules.kept(mended, start))
    changed = np.setdiff1d(bad, still)
    edits = (mended != codes).sum(1)
    shown = ", ".join(f"{ids[i]} ({plural(int(edits[i]), 'edit')})" for i in changed[:5].tolist()) + (
        " …" if len(changed) > 5 else ""
    )
    notes = (
        [f"{plural(len(changed), 'start')} changed before the design, to keep to the rules: {shown}"]
        if len(changed)
        else []
    )
    if len(still):
        left = problem.rules.broken(mended[still], still)
        worst = names[int((left > 0).sum(0).argmax())]
        if len(still) == len(codes):
            raise InputError(
                f"no start can be changed so that it keeps to every rule; what stays broken most is: {worst}",
                hint="loosen it, or give other starts",
            )
        notes.append(f"{plural(len(still), 'start')} left out: no change was found that keeps to every rule ({worst})")
    kept = np.setdiff1d(start, still)
    return mended[kept], kept, notes


def _do(number: int) -> str:
    return "does 1 more start" if number == 1 else f"do {number:,} more starts"


def _finals(
    problem: Problem, starts: Points, best: Points, choices: Points, settings: DesignSettings
) -> tuple[Points, dict[int, str]]:
    """The best point of each start, or the best that differs enough from those chosen before it."""
    without: dict[int, str] = {}
    inside = np.ones(len(best), bool)
    if problem.region.limit:
        inside = problem.region.inside(best.answers, best.codes)
        without |= {int(s): "nothing inside the trusted region was met" for s in best.start[~inside]}
    apart = settings.rules.apart
    if not apart:
        return best.take(inside), without
    picked: list[Points] = []
    chosen = np.zeros((0, best.codes.shape[1]), np.uint8)
    for number in np.argsort(-best.merit, kind="stable"):
        if not inside[number]:
            continue
        own = choices.take(choices.start == number)
        if problem.region.limit:
            own = own.take(problem.region.inside(own.answers, own.codes))
        far = (own.codes[:, None] != chosen[None]).sum(2).min(1, initial=own.codes.shape[1] + apart) >= apart
        if not far.any():
            without[int(number)] = f"everything met is within {apart - 1} positions of another design"
            continue
        first = own.take(np.flatnonzero(far)[own.merit[far].argmax()][None])
        picked.append(first)
        chosen = np.concatenate([chosen, first.codes])
    if not picked:
        return best.take(np.zeros(len(best), bool)), without
    found = Points.join(picked)
    return found.take(np.argsort(found.start, kind="stable")), without
