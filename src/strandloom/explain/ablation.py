"""What found sites do in their own sequences: the score before and after they are destroyed.

Paired: each sequence is compared with itself, and the control destroys random places of the same widths in it with the same
random bases.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.effects import Effect, effect
from strandloom.explain.insertion import Layout, layout, scores
from strandloom.explain.motif import Sites
from strandloom.explain.score import Explained
from strandloom.training.infer import BATCH

How = Literal["dinucleotide", "shuffle", "background"]
HOWS: tuple[How, ...] = get_args(How)
_ROWS = 2048  # destroyed sequences held at once, about; part of what a seed fixes
_TRIES = 10  # shuffles of a sequence's sites before it is left as it is
Mask = NDArray[np.bool_]


def ablate(
    score: Explained,
    codes: Codes,
    sites: Sites,
    *,
    how: How = "dinucleotide",
    copies: int = 10,
    seed: int = 0,
    batch_size: int = BATCH,
    device: torch.device | str = "cpu",
) -> Effect:
    """Effect of the sites that a motif has in its own sequences: score with them minus score without.

    All sites of a sequence are destroyed together, so that one does not stand in for another; sequences without a site are left
    out. The control destroys places of the same widths that overlap no site, where the sequence has room for them.

    Parameters
    ----------
    score
        What is explained.
    codes
        uint8 ``(N, L)``.
    sites
        Where the motif stands; on which strand does not matter.
    how
        ``dinucleotide``: the same columns of a dinucleotide shuffle of the sequence. ``shuffle``: the bases of the site in
        another order. ``background``: bases drawn as often as the sequence has them.
    copies
        Destructions of each sequence, averaged.
    seed
        Fixes the destructions and the places of the control.

    Raises
    ------
    UsageError
        There is no site, or one stands outside its sequence.
    """
    if copies < 1:
        raise UsageError(f"copies must be at least 1, not {copies}")
    rows, member = np.unique(sites.row, return_inverse=True)
    _check(sites, layout(codes), len(codes))
    own, control = np.empty((len(rows), copies)), np.empty((len(rows), copies))
    crowded = 0
    block = max(1, _ROWS // copies)
    for start in range(0, len(rows), block):
        part = codes[rows[start : start + block]]  # (R, L)
        where = layout(part)
        inside = (member >= start) & (member < start + block)
        mask = _marked(part.shape, member[inside] - start, sites.take(inside), where)
        generator = np.random.default_rng((seed, start))
        masks = np.repeat(mask, copies, axis=0)  # (R · copies, L)
        elsewhere, squeezed = random_places(masks, Layout(*(np.repeat(x, copies) for x in where)), generator)
        crowded += int(squeezed.reshape(-1, copies).any(axis=1).sum())
        noise = _noise(part, how=how, copies=copies, seed=seed, generator=generator)
        whole = np.repeat(part, copies, axis=0)
        destroyed = shuffled_inside(whole, masks, generator) if noise is None else np.where(masks, noise, whole)
        beside = shuffled_inside(whole, elsewhere, generator) if noise is None else np.where(elsewhere, noise, whole)
        found = scores(score, np.concatenate([part, destroyed, beside]), batch_size=batch_size, device=device)
        count = len(part)
        each = found[count:].reshape(2, count, copies)
        own[start : start + count] = found[:count, None] - each[0]
        control[start : start + count] = found[:count, None] - each[1]
    notes: tuple[str, ...] = ()
    if crowded:
        notes = (
            f"{crowded:,} of {len(rows):,} sequences have too little room beside the sites: their control overlaps them",
        )
    return effect(own.ravel(), control.ravel(), copies=copies, notes=notes)


def random_places(taken: Mask, where: Layout, generator: np.random.Generator) -> tuple[Mask, Mask]:
    """For every marked stretch of a row, another place of its width in the same sequence.

    Parameters
    ----------
    taken
        bool ``(M, L)``: stretches inside the sequences; none of them is drawn again while there is room elsewhere.
    where
        The sequences, :func:`strandloom.explain.insertion.layout`.

    Returns
    -------
    tuple
        bool ``(M, L)``, and bool ``(M,)``: rows in which a stretch had to overlap what was taken.
    """
    length = taken.shape[1]
    place = np.arange(length)
    bases = (place >= where.first[:, None]) & (place < (where.first + where.length)[:, None])
    full = taken | ~bases
    drawn, squeezed = np.zeros_like(taken), np.zeros(len(taken), bool)
    row, start, end = stretches(taken)
    rank = np.arange(len(row)) - np.searchsorted(row, row)  # 0, 1 … within a row
    for number in range(int(rank.max(initial=-1)) + 1):
        these = rank == number
        at, width = row[these], (end - start)[these]
        free = _free(full[at], width)
        none = ~free.any(axis=1)
        if none.any():
            squeezed[at[none]] = True
            free[none] = _free(~bases[at[none]], width[none])
        counted = free.cumsum(axis=1)
        chosen = (counted > (generator.random(len(at)) * counted[:, -1]).astype(np.int64)[:, None]).argmax(axis=1)
        new = (place >= chosen[:, None]) & (place < (chosen + width)[:, None])
        drawn[at] |= new
        full[at] |= new
    return drawn, squeezed


def shuffled_inside(codes: Codes, mask: Mask, generator: np.random.Generator) -> Codes:
    """Codes uint8 ``(M, L)`` with the letters of every marked stretch in another order."""
    row, start, _ = stretches(mask)
    first = np.zeros(mask.shape, np.int64)
    first[row, start] = start
    first = np.maximum.accumulate(first, axis=1)  # of the stretch, at its marked columns
    key = np.broadcast_to(np.arange(mask.shape[1], dtype=np.float64), mask.shape)
    out = codes.copy()
    same = np.arange(len(codes))
    for _ in range(_TRIES):
        if not len(same):
            break
        inside = mask[same]
        keys = np.where(
            inside, first[same] + generator.random(inside.shape), key[same]
        )  # sorts stretches within themselves
        out[same] = np.take_along_axis(codes[same], keys.argsort(axis=1), axis=1)
        same = same[(out[same] == codes[same]).all(axis=1)]
    return out


def stretches(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, first column and end of every run of marked columns in bool ``(M, L)``, in order."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)  # (M, L + 1)
    row, start = np.nonzero(edges == 1)
    return row, start, np.nonzero(edges == -1)[1]


def _free(full: Mask, width: NDArray[np.int64]) -> Mask:
    """Whether a stretch of each row's width ``(M,)`` can start at a column without touching a full one, bool ``(M, L)``."""
    count, length = full.shape
    summed = np.zeros((count, length + 1), np.int64)
    np.cumsum(full, axis=1, out=summed[:, 1:])
    end = np.arange(length) + width[:, None]
    inside = end <= length
    return (np.take_along_axis(summed, np.minimum(end, length), axis=1) == summed[:, :-1]) & inside


def _marked(shape: tuple[int, ...], member: NDArray[np.int64], sites: Sites, where: Layout) -> Mask:
    """Columns of the sites of rows ``member (S,)``, bool ``(R, L)``."""
    edges = np.zeros((shape[0], shape[1] + 1), np.int64)
    first = where.first[member]
    np.add.at(edges, (member, first + sites.start), 1)
    np.add.at(edges, (member, first + sites.end), -1)
    return edges.cumsum(axis=1)[:, :-1] > 0


def _noise(codes: Codes, *, how: How, copies: int, seed: int, generator: np.random.Generator) -> Codes | None:
    """What is put in place of sites, uint8 ``(R · copies, L)``; None where they are shuffled within themselves."""
    if how == "shuffle":
        return None
    if how == "dinucleotide":
        from strandloom.data.shuffle import dinucleotide_shuffle

        return dinucleotide_shuffle(codes, copies=copies, seed=seed).reshape(-1, codes.shape[1])
    counts = DNA.one_hot_table.astype(np.float64)[codes].sum(axis=1)  # (R, 4)
    counts[counts.sum(axis=1) == 0] = 1
    summed = counts.cumsum(axis=1)
    edges = np.repeat(summed[:, :3] / summed[:, 3:], copies, axis=0)  # (R · copies, 3)
    uniform = generator.random((len(edges), codes.shape[1]))
    return (uniform[..., None] >= edges[:, None]).sum(axis=-1, dtype=np.uint8)


def _check(sites: Sites, where: Layout, rows: int) -> None:
    if not len(sites):
        raise UsageError("there is no site to destroy", hint="look for the motif with a lower threshold")
    unknown = (sites.row < 0) | (sites.row >= rows)
    if unknown.any():
        raise UsageError(f"a site is in sequence {sites.row[unknown.argmax()]}, but there are {rows} sequences")
    wrong = (sites.start < 0) | (sites.end <= sites.start) | (sites.end > where.length[sites.row])
    if wrong.any():
        site = int(wrong.argmax())
        row = int(sites.row[site])
        raise UsageError(
            f"site {site} ({sites.start[site]} to {sites.end[site]}) is not inside sequence {row} of {where.length[row]} bases",
            hint="places count from the first base of the sequence, not from its padded window",
        )
