"""Matrices: closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.errors import SettingsError, UsageError
from strandloom.pwm import (
    UNIFORM,
    Matrix,
    checked,
    consensus,
    information,
    log_odds,
    probabilities,
    reverse_complement,
    richest_window,
    trim,
)

CERTAIN = np.eye(4)
EVEN = np.full((1, 4), 0.25)
BIASED = np.array([0.3, 0.2, 0.2, 0.3])
HALF = np.array([[0.5, 0.5, 0.0, 0.0]])


def random_matrix(width: int = 7, *, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).dirichlet([0.4] * 4, width)


def test_information_of_certain_even_and_halved_positions() -> None:
    assert information(CERTAIN).tolist() == [2, 2, 2, 2]
    assert information(EVEN).tolist() == [0]
    assert information(HALF).tolist() == [1]
    np.testing.assert_allclose(information(np.array([[0.75, 0.25, 0, 0]])), 2 - (2 - 0.75 * np.log2(3)), rtol=1e-12)


def test_information_against_a_biased_background() -> None:
    np.testing.assert_allclose(information(CERTAIN, background=BIASED), -np.log2(BIASED))
    np.testing.assert_allclose(information(BIASED[None], background=BIASED), 0, atol=1e-12)
    expected = np.log2(0.25 / 0.3) / 2 + np.log2(0.25 / 0.2) / 2
    np.testing.assert_allclose(information(EVEN, background=BIASED), expected)


def test_information_is_never_negative_and_the_same_on_either_strand() -> None:
    matrix = random_matrix(200)
    for background in (UNIFORM, BIASED):  # either is its own complement
        found = information(matrix, background=background)
        assert (found >= -1e-12).all()
        np.testing.assert_allclose(information(reverse_complement(matrix), background=background), found[::-1])


def test_probabilities_of_counts() -> None:
    assert probabilities(np.array([[3, 1, 0, 0]])).tolist() == [[0.75, 0.25, 0, 0]]
    assert probabilities(np.array([[3, 1, 0, 0]]), pseudocount=4).tolist() == [[0.5, 0.25, 0.125, 0.125]]
    assert probabilities(np.zeros((1, 4)), pseudocount=1).tolist() == EVEN.tolist()
    matrix = random_matrix()
    np.testing.assert_allclose(probabilities(matrix * 12.5), matrix)
    with pytest.raises(SettingsError, match="has no counts") as caught:
        probabilities(np.array([[1, 0, 0, 0], [0, 0, 0, 0]]))
    assert caught.value.hint == "give a pseudocount above 0"


def test_the_reverse_complement() -> None:
    assert consensus(reverse_complement(CERTAIN[[0, 0, 1, 2]])) == "CGTT"
    matrix = random_matrix()
    turned = reverse_complement(matrix)
    np.testing.assert_array_equal(reverse_complement(turned), matrix)
    np.testing.assert_array_equal(turned[0], matrix[-1, ::-1])  # A and T, C and G change places
    assert turned.flags.c_contiguous


def test_trim() -> None:
    flat, sharp = EVEN[0], CERTAIN[2]
    matrix = np.array([flat, flat, sharp, flat, sharp, flat])
    assert trim(matrix) == (2, 5)
    assert trim(matrix[2:5]) == (0, 3)
    assert trim(np.repeat(EVEN, 5, axis=0)) == (0, 0)
    assert trim(np.concatenate([HALF, CERTAIN[:1], HALF]), bits=1.0) == (0, 3)
    assert trim(np.concatenate([HALF, CERTAIN[:1], HALF]), bits=1.01) == (1, 2)
    assert trim(np.array([BIASED, CERTAIN[0]]), bits=0.01) == (0, 2)
    assert trim(np.array([BIASED, CERTAIN[0]]), bits=0.01, background=BIASED) == (1, 2)


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        ([1, 0, 0, 0], "A"),
        ([0, 0, 0, 1], "T"),
        ([0.5, 0, 0.5, 0], "R"),
        ([0, 0.5, 0, 0.5], "Y"),
        ([0.3, 0.3, 0.3, 0.1], "V"),
        ([0.74, 0.26, 0, 0], "M"),
        ([0.75, 0.25, 0, 0], "A"),  # a quarter is not more than one
        ([0.25, 0.25, 0.25, 0.25], "N"),
        ([0.28, 0.22, 0.26, 0.24], "N"),  # less than a tenth of a bit
    ],
)
def test_consensus(row: list[float], letter: str) -> None:
    assert consensus(np.array([row])) == letter


def test_consensus_of_other_shares() -> None:
    assert consensus(np.array([[0.4, 0.3, 0.2, 0.1]]), share=0.15) == "V"
    assert consensus(np.array([[0.4, 0.3, 0.2, 0.1]]), share=0.05) == "N"
    assert consensus(np.array([[0.4, 0.3, 0.2, 0.1]]), share=0.5) == "A"
    assert consensus(CERTAIN) == "ACGT"
    assert consensus(np.zeros((0, 4))) == ""


def test_log_odds() -> None:
    np.testing.assert_allclose(log_odds(EVEN), 0, atol=1e-12)
    np.testing.assert_allclose(log_odds(BIASED[None], background=BIASED), 0, atol=1e-12)
    found = log_odds(CERTAIN[:1], pseudocount=0.5)
    np.testing.assert_allclose(found, [[np.log2(1.125 / 1.5 / 0.25), *[np.log2(0.125 / 1.5 / 0.25)] * 3]])
    assert np.isfinite(log_odds(CERTAIN)).all()
    np.testing.assert_allclose(log_odds(CERTAIN, pseudocount=1e-9).max(axis=1), 2, atol=1e-8)
    matrix = random_matrix()
    odds = log_odds(matrix, background=BIASED, pseudocount=1e-12)
    np.testing.assert_allclose((matrix * odds).sum(axis=1), information(matrix, background=BIASED), atol=1e-9)


def test_the_richest_window() -> None:
    matrix = np.repeat(EVEN, 10, axis=0)
    matrix[6:8] = CERTAIN[0]
    assert richest_window(matrix, 2) == 6
    assert richest_window(matrix, 4) == 4  # the first of equals
    assert richest_window(matrix, 10) == 0
    assert richest_window(np.repeat(CERTAIN[:1], 5, axis=0), 3) == 0
    for seed in range(10):
        one = random_matrix(30, seed=seed)
        sums = [information(one[i : i + 7]).sum() for i in range(24)]
        assert richest_window(one, 7) == int(np.argmax(sums))


def test_only_probabilities_pass() -> None:
    matrix = random_matrix()
    np.testing.assert_array_equal(checked(matrix, name="M"), matrix)
    single = checked(matrix.astype(np.float32), name="M")
    assert single.dtype == np.float64
    for wrong in (np.zeros((0, 4)), np.full((4, 5), 0.2), np.full(4, 0.25)):
        with pytest.raises(UsageError, match=r"M: a matrix \(w, 4\) is needed, not"):
            checked(wrong, name="M")
    for wrong in (np.ones((2, 4)), [[1.5, -0.5, 0, 0]], [[np.nan, 0, 0, 1]], [[np.inf, 0, 0, 0]]):
        with pytest.raises(UsageError, match="M: the rows of the matrix are not probabilities"):
            checked(np.array(wrong), name="M")
