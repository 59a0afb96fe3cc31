"""A network and a linear model in one answer: a weighted sum of their log-probabilities, weighed on validation.

The weights come from validation, and the network stands alone unless the sum gains beyond noise there (stacked generalisation,
Wolpert 1992, with two weights).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.evaluation.baselines.base import Baseline
from strandloom.evaluation.calibration import fit_temperature, softmax
from strandloom.evaluation.metrics import log_losses
from strandloom.evaluation.ranking import Floats

PARTNERS = ("kmer_logistic", "position_logistic")
"""Baselines that may be blended in; the second reads positions, so only where the strand is given."""
NETWORK_ALONE = "network_alone"
"""Name of the network without a partner, where it stands among the comparisons."""
SHARES = tuple(np.round(np.arange(0, 1.0001, 0.05), 2).tolist())
SMALLEST = 1e-7
LEAST_ROWS = 100
"""With fewer validation rows nothing is blended: two weights could not be told from noise."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of the sum ``network × logits + baseline × log p``.

    Parameters
    ----------
    network, baseline
        The weights; 1 and 0: the network alone.
    partner
        Name of the baseline.
    gain, standard_error
        Log loss saved on validation against the calibrated network alone, with its paired standard error over rows.
    """

    network: float = 1.0
    baseline: float = 0.0
    partner: str = PARTNERS[0]
    gain: float = 0.0
    standard_error: float = 0.0

    @property
    def used(self) -> bool:
        """Whether the baseline has any weight."""
        return self.baseline > 0

    @property
    def share(self) -> float:
        """The baseline's share of the weight, 0 to 1."""
        return self.baseline / (self.network + self.baseline)

    def apply(self, logits: NDArray[np.floating], baseline: NDArray[np.floating] | None) -> Floats:
        """Blended scores ``(N, K)`` of the network's logits and the baseline's probabilities, each ``(N, K)``.

        The probabilities may be None where the baseline has no weight.
        """
        scores = self.network * np.asarray(logits, np.float64)
        if not self.used:
            return scores
        assert baseline is not None
        return scores + self.baseline * _logs(baseline)


def baseline_probabilities(
    baseline: Baseline, codes: Codes, lengths: NDArray[np.integer], *, strand: Literal["one", "both"]
) -> Floats:
    """What goes into the blend: the baseline's probabilities ``(N, K)``, under ``both`` the geometric mean over the strands.

    Parameters
    ----------
    baseline
        Under ``both`` a k-mer baseline: where padding stands does not matter to it.
    codes, lengths
        uint8 ``(N, L)`` and int ``(N,)``.
    """
    found = baseline.predict_proba(codes, lengths)
    if strand == "one":
        return found
    other = baseline.predict_proba(DNA.reverse_complement(codes), lengths)
    return softmax((_logs(found) + _logs(other)) / 2)


def _logs(probabilities: NDArray[np.floating]) -> Floats:
    """Log-probabilities, none below ``ln SMALLEST``."""
    return np.log(np.clip(probabilities, SMALLEST, 1.0))


def best_blend(
    logits: NDArray[np.floating], partners: Mapping[str, NDArray[np.floating]], y: NDArray[np.integer]
) -> Blend:
    """The blend with the partner that saves most log loss on validation; the network alone where none does.

    Parameters
    ----------
    logits
        The network's raw scores, float ``(N, K)``.
    partners
        Baseline name to its probabilities ``(N, K)``.
    y
        True class, int ``(N,)``.
    """
    found = [replace(fit_blend(logits, probabilities, y), partner=name) for name, probabilities in partners.items()]
    return max((x for x in found if x.used), key=lambda x: x.gain, default=Blend())


def fit_blend(logits: NDArray[np.floating], baseline: NDArray[np.floating], y: NDArray[np.integer]) -> Blend:
    """Weigh a network and a baseline on validation; the network alone unless the sum gains more than its standard error.

    Parameters
    ----------
    logits
        The network's raw scores, float ``(N, K)``.
    baseline
        The baseline's probabilities, float ``(N, K)``.
    y
        True class, int ``(N,)``.
    """
    truth = np.asarray(y, np.int64)
    if len(truth) < LEAST_ROWS:
        return Blend()
    scores, other = np.asarray(logits, np.float64), _logs(baseline)
    own, partner = fit_temperature(scores, truth), fit_temperature(other, truth)
    scores, other = scores / own, other / partner
    losses = [log_losses(softmax((1 - share) * scores + share * other), truth) for share in SHARES]
    best = int(np.argmin([x.mean() for x in losses]))
    saved = losses[0] - losses[best]
    error = float(saved.std(ddof=1) / np.sqrt(len(saved)))
    if best == 0 or saved.mean() <= error:
        return Blend()
    share = SHARES[best]
    return Blend(float((1 - share) / own), float(share / partner), gain=float(saved.mean()), standard_error=error)
