"""What a motif does to the score of a network: its marginal effect, by orientation and by place.

Every experiment is paired: the same backgrounds are scored with the motif and without it, and only the differences are averaged,
so that what the backgrounds themselves score cancels. Intervals are Student's t intervals over the background sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.evaluation.results import Interval
from strandloom.explain.insertion import (
    Insert,
    columns,
    draw_sites,
    edited_scores,
    flat,
    layout,
    motif_matrix,
    scores,
    shuffle_sites,
)
from strandloom.explain.score import Explained
from strandloom.pwm import Matrix
from strandloom.training.infer import BATCH

SITES, SECOND_SITES, CONTROL = 0, 1, 2
"""What a generator draws: the second part of its seed, so that a control does not change the sites."""


@dataclass(frozen=True)
class Effect:
    """What a change of sequences does to the score, in its units (logits, or the unit of the value).

    Parameters
    ----------
    value
        Mean over sequences of the score with the motif minus the score without it.
    low, high
        Ends of the 95 % t interval over sequences; NaN where there is only one.
    n
        Sequences that the mean is over.
    control
        The same for what is no motif: its letters in another order, or random places of the same width.
    excess
        The effect minus its control, sequence by sequence: what is not explained by composition, or by any change at all.
    notes
        What limits the figures, in plain words.
    """

    value: float
    low: float
    high: float
    n: int
    control: Interval
    excess: Interval
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Orientation:
    """The effects of a motif on either strand.

    Parameters
    ----------
    forward, reverse
        Effect of the motif as it is given, and of its reverse complement, at the same place.
    difference
        ``forward - reverse``, paired; an interval that leaves out 0 says that the network tells the strands apart.
    n
        Sequences that the means are over.
    """

    forward: Interval
    reverse: Interval
    difference: Interval
    n: int


@dataclass(frozen=True, eq=False)
class Curve:
    """Effects along P places (or spacings), each with its own 95 % interval (not one for the curve as a whole).

    Parameters
    ----------
    places
        int64 ``(P,)``: 0-based first base of the motif in the sequence; bases between the motifs in a curve of spacings.
    values, lows, highs
        float64 ``(P,)``: mean difference of the score and the ends of its interval.
    n
        Sequences that the means are over.
    control
        The same for the motif's letters in another order; None where it was not asked for.
    """

    places: NDArray[np.int64]
    values: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    n: int
    control: Curve | None = None


class Estimate(NamedTuple):
    """Means with the ends of their 95 % intervals, each of any one shape, over ``n`` sequences."""

    values: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    n: int

    def interval(self) -> Interval:
        """Of a single mean."""
        return Interval(float(self.values), float(self.lows), float(self.highs))

    def curve(self, places: NDArray[np.int64], *, control: Curve | None = None) -> Curve:
        """Of means ``(P,)``."""
        return Curve(places, self.values, self.lows, self.highs, self.n, control)


def estimate(differences: NDArray[np.float64], *, copies: int = 1) -> Estimate:
    """Mean and 95 % t interval over sequences.

    Parameters
    ----------
    differences
        float64 ``(..., M)``: one for each background.
    copies
        Backgrounds in a row that come from one sequence; they are averaged first, since they are not independent.
        Where all come from one sequence the interval is over its copies.
    """
    from scipy.special import stdtrit

    units = differences
    if copies < differences.shape[-1]:
        units = differences.reshape(*differences.shape[:-1], -1, copies).mean(axis=-1)
    n = units.shape[-1]
    values = units.mean(axis=-1)
    if n < 2:
        unknown = np.full_like(values, np.nan)
        return Estimate(values, unknown, unknown, n)
    half = stdtrit(n - 1, 0.975) * units.std(axis=-1, ddof=1) / np.sqrt(n)
    return Estimate(values, values - half, values + half, n)


def effect(
    differences: NDArray[np.float64],
    control: NDArray[np.float64],
    *,
    copies: int = 1,
    notes: tuple[str, ...] = (),
) -> Effect:
    """The effect with its control from paired differences, float64 ``(M,)`` each (see :func:`estimate`)."""
    own = estimate(differences, copies=copies)
    return Effect(
        *own.interval(),
        own.n,
        estimate(control, copies=copies).interval(),
        estimate(differences - control, copies=copies).interval(),
        notes,
    )


def marginal_effect(
    score: Explained,
    motif: str | Matrix,
    backgrounds: Codes,
    *,
    place: int | None = None,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Effect:
    """Effect of writing a motif over backgrounds that do not need to hold it.

    The design is paired: each background is scored with the motif, without it, and with the motif's own letters in another order
    (the control, another order for each site), all at one place.

    Parameters
    ----------
    score
        What is explained.
    motif
        IUPAC text, whose ambiguity letters are drawn, or base probabilities ``(w, 4)``, from which sites are drawn
        (``pwm.consensus`` makes the text of the strongest ones).
    backgrounds
        uint8 ``(N, L)``, or ``(N, copies, L)`` as ``data.shuffle.dinucleotide_shuffle`` makes them; padding is never written to.
        Copies are averaged before the interval is taken over the N sequences.
    place
        0-based first base of the motif in each sequence; None for its centre.
    draws
        Sites (and controls) for each background, averaged.
    seed
        Fixes sites and controls.
    batch_size
        Rows per forward pass; changes no more than the last bits.

    Raises
    ------
    UsageError
        The motif cannot be read or does not fit into a background.
    """
    rows, copies = flat(backgrounds)
    sites = draw_sites(motif, len(rows), draws=draws, generator=np.random.default_rng((seed, SITES)))
    shuffled, same = shuffle_sites(sites, np.random.default_rng((seed, CONTROL)))
    at = columns(layout(rows), sites.shape[-1], place)
    without = scores(score, rows, batch_size=batch_size, device=device)
    arms = [[Insert(sites, at)], [Insert(shuffled, at)]]
    own, control = edited_scores(score, rows, arms=arms, batch_size=batch_size, device=device) - without
    notes = (f"{same:.0%} of the sites have no other order of their letters: the control equals them",) if same else ()
    return effect(own, control, copies=copies, notes=notes)


def orientation(
    score: Explained,
    motif: str | Matrix,
    backgrounds: Codes,
    *,
    place: int | None = None,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Orientation:
    """Effect of a motif and of its reverse complement, on the same backgrounds at the same place (paired).

    Parameters and errors are those of :func:`marginal_effect`; each site is turned round itself.
    """
    rows, copies = flat(backgrounds)
    sites = draw_sites(motif, len(rows), draws=draws, generator=np.random.default_rng((seed, SITES)))
    at = columns(layout(rows), sites.shape[-1], place)
    without = scores(score, rows, batch_size=batch_size, device=device)
    arms = [[Insert(sites, at)], [Insert(DNA.reverse_complement(sites), at)]]
    forward, reverse = edited_scores(score, rows, arms=arms, batch_size=batch_size, device=device) - without
    each = [estimate(x, copies=copies) for x in (forward, reverse, forward - reverse)]
    return Orientation(each[0].interval(), each[1].interval(), each[2].interval(), each[0].n)


def position_curve(
    score: Explained,
    motif: str | Matrix,
    backgrounds: Codes,
    *,
    places: Sequence[int] | NDArray[np.integer] | int = 50,
    control: bool = False,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Curve:
    """Effect of a motif at places along the sequence; the same backgrounds and sites at all of them (paired).

    Parameters
    ----------
    score, motif, backgrounds, draws, seed, batch_size
        As in :func:`marginal_effect`.
    places
        0-based first bases of the motif in the sequence, or how many, spread evenly from the first to the last that fits into
        every background (all of them where fewer fit).
    control
        Whether the motif's letters in another order make a curve of their own, at twice the cost.

    Raises
    ------
    UsageError
        The motif cannot be read, or does not fit into a background at a place.
    """
    rows, copies = flat(backgrounds)
    where = layout(rows)
    width = len(motif_matrix(motif))
    if isinstance(places, int):
        columns(where, width, None)  # says where a sequence is too short
        chosen = spread(int(where.length.min()) - width, places)
    else:
        chosen = np.asarray(places, np.int64)
        if not len(chosen):
            raise UsageError("no place is given")
    sites = draw_sites(motif, len(rows), draws=draws, generator=np.random.default_rng((seed, SITES)))
    written = [sites]
    if control:
        written.append(shuffle_sites(sites, np.random.default_rng((seed, CONTROL)))[0])
    at = [columns(where, width, int(place)) for place in chosen]
    without = scores(score, rows, batch_size=batch_size, device=device)
    arms = [[Insert(what, first)] for what in written for first in at]
    difference = edited_scores(score, rows, arms=arms, batch_size=batch_size, device=device) - without
    found = [estimate(x, copies=copies) for x in difference.reshape(len(written), len(chosen), -1)]
    return found[0].curve(chosen, control=found[1].curve(chosen) if control else None)


def spread(last: int, number: int) -> NDArray[np.int64]:
    """At most so many different places from 0 to ``last``, spread evenly, int64.

    Raises
    ------
    UsageError
        No place is asked for.
    """
    if number < 1:
        raise UsageError(f"at least 1 place is needed, not {number}")
    return np.unique(np.linspace(0, last, min(number, last + 1)).round().astype(np.int64))
