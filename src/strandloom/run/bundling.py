"""What a run leaves behind to be used: its networks, rule and baselines as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from strandloom.bundle import (
    Bundle,
    Manifest,
    Part,
    StoredBlend,
    StoredShare,
    StoredValueBlend,
    ValueInterval,
    ValueScale,
)
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TRAIN, Split
from strandloom.evaluation.baselines.base import Baseline
from strandloom.evaluation.blend import Blend
from strandloom.evaluation.evaluate import MODEL
from strandloom.evaluation.label_baselines.base import LabelBaseline
from strandloom.evaluation.regressors.base import Regressor
from strandloom.evaluation.value_blend import ValueBlend
from strandloom.experiment import Experiment, to_yaml
from strandloom.run import seen
from strandloom.run.judge import BaselineScores, Judged
from strandloom.run.judge_labels import JudgedLabels, LabelBaselineScores
from strandloom.run.judge_values import JudgedValues, RegressorScores
from strandloom.run.members import Trained
from strandloom.training.probe import Decision
from strandloom.version import VERSION

THRESHOLDS = "label-thresholds"
"""The part that holds what baselines of labels say yes from."""
AnyScores = BaselineScores | RegressorScores | LabelBaselineScores
"""The baselines of a run of any task."""


def make_bundle(
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    trained: Sequence[Trained],
    judged: Judged | JudgedValues | JudgedLabels,
    decision: Decision,
    baselines: AnyScores,
    text: str,
) -> Bundle:
    """The bundle of a run; ``text`` is its model card."""
    assert dataset.target is not None
    data = experiment.data
    column = dataset.target.column
    parts: dict[str, Part]
    answering: dict[str, Any]
    if isinstance(judged, JudgedValues):
        values, parts = _stored_value_blends(trained, judged.blends, baselines)
        answering = {**_value_answers(dataset, splits, trained, judged), "value_blends": values}
    elif isinstance(judged, JudgedLabels):
        blends, parts = _stored_blends(trained, judged.blends, baselines)
        answering = {
            "blends": blends,
            "network_temperature": judged.alone if blends else None,
            "temperature": judged.temperature,
            "label_thresholds": tuple(judged.thresholds[MODEL].tolist()),
        }
        parts[THRESHOLDS] = Part({name: found for name, found in judged.thresholds.items() if name != MODEL})
    else:
        blends, parts = _stored_blends(trained, judged.rule.blends, baselines)
        answering = {**_class_answers(judged, blends), "blends": blends}
    manifest = Manifest(
        strandloom=VERSION,
        name=experiment.name,
        task=experiment.task,
        length=dataset.length,
        anchor=dataset.window.anchor,
        too_long=dataset.window.too_long,
        letters=data.letters,
        sequence=data.sequence,
        target=(column,) if isinstance(column, str) else tuple(column),
        labels=dataset.target.names,
        strand=decision.strand,
        model=experiment.model,
        members=len(trained),
        **answering,
    )
    parts |= {
        "experiment": Part(facts={"yaml": to_yaml(experiment)}),
        seen.NAME: seen.seen_part(dataset, splits),
    }
    for baseline in baselines.fitted[0] if baselines.fitted else ():
        parts[f"baseline-{baseline.name}"] = _baseline_part(baseline)
    return Bundle(manifest, tuple(one.weights for one in trained), parts, text)


def _class_answers(judged: Judged, blends: Sequence[StoredBlend]) -> dict[str, Any]:
    """What turns raw scores into classes."""
    answering = judged.rule.decision
    return {
        "network_temperature": judged.rule.alone if blends else None,
        "temperature": answering.temperature,
        "decision_threshold": answering.threshold,
        "abstain_threshold": answering.abstain_below,
        "abstain_error": answering.abstain_error,
    }


def _value_answers(
    dataset: Dataset, splits: Sequence[Split], trained: Sequence[Trained], judged: JudgedValues
) -> dict[str, Any]:
    """What turns raw scores into values, and how far these may be off."""
    assert dataset.target is not None
    rows = np.unique(np.concatenate([split.rows(TRAIN) for split in splits]))
    seen = dataset.target.values[rows].astype(np.float64)
    interval = judged.interval
    return {
        "value_scales": tuple(ValueScale(centre=one.task.centre, scale=one.task.scale) for one in trained),
        "value_interval": ValueInterval(level=interval.level, width=interval.width, rows=interval.rows),
        "value_trust": judged.trust,
        "value_range": tuple((float(low), float(high)) for low, high in zip(seen.min(0), seen.max(0), strict=True)),
    }


def _stored_blends(
    trained: Sequence[Trained], blends: Sequence[Blend], baselines: AnyScores
) -> tuple[tuple[StoredBlend, ...], dict[str, Part]]:
    """What a bundle says of the blends, and the baselines that later folds need (those of the first are stored anyway)."""
    stored: list[StoredBlend] = []
    parts: dict[str, Part] = {}
    if not any(blend.used for blend in blends):
        return (), parts
    for number, blend in enumerate(blends):
        part = f"baseline-{blend.partner}" if number == 0 else f"fold-{number + 1}-{blend.partner}"
        members = tuple(i for i, one in enumerate(trained) if one.plan.split == number)
        stored.append(
            StoredBlend(
                members=members, network=blend.network, baseline=blend.baseline, partner=blend.partner, part=part
            )
        )
        if blend.used and number:
            parts[part] = _baseline_part(next(b for b in baselines.fitted[number] if b.name == blend.partner))
    return tuple(stored), parts


def _stored_value_blends(
    trained: Sequence[Trained], blends: Sequence[ValueBlend], baselines: AnyScores
) -> tuple[tuple[StoredValueBlend, ...], dict[str, Part]]:
    """As :func:`_stored_blends`, of values, which may have several regressors blended in."""
    parts: dict[str, Part] = {}
    if not any(blend.used for blend in blends):
        return (), parts
    stored = []
    for number, blend in enumerate(blends):
        members = tuple(i for i, one in enumerate(trained) if one.plan.split == number)
        partners = []
        for name, share in blend.shares:
            part = f"baseline-{name}" if number == 0 else f"fold-{number + 1}-{name}"
            partners.append(StoredShare(partner=name, share=share, part=part))
            if number:
                parts[part] = _baseline_part(next(b for b in baselines.fitted[number] if b.name == name))
        stored.append(StoredValueBlend(members=members, network=blend.network, partners=tuple(partners)))
    return tuple(stored), parts


def _baseline_part(baseline: Baseline | Regressor | LabelBaseline) -> Part:
    state = baseline.state()
    return Part(dict(state.arrays), state.facts)
