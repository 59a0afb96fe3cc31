"""What a run leaves behind to be used: its networks, rule and baselines as a bundle."""

from __future__ import annotations

from collections.abc import Sequence

from strandloom.bundle import Bundle, Manifest, Part, StoredBlend
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import Split
from strandloom.evaluation.baselines.base import Baseline
from strandloom.evaluation.blend import Blend
from strandloom.experiment import Experiment, to_yaml
from strandloom.run import seen
from strandloom.run.judge import BaselineScores, Judged
from strandloom.run.members import Trained
from strandloom.training.probe import Decision
from strandloom.version import VERSION


def make_bundle(
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    trained: Sequence[Trained],
    judged: Judged,
    decision: Decision,
    baselines: BaselineScores,
    text: str,
) -> Bundle:
    """The bundle of a run; ``text`` is its model card."""
    assert dataset.target is not None
    answering, data = judged.rule.decision, experiment.data
    column = dataset.target.column
    blends, parts = _stored_blends(trained, judged.rule.blends, baselines)
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
        blends=blends,
        network_temperature=judged.rule.alone if blends else None,
        temperature=answering.temperature,
        decision_threshold=answering.threshold,
        abstain_threshold=answering.abstain_below,
        abstain_error=answering.abstain_error,
    )
    parts |= {
        "experiment": Part(facts={"yaml": to_yaml(experiment)}),
        seen.NAME: seen.seen_part(dataset, splits),
    }
    for baseline in baselines.fitted[0] if baselines.fitted else ():
        parts[f"baseline-{baseline.name}"] = _baseline_part(baseline)
    return Bundle(manifest, tuple(one.weights for one in trained), parts, text)


def _stored_blends(
    trained: Sequence[Trained], blends: Sequence[Blend], baselines: BaselineScores
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


def _baseline_part(baseline: Baseline) -> Part:
    state = baseline.state()
    return Part(dict(state.arrays), state.facts)
