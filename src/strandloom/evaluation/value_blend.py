"""A network and simpler regressors in one answer: a weighted mean of their values, weighed on validation (Wolpert 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.evaluation.blend import LEAST_ROWS, SHARES
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import Regressor

VALUE_PARTNERS = ("kmer_ridge", "position_ridge", "leader_ridge", "kmer_boosting")
"""Regressors that may be blended in; all but the first read positions or a strand, so only where the strand is given."""
LEAST_SHARE = 0.05
"""A regressor that ends with less of the weight is left out."""


@dataclass(frozen=True, slots=True)
class ValueBlend:
    """Weights of a mean of values, which sum to 1.

    Parameters
    ----------
    network
        Weight of the network.
    shares
        Regressors by name with their weights; none: the network alone.
    gain, standard_error
        Squared error saved on validation against the network alone, as a share of the variance, with its paired standard error over rows.
    """

    network: float = 1.0
    shares: tuple[tuple[str, float], ...] = ()
    gain: float = 0.0
    standard_error: float = 0.0

    @property
    def used(self) -> bool:
        """Whether a regressor has any weight."""
        return bool(self.shares)

    def apply(self, network: NDArray[np.floating], partners: Mapping[str, Floats]) -> Floats:
        """Values ``(N, K)`` of the network's and the regressors' (those with a weight must be there)."""
        found = self.network * np.asarray(network, np.float64)
        for name, share in self.shares:
            found = found + share * partners[name]
        return found


def regressor_values(
    regressor: Regressor, codes: Codes, lengths: NDArray[np.integer], *, strand: Literal["one", "both"]
) -> Floats:
    """What goes into the blend: the regressor's values ``(N, K)``, under ``both`` the mean over the strands."""
    found = regressor.predict(codes, lengths)
    return found if strand == "one" else (found + regressor.predict(DNA.reverse_complement(codes), lengths)) / 2


def best_value_blend(network: Floats, partners: Mapping[str, Floats], y: Floats, weights: Floats) -> ValueBlend:
    """Blend in the regressor that saves most squared error on validation, then the next, while each gains beyond noise.

    Parameters
    ----------
    network, y
        float ``(N, K)``.
    partners
        Regressor name to its values ``(N, K)``.
    weights
        float ``(N,)``.
    """
    if len(y) < LEAST_ROWS:
        return ValueBlend()
    scale, own = np.maximum(y.std(0), 1e-12), weights / weights.mean()

    def losses(values: Floats) -> Floats:
        return np.asarray((((values - y) / scale) ** 2).mean(1) * own)

    alone = now = losses(network)
    mixed, shares, kept = network, dict.fromkeys(partners, 0.0), 1.0
    for _ in range(2 * len(partners)):  # a partner may come in twice, as others change what it adds
        tried = [
            (losses((1 - share) * mixed + share * other), name, float(share))
            for name, other in partners.items()
            for share in SHARES[1:]
        ]
        if not tried:
            break
        found, name, share = min(tried, key=lambda x: x[0].mean())
        saved = now - found
        if saved.mean() <= saved.std(ddof=1) / np.sqrt(len(saved)):
            break
        mixed, now = (1 - share) * mixed + share * partners[name], found
        shares = {one: value * (1 - share) for one, value in shares.items()}
        shares[name] += share
        kept *= 1 - share
    chosen = {name: share for name, share in shares.items() if share >= LEAST_SHARE}
    if not chosen:
        return ValueBlend()
    total = kept + sum(chosen.values())
    blend = ValueBlend(kept / total, tuple((name, share / total) for name, share in chosen.items()))
    saved = alone - losses(blend.apply(network, partners))
    error = float(saved.std(ddof=1) / np.sqrt(len(saved)))
    return ValueBlend(blend.network, blend.shares, gain=float(saved.mean()), standard_error=error)
