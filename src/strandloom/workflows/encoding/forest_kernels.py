"""The compiled walk down the trees of a forest; imported when it is needed, because numba takes a second to load."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def walk(
    x: Any, roots: Any, feature: Any, threshold: Any, left: Any, right: Any, leaf: Any, values: Any, out: Any
) -> None:
    """Mean leaf values ``out (N, K)`` of rows ``x (N, V)``.

    No parallel loop of numba's: its first one sets the threads of torch to all of the machine. Give each thread some rows instead.

    Parameters
    ----------
    roots
        First node of each tree.
    feature, threshold, left, right
        Of each node; a row goes left where its value is at most the threshold. ``feature`` is -1 in a leaf.
    leaf
        Row of ``values (leaves, K)`` of each node that is a leaf.
    """
    for i in range(len(x)):
        for t in range(len(roots)):
            node = roots[t]
            while feature[node] >= 0:
                node = left[node] if x[i, feature[node]] <= threshold[node] else right[node]
            row = leaf[node]
            for k in range(out.shape[1]):
                out[i, k] += values[row, k]
        for k in range(out.shape[1]):
            out[i, k] /= len(roots)
