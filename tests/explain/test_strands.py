"""Turning a padded window: by hand, twice over, and the forms for tensors and codes against each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from strandloom.alphabet import DNA, Codes
from strandloom.explain.strands import ends, mirrored, turned, turned_codes


def codes_of(*texts: str) -> Codes:
    return np.stack([DNA.encode(text.replace("_", "")) if "_" not in text else padded(text) for text in texts])


def padded(text: str) -> Codes:
    codes = DNA.encode(text.replace("_", "A"))
    codes[[letter == "_" for letter in text]] = DNA.pad
    return codes


def uneven() -> Codes:
    codes = np.random.default_rng(1).integers(0, 16, (40, 17)).astype(np.uint8)
    for row, (before, after) in zip(codes, np.random.default_rng(2).integers(0, 6, (40, 2)), strict=True):
        row[:before] = DNA.pad
        row[len(row) - after :] = DNA.pad
    codes[5] = DNA.pad
    codes[6:10, 8] = DNA.gap
    codes[10, 0] = codes[11, -1] = DNA.gap
    return codes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ACGTN", "NACGT"),
        ("__AACR_", "__YGTT_"),
        ("-AAC--", "-GTT--"),
        ("A-CC", "GG-T"),
        ("_____", "_____"),
        ("_C___", "_G___"),
    ],
)
def test_by_hand(text: str, expected: str) -> None:
    np.testing.assert_array_equal(turned_codes(codes_of(text)), codes_of(expected))
    x = torch.from_numpy(DNA.one_hot(codes_of(text)))
    torch.testing.assert_close(turned(x), torch.from_numpy(DNA.one_hot(codes_of(expected))))


def test_without_padding_it_is_the_reverse_complement() -> None:
    codes = np.random.default_rng(0).integers(0, 16, (5, 12)).astype(np.uint8)
    np.testing.assert_array_equal(turned_codes(codes), DNA.reverse_complement(codes))


def test_turned_twice_nothing_has_changed() -> None:
    codes = uneven()
    np.testing.assert_array_equal(turned_codes(turned_codes(codes)), codes)
    x = torch.from_numpy(DNA.one_hot(codes))
    torch.testing.assert_close(turned(turned(x)), x)


def test_tensors_and_codes_agree_row_by_row() -> None:
    codes = uneven()
    x = torch.from_numpy(DNA.one_hot(codes))
    together = turned(x)
    torch.testing.assert_close(together, torch.from_numpy(DNA.one_hot(turned_codes(codes))))
    for n in range(len(x)):
        torch.testing.assert_close(turned(x[n : n + 1]), together[n : n + 1])


def test_values_go_where_their_bases_go() -> None:
    codes = uneven()
    x = torch.from_numpy(DNA.one_hot(codes))
    values = torch.rand(40, 2, 17) + 1
    found = mirrored(values, x)
    first, last = ends(x)
    for n, row in enumerate(codes):
        seen = np.flatnonzero(row < DNA.gap)
        if not len(seen):
            assert (int(first[n]), int(last[n])) == (17, -1)
            assert (found[n] == 0).all()
            continue
        assert (int(first[n]), int(last[n])) == (seen[0], seen[-1])
        for p in range(17):
            inside = seen[0] <= p <= seen[-1]
            expected = values[n, :, seen[0] + seen[-1] - p] if inside else torch.zeros(2)
            assert found[n, :, p].tolist() == expected.tolist()


def test_empty_input() -> None:
    assert turned_codes(np.zeros((0, 5), np.uint8)).shape == (0, 5)
    assert turned_codes(np.zeros((2, 0), np.uint8)).shape == (2, 0)
