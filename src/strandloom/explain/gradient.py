"""Attribution by gradients: at the sequence itself, or averaged along the way from references to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.score import Explained
from strandloom.training.onehot import one_hot, one_hot_table

STEPS = 8
"""Points of the integral: with them, and 20 references, the sums of three networks trained on planted motifs missed by .03, .05 and .13
standard deviations (with 4 by .13, .11 and .38); agreement with mutagenesis rises with more references, not with more points."""
GOLDEN = 0.6180339887498949
"""Its multiples, wrapped, fill the unit interval evenly however many there are."""


class Attributed(NamedTuple):
    """Scores of N sequences, and the sums that their contributions promise."""

    scores: NDArray[np.float32]
    """float32 ``(N, 4, L)``, as in :class:`~strandloom.explain.attribution.AttributionMap`."""
    predicted: NDArray[np.float32]
    """float32 ``(N,)``: the explained score of each sequence."""
    baseline: NDArray[np.float32] | None
    """float32 ``(N,)``: mean score of its references, from which contributions sum to the score; None where no sum is promised."""


@torch.inference_mode(False)
def gradient(
    score: Explained,
    codes: Codes,
    *,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Attributed:
    """Gradient of the score in the one-hot input, minus its mean over the four bases of each position.

    One-hot sequences lie on a simplex, and what the gradient says off it is noise (Majdandzic et al. 2023). The contribution of the base
    that stands there is the corrected gradient times input.

    Parameters
    ----------
    score
        What is explained; moved to ``device``.
    codes
        uint8 ``(N, L)``.
    batch_size
        Sequences in a pass; the result does not depend on it beyond rounding.
    progress
        Called with the number of sequences done so far.

    Raises
    ------
    UsageError
        The score has no gradient in its input.
    """
    score.to(device)
    out = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    predicted = np.zeros(len(codes), np.float32)
    for rows in blocks(len(codes), batch_size):
        x = encoded(codes[rows], device).requires_grad_()
        with torch.enable_grad():
            y = score(x)
            slope = input_gradient(y.sum(), x)
        out[rows] = (slope - slope.mean(dim=1, keepdim=True)).cpu().numpy()
        predicted[rows] = y.detach().float().cpu().numpy()
        if progress is not None:
            progress(rows.stop)
    return Attributed(cleared(out, codes), predicted, None)


@torch.inference_mode(False)
def integrated_gradients(
    score: Explained,
    codes: Codes,
    *,
    references: Codes,
    steps: int = STEPS,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Attributed:
    """Gradients averaged along the straight ways from references to the sequence (Sundararajan et al. 2017).

    ``scores[n, b, p]`` is the mean over references of ``Σ_c g[c, p] (1[c = b] - reference[c, p])`` with the averaged gradient ``g``, so
    that the contributions sum to the score minus the mean score of the references, but for the error of the sum that stands for the
    integral: of ``steps`` equally spaced points, shifted from one reference to the next so that together they fill the way. With few points
    that misses by a third of what Gauss and Legendre's rule does, whose points are the same on every way.

    Parameters
    ----------
    score
        What is explained; moved to ``device``.
    codes
        uint8 ``(N, L)``.
    references
        uint8 ``(N, R, L)``: what each sequence is compared with.
    steps
        Points on each way.
    batch_size
        Rows in a pass; the result does not depend on it beyond rounding.
    progress
        Called with the number of sequences done so far.

    Raises
    ------
    UsageError
        The score has no gradient in its input, or there are no references or steps.
    """
    copies = checked_references(codes, references)
    if steps < 1:
        raise UsageError(f"integrated gradients need at least 1 step, not {steps}")
    score.to(device)
    shift = (0.5 + GOLDEN * np.arange(copies)) % 1  # (R,); the only reference has the midpoint rule
    at = torch.tensor((np.arange(steps) + shift[:, None]).ravel() / steps, dtype=torch.float32, device=device)
    out = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    each = copies * steps  # rows of a sequence
    for rows in blocks(len(codes), max(1, batch_size // each)):
        x = encoded(codes[rows], device)
        start = encoded(references[rows].reshape(-1, codes.shape[1]), device)  # (n R, 4, L)
        total = torch.zeros_like(x)
        for part in blocks(len(x) * each, batch_size):
            row = torch.arange(part.start, part.stop, device=device)
            sequence, reference = row // each, start[row // steps]
            between = torch.lerp(reference, x[sequence], at[row % each, None, None]).requires_grad_()
            with torch.enable_grad():
                slope = input_gradient(score(between).sum(), between)
            total.index_add_(0, sequence, hypothetical(slope, reference) / each)
        out[rows] = total.cpu().numpy()
        if progress is not None:
            progress(rows.stop)
    predicted = scored(score, codes, batch_size=batch_size, device=device)
    of_references = scored(score, references.reshape(-1, codes.shape[1]), batch_size=batch_size, device=device)
    return Attributed(cleared(out, codes), predicted, of_references.reshape(-1, copies).mean(axis=1))


def hypothetical(multipliers: Tensor, references: Tensor) -> Tensor:
    """What each base would contribute against a reference: ``Σ_c m[c, p] (1[c = b] - reference[c, p])``.

    Parameters
    ----------
    multipliers, references
        float ``(..., 4, L)``.
    """
    return multipliers - (multipliers * references).sum(dim=-2, keepdim=True)


def input_gradient(total: Tensor, x: Tensor) -> Tensor:
    """Gradient of a sum of scores in ``x (B, 4, L)``.

    Raises
    ------
    UsageError
        There is none.
    """
    (slope,) = torch.autograd.grad(total, x, allow_unused=True) if total.requires_grad else (None,)
    if slope is None:
        raise UsageError(
            "this network has no gradient in its input (it rounds, looks up or detaches it), so only mutagenesis can explain it",
            hint="use the method mutagenesis",
        )
    return slope


@torch.no_grad()
def scored(score: Explained, codes: Codes, *, batch_size: int, device: torch.device | str) -> NDArray[np.float32]:
    """The explained score of codes uint8 ``(N, L)``: float32 ``(N,)``."""
    parts = [score(encoded(codes[rows], device)).float().cpu().numpy() for rows in blocks(len(codes), batch_size)]
    return np.concatenate([*parts, np.zeros(0, np.float32)])


def encoded(codes: Codes, device: torch.device | str) -> Tensor:
    """One-hot float32 ``(N, 4, L)`` of codes uint8 ``(N, L)``."""
    return one_hot(torch.from_numpy(np.ascontiguousarray(codes)).to(device), one_hot_table(device))


def cleared(scores: NDArray[np.float32], codes: Codes) -> NDArray[np.float32]:
    """Scores ``(N, 4, L)`` with zeros where no base stands (gap, pad); in place."""
    scores *= (codes < DNA.gap)[:, None, :]
    return scores


def blocks(rows: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``rows``."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def checked_references(codes: Codes, references: Codes) -> int:
    """References R of each sequence.

    Raises
    ------
    UsageError
        They do not fit codes uint8 ``(N, L)``, or there are none.
    """
    shape = references.shape
    if references.ndim != 3 or shape[0] != codes.shape[0] or shape[2] != codes.shape[1] or shape[1] < 1:
        raise UsageError(f"references of shape {shape} are not (N, R, L) with R ≥ 1 for sequences {codes.shape}")
    return shape[1]
