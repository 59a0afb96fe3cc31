"""Whether two motifs act together: the joint effect beyond the sum of the single ones, by the bases between them.

Paired as in ``explain/effects.py``: for each background, ``score(both) - score(first alone) - score(second alone) + score(neither)``
at the same places. What is additive cancels exactly, also where the effect of a motif depends on its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.effects import SECOND_SITES, SITES, Curve, estimate
from strandloom.explain.insertion import Insert, Layout, columns, draw_sites, edited_scores, flat, layout, scores
from strandloom.explain.score import Explained
from strandloom.pwm import Matrix
from strandloom.training.infer import BATCH

Strands = Literal["++", "+-", "-+", "--"]
"""Strand of the first motif and of the second; the first stands upstream in all."""


@dataclass(frozen=True, eq=False)
class SpacingCurve:
    """Two motifs at G spacings in one orientation.

    Parameters
    ----------
    strands
        Strand of the first motif and of the second.
    joint
        Effect of both together.
    interaction
        Joint effect minus the sum of the single effects at the same places: 0 where the motifs only add up, above 0 where they
        help one another, below 0 where one is enough.
    """

    strands: Strands
    joint: Curve
    interaction: Curve


def spacing_curve(
    score: Explained,
    first: str | Matrix,
    second: str | Matrix,
    backgrounds: Codes,
    *,
    spacings: Sequence[int] | NDArray[np.integer],
    strands: Sequence[Strands] = ("++",),
    place: int | None = None,
    draws: int = 1,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> tuple[SpacingCurve, ...]:
    """Joint effect and interaction of two motifs by spacing, one curve for each orientation.

    The first motif keeps its place and the second moves downstream of it, on the same backgrounds and with the same sites at
    every spacing and on every strand. Swap the motifs for the second upstream.

    Parameters
    ----------
    score, draws, seed, batch_size
        As in :func:`strandloom.explain.effects.marginal_effect`.
    first, second
        IUPAC text or base probabilities ``(w, 4)``.
    backgrounds
        uint8 ``(N, L)`` or ``(N, copies, L)``.
    spacings
        Bases between the end of the first motif and the start of the second, 0 or more.
    strands
        Orientations: ``-`` writes a motif's reverse complement.
    place
        0-based first base of the first motif; None centres the widest arrangement.

    Raises
    ------
    UsageError
        A motif cannot be read, a spacing is below 0, or an arrangement does not fit into a background.
    """
    rows, copies = flat(backgrounds)
    gaps = np.asarray(spacings, np.int64)
    if not len(gaps) or gaps.min() < 0:
        raise UsageError(
            "spacings are 0 or more bases, at least one of them", hint="swap the motifs for the other order"
        )
    if not strands:
        raise UsageError("no orientation is given", hint='"++" has both motifs on the strand that is given')
    one = draw_sites(first, len(rows), draws=draws, generator=np.random.default_rng((seed, SITES)))
    other = draw_sites(second, len(rows), draws=draws, generator=np.random.default_rng((seed, SECOND_SITES)))
    start, at = _arrangement(layout(rows), (one.shape[-1], other.shape[-1]), gaps, place)
    without = scores(score, rows, batch_size=batch_size, device=device)

    def difference(arms: list[list[Insert]]) -> NDArray[np.float64]:
        return edited_scores(score, rows, arms=arms, batch_size=batch_size, device=device) - without  # (A, M)

    ones = {s: Insert(one if s == "+" else DNA.reverse_complement(one), start) for s in {pair[0] for pair in strands}}
    others = {
        s: [Insert(other if s == "+" else DNA.reverse_complement(other), x) for x in at]
        for s in {pair[1] for pair in strands}
    }
    alone = {s: difference([[insert]])[0] for s, insert in ones.items()}  # (M,)
    moved = {s: difference([[x] for x in inserts]) for s, inserts in others.items()}  # (G, M)
    found = []
    for pair in strands:
        joint = difference([[ones[pair[0]], x] for x in others[pair[1]]])  # (G, M)
        interaction = joint - alone[pair[0]] - moved[pair[1]]
        both = [estimate(x, copies=copies).curve(gaps) for x in (joint, interaction)]
        found.append(SpacingCurve(pair, both[0], both[1]))
    return tuple(found)


def _arrangement(
    where: Layout, widths: tuple[int, int], gaps: NDArray[np.int64], place: int | None
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Columns of the first motif ``(M,)``, and of the second at each gap."""
    start = columns(where, sum(widths) + int(gaps.max()), place)
    return start, [start + widths[0] + int(gap) for gap in gaps]
