"""The exact likelihood ratio against full enumeration of a small generator."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from strandloom.alphabet import DNA
from strandloom.data.mixture import MotifSimulation, log_ratios, site_posterior

LENGTH = 5
SMALL = MotifSimulation(
    n=100,
    length=LENGTH,
    motifs={"text": "AR", "matrix": ((0.7, 0.1, 0.1, 0.1), (0.0, 0.5, 0.5, 0.0), (0.25, 0.25, 0.25, 0.25))},
    motif_rates=(3, 1),
    planted_rate=0.9,
    positive_fraction=0.4,
    gc=0.3,
    homopolymer_rate=0.3,
    homopolymer_length=3,
)


def _all_sequences() -> NDArray[np.uint8]:
    return np.array(list(product(range(4), repeat=LENGTH)), np.uint8)


def _number(sequences: NDArray[np.uint8]) -> NDArray[np.int64]:
    return sequences @ (4 ** np.arange(LENGTH - 1, -1, -1))


def _enumerate(settings: MotifSimulation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(x | positive) and P(x | negative) of all 4^L sequences, by playing out every way the generator can go."""
    background = settings.background()
    sequences = _all_sequences()
    base = np.prod(background[sequences], axis=1)
    positive, negative = (1 - settings.planted_rate) * base, (1 - settings.homopolymer_rate) * base
    planted: list[tuple[float, int, tuple[int, ...]]] = []  # probability, place, bases
    for matrix, rate in zip(settings.matrices().values(), settings.rates(), strict=True):
        places = LENGTH - len(matrix) + 1
        for place in range(places):
            for bases in product(range(4), repeat=len(matrix)):
                chance = float(np.prod([column[b] for column, b in zip(matrix, bases, strict=True)]))
                planted.append((rate / places * chance, place, bases))
    width = settings.homopolymer_length
    runs = [
        (1 / 4 / (LENGTH - width + 1), place, (b,) * width) for place in range(LENGTH - width + 1) for b in range(4)
    ]
    for target, events, rate in (
        (positive, planted, settings.planted_rate),
        (negative, runs, settings.homopolymer_rate),
    ):
        for chance, place, bases in events:
            changed = sequences.copy()
            changed[:, place : place + len(bases)] = bases
            np.add.at(target, _number(changed), rate * chance * base)
    return positive, negative


def test_ratios_equal_enumeration() -> None:
    positive, negative = _enumerate(SMALL)
    assert positive.sum() == pytest.approx(1)
    assert negative.sum() == pytest.approx(1)
    sequences = _all_sequences()
    ratios = log_ratios(sequences, SMALL)
    np.testing.assert_allclose(ratios.one_strand, np.log(positive) - np.log(negative), atol=1e-10)
    other = _number(DNA.reverse_complement(sequences))
    both = np.log(positive + positive[other]) - np.log(negative + negative[other])
    np.testing.assert_allclose(ratios.both_strands, both, atol=1e-10)


def test_no_motif_means_surely_negative_and_blocks_do_not_matter() -> None:
    settings = MotifSimulation(n=10, length=20, motifs=("CCCC",), homopolymer_rate=0)
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 4, (1200, 20), dtype=np.uint8)
    codes[codes == 1] = 0
    codes[700:, 5:9] = 1
    ratios = log_ratios(codes, settings)
    assert np.isneginf(ratios.one_strand[:700]).all()
    assert np.isfinite(ratios.one_strand[700:]).all()
    alone = log_ratios(codes[900:901], settings)
    assert alone.one_strand[0] == ratios.one_strand[900]


def test_codes_that_the_generator_cannot_make() -> None:
    with pytest.raises(ValueError, match="are not sequences of 5 bases"):
        log_ratios(np.zeros((2, 6), np.uint8), SMALL)
    with pytest.raises(ValueError, match="A, C, G and T only"):
        log_ratios(np.full((2, 5), 14, np.uint8), SMALL)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"motifs": []}, "at least one motif"),
        ({"motifs": ["AC", "AC"]}, "each once"),
        ({"motifs": ["A-C"]}, "has the letter '-'"),
        ({"motifs": {"m": [[0.5, 0.5, 0.5, 0]]}}, "no probability"),
        ({"motifs": {"m": []}}, "is empty"),
        ({"length": 5}, "does not fit into 5 bases"),
        ({"length": 6}, "homopolymer of 7 does not fit"),
        ({"motif_rates": [1]}, "1 values for 4 motifs"),
        ({"motif_rates": [0, 0, 0, 0]}, "not all 0"),
        ({"validation": 0.5, "test": 0.5}, "rows to train on"),
        ({"n": 3, "positive_fraction": 0.01}, "leaves a class empty"),
        ({"gc": 0}, "greater than 0"),
    ],
)
def test_wrong_settings(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MotifSimulation.model_validate(raw)


def test_site_posterior_is_bayes_rule_over_motifs_and_places() -> None:
    settings = MotifSimulation(
        length=9, motifs=("ACG", "TT"), motif_rates=(1, 3), planted_rate=0.8, gc=0.4, n=2, homopolymer_rate=0
    )
    codes = DNA.encode("TTACGTTTA")[None]
    background = settings.background()
    inside, total = np.zeros(9), 0.2
    for word, rate in (("ACG", 0.25), ("TT", 0.75)):
        word_codes = DNA.encode(word)
        places = 9 - len(word) + 1
        for start in range(places):
            if (codes[0, start : start + len(word)] == word_codes).all():
                weight = 0.8 * rate / places / np.prod(background[word_codes])
                inside[start : start + len(word)] += weight
                total += weight
    assert np.allclose(site_posterior(codes, settings)[0], inside / total)
