"""Shuffled sequences: the same bases, or the same pairs of neighbours, in random order.

The random stream of a row follows from the seed and from what the row holds (its pads left out), so that its shuffles depend neither
on other rows nor on how it is padded; equal rows have equal shuffles.
"""

from __future__ import annotations

import numpy as np

from strandloom.alphabet import Codes
from strandloom.errors import InputError, UsageError

LONGEST = 7_000_000
"""Bases up to which the trees of last edges are counted exactly in 64 bits."""


def dinucleotide_shuffle(codes: Codes, *, copies: int, seed: int) -> Codes:
    """Random sequences with the dinucleotides of the given ones: drawn uniformly from all that have them.

    Each run of A, C, G and T keeps its first and its last base; other letters, gaps and pads keep their places and part the runs.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    copies
        Shuffles R of each sequence.
    seed
        Seed of the draws.

    Returns
    -------
    Codes
        uint8 ``(N, R, L)``.

    Raises
    ------
    UsageError
        The codes are not uint8 ``(N, L)``.
    InputError
        More than 7,000,000 bases a row.

    Notes
    -----
    A run is a path over the edges of a graph of four bases (Altschul & Erickson 1985). A uniform one is drawn by a random tree of last
    edges towards the last base, then the order of all other edges (Kandel et al. 1996). Four bases have at most 27 trees: they are
    counted, and none is rejected.
    """
    from strandloom.data import shuffle_kernels  # loads numba

    codes = _checked(codes)
    out = np.empty((len(codes), copies, codes.shape[1]), np.uint8)
    shuffle_kernels.dinucleotides(codes, np.uint64(seed % 2**64), out)
    return out


def shuffle(codes: Codes, *, copies: int, seed: int) -> Codes:
    """The bases of each sequence in uniformly random order; other letters, gaps and pads keep their places.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    copies
        Shuffles R of each sequence.
    seed
        Seed of the draws.

    Returns
    -------
    Codes
        uint8 ``(N, R, L)``.

    Raises
    ------
    UsageError, InputError
        As :func:`dinucleotide_shuffle`.
    """
    from strandloom.data import shuffle_kernels  # loads numba

    codes = _checked(codes)
    out = np.empty((len(codes), copies, codes.shape[1]), np.uint8)
    shuffle_kernels.bases(codes, np.uint64(seed % 2**64), out)
    return out


def _checked(codes: Codes) -> Codes:
    if codes.ndim != 2 or codes.dtype != np.uint8:
        raise UsageError(
            f"codes must be uint8 (N, L), not {codes.dtype} of shape {codes.shape}",
            hint="strandloom.alphabet.DNA.encode makes codes of letters",
        )
    if codes.shape[1] > LONGEST:
        raise InputError(
            f"rows of {codes.shape[1]:,} bases are too long to shuffle; at most {LONGEST:,} are allowed",
            hint="cut them into pieces",
        )
    return np.ascontiguousarray(codes)
