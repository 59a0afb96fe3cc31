"""The page of an evaluation."""

from __future__ import annotations

import polars as pl

from strandloom.workflows.sources.evaluate_report import evaluation_page

MEMBERS = pl.DataFrame(
    {
        "member": ["a1", "a2", "b1"],
        "environment": ["mouth", "mouth", "gut"],
        "genus": ["Aella", "Aella", "Bella"],
        "in_training": [False, False, False],
        "reads": [100, 100, 100],
        "right": [0.4, 0.8, 0.9],
        "naive_bayes_10mers": [0.3, 0.5, 0.7],
        "like_nothing": [0.1, 0.3, 0.0],
        "mostly": ["mouth", "mouth", "gut"],
    }
)


def test_genera_are_means_over_their_genomes() -> None:
    facts = {
        "kind": "genomes", "table": "genomes.tsv", "confusion": [[0.6, 0.4], [0.1, 0.9]],
        "read_accuracy": {"model": 0.75, "naive_bayes_10mers": 0.55, "chance": 0.5},
        "by_environment": [
            {"environment": "mouth", "right": 0.6, "naive_bayes_10mers": 0.4},
            {"environment": "gut", "right": 0.9, "naive_bayes_10mers": 0.7},
        ],
    }  # fmt: skip
    text = evaluation_page(facts, MEMBERS, environments=("mouth", "gut"))
    genera = text[text.index('id="genera"') : text.index('id="confusion"')]
    for value in ("Aella", "Bella", "60\u00a0%", "40\u00a0%", "20\u00a0%"):
        assert value in genera


def test_the_unknown_share_is_drawn_for_every_sample() -> None:
    frame = pl.DataFrame(
        {
            "sample": ["s1", "s2"], "reads": [50, 60], "error_em": [0.1, 0.2], "error_confusion": [0.2, 0.3], "error_argmax": [0.4, 0.5],
            "true_unknown": [0.0, 0.5], "found_unknown": [0.05, 0.45],
        }
    )  # fmt: skip
    facts = {
        "kind": "compositions", "table": "truth.tsv", "coverage_of_90_intervals": 0.9,
        "total_variation": {"em": 0.15, "confusion": 0.25, "argmax": 0.45},
    }  # fmt: skip
    text = evaluation_page(facts, frame, environments=("mouth", "gut"))
    assert "s1: 0 % true, 5 % found; s2: 50 % true, 45 % found" in text.replace("\u00a0", " ")
    figure = text[text.index('id="unknown"') : text.index('id="samples"')]
    assert figure.count("<circle") == 2
