"""Straight-through gradients over sequences (Linder and Seelig 2021), with a price on edits as in Ledidi (Schreiber 2025)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import Codes
from strandloom.design.objective import Objective
from strandloom.design.settings import DesignSettings

Differentiable = Callable[[Tensor], Tensor]
"""One-hot ``(B, 4, L)`` to values ``(B, K)`` in the unit of the target."""
UPDATES = 10
"""Updates in a round."""
_RATE, _FIRM, _EDIT_PRICE = 0.1, 2.0, 0.02
_AT_ONCE = 256


def climb_gradient(
    values: Differentiable,
    objective: Objective,
    codes: Codes,
    allowed: NDArray[np.bool_],
    *,
    settings: DesignSettings,
    most_edits: int | None,
) -> Iterator[Codes]:
    """Sequences drawn after every round of updates, uint8 ``(N, L)``; rules other than letters and edits are not known here.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``: where each begins.
    allowed
        bool ``(N, L, 4)``.
    most_edits
        Beyond this, the edits that matter least to the draw are taken back.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    table = torch.from_numpy(np.ascontiguousarray(allowed.transpose(0, 2, 1)))  # (N, 4, L)
    free = table.any(1, keepdim=True)  # (N, 1, L)
    begun = torch.from_numpy(codes.astype(np.int64))
    given = torch.nn.functional.one_hot(begun.clamp(max=4), 5)[..., :4].transpose(1, 2).float()
    scores = (given * _FIRM).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([scores], lr=_RATE)
    shut = torch.where(table, 0.0, -torch.inf)
    shut = torch.where(free, shut, torch.zeros(()))
    out = codes
    for _ in range(settings.rounds):
        for _ in range(UPDATES):
            optimizer.zero_grad()
            uniform = torch.rand(scores.shape, generator=generator).clamp_(1e-9, 1 - 1e-9)
            noisy = scores + shut - (-uniform.log()).log() * 0.3
            hard = torch.nn.functional.one_hot(noisy.argmax(1), 4).transpose(1, 2).float()
            soft = noisy.softmax(1)
            x = torch.where(free, hard + soft - soft.detach(), given)
            for part in torch.arange(len(x)).split(_AT_ONCE):
                found = values(x[part])
                edits = (x[part] * (1 - given[part])).sum((1, 2))
                loss = (-_merit(objective, found) + _EDIT_PRICE * edits).sum()
                loss.backward(retain_graph=True)
            optimizer.step()
        with torch.no_grad():
            settled = (scores + shut).argmax(1)
            chosen = torch.where(free[:, 0], settled, begun)
            if most_edits is not None:
                chosen = _nearest(scores + shut, chosen, begun, most_edits)
            out = chosen.numpy().astype(np.uint8)
        yield out


def first_order(values: Differentiable, objective: Objective, codes: Codes) -> NDArray[np.float64]:
    """Merit of every substitution as the gradient has it, float64 ``(N, L, 4)`` for codes ``(N, L)``: values plus slope times change."""
    found = np.zeros((*codes.shape, 4))
    outputs = sorted(set(objective.output.tolist()))
    for rows in np.array_split(np.arange(len(codes)), max(1, -(-len(codes) // _AT_ONCE))):
        letters = torch.from_numpy(codes[rows].astype(np.int64)).clamp(max=4)
        given = torch.nn.functional.one_hot(letters, 5)[..., :4].transpose(1, 2).float().requires_grad_(True)
        own = values(given)
        after = np.repeat(own.detach().double().numpy()[:, None, None], codes.shape[1], 1).repeat(4, 2)  # (n, L, 4, K)
        for k in outputs:
            (slope,) = torch.autograd.grad(own[:, k].sum(), given, retain_graph=True)
            change = slope - (slope * given.detach()).sum(1, keepdim=True)
            after[..., k] += change.transpose(1, 2).double().numpy()
        flat = after.reshape(-1, after.shape[-1])
        found[rows] = objective.merit(flat).reshape(len(rows), codes.shape[1], 4)
    return found


def _nearest(scores: Tensor, chosen: Tensor, begun: Tensor, most: int) -> Tensor:
    """Only the edits with the largest margin over the base they replace."""
    changed = chosen != begun
    over = scores.gather(1, chosen.clamp(max=3)[:, None])[:, 0] - scores.gather(1, begun.clamp(max=3)[:, None])[:, 0]
    margin = torch.where(changed, over, -torch.inf)
    rank = margin.argsort(1, descending=True).argsort(1)
    return torch.where(changed & (rank < most), chosen, begun)


def _merit(objective: Objective, values: Tensor) -> Tensor:
    """As :meth:`Objective.merit`, with a gradient: ``(B,)``."""
    own, sign, aim, weight, scale = (
        torch.as_tensor(x, dtype=values.dtype) if x.dtype != np.int64 else torch.as_tensor(x)
        for x in (objective.output, objective.sign, objective.aim, objective.weight, objective.scale)
    )
    chosen = values[:, own] / scale
    missed = -(chosen - aim / scale).abs()
    return (torch.where(sign == 0, missed, sign * chosen) * weight).sum(1)
