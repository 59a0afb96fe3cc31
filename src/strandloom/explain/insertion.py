"""Motifs written into sequences: sites drawn from a motif, the columns they take, and the scores of the edited sequences, streamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, INVALID, Codes
from strandloom.errors import UsageError
from strandloom.explain.score import Explained
from strandloom.pwm import Matrix
from strandloom.training.infer import logits

_ROWS = 4096  # edited sequences held at once
_TRIES = 10  # shuffles of a site before it is taken for one that cannot differ from itself


class Insert(NamedTuple):
    """Sites of one motif, each with its place in a background."""

    sites: Codes
    """uint8 ``(M, D, w)``: D sites for each of M backgrounds."""
    columns: NDArray[np.int64]
    """int ``(M,)``: column of each background that takes the first base."""


class Layout(NamedTuple):
    """Where the bases of M padded rows stand."""

    first: NDArray[np.int64]
    """int ``(M,)``: column of the first base."""
    length: NDArray[np.int64]
    """int ``(M,)``: bases of the sequence."""


def layout(codes: Codes) -> Layout:
    """First column and length of sequences uint8 ``(M, L)`` that are padded at their ends."""
    inside = codes != DNA.pad
    return Layout(inside.argmax(axis=1), inside.sum(axis=1, dtype=np.int64))


def flat(backgrounds: Codes) -> tuple[Codes, int]:
    """Backgrounds uint8 ``(N, L)`` or ``(N, copies, L)`` as rows ``(M, L)``, and how many in a row are of one sequence.

    Raises
    ------
    UsageError
        There are none, or the array is no set of sequences.
    """
    shape = backgrounds.shape
    if backgrounds.dtype != np.uint8 or len(shape) not in (2, 3):
        raise UsageError(
            f"backgrounds are codes uint8 (N, L) or (N, copies, L), not {backgrounds.dtype} of shape {shape}"
        )
    if not backgrounds.size:
        raise UsageError("there is no background sequence", hint="give at least one, better a hundred")
    return backgrounds.reshape(-1, shape[-1]), shape[1] if len(shape) == 3 else 1


def motif_matrix(motif: str | Matrix) -> Matrix:
    """Base probabilities ``(w, 4)`` of a motif given as text (IUPAC letters stand for any of their bases) or as a matrix.

    Raises
    ------
    UsageError
        It is empty, has a letter that is no base, or a row that is no probability.
    """
    if isinstance(motif, str):
        codes = DNA.encode(motif)
        strange = [x for x, code in zip(motif, codes, strict=True) if code == INVALID or code >= DNA.gap]
        if strange:
            raise UsageError(
                f"motif '{motif}' has the letter '{strange[0]}'", hint=f"allowed are {DNA.letters[: DNA.gap]}"
            )
        matrix = DNA.one_hot_table.astype(np.float64)[codes]
    else:
        matrix = np.asarray(motif, np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != DNA.channels:
            raise UsageError(f"a motif's matrix has the shape (w, 4), not {matrix.shape}")
        if not ((matrix >= 0).all() and (np.abs(matrix.sum(axis=1) - 1) <= 0.01).all()):
            raise UsageError(
                "a row of the motif's matrix is no probability: four values ≥ 0 that sum to 1 are needed",
                hint="strandloom.pwm.probabilities makes them from counts",
            )
    if not len(matrix):
        raise UsageError("the motif is empty")
    return matrix


def draw_sites(motif: str | Matrix, rows: int, *, draws: int, generator: np.random.Generator) -> Codes:
    """Sites of a motif, uint8 ``(M, D, w)``: each base drawn with its probability, independently.

    Raises
    ------
    UsageError
        The motif cannot be read (:func:`motif_matrix`), or no draws are asked for.
    """
    if draws < 1:
        raise UsageError(f"draws must be at least 1, not {draws}")
    matrix = motif_matrix(motif)
    summed = np.cumsum(matrix, axis=1)
    edges = summed[:, :3] / summed[:, 3:]  # a last probability of 0 gives an edge of exactly 1
    return (generator.random((rows, draws, len(matrix)))[..., None] >= edges).sum(axis=-1, dtype=np.uint8)


def shuffle_sites(sites: Codes, generator: np.random.Generator) -> tuple[Codes, float]:
    """The same letters in another order, site by site.

    Parameters
    ----------
    sites
        uint8 ``(M, D, w)``.

    Returns
    -------
    tuple
        uint8 ``(M, D, w)``, and the share of sites for which no other order was found (``AAAAAA`` has none).
    """
    rows = sites.reshape(-1, sites.shape[-1])
    shuffled = rows.copy()
    same = np.arange(len(rows))
    for _ in range(_TRIES):
        shuffled[same] = generator.permuted(rows[same], axis=1)
        same = same[(shuffled[same] == rows[same]).all(axis=1)]
        if not len(same):
            break
    return shuffled.reshape(sites.shape), len(same) / max(len(rows), 1)


def columns(where: Layout, width: int, place: int | None) -> NDArray[np.int64]:
    """Column of the first base of a motif of ``width`` bases at a place of every sequence, ``(M,)``.

    Parameters
    ----------
    where
        The sequences, :func:`layout`.
    width
        Bases of the motif.
    place
        0-based first base in the sequence; None for the centre of each.

    Raises
    ------
    UsageError
        The motif does not fit into a sequence there.
    """
    free = where.length - width
    shortest = int(free.argmin())
    if free[shortest] < 0:
        raise UsageError(
            f"a motif of {width} bases does not fit into background {shortest} of {where.length[shortest]} bases",
            hint="leave shorter sequences out, or trim the motif",
        )
    if place is None:
        return where.first + free // 2
    if not 0 <= place <= free[shortest]:
        raise UsageError(
            f"a motif of {width} bases at place {place} does not fit into background {shortest} "
            f"of {where.length[shortest]} bases",
            hint=f"places 0 to {free[shortest]} fit into every background",
        )
    return where.first + place


def scores(score: Explained, codes: Codes, *, batch_size: int, device: torch.device | str) -> NDArray[np.float64]:
    """The explained score of sequences uint8 ``(M, L)``, float64 ``(M,)``; the same bits whoever the neighbours are."""
    return logits(score, codes, batch_size=batch_size, device=device).astype(np.float64)


def edited_scores(
    score: Explained,
    backgrounds: Codes,
    *,
    arms: Sequence[Sequence[Insert]],
    batch_size: int,
    device: torch.device | str,
) -> NDArray[np.float64]:
    """Scores of every background under every arm of an experiment, averaged over draws.

    Parameters
    ----------
    score
        What is explained.
    backgrounds
        uint8 ``(M, L)``; only some thousand edited copies exist at a time.
    arms
        A times what is written into the backgrounds together; the same number of draws D everywhere.

    Returns
    -------
    ndarray
        float64 ``(A, M)``.
    """
    shape = (len(arms), len(backgrounds), arms[0][0].sites.shape[1])  # (A, M, D)
    total = int(np.prod(shape))
    found = np.empty(total)
    block = batch_size * max(1, _ROWS // batch_size)
    for start in range(0, total, block):
        stop = min(start + block, total)
        arm, row, draw = np.unravel_index(np.arange(start, stop), shape)
        codes = backgrounds[row]  # a copy
        for number in range(int(arm[0]), int(arm[-1]) + 1):
            part = np.flatnonzero(arm == number)
            for sites, first in arms[number]:
                at = first[row[part], None] + np.arange(sites.shape[-1])
                codes[part[:, None], at] = sites[row[part], draw[part]]
        found[start:stop] = scores(score, codes, batch_size=batch_size, device=device)
    return found.reshape(shape).mean(axis=2)
