"""What a step costs, from a few real steps on a copy of the model: for the estimate printed before a training."""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from strandloom.training.arrays import Arrays, to_device
from strandloom.training.batches import batch_bounds, epoch_order
from strandloom.training.infer import batch_rows, logits
from strandloom.training.pinning import pinned
from strandloom.training.seeds import PROBE, derive_seed, private_rng, seed_torch
from strandloom.training.settings import Precision, Strand, TrainingSettings
from strandloom.training.step import Stepper
from strandloom.training.task import TaskHead

WARM_UP_STEPS = 2
MOST_STEPS, ENOUGH_SECONDS = 20, 2.0
"""More steps are timed while they are fast: many quick ones tell a stall from the usual."""


@dataclass(frozen=True)
class StepCost:
    """What was measured.

    Attributes
    ----------
    seconds
        Of one step (lower quartile: a stall of a shared machine does not count).
    rows
        Rows of the step.
    validation_seconds
        Of one validation row.
    memory_bytes
        Peak memory of this process (CPU) or on the card.
    """

    seconds: float
    rows: int
    validation_seconds: float
    memory_bytes: int

    def training_seconds(self, *, train: int, validation: int, epochs: int) -> float:
        """Seconds of so many epochs over so many rows."""
        return epochs * (train / self.rows * self.seconds + validation * self.validation_seconds)


def measure_step(
    model: nn.Module,
    train: Arrays,
    *,
    settings: TrainingSettings,
    task: TaskHead,
    strand: Strand,
    device: str = "cpu",
    precision: Precision = "fp32",
    steps: int = 5,
) -> StepCost:
    """Time a few steps as a training makes them; the model, its weights and the random state of the caller stay as they are.

    Parameters
    ----------
    model
        Float one-hot ``(B, C, L)`` to raw scores ``(B, K)``.
    train
        The training rows; the first of their first epoch are used.
    settings, task, strand, device, precision
        As for the training itself.
    steps
        Timed after two that are not; more where they are fast.
    """
    where = torch.device(device)
    with private_rng(where):
        seed_torch(derive_seed(PROBE, settings.seed), where)
        trial = copy.deepcopy(model).to(where).train()
        rows = epoch_order(len(train), seed=settings.seed, epoch=0)
        batch_size = settings.batch_for(len(train))
        few = train.take(rows[: batch_size * (WARM_UP_STEPS + steps)])
        stepper = Stepper(
            trial,
            to_device(few, where),
            settings=settings,
            task=task,
            strand=strand,
            device=where,
            precision=precision,
        )
        bounds = batch_bounds(len(few), batch_size)
        order = torch.arange(len(few), device=stepper.train.codes.device)
        times: list[float] = []
        with pinned() if where.type == "cpu" else nullcontext():  # as in training: a busy machine stalls other threads
            while len(times) < WARM_UP_STEPS + steps or (len(times) < MOST_STEPS and sum(times) < ENOUGH_SECONDS):
                number = len(times)
                start, stop = bounds[number % max(len(bounds) - 1, 1)]
                begun = time.perf_counter()
                loss = stepper.step(
                    order[start:stop], epoch=0, step=number, number=number, rate=settings.optimizer.learning_rate
                )
                float(loss)  # waits for the accelerator
                times.append(time.perf_counter() - begun)
        usual = sorted(times[WARM_UP_STEPS:])
        size = batch_rows(few.codes.shape[1])
        some = few.take(torch.arange(min(len(few), 2 * size)))
        spent = []
        for _ in range(2):
            begun = time.perf_counter()
            logits(trial, some.codes, some.lengths, strand=strand, device=where, anchor=some.anchor)
            spent.append(time.perf_counter() - begun)
        passes = -(-len(some) // size)
        return StepCost(
            seconds=usual[len(usual) // 4],
            rows=bounds[0][1],
            validation_seconds=min(spent) / (passes * size),
            memory_bytes=peak_memory(where),
        )


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: on the card, or by this process (0 where the system does not say)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    found = next((x for x in lines if x.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(found.split()[1]) * 1024
