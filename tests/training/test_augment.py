from __future__ import annotations

import torch

from strandloom.alphabet import DNA
from strandloom.training.augment import augment, move, mutate, turn_over
from strandloom.training.onehot import reverse_complement


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CODES = torch.randint(0, 4, (2000, 30), generator=generator(9), dtype=torch.uint8)


def test_same_seed_same_batch() -> None:
    first, second, third = (
        augment(CODES, generator=generator(seed), strand="both", shift=3, mutation=0.1) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_nothing_asked_nothing_changed() -> None:
    assert torch.equal(augment(CODES, generator=generator(), strand="one"), CODES)


def test_half_of_the_rows_are_turned_over() -> None:
    found = turn_over(CODES, None, generator=generator(), anchor="left")
    turned = (found == reverse_complement(CODES)).all(1)
    kept = (found == CODES).all(1)
    assert (turned | kept).all()
    assert 0.45 < turned.float().mean() < 0.55


def test_short_rows_stay_anchored() -> None:
    lengths = torch.full((2000,), 20)
    short = CODES.clone()
    short[:, 20:] = DNA.pad
    found = augment(short, lengths, generator=generator(), strand="both")
    assert (found[:, 20:] == DNA.pad).all()
    assert (found[:, :20] < 4).all()


def test_move_shifts_whole_rows_by_at_most_the_bound() -> None:
    found = move(CODES, 3, generator=generator())
    counts = []
    for by in range(-3, 4):
        expected = torch.full_like(CODES, DNA.pad)
        if by >= 0:
            expected[:, by:] = CODES[:, : CODES.shape[1] - by]
        else:
            expected[:, :by] = CODES[:, -by:]
        counts.append(int((found == expected).all(1).sum()))
    assert sum(counts) == 2000
    assert min(counts) > 220


def test_mutate_only_bases_at_the_rate_to_another_base() -> None:
    codes = CODES.clone()
    codes[:, 0], codes[:, 1], codes[:, 2] = DNA.pad, DNA.any, DNA.gap
    found = mutate(codes, 0.2, generator=generator())
    assert torch.equal(found[:, :3], codes[:, :3])
    assert found[:, 3:].max() < 4
    changed = (found != codes)[:, 3:]
    assert 0.19 < changed.float().mean() < 0.21
    new = (found[:, 3:].int() - codes[:, 3:].int()) % 4
    shares = torch.bincount(new[changed], minlength=4) / changed.sum()
    assert shares[0] == 0
    assert (shares[1:] - 1 / 3).abs().max() < 0.02
