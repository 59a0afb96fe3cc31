"""From raw scores to answers: one scale for the blends of all folds, and what is said of them."""

from __future__ import annotations

from strandloom.evaluation.blend import Blend
from strandloom.evaluation.decision import Decision
from strandloom.run.judge import Rule, _one_scale, blend_words

USED = Blend(network=0.6, baseline=0.4, partner="position_logistic", gain=0.02, standard_error=0.01)


def test_unblended_folds_are_calibrated_beside_blended_ones() -> None:
    alone, blended = Rule(Blend(), Decision(), 2.0), Rule(USED, Decision(), 3.0)
    assert _one_scale([alone, blended]) == [Blend(network=0.5), USED]
    assert _one_scale([alone, alone]) == [Blend(), Blend()]


def test_what_is_said_of_a_blend() -> None:
    one = blend_words([USED])
    assert "40% of the weight" in one
    assert "0.0200 ± 0.0100" in one
    folds = blend_words([USED, Blend(), USED])
    assert "in 2 of 3 folds" in folds
    assert "40% of the weight on average" in folds
