"""Practice: reads meet the collection without their own lineage, or without all of its group, as reads of a new sample would.

Beside them stand reads that resemble nothing: their bases were drawn, shuffled or turned round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.workflows.sources.lineages import Lineages

SEEN, RELATED, STRANGE, NOTHING = range(4)
REGIMES = ("its own lineage", "its group", "its environment", "nothing")
"""The nearest that a read meets: a genome that it is from, one of the same genus, others of the environment, nothing of its kind."""


class Views(NamedTuple):
    """What each of N practice reads sees."""

    visible: NDArray[np.uint64]
    """uint64 ``(N,)``: lineages, a bit each."""
    regime: NDArray[np.int8]
    """int8 ``(N,)``, of :data:`REGIMES`: what it then meets; NOTHING where its environment is gone with it."""


def practice_views(
    lineage: NDArray[np.integer], asked: NDArray[np.integer], lineages: Lineages, *, generator: np.random.Generator
) -> Views:
    """Hide lineages from reads.

    What is hidden of a read's own environment (a lineage, a group) is hidden of every other environment too, drawn at random: else the
    environment with the gap would be the answer.

    Parameters
    ----------
    lineage
        int ``(N,)``: whose read each is.
    asked
        int ``(N,)``: SEEN hides nothing, RELATED the lineage, STRANGE the group.
    """
    environment = lineages.environment[lineage]
    visible = np.full(len(lineage), lineages.all)
    one, group = asked == RELATED, asked == STRANGE
    visible[one] &= ~lineages.own[lineage[one]]
    visible[group] &= ~lineages.kin[lineage[group]]
    for e in range(lineages.environments):
        there = np.flatnonzero(lineages.environment == e)
        picked = there[generator.integers(0, len(there), len(lineage))]
        other = environment != e
        rows = np.flatnonzero(one & other)
        visible[rows] &= ~lineages.own[picked[rows]]
        rows = np.flatnonzero(group & other)
        visible[rows] &= ~(lineages.kin[picked[rows]] & lineages.within[e])
    return Views(visible, regimes(lineage, visible, lineages))


def regimes(lineage: NDArray[np.integer], visible: NDArray[np.uint64], lineages: Lineages) -> NDArray[np.int8]:
    """What reads meet, int8 ``(N,)``, given what they see."""
    home = lineages.within[lineages.environment[lineage]]
    found = np.full(len(lineage), NOTHING, np.int8)
    found[(visible & home) != 0] = STRANGE
    found[(visible & home & lineages.kin[lineage]) != 0] = RELATED
    found[(visible & lineages.own[lineage]) != 0] = SEEN
    return found


ALIENS = ("drawn by C + G", "pairs of bases shuffled", "read backwards")
"""Kinds of reads that are related to nothing: bases drawn by a random share of C + G; pairs of bases of real reads in another order; real
reads from their end, not complemented, which keep their repeats and their words, each backwards."""


def reads_like_nothing(codes: Codes, *, generator: np.random.Generator) -> Codes:
    """As many reads that are related to nothing, uint8 ``(N, L)``: a third of each kind of :data:`ALIENS`, in this order.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, padded on the right.
    """
    rows, length = codes.shape
    out = codes.copy()
    first, last = _bounds(rows)
    gc = generator.uniform(0.2, 0.8, first)
    strong = generator.random((first, length)) < gc[:, None]
    drawn = np.where(strong, generator.integers(1, 3, (first, length)), 3 * generator.integers(0, 2, (first, length)))
    out[:first] = np.where(codes[:first] < 4, drawn, codes[:first])
    pairs = length // 2
    pieces = out[first:last, : 2 * pairs].reshape(last - first, pairs, 2)
    keys = generator.random((last - first, pairs))
    keys[(pieces > 3).any(2)] = 2.0  # padding and ambiguous bases stay at the end
    order = np.argsort(keys, axis=1)
    out[first:last, : 2 * pairs] = np.take_along_axis(pieces, order[:, :, None], 1).reshape(last - first, 2 * pairs)
    ends = (codes[last:] != DNA.pad).sum(1)
    column = np.arange(length)
    backwards = np.take_along_axis(codes[last:], np.maximum(ends[:, None] - 1 - column, 0), 1)
    out[last:] = np.where(column < ends[:, None], backwards, codes[last:])
    return out


def kinds_of_nothing(rows: int) -> NDArray[np.int64]:
    """The kind of each of N reads of :func:`reads_like_nothing`, int64 ``(N,)``."""
    first, last = _bounds(rows)
    return np.repeat(np.arange(len(ALIENS)), [first, last - first, rows - last])


def _bounds(rows: int) -> tuple[int, int]:
    """Where the second and the last third begin."""
    return rows // 3, rows - rows // 3
