"""In-silico mutagenesis: every base at every position, and what becomes of the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.attribution import AttributionMap, Check
from strandloom.explain.local import Edits, Local, computable, local
from strandloom.explain.score import Explained
from strandloom.explain.strands import ends, turned
from strandloom.training.onehot import one_hot, one_hot_table

BLOCK = 32
"""Sequences whose edits are made, scored and handed out together."""


@dataclass(frozen=True, eq=False)
class Mutants:
    """What single substitutions do to the explained score of N sequences.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``: the sequences.
    effects
        float32 ``(N, 4, L)``, order ``ACGT``: score with the base put at the position, minus the score of the sequence. 0 at the base that
        stands there, at gaps and at padding; where an ambiguity code stands all four bases are tried against it.
    predicted
        float32 ``(N,)``: the explained score of each sequence.
    """

    codes: Codes
    effects: NDArray[np.float32]
    predicted: NDArray[np.float32]

    def __len__(self) -> int:
        """Sequences N."""
        return len(self.codes)


def mutagenesis(
    score: Explained,
    codes: Codes,
    *,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Mutants:
    """Put every base at every position of every sequence, one at a time, and score the result.

    Only forward passes are needed, so any network can be explained, differentiable or not.

    Parameters
    ----------
    score
        What is explained; moved to ``device``.
    codes
        uint8 ``(N, L)``; may be memory-mapped.
    batch_size
        About how many edited sequences are scored at once; the result does not depend on it beyond rounding.
    progress
        Called with the number of sequences done so far.

    Raises
    ------
    UsageError
        The codes are not ``(N, L)``, the batch size is below 1, or the network has no such output.

    Notes
    -----
    On the CPU, ``residual`` and ``multiscale`` networks are computed only where a substitution changes something
    (:mod:`strandloom.explain.local`), any other network from end to end: 3 L forward passes a sequence. The results are the same.
    """
    blocks = []
    done = 0
    for block in mutant_blocks(score, codes, batch_size=batch_size, device=device):
        blocks.append(block)
        done += len(block)
        if progress is not None:
            progress(done)
    effects = [block.effects for block in blocks] or [np.zeros((0, 4, codes.shape[1]), np.float32)]
    predicted = [block.predicted for block in blocks] or [np.zeros(0, np.float32)]
    return Mutants(codes, np.concatenate(effects), np.concatenate(predicted))


def mutant_blocks(
    score: Explained, codes: Codes, *, batch_size: int = 256, device: torch.device | str = "cpu"
) -> Iterator[Mutants]:
    """The same, a few sequences at a time in their order: memory does not grow with N.

    Raises
    ------
    UsageError
        As :func:`mutagenesis`, when the first block is asked for.
    """
    if codes.ndim != 2 or codes.dtype != np.uint8:
        raise UsageError(f"codes must be uint8 (N, L), not {codes.dtype} of shape {codes.shape}")
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, not {batch_size}")
    score.to(device)
    table = one_hot_table(device)
    networks = _local(score, device=torch.device(device))
    for start in range(0, len(codes), BLOCK):
        block = np.ascontiguousarray(codes[start : start + BLOCK])
        with torch.inference_mode():
            x = one_hot(torch.from_numpy(block).to(device), table)  # (B, 4, L)
            predicted = torch.cat([score(part) for part in x.split(batch_size)]).float()  # (B,)
            if networks is None:
                effects = _everywhere(score, x, predicted, _edits(block, device=device), batch_size=batch_size)
            else:
                effects = _locally(score, networks, x, predicted, _edits(block, device=device), batch_size=batch_size)
        yield Mutants(block, effects.cpu().numpy(), predicted.cpu().numpy())


def computed_locally(modules: Sequence[nn.Module], *, device: torch.device | str = "cpu") -> bool:
    """Whether mutagenesis computes these members only where a substitution changes something: all of them, or none.

    It does on the CPU alone: the many small steps are no gain where starting one costs more than computing it.
    """
    return torch.device(device).type == "cpu" and all(computable(module) for module in modules)


def mutation_map(
    score: Explained,
    codes: Codes,
    *,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> AttributionMap:
    """Effects of :func:`mutagenesis` around their mean over the four bases of a position, as an attribution map.

    The base that stands at a position then contributes minus the mean effect of putting another in its place. Nothing is promised about the
    sum, and agreement with mutagenesis is not a question: the check is empty.
    """
    found = mutagenesis(score, codes, batch_size=batch_size, device=device, progress=progress)
    scores = found.effects - found.effects.mean(axis=1, keepdims=True)
    return AttributionMap(found.codes, scores, score.output, "mutagenesis", found.predicted, Check())


def edited(x: Tensor, edits: Edits) -> Tensor:
    """One-hot ``(B, 4, L)`` of a block to that of its edited copies, ``(E, 4, L)``."""
    copies = x[edits.row]
    each = torch.arange(len(edits), device=x.device)
    copies[each, :, edits.position] = 0
    copies[each, edits.base, edits.position] = 1
    return copies


def _edits(codes: Codes, *, device: torch.device | str) -> Edits:
    """Every substitution that changes codes uint8 ``(B, L)``, by sequence and position; none at gaps and padding."""
    tried = (codes[..., None] != np.arange(4)) & (codes < DNA.gap)[..., None]  # (B, L, 4)
    row, position, base = (torch.from_numpy(np.ascontiguousarray(x)).to(device) for x in np.nonzero(tried))
    return Edits(row, position, base)


def _everywhere(score: Explained, x: Tensor, predicted: Tensor, edits: Edits, *, batch_size: int) -> Tensor:
    """Effects ``(B, 4, L)`` by scoring every edited copy of one-hot ``x (B, 4, L)`` from end to end: any network."""
    effects = torch.zeros_like(x)
    for start in range(0, len(edits), batch_size):
        batch = edits.take(slice(start, start + batch_size))
        effects[batch.row, batch.base, batch.position] = score(edited(x, batch)).float() - predicted[batch.row]
    return effects


def _local(score: Explained, *, device: torch.device) -> list[Local] | None:
    """The members as networks that are computed where a substitution changes something; None where they are not."""
    if not computed_locally(list(score.members), device=device):
        return None
    with torch.inference_mode():
        networks = [local(member) for member in score.members]
    return [network for network in networks if network is not None]


def _locally(
    score: Explained, networks: list[Local], x: Tensor, predicted: Tensor, edits: Edits, *, batch_size: int
) -> Tensor:
    """As :func:`_everywhere`, by networks that are computed only where something changes."""
    total = torch.zeros(len(edits), device=x.device)
    strands = [(x, edits)] if score.strand == "one" else [(x, edits), (turned(x), _turned(x, edits))]
    for network in networks:
        for strand, its in strands:
            for which, scores in _by_stretch(network, strand, its, batch_size=batch_size):
                own = scores[:, score.output.index]
                if score.against == "others" and scores.shape[1] > 1:
                    own = own - (scores.sum(dim=1) - own) / (scores.shape[1] - 1)
                total[which] += own
    effects = torch.zeros_like(x)
    scored = total / (len(networks) * len(strands))
    effects[edits.row, edits.base, edits.position] = scored - predicted[edits.row]
    return effects


def _turned(x: Tensor, edits: Edits) -> Edits:
    """Edits of one-hot ``x (B, 4, L)`` as they stand once it is turned."""
    first, last = ends(x)
    return Edits(edits.row, (first + last)[edits.row] - edits.position, 3 - edits.base)


def _by_stretch(network: Local, x: Tensor, edits: Edits, *, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Raw scores ``(e, K)`` of all edits of one-hot ``x (B, 4, L)``, sorted by sequence; each time with which they are, int64 ``(e,)``.

    About ``batch_size`` edits are computed at once: those of the same stretch of bases in some sequences.
    """
    parts = -(-len(x) * 3 * network.stretch // batch_size)
    together = -(-len(x) // parts)
    bounds = torch.searchsorted(edits.row, torch.arange(0, len(x) + together, together, device=x.device)).tolist()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        if start == stop:
            continue
        rows = x[number * together : (number + 1) * together]
        kept = network.keep(rows)
        stretches = edits.position[start:stop] // network.stretch
        order = stretches.argsort(stable=True)
        counts = stretches.bincount().tolist()
        for stretch, which in enumerate((start + order).split(counts)):
            if not len(which):
                continue
            row, position, base = edits.take(which)
            row, first = row - number * together, stretch * network.stretch
            each, place = torch.arange(len(which), device=x.device), position - first
            change = x.new_zeros(len(which), network.stretch, 4)
            change[each, place] = -rows[row, :, position]
            change[each, place, base] += 1
            yield which, kept.scores(row, change.flatten(1), first=first)
