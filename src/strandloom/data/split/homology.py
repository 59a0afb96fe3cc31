"""Near-duplicate components: which rows belong together because their sequences are alike, on either strand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.data.split.index import build_index, build_sets, choose_k, default_threshold, find_hubs, hash_rows
from strandloom.errors import InputError, SettingsError


def components(
    codes: Codes,
    lengths: NDArray[np.integer],
    *,
    k: int | None = None,
    threshold: float | None = None,
    hub_rows: int | None = None,
) -> NDArray[np.int64]:
    """Number the near-duplicate components of the rows.

    Two rows are near duplicates when their similarity (k-mer containment on both strands, defined in
    ``strandloom.data.split.index``) is at least ``threshold``; equal rows and reverse complements always are. A
    component is everything that near-duplicate pairs link, directly or through others (single linkage). The result
    doesn't depend on the order of the rows (beyond the numbering) nor on any seed.

    What the defaults find, measured on uniform random sequences (held to it by ``test_homology.py``): of 50,000
    unrelated rows of 101 bp none joins another. Of pairs that differ by substitutions alone, at k = 8, 90 % identity
    joins 91 / 97 / 100 % (60 / 101 / 300 bp), 85 % joins 66 / 68 / 87 %, 82 % about half, 80 % a third and 75 % joins
    12 / 9 / 2 %; families of several copies join more, through one another.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, padded on any side.
    lengths
        Bases of each row, ``(N,)``.
    k
        k-mer length, 6 to 12. None: chosen from the lengths and the number of rows (8 for most tables).
    threshold
        Similarity, above 0 to 1. None: ``0.82 ** k``, what 82 % identity leaves (0.20 at k = 8).
    hub_rows
        A k-mer in more rows than this is a hub. None: 100, or 4 × the mean, whichever is more.

    Returns
    -------
    component
        int64 ``(N,)``, numbered from 0 by first appearance.

    Raises
    ------
    InputError
        ``k`` is longer than every sequence.
    SettingsError
        ``k`` or ``threshold`` is out of range.
    """
    k, threshold = resolve(lengths, k=k, threshold=threshold)
    canonical = hash_rows(codes).canonical
    _, first, row_of = np.unique(canonical, return_index=True, return_inverse=True)
    sets = build_sets(codes[first], k=k)  # in the order of the hashes, so the order of rows does not matter
    index = build_index(sets, find_hubs(sets, hub_rows=hub_rows))
    return number(index.join(threshold)[row_of.reshape(-1)])


def resolve(lengths: NDArray[np.integer], *, k: int | None, threshold: float | None) -> tuple[int, float]:
    """The k and threshold that are used for rows of these lengths ``(N,)``, checked."""
    longest = int(lengths.max(initial=0))
    if k is None:
        k = choose_k(lengths)
    elif k > longest:
        raise InputError(
            f"k = {k} is longer than the longest sequence ({longest} bases)",
            where="split.k",
            hint="leave k out to let it be chosen, or take a smaller one",
        )
    if threshold is None:
        threshold = default_threshold(k)
    if not 0 < threshold <= 1:
        raise SettingsError(f"threshold must be above 0 and at most 1, not {threshold}", where="split.threshold")
    return k, threshold


def number(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Any labels ``(N,)`` renumbered from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse.reshape(-1)]
