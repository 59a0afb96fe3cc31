"""Sentences about motifs."""

from __future__ import annotations

import re

import numpy as np

from strandloom.evaluation.results import Interval
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.profile import Enrichment, enrichment
from strandloom.report.motif_inputs import MarginalEffect
from strandloom.report.motif_words import axis_words, effect_words, enrichment_words, q_words, sentence


def in_classes(rows: list[int], labels: np.ndarray, names: tuple[str, ...]) -> tuple[Enrichment, ...]:
    row = np.array(rows)
    motif = Motif("p", np.eye(4), Sites(row, row * 0, row * 0 + 4, row < 0, row * 1.0))
    return enrichment([motif], labels, names)


def test_the_class_of_a_motif_with_its_odds():
    labels = np.repeat([0, 1], 50)
    tested = in_classes([*range(40), *range(50, 55)], labels, ("CTCF", "PU.1"))
    # by hand: (40.5 / 10.5) / (5.5 / 45.5) = 31.9
    words = enrichment_words(tested).replace("\N{NO-BREAK SPACE}", " ")
    # and exp(log 31.9 ± 1.96 √(1/40.5 + 1/10.5 + 1/5.5 + 1/45.5)) = 10.5 … 97.3
    assert re.fullmatch(
        r"The odds of holding a site that the network uses are 32 times as high in CTCF as in PU\.1 \(10 to 97; q = \de−1\d\)\.",
        words,
    )
    tested = in_classes([*range(40)], np.repeat([0, 1, 2], [20, 20, 60]), ("a", "b", "long"))
    assert " in class a as in the others (" in enrichment_words(tested)
    chance = in_classes([0, 1], np.repeat([0, 1], 50), ("a", "b"))
    assert enrichment_words(chance).startswith("No class holds it more often than chance allows (least q")
    assert enrichment_words(()) == ""


def test_effects_in_words():
    nothing = MarginalEffect(Interval(-0.05, -0.3, 0.2))
    assert effect_words(nothing, "log odds of CTCF")[0] == (
        "Inserting it changes the log odds of CTCF by −0.05 (−0.30 to 0.20), which may be nothing."
    )
    lowers = MarginalEffect(Interval(-1.0, -1.2, -0.8), excess=Interval(-0.1, -0.3, 0.1), notes=("few backgrounds",))
    assert effect_words(lowers, "log odds") == (
        "Inserting it lowers the log odds by 1.00 (0.80 to 1.20).",
        "The difference from the shuffled copy is within chance. Few backgrounds.",
    )
    unknown = MarginalEffect(Interval(2.0, float("nan"), float("nan")))
    assert effect_words(unknown, "score")[0] == "Inserting it raises the score by 2.00."


def test_small_q_values():
    assert [q_words(q).replace("\N{NO-BREAK SPACE}", " ") for q in (0.0123, 3e-12, 0.0)] == [
        "q = 0.012",
        "q = 3e−12",
        "q < 1e−300",
    ]


def test_a_unit_is_shown_as_given_or_not_at_all():
    assert axis_words("change of the {}", "log odds of {CTCF}", 44) == "change of the log odds of {CTCF}"
    assert axis_words("change of the {}", "score of " + "x" * 60, 44) == "change of the explained score"


def test_words_become_a_sentence():
    assert [sentence(x) for x in (" few rows", "Why?", "so.")] == ["Few rows.", "Why?", "So."]
