"""Position matrices ``(w, 4)`` of base probabilities, order ``ACGT``: information, trimming, strands, consensus, log odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.errors import SettingsError, UsageError

Matrix = NDArray[np.float64]
"""float64 ``(w, 4)``: one row a position, in the order ``ACGT``; rows of probabilities sum to 1."""
UNIFORM = np.full(4, 0.25)
_IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "AG": "R", "CT": "Y", "CG": "S", "AT": "W", "GT": "K", "AC": "M",
    "CGT": "B", "AGT": "D", "ACT": "H", "ACG": "V", "ACGT": "N",
}  # fmt: skip


def checked(matrix: NDArray[Any], *, name: str) -> Matrix:
    """A matrix of base probabilities ``(w, 4)`` in float64, if it is one.

    Parameters
    ----------
    name
        What the matrix is called, for messages.

    Raises
    ------
    UsageError
        It has another shape or no position, or its rows are not probabilities.
    """
    found = np.asarray(matrix, np.float64)
    if found.ndim != 2 or found.shape[1] != 4 or not len(found):
        raise UsageError(f"a matrix (w, 4) is needed, not {found.shape}", where=name)
    if not np.isfinite(found).all() or (found < 0).any() or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
        raise UsageError("the rows of the matrix are not probabilities of A, C, G, T", where=name)
    return found


def probabilities(counts: NDArray[np.floating] | NDArray[np.integer], *, pseudocount: float = 0.0) -> Matrix:
    """Counts ``(w, 4)`` as probabilities.

    Parameters
    ----------
    counts
        Sequences with each base at each position; may be fractions.
    pseudocount
        Added to every position in all, shared evenly by the bases.

    Raises
    ------
    SettingsError
        A position has no counts and no pseudocount.
    """
    raised = np.asarray(counts, np.float64) + pseudocount / 4
    totals = raised.sum(axis=1, keepdims=True)
    if (totals <= 0).any():
        raise SettingsError("a position of the matrix has no counts", hint="give a pseudocount above 0")
    return raised / totals


def information(matrix: Matrix, *, background: NDArray[np.float64] = UNIFORM) -> NDArray[np.float64]:
    """Bits at each position, ``(w,)``: relative entropy to the background (2 for one certain base on a uniform one)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = matrix * np.log2(matrix / background)
    return np.nansum(terms, axis=1)


def reverse_complement(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same motif read on the other strand, ``(w, 4)``."""
    return np.ascontiguousarray(matrix[::-1, ::-1])


def trim(matrix: Matrix, *, bits: float = 0.25, background: NDArray[np.float64] = UNIFORM) -> tuple[int, int]:
    """First position and end of the part whose ends hold at least so many bits; ``(0, 0)`` where no position does."""
    kept = np.flatnonzero(information(matrix, background=background) >= bits)
    return (int(kept[0]), int(kept[-1]) + 1) if len(kept) else (0, 0)


def consensus(matrix: Matrix, *, share: float = 0.25, least: float = 0.1) -> str:
    """IUPAC letters of a matrix ``(w, 4)`` of probabilities.

    Parameters
    ----------
    share
        Bases with more than this share of a position are named, the likeliest where none has so much.
    least
        Bits below which a position is N, as between the halves of a dyad.
    """
    letters = []
    for row, bits in zip(matrix, information(matrix), strict=True):
        if bits < least:
            letters.append("N")
            continue
        kept = [base for base, value in zip("ACGT", row, strict=True) if value > share]
        letters.append(_IUPAC["".join(kept) or "ACGT"[int(row.argmax())]])
    return "".join(letters)


def log_odds(matrix: Matrix, *, background: NDArray[np.float64] = UNIFORM, pseudocount: float = 1e-3) -> Matrix:
    """Log2 odds ``(w, 4)`` against the background; the pseudocount keeps impossible bases finite."""
    softened = (matrix + pseudocount * background) / (1 + pseudocount)
    return np.log2(softened / background)


def richest_window(matrix: Matrix, width: int) -> int:
    """Where the ``width`` neighbouring positions of a matrix ``(w, 4)`` start that hold most information, the first of equals."""
    total = np.concatenate(([0.0], np.cumsum(information(matrix))))
    held = total[width:] - total[:-width]
    return int(np.flatnonzero(held >= held.max() - 1e-9)[0])
