"""What a run found, arranged for the report and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strandloom.data.dataset import Dataset
from strandloom.data.facts import DataFacts
from strandloom.data.leakage import LeakageReport
from strandloom.data.split.core import PART_NAMES, TEST, TRAIN, VALIDATION, Split
from strandloom.evaluation.results import Evaluation
from strandloom.experiment import Experiment, to_yaml
from strandloom.models.build import describe
from strandloom.report.inputs import (
    BlockRow,
    Decision,
    Member,
    ModelFacts,
    ReportInputs,
    SplitFacts,
    Trial,
    input_files,
)
from strandloom.run.members import Trained
from strandloom.training import probe
from strandloom.version import VERSION


def report_inputs(
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    facts: DataFacts,
    leakage: LeakageReport,
    decision: probe.Decision,
    trained: Sequence[Trained],
    evaluation: Evaluation,
    environment: Mapping[str, Any],
) -> ReportInputs:
    """Everything the report of a run shows."""
    return ReportInputs(
        name=experiment.name,
        evaluation=evaluation,
        facts=facts,
        leakage=leakage,
        members=tuple(_member(one) for one in trained),
        split=split_facts(dataset, splits),
        decisions=_decisions(experiment, decision),
        model=model_facts(experiment, dataset, decision, trained),
        environment=environment,
        times=environment.get("seconds", {}),
        experiment_yaml=to_yaml(experiment),
        command=str(environment.get("command", "")),
        files=input_files(environment),
        version=VERSION,
    )


def split_facts(dataset: Dataset, splits: Sequence[Split]) -> SplitFacts:
    """How rows were divided: for folds, the sizes of the first."""
    first = splits[0]
    classes = {}
    if dataset.target is not None and dataset.target.kind == "classes":
        for part in (TRAIN, VALIDATION, TEST):
            counts = dataset.target.take(first.rows(part)).counts()
            classes[PART_NAMES[part]] = {name: int(counts[name]) for name in dataset.target.names}
    return SplitFacts(first.how, first.notes, first.counts(), classes, len(splits))


def _member(one: Trained) -> Member:
    return Member.of(one.plan.name, one.result.to_json())


def model_facts(
    experiment: Experiment, dataset: Dataset, decision: probe.Decision, trained: Sequence[Trained]
) -> ModelFacts:
    """The network, block by block where the program built it."""
    blocks: tuple[BlockRow, ...] = ()
    if experiment.model.kind != "custom" and dataset.target is not None:
        found = describe(experiment.model, channels=4, length=dataset.length, outputs=dataset.target.num_outputs)
        blocks = tuple(BlockRow(x.name, x.settings, x.output_shape, x.parameters) for x in found)
    return ModelFacts.of(
        trained[0].weights,
        kind=experiment.model.kind,
        length=dataset.length,
        anchor=dataset.window.anchor,
        strand=decision.strand,
        blocks=blocks,
    )


def _decisions(experiment: Experiment, decision: probe.Decision) -> tuple[Decision, ...]:
    """What was left to the program, with the probes as evidence."""
    if not decision.evidence:
        return ()
    trials = tuple(
        Trial(
            arm.name,
            "validation log loss" if experiment.task == "classes" else "validation loss",
            arm.loss,
            chosen=arm.strand == decision.strand and arm.shift == decision.shift and "read on" not in arm.name,
            spread=arm.standard_error or None,
        )
        for arm in decision.evidence
    )
    asked = []
    if experiment.data.strand == "auto":
        asked.append("strands")
    if experiment.training.augmentation.shift == "auto":
        asked.append("shifts")
    answer = f"{'both strands' if decision.strand == 'both' else 'one strand'}, shift {decision.shift}"
    why = ". ".join(x[:1].upper() + x[1:] for x in decision.why)
    return (Decision(f"Which {' and which '.join(asked)}?", answer, why, trials),)
