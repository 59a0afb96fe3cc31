from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.training.onehot import is_plain, left_edge, one_hot, one_hot_table, reverse_complement

TABLE = one_hot_table()


def random_codes(rows: int, width: int, *, seed: int, top: int = DNA.size) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, (rows, width), dtype=np.uint8)


@given(seed=st.integers(0, 1000), rows=st.integers(0, 7), width=st.integers(1, 30))
def test_one_hot_equals_the_alphabet(seed: int, rows: int, width: int) -> None:
    codes = random_codes(rows, width, seed=seed)
    found = one_hot(torch.from_numpy(codes), TABLE)
    assert found.shape == (rows, 4, width)
    assert found.is_contiguous()
    np.testing.assert_array_equal(found.numpy(), DNA.one_hot(codes))


def test_plain_path_is_the_same_without_ambiguity_codes() -> None:
    codes = random_codes(50, 33, seed=1, top=4)
    codes[:, 20:] = DNA.pad
    codes[3, 4] = DNA.gap
    tensor = torch.from_numpy(codes)
    assert is_plain(tensor)
    assert torch.equal(one_hot(tensor, TABLE, plain=True), one_hot(tensor, TABLE))
    tensor[49, 0] = DNA.any
    assert not is_plain(tensor)


def twin(codes: np.ndarray, length: int, anchor: str) -> np.ndarray:
    """Row by row: cut the bases out, turn them over, put them back at the anchor."""
    width = len(codes)
    edge = {"left": 0, "right": width - length, "centre": (width - length) // 2}[anchor]
    out = np.full(width, DNA.pad, np.uint8)
    out[edge : edge + length] = DNA.reverse_complement(codes[edge : edge + length])
    return out


@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
@given(seed=st.integers(0, 1000), width=st.integers(1, 12))
def test_reverse_complement_equals_the_slow_twin(anchor: str, seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, width + 1, 6)
    codes = random_codes(6, width, seed=seed, top=DNA.pad)
    edges = left_edge(torch.from_numpy(lengths), width, anchor).numpy()
    column = np.arange(width)
    codes[(column < edges[:, None]) | (column >= (edges + lengths)[:, None])] = DNA.pad
    found = reverse_complement(torch.from_numpy(codes), torch.from_numpy(lengths.astype(np.int32)), anchor)
    expected = np.stack([twin(row, int(n), anchor) for row, n in zip(codes, lengths, strict=True)])
    np.testing.assert_array_equal(found.numpy(), expected)
    again = reverse_complement(found, torch.from_numpy(lengths.astype(np.int32)), anchor)
    np.testing.assert_array_equal(again.numpy(), codes)


def test_full_rows_need_no_lengths() -> None:
    codes = random_codes(9, 21, seed=3, top=4)
    expected = DNA.reverse_complement(codes)
    for plain in (False, True):
        np.testing.assert_array_equal(reverse_complement(torch.from_numpy(codes), plain=plain).numpy(), expected)


@given(length=st.integers(0, 40), width=st.integers(1, 40))
def test_left_edge_agrees_with_the_window(length: int, width: int) -> None:
    from strandloom.data.window import Window

    for anchor in ("left", "right", "centre"):
        expected = Window(width, anchor).left_edge(np.array([min(length, width)]))
        assert left_edge(torch.tensor([min(length, width)]), width, anchor).tolist() == expected.tolist()
