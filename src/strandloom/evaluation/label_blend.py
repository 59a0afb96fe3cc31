"""A network and a linear model of labels in one answer: a weighted sum of their log odds, weighed on validation (Wolpert 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.evaluation.blend import LEAST_ROWS, SHARES, SMALLEST, Blend
from strandloom.evaluation.calibration import fit_label_temperature, sigmoid
from strandloom.evaluation.label_baselines.base import LabelBaseline
from strandloom.evaluation.ranking import Floats

LABEL_PARTNERS = ("kmer_logistic",)
"""Baselines that may be blended in."""
_CLIP = 1e-12


def log_odds(probabilities: NDArray[np.floating]) -> Floats:
    """Log odds of probabilities, same shape, which are kept ``SMALLEST`` away from 0 and 1."""
    clipped = np.clip(np.asarray(probabilities, np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(clipped) - np.log1p(-clipped)


def blended_scores(blend: Blend, logits: NDArray[np.floating], partner: NDArray[np.floating] | None) -> Floats:
    """``network × logits + baseline × log odds`` of the network's scores and the baseline's probabilities, each ``(N, K)``."""
    scores = blend.network * np.asarray(logits, np.float64)
    if not blend.used:
        return scores
    assert partner is not None
    return scores + blend.baseline * log_odds(partner)


def label_probabilities(
    baseline: LabelBaseline, codes: Codes, lengths: NDArray[np.integer], *, strand: Literal["one", "both"]
) -> Floats:
    """What goes into the blend: the baseline's probabilities ``(N, K)``, under ``both`` the mean log odds over the strands."""
    found = baseline.predict(codes, lengths)
    if strand == "one":
        return found
    return sigmoid((log_odds(found) + log_odds(baseline.predict(DNA.reverse_complement(codes), lengths))) / 2)


def best_label_blend(
    logits: NDArray[np.floating], partners: Mapping[str, NDArray[np.floating]], y: NDArray[Any]
) -> Blend:
    """The blend with the partner that saves most log loss on validation; the network alone where none gains beyond noise.

    Parameters
    ----------
    logits
        The network's raw scores, float ``(N, K)``.
    partners
        Baseline name to its probabilities ``(N, K)``.
    y
        0/1 ``(N, K)``.
    """
    if len(y) < LEAST_ROWS:
        return Blend()
    own = fit_label_temperature(logits, y)
    scores = np.asarray(logits, np.float64) / own
    best = Blend()
    for name, probabilities in partners.items():
        odds = log_odds(probabilities)
        scale = fit_label_temperature(odds, y)
        odds = odds / scale
        losses = [row_losses(sigmoid((1 - share) * scores + share * odds), y) for share in SHARES]
        at = int(np.argmin([x.mean() for x in losses]))
        saved = losses[0] - losses[at]
        error = float(saved.std(ddof=1) / np.sqrt(len(saved)))
        if at and saved.mean() > error and saved.mean() > best.gain:
            share = SHARES[at]
            found = Blend(
                float((1 - share) / own), float(share / scale), gain=float(saved.mean()), standard_error=error
            )
            best = replace(found, partner=name)
    return best


def row_losses(probabilities: Floats, y: NDArray[Any]) -> Floats:
    """Log loss of each row, mean over its labels, ``(N, K)`` to ``(N,)``."""
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    truth = np.asarray(y) > 0.5
    return np.asarray(-np.log(np.where(truth, clipped, 1 - clipped)).mean(axis=1))
