"""What a model answers with either allele, and how far that is apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strandloom.alphabet import Codes
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.label_blend import log_odds
from strandloom.evaluation.ranking import Floats
from strandloom.io.genome import Genome
from strandloom.io.vcf import VariantBlock
from strandloom.predict import Predictor
from strandloom.workflows.variants.windows import Placed, cut_pairs


@dataclass(frozen=True, eq=False)
class Effects:
    """Answers to N variants, K outputs.

    Parameters
    ----------
    reference, alternative
        Probabilities or values, float64 ``(N, K)``, means over shifts.
    effect
        float64 ``(N, K)``: log odds ratio, alternative against reference, or difference of values; mean over shifts.
    spread
        Standard deviation of the effect over the networks, each by its weight in the answer, float64 ``(N, K)``; None where there is one.
    """

    reference: Floats
    alternative: Floats
    effect: Floats
    spread: Floats | None


@dataclass(frozen=True, eq=False)
class _Answers:
    shown: Floats
    """Probabilities or values, ``(N, K)``."""
    scale: Floats
    """Log odds or values, ``(N, K)``."""
    members: Floats
    """The same of each network alone, ``(M, N, K)``."""


def score_variants(
    predictor: Predictor, block: VariantBlock, placed: Placed, genome: Genome, *, shifts: Sequence[int] = (0,)
) -> Effects:
    """Score variants.

    Parameters
    ----------
    predictor
        The model; it reads one strand or both, as it was trained.
    shifts
        Bases by which windows are moved; answers are averaged.
    """
    sums: list[Floats] = []
    member_sum: Floats | None = None
    for shift in shifts:
        pair = cut_pairs(block, placed, genome, length=predictor.manifest.length, shift=shift)
        before, after = _answers(predictor, pair.reference), _answers(predictor, pair.alternative)
        found = [before.shown[pair.which], after.shown, after.scale - before.scale[pair.which]]
        sums = found if not sums else [a + b for a, b in zip(sums, found, strict=True)]
        members = after.members - before.members[:, pair.which]
        member_sum = members if member_sum is None else member_sum + members
    assert member_sum is not None
    spread = (member_sum / len(shifts)).std(axis=0, ddof=1) if len(member_sum) > 1 else None
    reference, alternative, effect = (x / len(shifts) for x in sums)
    return Effects(reference, alternative, effect, spread)


def _answers(predictor: Predictor, codes: Codes) -> _Answers:
    manifest = predictor.manifest
    lengths = np.full(len(codes), codes.shape[1], np.int32)
    every = predictor.member_scores(codes, lengths)
    weight = predictor.network_weights[:, None, None]
    scores = predictor.blended(every, codes, lengths).blended
    if manifest.task == "value":
        return _Answers(scores, scores, every * weight)
    if manifest.task == "labels":
        return _Answers(
            predictor.label_probabilities(scores),
            scores / manifest.temperature,
            every * weight / manifest.temperature,
        )
    probabilities = predictor.decision.apply(scores).probabilities
    members = np.stack([log_odds(softmax(one, temperature=manifest.temperature)) for one in every * weight])
    return _Answers(probabilities, log_odds(probabilities), members)
