"""The trained copies of a run: one for each seed of each split, with what they say of the held-out rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.bundle import Bundle
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split
from strandloom.errors import SettingsError
from strandloom.experiment import Experiment
from strandloom.models.motif_start import MotifStart, start_from_motifs
from strandloom.pwm import Matrix
from strandloom.run.folder import RunFolder
from strandloom.run.progress import RunProgress
from strandloom.training.arrays import Arrays, from_dataset
from strandloom.training.history import FitResult
from strandloom.training.infer import logits
from strandloom.training.loop import fit
from strandloom.training.probe import Decision
from strandloom.training.runtime import Runtime
from strandloom.training.settings import FirstFilterSettings
from strandloom.training.task import TaskHead, task_head

if TYPE_CHECKING:
    from torch import nn

MakeModel = Callable[[int], "nn.Module"]
"""Seed to a fresh network."""


@dataclass(frozen=True)
class Plan:
    """One network to train: its name, the split it learns from and its seed."""

    name: str
    split: int
    seed: int


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network of a run.

    Parameters
    ----------
    plan
        What it is.
    result
        How its training went.
    weights
        Its state, name to array.
    validation, test
        Raw scores float32 ``(n, K)`` of the rows of its split's parts, in row order.
    task
        What its raw scores mean.
    """

    plan: Plan
    result: FitResult
    weights: dict[str, NDArray[Any]]
    validation: NDArray[np.float32]
    test: NDArray[np.float32]
    task: TaskHead


def plan_members(splits: Sequence[Split], *, seed: int, seeds: int) -> list[Plan]:
    """Every network of a run, seeds ``seed … seed + seeds - 1`` for each split."""
    plans = []
    for number, split in enumerate(splits):
        for offset in range(seeds):
            words = [split.name] if len(splits) > 1 else []
            if seeds > 1 or not words:
                words.append(f"seed {seed + offset}")
            plans.append(Plan(" ".join(words), number, seed + offset))
    return plans


def model_maker(experiment: Experiment, dataset: Dataset, model: nn.Module | MakeModel | None) -> MakeModel:
    """What makes a fresh network: the experiment's architecture, or the user's own module (copied) or factory."""
    from torch import nn

    from strandloom.models.build import build

    if isinstance(model, nn.Module):
        own = model
        return lambda _seed: copy.deepcopy(own)
    if model is not None:
        return model
    assert dataset.target is not None
    outputs = dataset.target.num_outputs
    return lambda seed: build(experiment.model, channels=4, length=dataset.length, outputs=outputs, seed=seed)


def start_members(
    make_model: MakeModel, matrices: Mapping[str, Matrix], *, settings: FirstFilterSettings, seed: int
) -> tuple[MakeModel, MotifStart]:
    """What makes fresh networks whose first filters start from motifs, and how that turns out with this seed.

    Raises
    ------
    SettingsError
        The network has no first filters that a motif fits.
    """

    def start(model: nn.Module, seed: int) -> MotifStart:
        return start_from_motifs(
            model, matrices, share=settings.share, seed=seed, reverse_complements=settings.reverse_complements
        )

    def make(seed: int) -> nn.Module:
        model = make_model(seed)
        start(model, seed)
        return model

    return make, start(make_model(seed), seed)


class Continued(NamedTuple):
    """How many of a network's tensors begin with those of a bundle."""

    taken: int
    fresh: tuple[str, ...]
    """Names of those that start from random numbers."""

    def line(self) -> str:
        """In words."""
        rest = f"; random: {', '.join(self.fresh[:4])}{' …' if len(self.fresh) > 4 else ''}" if self.fresh else ""
        return f"weights: {self.taken} of {self.taken + len(self.fresh)} tensors begin with those of the bundle{rest}"


def continue_members(make_model: MakeModel, bundle: Bundle, *, kind: str, seed: int) -> tuple[MakeModel, Continued]:
    """What makes networks that begin with the weights of a bundle, its networks in turn, and how that turns out.

    Raises
    ------
    SettingsError
        The bundle is of another architecture, or none of its tensors fits.
    """
    import torch

    where = "training.start_from"
    if bundle.manifest.model.kind != kind:
        raise SettingsError(
            f"the bundle holds a {bundle.manifest.model.kind}, the experiment names a {kind}",
            where=where,
            hint=f"set model.kind to {bundle.manifest.model.kind}",
        )

    def begin(number: int) -> tuple[nn.Module, Continued]:
        model = make_model(number)
        own = model.state_dict()
        weights = bundle.weights[(number - seed) % len(bundle.weights)]
        fits = {name: x for name, x in weights.items() if name in own and tuple(own[name].shape) == x.shape}
        model.load_state_dict({**own, **{name: torch.from_numpy(x.copy()) for name, x in fits.items()}})
        return model, Continued(len(fits), tuple(name for name in own if name not in fits))

    found = begin(seed)[1]
    if not found.taken:
        raise SettingsError(
            "no layer of the bundle has the size that the experiment asks for",
            where=where,
            hint="use the model settings of the run that the bundle comes from",
        )
    return lambda number: begin(number)[0], found


def split_arrays(dataset: Dataset, split: Split) -> tuple[Arrays, Arrays, Arrays]:
    """Tensors of the train, validation and test rows of a split."""
    train, validation, test = (from_dataset(dataset, split.rows(part)) for part in (TRAIN, VALIDATION, TEST))
    return train, validation, test


def train_members(
    plans: Sequence[Plan],
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    make_model: MakeModel,
    decision: Decision,
    runtime: Runtime,
    folder: RunFolder,
    resume: bool,
    progress: RunProgress,
) -> list[Trained]:
    """Train every network and score the held-out rows of its split.

    Raises
    ------
    DivergedError, TrainingError, OutputError
        As :func:`strandloom.training.loop.fit`.
    """
    assert dataset.target is not None
    trained = []
    for number, plan in enumerate(plans):
        train, validation, test = split_arrays(dataset, splits[plan.split])
        settings = decision.settle(experiment.training).model_copy(update={"seed": plan.seed})
        task = task_head(experiment.task, train, outputs=dataset.target.num_outputs, settings=settings)
        model = make_model(plan.seed)
        result = fit(
            model,
            train,
            validation,
            settings=settings,
            task=task,
            strand=decision.strand,
            device=runtime.device,
            precision=runtime.precision,
            folder=folder.member(plan.name, alone=len(plans) == 1),
            resume=resume,
            progress=progress.member(plan.name, number + 1, len(plans)),
        )
        scores = [
            logits(model, rows.codes, rows.lengths, strand=decision.strand, device=runtime.device, anchor=rows.anchor)
            for rows in (validation, test)
        ]
        weights = {name: value.detach().cpu().numpy().copy() for name, value in model.state_dict().items()}
        trained.append(Trained(plan, result, weights, scores[0], scores[1], task))
    return trained


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Raw scores of the held-out rows of one part, pooled over splits and averaged over the seeds of each split.

    Parameters
    ----------
    rows
        Row numbers in the data set, int64 ``(n,)``.
    split
        Which split held each row out, int64 ``(n,)``.
    scores
        float32 ``(n, K)``.
    by_seed
        Seed to scores ``(n, K)`` of that seed alone.
    """

    rows: NDArray[np.int64]
    split: NDArray[np.int64]
    scores: NDArray[np.float32]
    by_seed: dict[int, NDArray[np.float32]]


def pool(trained: Sequence[Trained], splits: Sequence[Split], part: int) -> HeldOut:
    """The held-out scores of VALIDATION or TEST rows."""
    rows = np.concatenate([split.rows(part) for split in splits])
    origin = np.concatenate([np.full(int((split.part == part).sum()), i) for i, split in enumerate(splits)])
    by_seed: dict[int, NDArray[np.float32]] = {}
    for seed in sorted({member.plan.seed for member in trained}):
        own = sorted((m for m in trained if m.plan.seed == seed), key=lambda m: m.plan.split)
        by_seed[seed] = np.concatenate([m.validation if part == VALIDATION else m.test for m in own])
    scores = np.stack(list(by_seed.values())).mean(axis=0, dtype=np.float32)
    return HeldOut(rows, origin, scores, by_seed)
