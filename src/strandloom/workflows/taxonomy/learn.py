"""Training of the two networks: one softmax over the answers of each query, small batches, the best epoch on held-out records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.errors import DivergedError
from strandloom.training.seeds import derive_seed, private_rng
from strandloom.workflows.taxonomy.network import AnswerNetwork, PlaceNetwork, log_softmax
from strandloom.workflows.taxonomy.practice import Practice
from strandloom.workflows.taxonomy.ragged import spans

QUERIES_A_STEP = 1024
RATE = 3e-3
_WEIGHTS, _ORDER = 11, 12


@dataclass(frozen=True)
class Epoch:
    """Losses of an epoch: mean weighted negative log probability of the true answers."""

    epoch: int
    train: float
    validation: float


@dataclass(frozen=True)
class Questions:
    """Queries as tensors: int64 offsets (N + 1,), features of the answers, true answers (N,), weights (N,), who is held out.

    Parameters
    ----------
    offsets
        Where the answers of each query begin.
    kind
        int64 (n,).
    truth
        int64 (N,): row of the true answer.
    weight
        float32 (N,).
    held
        bool (N,): kept from training, to choose the epoch.
    features
        float32: of every answer (n, F), or of the species answers alone (m, F).
    base
        float32 (n,): a score to which the network's is added; None: zero.
    species
        int64 (m,): rows of the answers that have features; None: all.
    """

    offsets: Tensor
    kind: Tensor
    truth: Tensor
    weight: Tensor
    held: Tensor
    features: Tensor
    base: Tensor | None = None
    species: Tensor | None = None

    def __len__(self) -> int:
        return len(self.truth)


def answer_questions(blocks: Sequence[Practice], held: NDArray[np.bool_]) -> Questions:
    """Blocks of queries as one set of questions.

    Parameters
    ----------
    blocks
        Of :func:`strandloom.workflows.taxonomy.practice.practise`.
    held
        bool (R,): records whose queries choose the epoch.
    """
    counts = np.concatenate([np.diff(block.evidence.offsets) for block in blocks])
    starts = np.cumsum([0] + [len(block.evidence.kind) for block in blocks])
    weight = np.concatenate([block.weight for block in blocks])
    return Questions(
        offsets=torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])),
        kind=torch.from_numpy(np.concatenate([block.evidence.kind for block in blocks]).astype(np.int64)),
        truth=torch.from_numpy(
            np.concatenate([block.truth + start for block, start in zip(blocks, starts[:-1], strict=True)])
        ),
        weight=torch.from_numpy((weight / weight.mean()).astype(np.float32)),
        held=torch.from_numpy(np.concatenate([held[block.row] for block in blocks])),
        features=torch.from_numpy(np.concatenate([block.evidence.features for block in blocks])),
    )


def learn_answers(
    questions: Questions, *, seed: int, epochs: int = 15, on_epoch: Callable[[Epoch], None] | None = None
) -> AnswerNetwork:
    """Train a network of answers.

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """
    with private_rng(torch.device("cpu")):
        torch.manual_seed(derive_seed(_WEIGHTS, seed))
        network = AnswerNetwork(questions.features.shape[1])
        network.standard.fit(questions.features)

        def score(rows: Tensor, query: Tensor, queries: int) -> Tensor:
            return network(questions.features[rows], questions.kind[rows], query, queries)

        _fit(network, questions, score, seed=seed, epochs=epochs, decay=1e-4, on_epoch=on_epoch)
    return network.eval()


def learn_places(
    questions: Questions, *, seed: int, epochs: int = 12, on_epoch: Callable[[Epoch], None] | None = None
) -> PlaceNetwork:
    """Train a network of places on top of fixed scores of the sequences (``questions.base``).

    Raises
    ------
    DivergedError
        The loss is no longer a number.
    """
    base, species = questions.base, questions.species
    assert base is not None
    assert species is not None
    place = torch.full((len(questions.kind),), -1)
    place[species] = torch.arange(len(species))
    with private_rng(torch.device("cpu")):
        torch.manual_seed(derive_seed(_WEIGHTS, seed, 1))
        network = PlaceNetwork(questions.features.shape[1])
        network.standard.fit(questions.features)

        def score(rows: Tensor, query: Tensor, queries: int) -> Tensor:
            at = place[rows]
            own = torch.nonzero(at >= 0)[:, 0]
            return base[rows] + network(questions.features[at[own]], questions.kind[rows], own)

        _fit(network, questions, score, seed=seed, epochs=epochs, decay=1e-3, on_epoch=on_epoch)
    return network.eval()


def _fit(
    network: nn.Module,
    questions: Questions,
    score: Callable[[Tensor, Tensor, int], Tensor],
    *,
    seed: int,
    epochs: int,
    decay: float,
    on_epoch: Callable[[Epoch], None] | None,
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=decay)
    train = torch.nonzero(~questions.held)[:, 0].numpy()
    held = torch.nonzero(questions.held)[:, 0].numpy()
    held = held if len(held) else train
    steps = -(-len(train) // QUERIES_A_STEP)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps * epochs)
    best, kept = float("inf"), network.state_dict()
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng(derive_seed(_ORDER, seed, epoch)).permutation(train)
        summed = 0.0
        for start in range(0, len(order), QUERIES_A_STEP):
            loss = _loss(questions, order[start : start + QUERIES_A_STEP], score)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            summed += float(loss.detach())
        with torch.no_grad():
            validation = float(_loss(questions, held, score))
        if not np.isfinite(validation) or not np.isfinite(summed):
            raise DivergedError(
                f"training diverged in epoch {epoch}: the loss is no longer a number",
                hint="look for extreme values in the range files, or train with another --seed",
            )
        if validation < best:
            best, kept = validation, {name: x.detach().clone() for name, x in network.state_dict().items()}
        if on_epoch is not None:
            on_epoch(Epoch(epoch, summed / steps, validation))
    network.load_state_dict(kept)


def _loss(questions: Questions, queries: NDArray[np.int64], score: Callable[[Tensor, Tensor, int], Tensor]) -> Tensor:
    """Mean weighted negative log probability of the true answers of some queries."""
    offsets = questions.offsets.numpy()
    rows, bounds = spans(offsets, queries)
    query = torch.from_numpy(np.repeat(np.arange(len(queries)), np.diff(bounds)))
    logs = log_softmax(score(torch.from_numpy(rows), query, len(queries)), query, len(queries))
    true = questions.truth[queries] - torch.from_numpy(offsets[queries] - bounds[:-1])
    weight = questions.weight[queries]
    return -(logs[true] * weight).sum() / weight.sum()
