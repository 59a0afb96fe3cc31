"""The learning rate of a step: a pure function of the step and of the validation losses so far, so nothing is saved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strandloom.training.settings import CosineSettings, PlateauSettings, ScheduleSettings


def learning_rate_factor(settings: ScheduleSettings, step: int, *, total: int, losses: Sequence[float] = ()) -> float:
    """The learning rate of a step as a share of the highest.

    Parameters
    ----------
    settings
        Cosine, plateau or constant.
    step
        Steps done before this one, from 0, over all epochs.
    total
        Steps of the whole training.
    losses
        Validation loss of each finished epoch (plateau only).

    Returns
    -------
    float
        In (0, 1]; the warm-up rises in equal steps and its first step is above zero.
    """
    rise = round(settings.warm_up * total)
    if step < rise:
        return (step + 1) / rise
    if isinstance(settings, CosineSettings):
        done = (step - rise) / max(total - rise, 1)
        return settings.final + (1 - settings.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if isinstance(settings, PlateauSettings):
        return settings.factor ** falls(losses, patience=settings.patience)
    return 1.0


def falls(losses: Sequence[float], *, patience: int) -> int:
    """How often the loss went ``patience`` epochs without a new lowest value; the count starts again at each fall."""
    best, waited, count = math.inf, 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
            if waited == patience:
                waited, count = 0, count + 1
    return count
