"""The front door: networks and sequences in, a checked map of attributions out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import nn

from strandloom.alphabet import DNA, Codes
from strandloom.data.shuffle import dinucleotide_shuffle
from strandloom.errors import InputError, UsageError
from strandloom.explain.attention import attention
from strandloom.explain.attribution import METHODS, AttributionMap, Method, Output
from strandloom.explain.check import SAMPLED, check
from strandloom.explain.deeplift import deeplift
from strandloom.explain.gradient import (
    STEPS,
    Attributed,
    blocks,
    encoded,
    gradient,
    input_gradient,
    integrated_gradients,
    scored,
)
from strandloom.explain.mutagenesis import mutation_map
from strandloom.explain.score import Explained
from strandloom.explain.strands import turned_codes

BLOCK = 64
"""Sequences whose references are held at once."""
GRADIENT_COST = 4.0
"""Forward passes that a forward and a backward pass to the input take: measured 1.7 to 2.1 (residual) and 4 to 7 (multiscale, tutorial:
theirs is light)."""
DEEPLIFT_COST = 8.0
"""The same with DeepLIFT's rules: measured 2.8 to 3.7 and 7 to 14."""
LOCAL_GAIN = 3.0
"""Substitutions in the time of one forward pass, where they are computed only where they change something: measured 3 to 4 (residual) and
about 7 (multiscale)."""


def attribute(
    modules: Sequence[nn.Module],
    codes: Codes,
    *,
    output: Output,
    method: Method = "deeplift",
    strand: Literal["one", "both"] = "one",
    against: Literal["others", "none"] = "others",
    references: int = 20,
    steps: int = STEPS,
    seed: int = 1,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    check_rows: int = SAMPLED,
    labels: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> AttributionMap:
    """Which bases matter, in each of N sequences, for one output.

    Parameters
    ----------
    modules
        Members from one-hot ``(B, 4, L)`` to raw scores ``(B, K)``, averaged. Put into evaluation mode,
        without gradients of their weights, and moved to ``device``.
    codes
        uint8 ``(N, L)``.
    output
        The explained score.
    method
        How bases are scored.
    strand, against
        As in :class:`~strandloom.explain.score.Explained`. Under ``both`` a sequence and its reverse complement get the
        same picture, turned.
    references
        Dinucleotide-preserving shuffles of a sequence that it is compared with (``deeplift``, ``integrated_gradients``).
    steps
        Points on the way from each reference (``integrated_gradients``).
    seed
        Seed of the shuffles and of the checked sample. A sequence's shuffles depend on nothing but it and the seed.
    batch_size
        Rows in a pass. Peak memory is the map itself, the activations of this many rows with their gradients, and the references
        of 64 sequences; it does not grow with N beyond the map.
    check_rows
        Sequences that are mutated to check the map; 0: none.
    labels
        Names of the outputs, for messages.
    names
        Names of the sequences, for messages.
    progress
        Called with the number of sequences done so far, check not counted.

    Raises
    ------
    UsageError
        No such method or output, a size below 1, a network without gradients for a method that needs them, or without attention weights.
    InputError
        The network does not take sequences of L bases, or a sequence has none of A, C, G and T.
    """
    _check_call(modules, codes, method=method, references=references, steps=steps, batch_size=batch_size)
    _check_bases(codes, names)
    score = Explained(modules, output, against=against, strand=strand).to(device)
    if len(codes):
        _try(score, codes[:1], method=method, device=device, labels=labels)
    scores = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    predicted, baseline = np.zeros((2, len(codes)), np.float32)
    promised = False
    for rows in blocks(len(codes), BLOCK):
        done = None if progress is None else _after(progress, rows.start)
        found = _block(
            score, np.ascontiguousarray(codes[rows]), method=method, references=references, steps=steps, seed=seed,
            batch_size=batch_size, device=device, progress=done,
        )  # fmt: skip
        scores[rows], predicted[rows] = found.scores, found.predicted
        if found.baseline is not None:
            baseline[rows], promised = found.baseline, True
    checked = check(
        score, codes, scores, method=method, predicted=predicted, baseline=baseline if promised else None,
        rows=check_rows, seed=seed, batch_size=batch_size, device=device,
    )  # fmt: skip
    return AttributionMap(codes, scores, output, method, predicted, checked)


def estimate_passes(
    method: Method,
    n: int,
    length: int,
    references: int = 20,
    *,
    steps: int = STEPS,
    check_rows: int = SAMPLED,
    local: bool = False,
) -> int:
    """Work of :func:`attribute` in the time of forward passes of one sequence each, the check counted.

    Parameters
    ----------
    n, length
        Sequences N and bases L.
    local
        Whether substitutions are computed only where they change something, as
        :func:`~strandloom.explain.mutagenesis.computed_locally` says: mutagenesis and the check then take a third.
    """
    mutants = 3 * length / (LOCAL_GAIN if local else 1) + 1
    each = {
        "gradient": GRADIENT_COST,
        "integrated_gradients": GRADIENT_COST * references * steps + references + 1,
        "deeplift": DEEPLIFT_COST * (references + 1),
        "mutagenesis": mutants,
        "attention": 2,
    }[method]
    checked = 0 if method == "mutagenesis" else min(n, check_rows) * mutants
    return round(n * each + checked)


def shuffled_references(codes: Codes, *, copies: int, seed: int, strand: Literal["one", "both"]) -> Codes:
    """Dinucleotide-preserving shuffles uint8 ``(N, R, L)`` of codes ``(N, L)``.

    Under ``both`` those of a reverse complement are the reverse complements of the shuffles: of the two readings the one that sorts
    first is shuffled.
    """
    if strand == "one":
        return dinucleotide_shuffle(codes, copies=copies, seed=seed)
    other = turned_codes(codes)
    differs = other != codes
    at = differs.argmax(axis=1)[:, None]
    turn = np.take_along_axis(other, at, 1)[:, 0] < np.take_along_axis(codes, at, 1)[:, 0]
    made = dinucleotide_shuffle(np.where(turn[:, None], other, codes), copies=copies, seed=seed)
    back = turned_codes(made.reshape(-1, codes.shape[1])).reshape(made.shape)
    return np.where(turn[:, None, None], back, made)


def _block(
    score: Explained,
    codes: Codes,
    *,
    method: Method,
    references: int,
    steps: int,
    seed: int,
    batch_size: int,
    device: torch.device | str,
    progress: Callable[[int], None] | None,
) -> Attributed:
    if method == "gradient":
        return gradient(score, codes, batch_size=batch_size, device=device, progress=progress)
    if method == "mutagenesis":
        found = mutation_map(score, codes, batch_size=batch_size, device=device, progress=progress)
        return Attributed(found.scores, found.predicted, None)
    if method == "attention":
        weights = attention(
            list(score.members), codes, strand=score.strand, batch_size=batch_size, device=device, progress=progress
        )
        return Attributed(weights, scored(score, codes, batch_size=batch_size, device=device), None)
    made = shuffled_references(codes, copies=references, seed=seed, strand=score.strand)
    if method == "deeplift":
        return deeplift(score, codes, references=made, batch_size=batch_size, device=device, progress=progress)
    return integrated_gradients(
        score, codes, references=made, steps=steps, batch_size=batch_size, device=device, progress=progress
    )


def _after(progress: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda done: progress(before + done)


def _check_call(
    modules: Sequence[nn.Module], codes: Codes, *, method: str, references: int, steps: int, batch_size: int
) -> None:
    if method not in METHODS:
        raise UsageError(f"there is no method '{method}'; allowed are {', '.join(METHODS)}")
    if not modules:
        raise UsageError("there is no network to explain")
    if codes.ndim != 2 or codes.dtype != np.uint8:
        raise UsageError(f"codes must be uint8 (N, L), not {codes.dtype} of shape {codes.shape}")
    for name, value in (("references", references), ("steps", steps), ("batch_size", batch_size)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")


def _check_bases(codes: Codes, names: Sequence[str] | None) -> None:
    empty = np.flatnonzero(~(codes < DNA.channels).any(axis=1))
    if not len(empty):
        return
    first = f"'{names[empty[0]]}'" if names is not None else f"of row {empty[0] + 1}"
    more = f" (nor have {len(empty) - 1} others)" if len(empty) > 1 else ""
    raise InputError(
        f"sequence {first} has none of A, C, G and T, so there is nothing to explain{more}",
        hint="leave such sequences out",
    )


def _try(
    score: Explained, codes: Codes, *, method: Method, device: torch.device | str, labels: Sequence[str] | None
) -> None:
    """One sequence goes through, so that what cannot work fails at once and in words."""
    x = encoded(codes, device)
    length = codes.shape[1]
    index = score.output.index
    for member in score.members:
        try:
            with torch.no_grad():
                y = member(x)
        except RuntimeError as error:
            taken = getattr(member, "length", None)
            raise InputError(
                f"the network does not take sequences of {length} bases: {str(error).splitlines()[0]}",
                hint="pad or crop the sequences to "
                + (f"{taken} bases" if isinstance(taken, int) else "the length that it was trained on"),
            ) from error
        if y.ndim != 2:
            raise UsageError(f"a network must give scores (B, K), not of shape {tuple(y.shape)}")
        if not 0 <= index < y.shape[1]:
            listed = f" ({', '.join(f'{i} {label}' for i, label in enumerate(labels))})" if labels is not None else ""
            raise UsageError(f"the network has outputs 0 to {y.shape[1] - 1}{listed}, not {index}")
    if method in ("gradient", "integrated_gradients", "deeplift"):
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_()
            input_gradient(score(x).sum(), x)
