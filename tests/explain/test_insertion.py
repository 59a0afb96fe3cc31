"""Sites are drawn as the matrix says, stand where they should, and are scored as one at a time would be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.explain.attribution import Output
from strandloom.explain.insertion import (
    Insert,
    columns,
    draw_sites,
    edited_scores,
    flat,
    layout,
    motif_matrix,
    shuffle_sites,
)
from strandloom.explain.score import Explained


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def encode(*rows: str, width: int) -> np.ndarray:
    """Rows with dots for padding."""
    codes = np.full((len(rows), width), DNA.pad, np.uint8)
    for code, row in zip(codes, rows, strict=True):
        for column, letter in enumerate(row):
            if letter != " ":
                code[column] = DNA.encode(letter)[0]
    return codes


def test_sites_follow_the_matrix_and_letters_their_bases() -> None:
    matrix = np.array([[0.7, 0.1, 0.1, 0.1], [0, 0, 0, 1], [0, 0.5, 0.5, 0]])
    sites = draw_sites(matrix, 20_000, draws=2, generator=rng())
    shares = np.stack([(sites == base).mean(axis=(0, 1)) for base in range(4)], axis=1)
    np.testing.assert_allclose(shares, matrix, atol=0.012)
    assert (shares[matrix == 0] == 0).all()
    text = draw_sites("ARN", 5_000, draws=1, generator=rng())
    assert (text[..., 0] == 0).all()
    assert set(np.unique(text[..., 1])) == {0, 2}
    assert set(np.unique(text[..., 2])) == {0, 1, 2, 3}
    np.testing.assert_array_equal(draw_sites("uaCG", 3, draws=1, generator=rng()), np.tile([3, 0, 1, 2], (3, 1, 1)))


@pytest.mark.parametrize(
    ("motif", "said"),
    [
        ("", "empty"),
        ("TAXA", "letter 'X'"),
        ("TA-A", "letter '-'"),
        (np.full((3, 5), 0.2), "shape"),
        (np.full((3, 4), 0.5), "no probability"),
        (np.full((3, 4), np.nan), "no probability"),
        (np.zeros((0, 4)), "empty"),
    ],
)
def test_what_is_no_motif_is_refused(motif: str | np.ndarray, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        motif_matrix(motif)


def test_shuffles_keep_the_letters_and_differ_from_the_site() -> None:
    sites = draw_sites("TATAAA", 500, draws=3, generator=rng())
    shuffled, same = shuffle_sites(sites, rng())
    np.testing.assert_array_equal(np.sort(shuffled, axis=-1), np.sort(sites, axis=-1))
    assert (shuffled != sites).any(axis=-1).all()
    assert same == 0
    kept, same = shuffle_sites(np.zeros((4, 1, 6), np.uint8), rng())
    assert same == 1
    assert (kept == 0).all()


def test_places_count_from_the_first_base_of_padded_rows() -> None:
    codes = encode("ACGTAC", "  ACGTAC", " ACGTACG", width=8)
    where = layout(codes)
    np.testing.assert_array_equal(where.first, [0, 2, 1])
    np.testing.assert_array_equal(where.length, [6, 6, 7])
    np.testing.assert_array_equal(columns(where, 2, 0), [0, 2, 1])
    np.testing.assert_array_equal(columns(where, 2, 4), [4, 6, 5])
    np.testing.assert_array_equal(columns(where, 2, None), [2, 4, 3])
    with pytest.raises(UsageError, match="at place 5 does not fit into background 0 of 6") as error:
        columns(where, 2, 5)
    assert "places 0 to 4" in str(error.value)
    with pytest.raises(UsageError, match="does not fit"):
        columns(where, 2, -1)
    with pytest.raises(UsageError, match="7 bases does not fit into background 0 of 6") as error:
        columns(where, 7, None)
    assert error.value.hint


def test_backgrounds_may_come_with_their_copies() -> None:
    codes = rng().integers(0, 4, (3, 5, 7), dtype=np.uint8)
    rows, copies = flat(codes)
    assert copies == 5
    np.testing.assert_array_equal(rows[7], codes[1, 2])
    for wrong in (codes[0, 0], codes.astype(np.int64), codes[:0]):
        with pytest.raises(UsageError):
            flat(wrong)


class Weighted(nn.Module):
    """Σ weight · one-hot."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weights).sum(dim=(1, 2))[:, None]


@pytest.mark.parametrize("batch_size", [1, 7, 5000])
def test_streamed_scores_are_those_of_one_edit_at_a_time(batch_size: int) -> None:
    generator = rng(3)
    weights = generator.normal(size=(4, 30))
    score = Explained([Weighted(weights)], Output(0, "y"), against="none")
    codes = generator.integers(0, 4, (11, 30), dtype=np.uint8)
    before = codes.copy()
    one = draw_sites("NNNN", 11, draws=3, generator=generator)
    two = draw_sites("NN", 11, draws=3, generator=generator)
    arms = [
        [Insert(one, generator.integers(0, 10, 11))],
        [],
        [Insert(one, np.full(11, 2)), Insert(two, generator.integers(10, 28, 11))],
    ]
    found = edited_scores(score, codes, arms=arms, batch_size=batch_size, device="cpu")
    np.testing.assert_array_equal(codes, before)
    for number, arm in enumerate(arms):
        for row in range(11):
            each = []
            for draw in range(3):
                edited = codes[row].copy()
                for sites, at in arm:
                    edited[at[row] : at[row] + sites.shape[-1]] = sites[row, draw]
                each.append((DNA.one_hot(edited) * weights).sum())
            assert found[number, row] == pytest.approx(np.mean(each), abs=1e-4)
