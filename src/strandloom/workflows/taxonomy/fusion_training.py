"""Training of the published form: records are split before anything is copied, and every batch has fresh copies at fresh places.

A record is masked or misread now and then, and stands at one place of its species' range, or at none. A species of whose range nothing
is known is met at the places of any other, so that a place says nothing for or against it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import Codes
from strandloom.data.window import WindowSettings, fit_window
from strandloom.errors import DivergedError, InputError
from strandloom.io.records import take_ragged
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.training.pinning import pinned
from strandloom.training.runtime import choose_precision
from strandloom.training.seeds import AUGMENTATION, DROPOUT, ORDER, derive_seed, private_rng
from strandloom.workflows.taxonomy.fusion import FusionModel, rectangle
from strandloom.workflows.taxonomy.fusion_draws import changed_copies, draw_records, split_records, training_places
from strandloom.workflows.taxonomy.fusion_grid import FusionGrid, range_signs
from strandloom.workflows.taxonomy.fusion_network import FusionNetwork, fusion_loss
from strandloom.workflows.taxonomy.fusion_settings import Balance, FusionTraining
from strandloom.workflows.taxonomy.place_sources import draw_places
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.reference import Reference

_WEIGHTS, _SPLIT, _PLACES, _HELD_PLACES = 21, 22, 23, 24
_LEAST_LOG = -30.0
Doubles = NDArray[np.float64]


class Choice(NamedTuple):
    """What validation chooses between."""

    rate: float
    balance: Balance


@dataclass(frozen=True)
class FusionEpoch:
    """Figures of an epoch.

    Attributes
    ----------
    train, penalty
        Mean negative log probability of the true species and range penalty, in training.
    validation
        Mean negative log probability of the held-out records, without a place and (where ranges are known) at a place.
    alone, located
        Share of held-out records whose best species is right, without a place and at one (NaN without ranges).
    """

    choice: Choice
    epoch: int
    train: float
    penalty: float
    validation: float
    alone: float
    located: float
    seconds: float


@dataclass(frozen=True, eq=False)
class FusionFit:
    """A model and how its training went.

    Parameters
    ----------
    model
        With the weights of the best epoch.
    best
        Its figures.
    epochs
        All epochs, of the choices that were given up too.
    held_out
        Number of records kept from training.
    """

    model: FusionModel
    best: FusionEpoch
    epochs: tuple[FusionEpoch, ...]
    held_out: int


class _Held(NamedTuple):
    """Held-out records, each without a place and at one place of its range."""

    codes: Codes
    offsets: NDArray[np.int64]
    truth: NDArray[np.int64]
    lat: Doubles
    lon: Doubles


@dataclass(frozen=True, eq=False)
class _Material:
    """What every choice is trained on."""

    codes: Codes
    species: NDArray[np.int64]
    evidence: RangeEvidence | None
    signs: NDArray[np.int8]
    held: _Held


def train_fusion(
    reference: Reference,
    evidence: RangeEvidence | None,
    *,
    grid: FusionGrid | None = None,
    settings: FusionTraining | None = None,
    on_epoch: Callable[[FusionEpoch], None] = lambda _: None,
) -> FusionFit:
    """Train the published form. All choices are trained for some epochs, and the best of them on held-out records goes on.

    Parameters
    ----------
    reference
        R records of S species.
    evidence
        Their ranges; None: sequences alone.
    on_epoch
        Told of every epoch.

    Raises
    ------
    InputError
        No species has two records, or there is only one species.
    DivergedError
        A loss is no longer a number.
    """
    grid, settings = grid or FusionGrid(), settings or FusionTraining()
    held = split_records(reference.species, settings.held_out, np.random.default_rng((settings.seed, _SPLIT)))
    if len(reference.taxonomy) < 2 or not held.any() or (~held).sum() < 2:
        raise InputError(
            f"the reference has {len(reference.taxonomy)} species, and none with two records that could be held out",
            hint="to judge what was learned, there must be two species, and one with two or more records",
        )
    width = max(fit_window(np.diff(reference.offsets), WindowSettings()).length, 2)
    material = _prepared(reference, evidence, grid, held, width, settings.seed)
    epochs: list[FusionEpoch] = []
    with private_rng(torch.device("cpu")):
        runs = [
            _Run(Choice(rate, balance), material, reference, grid, width, settings)
            for rate in settings.rates
            for balance in settings.balances
        ]

        def advance(run: _Run) -> None:
            epochs.append(run.advance())
            on_epoch(epochs[-1])

        for run in runs if len(runs) > 1 else []:
            for _ in range(min(settings.trial_epochs, settings.epochs)):
                advance(run)
        best = min(runs, key=lambda run: run.lowest)
        runs.clear()  # frees the others
        while best.done < settings.epochs and best.idle < settings.patience:
            advance(best)
    return FusionFit(best.model(), best.best, tuple(epochs), int(held.sum()))


def _prepared(
    reference: Reference,
    evidence: RangeEvidence | None,
    grid: FusionGrid,
    held: NDArray[np.bool_],
    width: int,
    seed: int,
) -> _Material:
    codes, offsets = take_ragged(reference.codes, reference.offsets, reference.haplotype[held].astype(np.int64))
    truth = reference.species[held].astype(np.int64)
    lat, lon = np.full((2, len(truth)), np.nan)
    if evidence is not None:
        own = np.flatnonzero(evidence.placed[truth])
        if len(own):
            lat[own], lon[own] = draw_places(evidence, truth[own], np.random.default_rng((seed, _HELD_PLACES)))
    return _Material(
        rectangle(reference.codes, reference.offsets, width)[reference.haplotype[~held]],
        reference.species[~held].astype(np.int64),
        evidence,
        range_signs(None if evidence is None else evidence.ranges, len(reference.taxonomy), grid),
        _Held(codes, offsets, truth, lat, lon),
    )


class _Run:
    """One choice in training."""

    def __init__(
        self,
        choice: Choice,
        material: _Material,
        reference: Reference,
        grid: FusionGrid,
        width: int,
        settings: FusionTraining,
    ) -> None:
        self.choice, self.material, self.settings, self.grid = choice, material, settings, grid
        torch.manual_seed(derive_seed(_WEIGHTS, settings.seed))
        self.network = FusionNetwork(width, grid.cells, len(reference.taxonomy))
        self.asked = FusionModel(self.network, grid, reference.taxonomy)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=choice.rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, settings.halve_every, gamma=0.5)
        weights = sum(x.numel() for x in self.network.parameters())
        self.low = choose_precision(torch.device("cpu"), parameters=weights).precision == "bf16"
        self.table = one_hot_table()
        self.generator = torch.Generator()
        self.done = self.idle = 0
        self.lowest = self._mark = float("inf")
        self._kept: dict[str, Tensor] = {}

    def model(self) -> FusionModel:
        """The model with the weights of its best epoch."""
        self.network.load_state_dict(self._kept)
        self.network.eval()
        return self.asked

    def advance(self) -> FusionEpoch:
        """Train and judge one epoch."""
        started = time.perf_counter()
        self.done += 1
        with pinned():
            train, penalty = self._steps()
        validation, alone, located = self._judge()
        if not np.isfinite(train) or not np.isfinite(validation):
            raise DivergedError(
                f"training diverged in epoch {self.done}: the loss is no longer a number",
                hint="train with a lower learning rate, or another seed",
            )
        self.idle += 1
        if validation < self._mark - self.settings.least_gain:
            self._mark, self.idle = validation, 0
        told = FusionEpoch(
            self.choice, self.done, train, penalty, validation, alone, located, time.perf_counter() - started
        )
        if validation < self.lowest:
            self.lowest, self.best = validation, told
            self._kept = {name: x.detach().clone() for name, x in self.network.state_dict().items()}
        return told

    def _steps(self) -> tuple[float, float]:
        """Take the steps of an epoch: mean negative log probability and penalty."""
        own, settings, seed = self.material, self.settings, self.settings.seed
        order = draw_records(own.species, self.choice.balance, np.random.default_rng((seed, ORDER, self.done)))
        rng = np.random.default_rng((seed, _PLACES, self.done))
        lat, lon = training_places(own.evidence, own.species[order], rng, missing=settings.geo_dropout)
        self.generator.manual_seed(derive_seed(AUGMENTATION, seed, self.done))
        torch.manual_seed(derive_seed(DROPOUT, seed, self.done))
        self.network.train()
        sums = np.zeros(2)
        for part in np.array_split(np.arange(len(order)), max(len(order) // settings.batch, 1)):
            rows = order[part]
            codes = changed_copies(
                torch.from_numpy(own.codes[rows]),
                rate=settings.change_rate, share=settings.changed, generator=self.generator,
            )  # fmt: skip
            place = torch.from_numpy(self.grid.spread(lat[part], lon[part]))
            with torch.autocast("cpu", dtype=torch.bfloat16) if self.low else nullcontext():
                logs = self.network(one_hot(codes, self.table), place)
            signs = torch.from_numpy(own.signs[self.grid.index(lat[part], lon[part])])  # (B, S)
            loss = fusion_loss(logs, torch.from_numpy(own.species[rows]), signs)
            self.optimizer.zero_grad(set_to_none=True)
            loss.total(settings.penalty).backward()
            self.optimizer.step()
            sums += len(part) * np.array([float(loss.truth.detach()), float(loss.penalty.detach())])
        self.schedule.step()
        self.network.eval()
        train, penalty = sums / len(order)
        return float(train), float(penalty)

    def _judge(self) -> tuple[float, float, float]:
        """Mean negative log probability of the held-out records, and shares of right species without a place and at one."""
        held = self.material.held
        alone = self._asked(held, None, None)
        located = self._asked(held, held.lat, held.lon)[:, ~np.isnan(held.lat)]
        means = [figures.mean(axis=1) for figures in (alone, located) if figures.size]
        right = float(located[1].mean()) if located.size else float("nan")
        return float(np.mean([mean[0] for mean in means])), float(alone[1].mean()), right

    def _asked(self, held: _Held, lat: Doubles | None, lon: Doubles | None) -> Doubles:
        """Negative log probability of the truth and whether it is the best species, float64 ``(2, N)``."""
        found = np.zeros((2, len(held.truth)))
        for rows, logs in self.asked.log_blocks(held.codes, held.offsets, lat=lat, lon=lon):
            truth = held.truth[rows]
            found[0, rows] = -np.maximum(logs[np.arange(len(truth)), truth], _LEAST_LOG)
            found[1, rows] = logs.argmax(axis=1) == truth
        return found
