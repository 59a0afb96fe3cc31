"""How alike windows and matrices are: the best cosine over offsets, on one strand or both, and groups of those alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import ClusterNode

Windows = NDArray[np.float32]
"""float32 ``(S, W, 4)``: contributions of the bases that stand there, or any other weights, order ``ACGT``."""
_BLOCK = 1024  # rows of either side compared at once


class Matches(NamedTuple):
    """The best way to lay each of B windows on each of A templates."""

    similarity: NDArray[np.float32]
    """``(A, B)``: cosine of all weights, those beyond the overlap counting as zeros on the other side; -1 … 1."""
    offset: NDArray[np.int16]
    """``(A, B)``: position of the template under the first of the window (turned round, where ``reverse``)."""
    reverse: NDArray[np.bool_]
    """``(A, B)``: whether the window is turned to the other strand."""


def unit(windows: NDArray[np.floating]) -> Windows:
    """Windows ``(S, W, 4)`` at length 1 (zeros stay zeros)."""
    flat = windows.reshape(len(windows), -1)
    norms = np.linalg.norm(flat, axis=1)[:, None, None]
    return np.divide(windows, norms, out=np.zeros(windows.shape, np.float32), where=norms > 0, casting="same_kind")


def best_matches(
    templates: NDArray[np.floating], windows: NDArray[np.floating], *, shift: int, both_strands: bool
) -> Matches:
    """Compare all pairs, by matrix products in blocks.

    Parameters
    ----------
    templates, windows
        ``(A, W, 4)`` and ``(B, W, 4)``, of one width.
    shift
        Largest offset, in positions.
    both_strands
        Whether the other strand of a window is as good as its own.
    """
    left, right = unit(templates), unit(windows)
    a, b = len(left), len(right)
    found = Matches(np.full((a, b), -1, np.float32), np.zeros((a, b), np.int16), np.zeros((a, b), np.bool_))
    for i in range(0, a, _BLOCK):
        for j in range(0, b, _BLOCK):
            part = Matches._make(x[i : i + _BLOCK, j : j + _BLOCK] for x in found)
            _compare(left[i : i + _BLOCK], right[j : j + _BLOCK], shift, both_strands, part)
    return found


def _compare(left: Windows, right: Windows, shift: int, both_strands: bool, found: Matches) -> None:
    """One block of pairs, written into ``found``."""
    width = left.shape[1]
    shift = min(shift, width - 1)
    for reverse in (False, True)[: 1 + both_strands]:
        turned = right[:, ::-1, ::-1] if reverse else right
        for offset in sorted(range(-shift, shift + 1), key=abs):
            ours = left[:, max(offset, 0) : width + min(offset, 0)].reshape(len(left), -1)
            theirs = turned[:, max(-offset, 0) : width - max(offset, 0)].reshape(len(right), -1)
            value = ours @ theirs.T
            better = value > found.similarity + np.float32(1e-6)  # ties go to the smaller shift, then to its own strand
            np.copyto(found.similarity, value, where=better)
            np.copyto(found.offset, np.int16(offset), where=better)
            np.copyto(found.reverse, reverse, where=better)


def chance_similarity(
    windows: NDArray[np.floating],
    generator: np.random.Generator,
    *,
    shift: int,
    both_strands: bool,
    share: float = 0.005,
) -> float:
    """The similarity that so small a share of pairs reaches when one of each pair has its positions shuffled.

    Parameters
    ----------
    windows
        ``(S, W, 4)``; of more than 500, that many are drawn.
    """
    some = windows[np.sort(generator.choice(len(windows), min(len(windows), 500), replace=False))]
    order = generator.random(some.shape[:2]).argsort(axis=1)
    mixed = np.take_along_axis(some, order[:, :, None], axis=1)
    found = best_matches(some, mixed, shift=shift, both_strands=both_strands).similarity
    return float(np.quantile(found, 1 - share))


def groups(similarity: NDArray[np.floating], *, floor: float, same: float, least: int) -> NDArray[np.int64]:
    """Group what is alike; the number of groups follows from the data.

    Average linkage is cut from the top: a branch is one group when its halves are alike above the floor, and as alike as each is
    in itself. That second figure, ``between / sqrt(within × within)``, does not fall with noise, which lowers all three.

    Parameters
    ----------
    similarity
        Symmetric ``(S, S)``.
    floor
        Mean similarity between its halves that a group needs.
    same
        The same relative to the similarity within the halves, 0 … 1.
    least
        Smallest group.

    Returns
    -------
    ndarray
        int64 ``(S,)``: group, the largest first, -1 for none.
    """
    from scipy.cluster.hierarchy import linkage, to_tree
    from scipy.spatial.distance import squareform

    total = len(similarity)
    labels = np.full(total, -1, np.int64)
    if total < max(least, 2):
        return labels
    distance = 1 - np.asarray(similarity, np.float64)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False).clip(min=0), method="average")
    found = []
    stack = [to_tree(tree)]
    while stack:
        node = stack.pop()
        if node.get_count() < least:
            continue
        if node.dist > 1 - floor:
            stack += [node.left, node.right]
            continue
        split = node  # the first split below that is more than the loss of a few rows
        while not split.is_leaf() and min(split.left.get_count(), split.right.get_count()) < least:
            split = max(split.left, split.right, key=lambda x: x.get_count())
        if split.is_leaf() or relative(similarity, _rows(split.left), _rows(split.right)) >= same:
            found.append(_rows(node))
        else:
            stack += [split.left, split.right]
    for label, rows in enumerate(sorted(found, key=lambda rows: (-len(rows), rows.min()))):
        labels[rows] = label
    return labels


def _rows(node: ClusterNode) -> NDArray[np.int64]:
    return np.array(node.pre_order(), np.int64)


def relative(similarity: NDArray[np.floating], one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    """Mean similarity between two sets of rows over the geometric mean of that within each; 1 where they are the same."""
    between = float(similarity[np.ix_(one, other)].mean())
    within = max(_alike(similarity, one), 0.0) * max(_alike(similarity, other), 0.0)
    return between / np.sqrt(within) if within > 0 else 0.0


def _alike(similarity: NDArray[np.floating], rows: NDArray[np.integer]) -> float:
    """Mean similarity of the pairs of different rows; 1 for a single row."""
    n = len(rows)
    if n < 2:
        return 1.0
    part = similarity[np.ix_(rows, rows)]
    return float((part.sum(dtype=np.float64) - np.trace(part, dtype=np.float64)) / (n * (n - 1)))
