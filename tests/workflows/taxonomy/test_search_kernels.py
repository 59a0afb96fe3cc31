"""Compiled loops of the search beside slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.workflows.taxonomy.search import MASKS, SLACK
from strandloom.workflows.taxonomy.search_kernels import differences_of, kmers, profile

Masks = NDArray[np.uint8]


def slow_differences(query: Masks, target: Masks, slack: int) -> int:
    """Edit distance of base masks in which overhangs of up to ``slack`` bases, or of what the lengths differ by, cost nothing."""
    n, m = len(query), len(target)
    free_query, free_target = max(slack, n - m), max(slack, m - n)
    column = np.arange(m + 1)
    above = np.maximum(0, column - free_target)
    last = [above[m]]
    for i in range(1, n + 1):
        row = np.empty(m + 1, np.int64)
        row[0] = max(0, i - free_query)
        row[1:] = np.minimum(above[:-1] + ((query[i - 1] & target) == 0), above[1:] + 1)
        above = np.minimum.accumulate(row - column) + column  # gaps along the row
        last.append(above[m])
    return int(min(above[max(m - free_target, 0) :].min(), min(last[max(n - free_query, 0) :])))


def fast_differences(query: Masks, target: Masks, slack: int) -> int:
    words = (len(query) + 63) >> 6
    peq, plus, minus = np.empty((16, words), np.uint64), np.empty(words, np.uint64), np.empty(words, np.uint64)
    profile(query, peq)
    return int(differences_of(peq, len(query), target, slack, plus, minus))


def masks(text: str) -> Masks:
    return MASKS[DNA.encode(text)]


@pytest.mark.parametrize("slack", [0, 3, SLACK])
def test_differences_are_those_of_the_slow_twin(slack: int) -> None:
    rng = np.random.default_rng(slack)
    for trial in range(60):
        n = int(rng.choice([1, 2, 20, 63, 64, 65, 127, 128, 129, 77, 150, 199]))
        query = (1 << rng.integers(0, 4, n)).astype(np.uint8)
        target = np.delete(query, rng.integers(0, n, rng.integers(0, min(n, 6))))
        if trial % 4 == 0 or not len(target):
            target = (1 << rng.integers(0, 4, rng.integers(1, 180))).astype(np.uint8)
        at = rng.integers(0, len(target), rng.integers(0, 8))
        target[at] = rng.integers(1, 16, len(at))  # IUPAC letters
        front = (1 << rng.integers(0, 4, rng.integers(0, 20))).astype(np.uint8)
        target = np.concatenate([front, target[rng.integers(0, min(len(target), 10)) :]])
        expected = slow_differences(query, target, slack)
        assert fast_differences(query, target, slack) == expected
        assert fast_differences(query[::-1].copy(), target[::-1].copy(), slack) == expected


def test_differences_of_known_pairs() -> None:
    text = "ACGTTGCAACGGTCATTGACCGATGCATTCAGGCATCGAT"
    assert fast_differences(masks(text), masks(text), 0) == 0
    assert fast_differences(masks(text), masks("R" + text[1:]), 0) == 0
    assert fast_differences(masks(text), masks("Y" + text[1:]), 0) == 1
    assert fast_differences(masks(text), masks(text[:20] + text[21:]), 0) == 1
    assert fast_differences(masks(text), masks("GGGGG" + text), 5) == 0
    assert fast_differences(masks(text), masks("GGGGG" + text[:-5]), 0) == 10
    assert fast_differences(masks(text), masks("GGGGG" + text[:-5]), 5) == 0


def test_a_letter_that_stands_for_no_base_fits_nothing() -> None:
    text = masks("ACGTACGTAC")
    gone = text.copy()
    gone[5] = 0
    assert fast_differences(gone, text, 0) == fast_differences(text, gone, 0) == 1


def test_windows_of_bases() -> None:
    codes, out = DNA.encode("ACGTNACGT"), np.empty(16, np.int64)
    number = kmers(codes, 3, out)
    assert number == 7
    assert out[:7].tolist() == [0b000110, 0b011011, -1, -1, -1, 0b000110, 0b011011]
    assert kmers(codes[:2], 3, out) == 0
