"""The result in one sentence, and what a careful reader should worry about, in plain words.

Pure functions of numbers: the same inputs give the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strandloom.report.cautions import (
    FAIR_ECE,
    NEAR_CEILING,
    VERY_LEAKY,
    Caution,
    cautions,
    near_twin_fraction,
)
from strandloom.report.inputs import ReportInputs
from strandloom.report.numbers import count, finite, fixed, interval, percent
from strandloom.report.scores import Score, Scores, metric_title

Tone = Literal["good", "fair", "poor"]

GOOD_ECE = 0.03


@dataclass(frozen=True)
class Verdict:
    """The sentence, whether it is good news, and the warnings, most serious first."""

    sentence: str
    tone: Tone
    warnings: tuple[Caution, ...]


def verdict(inputs: ReportInputs) -> Verdict:
    """Sum up a run.

    Parameters
    ----------
    inputs
        What the report is made of; anything missing is left out of the sentence.
    """
    scores = inputs.scores
    near = near_twin_fraction(inputs.leaks)
    sentence, tone = _sentence(scores, near=near)
    return Verdict(sentence, tone, tuple(cautions(inputs)))


def _who(scores: Scores) -> str:
    """The network, or the network with what is blended into its answer."""
    simpler = "simpler" if scores.task == "value" else "linear"
    return "network" if scores.subject == "network" else f"model (network blended with a {simpler} one)"


def _subject(scores: Scores) -> str:
    names = scores.classes
    if scores.task == "classes" and len(names) == 2:
        spoken = [f"class {n}" if len(n) < 3 or n.isdigit() else n for n in names]
        return f"separates {spoken[1]} from {spoken[0]}"
    if scores.task == "classes" and names:
        return f"tells {len(names)} classes apart"
    if scores.task == "labels" and names:
        return f"predicts {len(names)} labels"
    return "predicts the measured value"


def _with(score: Score, metric: str, digits: int = 2) -> str:
    bounds = interval(score.low, score.high, 2)
    return f"{metric_title(metric)} {fixed(score.value, digits)}" + (f" ({bounds})" if bounds else "")


def _calibration_words(ece: float) -> str:
    if ece <= GOOD_ECE:
        return "probability calibration is good"
    if ece <= FAIR_ECE:
        return "probability calibration is fair"
    return "probabilities are poorly calibrated"


def _sentence(scores: Scores, *, near: float | None) -> tuple[str, Tone]:
    metric = scores.headline
    if metric is None:
        return "The run has no test score yet, so nothing can be said about the network.", "poor"
    score = scores.model[metric]
    part = {"test": "held-out sequences", "folds": "held-out sequences (all folds pooled)"}.get(
        scores.part, "sequences"
    )
    on = f"on {count(scores.rows)} {part}" if scores.rows else f"on the {scores.part or 'test'} rows"
    tone: Tone = "good"
    if scores.no_skill:
        return (
            f"The {scores.subject} does no better than guessing: {_with(score, metric)} {on}"
            + (f"; the best baseline, {scores.titles[scores.best]}, reaches {fixed(scores.best_value, 2)}"
               if scores.best is not None else "")
            + ".",
            "poor",
        )  # fmt: skip
    over = "mean " if scores.task == "labels" and len(scores.classes) > 1 else ""
    clauses = [f"The {_who(scores)} {_subject(scores)} with {over}{_with(score, metric)} {on}"]
    if scores.best is not None:
        digits = 2 if fixed(scores.best_value, 2) != fixed(score.value, 2) else 3
        title = scores.titles[scores.best]
        named = f"{title[:1].lower()}{title[1:]} ({fixed(scores.best_value, digits)})"
        clauses[0] = f"The {_who(scores)} {_subject(scores)} with {over}{_with(score, metric, digits)} {on}"
        outcome = scores.against_best
        if outcome == "better":
            clauses[0] += f", better than the best baseline, {named}"
        elif outcome == "worse":
            clauses[0] += f", worse than the best baseline, {named}"
            tone = "poor"
        elif outcome == "same":
            clauses[0] += f", which cannot be told apart from the best baseline, {named}"
            tone = "fair"
        else:
            clauses[0] += f"; the best baseline is {named}"
    gap = scores.ceiling_gap
    if gap is not None:
        name, missing, ceiling = gap
        if missing <= NEAR_CEILING:
            clauses.append(f"this is at the ceiling of these data ({metric_title(name)} {fixed(ceiling, 2)})")
        else:
            clauses.append(f"{metric_title(name)} is {fixed(missing, 2)} below the ceiling of {fixed(ceiling, 2)}")
    ece = finite(scores.ece)
    if ece is not None and scores.task == "classes":
        clauses.append(_calibration_words(ece))
        if ece > FAIR_ECE and tone == "good":
            tone = "fair"
    if near is not None:
        share = "none" if near == 0 else percent(near)
        clauses.append(f"{share} of the test rows {'has' if near == 0 else 'have'} a near twin in training")
        if near > VERY_LEAKY and tone == "good":
            tone = "fair"
    return "; ".join(clauses) + ".", tone
