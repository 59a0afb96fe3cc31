"""A network and a ridge regression in one answer: a weighted mean of their values, weighed on validation (Wolpert 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.evaluation.blend import LEAST_ROWS, SHARES, Blend
from strandloom.evaluation.ranking import Floats
from strandloom.evaluation.regressors.base import Regressor

VALUE_PARTNERS = ("kmer_ridge", "position_ridge", "leader_ridge", "kmer_boosting")
"""Regressors that may be blended in; all but the first read positions or a strand, so only where the strand is given."""


def regressor_values(
    regressor: Regressor, codes: Codes, lengths: NDArray[np.integer], *, strand: Literal["one", "both"]
) -> Floats:
    """What goes into the blend: the regressor's values ``(N, K)``, under ``both`` the mean over the strands."""
    found = regressor.predict(codes, lengths)
    return found if strand == "one" else (found + regressor.predict(DNA.reverse_complement(codes), lengths)) / 2


def best_value_blend(network: Floats, partners: Mapping[str, Floats], y: Floats, weights: Floats) -> Blend:
    """The blend with the partner that saves most squared error on validation; the network alone where none does beyond noise.

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
        return Blend()
    scale = np.maximum(y.std(0), 1e-12)
    best = Blend()
    for name, other in partners.items():
        losses = [
            ((((1 - share) * network + share * other - y) / scale) ** 2).mean(1) * weights / weights.mean()
            for share in SHARES
        ]
        at = int(np.argmin([x.mean() for x in losses]))
        saved = losses[0] - losses[at]
        error = float(saved.std(ddof=1) / np.sqrt(len(saved)))
        gain = float(saved.mean())
        if at and gain > error and gain > best.gain:
            share = float(SHARES[at])
            best = replace(Blend(), network=1 - share, baseline=share, partner=name, gain=gain, standard_error=error)
    return best


def blended_values(blend: Blend, network: Floats, partner: Floats | None) -> Floats:
    """Values ``(N, K)``; the partner's may be None where it has no weight."""
    if not blend.used:
        return np.asarray(network, np.float64)
    assert partner is not None
    return blend.network * np.asarray(network, np.float64) + blend.baseline * partner
