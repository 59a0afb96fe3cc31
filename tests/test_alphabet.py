"""Letters, codes and strands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from strandloom.alphabet import DNA, INVALID

WRITTEN = st.text(alphabet=DNA.letters, max_size=200)
CODES = st.lists(st.integers(0, DNA.pad), max_size=100).map(lambda x: np.array(x, np.uint8))


@given(WRITTEN)
def test_text_survives_the_round_trip(text: str) -> None:
    assert DNA.decode(DNA.encode(text)) == text
    assert DNA.decode(DNA.encode(text.lower())) == text


@given(CODES)
def test_reverse_complement_is_an_involution(codes: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(DNA.reverse_complement(DNA.reverse_complement(codes)), codes)


@given(CODES)
def test_one_hot_of_the_other_strand_is_both_axes_reversed(codes: NDArray[np.uint8]) -> None:
    """Channels ``ACGT`` reversed are their complements."""
    np.testing.assert_array_equal(DNA.one_hot(DNA.reverse_complement(codes)), DNA.one_hot(codes)[::-1, ::-1])


@given(CODES)
def test_one_hot_columns_sum_to_one_or_zero(codes: NDArray[np.uint8]) -> None:
    one_hot = DNA.one_hot(codes)
    assert one_hot.shape == (4, len(codes))
    empty = (codes == DNA.gap) | (codes == DNA.pad)
    np.testing.assert_allclose(one_hot.sum(axis=0), np.where(empty, 0, 1), atol=1e-6)


def test_order_and_special_codes() -> None:
    assert DNA.bases == "ACGT"
    assert DNA.encode("ACGTacgtUu").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 3, 3]
    assert DNA.encode("RYSWKMBDHVN-.").tolist() == [*range(4, 16), 15]
    assert (DNA.any, DNA.gap, DNA.pad, DNA.size, DNA.channels) == (14, 15, 16, 17, 4)


def test_other_bytes_are_invalid() -> None:
    letters = set((DNA.letters + DNA.letters.lower() + "Uu.").encode())
    for byte in range(256):
        assert (DNA.encode_table[byte] == INVALID) == (byte not in letters)


@pytest.mark.parametrize(
    ("letter", "complement"), [("A", "T"), ("R", "Y"), ("S", "S"), ("B", "V"), ("N", "N"), ("-", "-")]
)
def test_complements(letter: str, complement: str) -> None:
    assert DNA.decode(DNA.complement(DNA.encode(f"A{letter}A"))) == f"T{complement}T"


def test_complement_has_the_complementary_bases() -> None:
    for code, letter in enumerate(DNA.letters):
        other = DNA.letters[DNA.complement(np.array([code], np.uint8))[0]]
        assert set(DNA.members[other]) == {dict(zip("ACGT", "TGCA", strict=True))[b] for b in DNA.members[letter]}


def test_pads_show_inside_only() -> None:
    assert DNA.decode(np.array([16, 0, 16, 1, 16], np.uint8)) == "A-C"
