"""What a run will cost, said before it starts: measured steps for the network, a rule for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TRAIN, Split
from strandloom.evaluation.settings import BASELINE_NAMES
from strandloom.experiment import Experiment
from strandloom.report.numbers import duration
from strandloom.run.members import MakeModel, Plan, split_arrays
from strandloom.training.estimate import measure_step
from strandloom.training.probe import MOST_ROWS, plan, probe_count
from strandloom.training.runtime import Runtime
from strandloom.training.settings import Strand
from strandloom.training.task import task_head

BASELINE_SECONDS_PER_BASE = 4e-6
"""Fitting all baselines, per training base; checked by the study `cost`."""
JUDGE_SECONDS_PER_ROW = 3e-4
"""Bootstrap of a test row with all baselines beside it; checked by the same study."""
FIXED_SECONDS = 4.0
"""Report, bundle and start of a run."""


@dataclass(frozen=True)
class Estimate:
    """Seconds ahead, by what they are spent on, and peak memory in bytes."""

    training: float
    baselines: float
    rest: float
    memory: int

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.training + self.baselines + self.rest

    def line(self) -> str:
        """In words."""
        return (
            f"estimate: {duration(self.seconds)} in all (training {duration(self.training)} if no network stops early, "
            f"baselines {duration(self.baselines)}), {self.memory / 2**30:.1f} GiB of memory"
        )


def estimate(
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    plans: Sequence[Plan],
    *,
    make_model: MakeModel,
    runtime: Runtime,
    test_rows: int,
) -> Estimate:
    """Time a few real steps of the first network and scale up.

    Parameters
    ----------
    experiment, dataset, splits, plans
        What will be trained, on what.
    make_model, runtime
        The network, and what it will be trained on.
    test_rows
        Rows to be judged, over all splits.
    """
    assert dataset.target is not None
    train, validation, _ = split_arrays(dataset, splits[0])
    settings = experiment.training
    task = task_head(experiment.task, train, outputs=dataset.target.num_outputs, settings=settings)
    strand: Strand = "both" if experiment.data.strand == "both" else "one"
    cost = measure_step(
        make_model(settings.seed),
        train,
        settings=settings,
        task=task,
        strand=strand,
        device=runtime.device,
        precision=runtime.precision,
    )
    epochs = settings.epochs_for(len(train))
    one = cost.training_seconds(train=len(train), validation=len(validation), epochs=epochs)
    probes = probe_count(experiment.data.strand, settings)
    rows, passes = plan(len(train), epochs, probes=probes) if probes else (0, 0)
    training = one * len(plans) + probes * cost.training_seconds(
        train=rows, validation=min(len(validation), MOST_ROWS), epochs=passes
    )
    most = experiment.evaluation.baseline_rows
    bases = sum(min(int((split.part == TRAIN).sum()), most) for split in splits) * dataset.length
    share = len(experiment.evaluation.baseline_names()) / len(BASELINE_NAMES)
    rest = FIXED_SECONDS + test_rows * JUDGE_SECONDS_PER_ROW * experiment.evaluation.resamples / 1000
    memory = cost.memory_bytes
    if torch.device(runtime.device).type == "cpu":
        memory += dataset.codes.nbytes
    return Estimate(training, bases * BASELINE_SECONDS_PER_BASE * share, rest, memory)
