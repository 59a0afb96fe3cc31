"""Sharing rows, or whole groups of rows, among parts in asked fractions: the arithmetic under every split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from strandloom.kmers import mix64

Numbers = NDArray[np.int64]


def share_rows(strata: Numbers, fractions: Sequence[float], *, seed: int) -> Numbers:
    """Share single rows at random, every stratum in the asked fractions.

    Rows are laid out stratum by stratum in random order and taken at even steps (systematic sampling), so that the
    count of each part is right to one row overall, and within each stratum to about as much.

    Parameters
    ----------
    strata
        Stratum of each row, int64 ``(N,)``; all zeros for a plain random division.
    fractions
        One per part, summing to 1.
    seed
        Of the division.

    Returns
    -------
    part
        Number of the part of each row, int64 ``(N,)``.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(strata))
    left = shuffled[np.argsort(strata[shuffled], kind="stable")]
    part = np.zeros(len(strata), np.int64)
    remaining = 1.0
    for number in range(len(fractions) - 1, 0, -1):
        fraction = fractions[number] / remaining
        step = np.floor(np.arange(len(left) + 1) * fraction + generator.random() * (1 - 1e-9))
        taken = np.diff(step) > 0
        part[left[taken]] = number
        left = left[~taken]
        remaining -= fractions[number]
    return part


def share_groups(
    groups: Numbers, strata: Numbers, fractions: Sequence[float], *, seed: int, keys: NDArray[np.uint64] | None = None
) -> Numbers:
    """Share whole groups of rows: sizes near the asked fractions, strata likewise as far as whole groups allow.

    Groups are placed from the largest down, each where the chi-square distance to the asked counts grows least. A part
    left without a group takes the smallest group of the part that has most groups.

    Parameters
    ----------
    groups
        Group of each row, int64 ``(N,)``, numbered from 0 without holes.
    strata
        Stratum of each row, int64 ``(N,)``.
    fractions
        One per part, each above 0, summing to 1.
    seed
        Orders groups of equal size.
    keys
        A number per group ``(G,)`` that doesn't depend on the order of rows; with it, neither does the result.

    Returns
    -------
    part
        int64 ``(N,)``; a part stays empty only where there are fewer groups than parts.
    """
    from strandloom.data.split import kernels

    if len(groups) == 0:
        return np.zeros(0, np.int64)
    sizes = np.bincount(groups)
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    if keys is None:
        keys = np.arange(len(sizes), dtype=np.uint64)
    order = np.lexsort((mix64(keys ^ mix64(np.array([seed]))), -sizes))
    _, dense = np.unique(strata, return_inverse=True)
    dense = dense.reshape(-1).astype(np.int64)
    counts = np.append(np.bincount(dense), len(dense)).astype(np.float64)
    wanted = np.ascontiguousarray(np.outer(np.asarray(fractions, np.float64), counts))
    part = np.empty(len(sizes), np.int64)
    kernels.share_groups(starts, np.argsort(groups, kind="stable"), dense, order, wanted, part)
    held = np.bincount(part, minlength=len(fractions))
    for number in np.flatnonzero(held == 0):
        giver = int(held.argmax())
        if held[giver] < 2:
            break
        smallest = order[part[order] == giver][-1]
        part[smallest] = number
        held[giver] -= 1
        held[number] += 1
    return part[groups]
