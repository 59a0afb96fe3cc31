"""A network of tokens: the canonical k-mers of a read, hashed to rows of a table, their mean, and dense layers.

The idea is that of DL-TODA (Cres, Tritt, Bouchard and Zhang 2023), which classifies bacterial reads by embeddings of canonical 12-mers; the
table is hashed so that its size is free of k. A read and its reverse complement have the same tokens and so the same answer. What it
lacks against the lean model is any notion of what it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from strandloom.errors import DivergedError
from strandloom.training.seeds import derive_seed, private_rng
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.model import Answers, seen_answers

K = 12
"""Bases of a token."""
BITS = 18
"""The table has 2 to this power rows."""
WIDTH = 32
"""Numbers in a row."""
UNITS = 128
"""Of the hidden layer."""
READS_A_STEP = 512
STEPS = 1500
RATE = 3e-3
"""Highest learning rate, falling to 0 along half a cosine."""
_ROWS = 16_384
_WEIGHTS, _DRAWS = 23, 24


class TokenNetwork(nn.Module):
    """Tokens of reads to scores.

    Parameters
    ----------
    environments
        Scores, E.
    bits, width, units
        Binary logarithm of the rows of the table, numbers in a row, units of the hidden layer.
    """

    def __init__(self, environments: int, *, bits: int = BITS, width: int = WIDTH, units: int = UNITS) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(1 << bits, width, mode="mean", sparse=True)
        nn.init.normal_(self.table.weight, std=0.3)
        self.head = nn.Sequential(nn.Linear(width, units), nn.ReLU(), nn.Dropout(0.2), nn.Linear(units, environments))

    @property
    def bits(self) -> int:
        """Binary logarithm of the table's rows."""
        return self.table.num_embeddings.bit_length() - 1

    def forward(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        """Tokens int64 ``(T,)`` of B reads, which begin at offsets int64 ``(B,)``, to scores ``(B, E)``; no token gives zeros."""
        return self.head(self.table(tokens, offsets))


@dataclass(frozen=True, eq=False)
class TokenModel:
    """The network with the names of its answers.

    Parameters
    ----------
    environments
        Names, E of them.
    network
        Trained.
    """

    environments: tuple[str, ...]
    network: TokenNetwork

    def answer(self, reads: ReadBlock, *, threads: int = 1) -> Answers:
        """Answers for reads of any length. Nothing is said of what a read meets."""
        del threads  # torch has its own
        parts = [np.zeros((0, len(self.environments)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(reads.starts), _ROWS):
                scores = self.network(*tokens_of(reads.part(slice(start, start + _ROWS)), bits=self.network.bits))
                parts.append(functional.log_softmax(scores, 1).numpy())
        return seen_answers(np.concatenate(parts))


def tokens_of(reads: ReadBlock, *, bits: int) -> tuple[Tensor, Tensor]:
    """Hashed canonical k-mers of N reads, int64 ``(T,)``, and where each read's begin, int64 ``(N,)``; ambiguous bases are in none."""
    from strandloom.workflows.sources.word_kernels import hashed_words

    tokens = np.empty(int(np.maximum(reads.lengths - K + 1, 0).sum()), np.int64)
    offsets = np.empty(len(reads.starts), np.int64)
    used = hashed_words(*reads, K, bits, tokens, offsets)
    return torch.from_numpy(tokens[:used]), torch.from_numpy(offsets)


def train_tokens(
    draw: Callable[[int, int], tuple[ReadBlock, NDArray[np.int64]]],
    environments: tuple[str, ...],
    *,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """Train on drawn reads; every step has new ones.

    Parameters
    ----------
    draw
        Count and number of a draw to reads and their environments int64 ``(N,)``.

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """
    steps = STEPS
    with private_rng(torch.device("cpu")):
        torch.manual_seed(derive_seed(_WEIGHTS, seed))
        network = TokenNetwork(len(environments))
        rows = torch.optim.SparseAdam(list(network.table.parameters()), lr=RATE)
        dense = torch.optim.AdamW(network.head.parameters(), lr=RATE)
        optimizers = (rows, dense)
        schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(x, steps) for x in optimizers]
        summed, every = 0.0, max(1, steps // 5)
        for step in range(1, steps + 1):
            reads, environment = draw(READS_A_STEP, derive_seed(_DRAWS, seed, step))
            scores = network(*tokens_of(reads, bits=network.bits))
            loss = functional.cross_entropy(scores, torch.from_numpy(environment))
            network.zero_grad()
            loss.backward()
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
            summed += float(loss.detach())
            if not np.isfinite(summed):
                raise DivergedError(
                    f"training diverged at step {step}: the loss is no longer a number",
                    hint="train with another --seed",
                )
            if step % every == 0:
                say(f"the network of tokens: {step} of {steps} steps, loss {summed / every:.3f}")
                summed = 0.0
    return TokenModel(environments, network.eval())
