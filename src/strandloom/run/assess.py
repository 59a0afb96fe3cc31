"""A bundle meets a labelled table: metrics beside the bundle's own baselines, and a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from strandloom.alphabet import Codes
from strandloom.bundle import Bundle
from strandloom.data.cautions import share
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.load import load as load_data
from strandloom.data.settings import DataSettings
from strandloom.data.targets import Target
from strandloom.data.window import WindowSettings
from strandloom.evaluation.baselines.base import Baseline, State
from strandloom.evaluation.baselines.fit import baseline_from_state
from strandloom.evaluation.blend import NETWORK_ALONE
from strandloom.evaluation.calibration import sigmoid, softmax
from strandloom.evaluation.evaluate import MODEL, evaluate_classes, evaluate_labels, evaluate_values
from strandloom.evaluation.label_baselines.fit import label_baseline_from_state
from strandloom.evaluation.regressors.fit import regressor_from_state
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.evaluation.values import Conformal
from strandloom.io.plain import write_json
from strandloom.io.read import column_names
from strandloom.io.write import replacing, sha256
from strandloom.predict import Predictor, ScorePair, load
from strandloom.report.inputs import InputFile, ModelFacts, ReportInputs
from strandloom.report.report import render
from strandloom.report.verdict import verdict
from strandloom.run.bundling import THRESHOLDS
from strandloom.run.judge import known_ceiling
from strandloom.run.output_folder import check_free, new_folder
from strandloom.run.seen import seen_rows
from strandloom.training.runtime import environment
from strandloom.version import VERSION
from strandloom.words import plural

if TYPE_CHECKING:
    from torch import nn

EVALUATION = "evaluation.json"
ALONE = {NETWORK_ALONE: {"title": "The network alone", "about": "before a baseline is blended in"}}


@dataclass(frozen=True, eq=False)
class Assessment:
    """A bundle judged on a table: the folder, the sentence and the metrics."""

    folder: Path
    verdict: str
    evaluation: Evaluation


def stored_baselines(bundle: Bundle) -> list[Baseline]:
    """The baselines that travel in a bundle, in the order of the report."""
    return [
        baseline_from_state(name, state)
        for name, state in _stored_states(bundle, EvaluationSettings().baseline_names())
    ]


def _stored_states(bundle: Bundle, order: Sequence[str]) -> list[tuple[str, State]]:
    """Names and states of the baselines in a bundle, in an order; unknown names last."""
    found = {
        name.removeprefix("baseline-"): State(part.arrays, part.facts)
        for name, part in bundle.parts.items()
        if name.startswith("baseline-")
    }
    names = sorted(found, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, found[name]) for name in names]


def evaluate_bundle(
    bundle: str | Path,
    table: str | Path,
    *,
    out: str | Path,
    sequence: str | None = None,
    target: str | None = None,
    genome: str | Path | None = None,
    order: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] | None = None,
    settings: EvaluationSettings | None = None,
    model: nn.Module | None = None,
) -> Assessment:
    """Judge a trained model on a labelled table and write ``evaluation.json``, ``predictions.parquet`` and ``report.html``.

    Parameters
    ----------
    bundle, table
        The bundle folder and any supported table with the true labels; a label the model never saw is an error.
    out
        The folder to make.
    sequence, target
        Columns, where they are not named as in training.
    genome, order
        FASTA on which the table names places; order of the bases of an array.
    device, threads
        As for :func:`strandloom.predict.load`.
    settings
        Resamples, interval and seed of the bootstrap.
    model
        For a bundle trained from your own ``nn.Module``: a module of the same shape.

    Raises
    ------
    InputError
        The table lacks a column, or holds a label that the model does not know.
    BundleError
        The bundle is damaged or too new.
    OutputError
        The folder exists.
    """
    check_free(out, mark=EVALUATION, what="an evaluation", force=force)
    predictor = load(bundle, device=device, threads=threads, model=model)
    manifest = predictor.manifest
    told = say or (lambda _: None)
    data = DataSettings(
        table=str(table),
        genome=None if genome is None else str(genome),
        sequence=None if genome is not None else sequence or _present(manifest.sequence, table),
        order=order,
        target=target or (manifest.target if len(manifest.target) > 1 else manifest.target[0]),
        letters=manifest.letters,
        window=WindowSettings(length=manifest.length, anchor=manifest.anchor, too_long=manifest.too_long),
    )
    dataset = load_data(data, task=manifest.task, names=manifest.labels, window=predictor.window)
    assert dataset.target is not None
    told(plural(len(dataset), "row"))
    codes = np.asarray(dataset.codes)
    scores = predictor.scores(codes, dataset.lengths)
    judges = {"classes": _judge_classes, "labels": _judge_labels, "value": _judge_values}
    evaluation = judges[manifest.task](predictor, dataset, codes, scores, settings or EvaluationSettings())
    if known := seen_rows(predictor.bundle, codes):
        warning = (
            f"{share(known, len(dataset))} were among the rows this model was trained on or chosen by (on either strand): its scores "
            "on them say nothing of new sequences."
        )
        told(f"careful: {warning}")
        evaluation = replace(evaluation, warnings=(warning, *evaluation.warnings))
    frame = _with_truth(predictor.answer(dataset.ids, scores), dataset.target)
    path = Path(table)
    shown = ReportInputs(
        name=f"{manifest.name} on {path.name}",
        evaluation=evaluation,
        facts=facts(dataset),
        model=ModelFacts.of(
            predictor.bundle.weights[0], kind=manifest.model.kind, length=manifest.length, anchor=manifest.anchor,
            strand=manifest.strand,
        ),
        environment=environment(predictor.runtime),
        command=command,
        files=(InputFile(str(table), sha256(path), len(dataset), path.stat().st_size),),
        version=VERSION,
    )  # fmt: skip
    with new_folder(out, mark=EVALUATION, what="an evaluation", force=force) as folder:
        with replacing(folder / "predictions.parquet", text=False) as handle:
            frame.write_parquet(handle)
        write_json(folder / EVALUATION, evaluation.to_json())
        with replacing(folder / "report.html", text=True) as handle:
            handle.write(render(shown))
    return Assessment(folder, verdict(shown).sentence, evaluation)


def _present(column: str | None, table: str | Path) -> str | None:
    """The training table's sequence column, where this table has it too."""
    return column if column is not None and column in column_names(table) else None


def _judge_classes(
    predictor: Predictor, dataset: Dataset, codes: Codes, scores: ScorePair, settings: EvaluationSettings
) -> Evaluation:
    assert dataset.target is not None
    manifest = predictor.manifest
    baselines = stored_baselines(predictor.bundle)
    others = {b.name: b.predict_proba(codes, dataset.lengths) for b in baselines}
    about = {b.name: {"title": b.title, "about": b.describe()} for b in baselines}
    if manifest.network_temperature is not None:
        others = {NETWORK_ALONE: softmax(scores.network, temperature=manifest.network_temperature), **others}
        about = {**ALONE, **about}
    return evaluate_classes(
        predictor.decision.apply(scores.blended),
        dataset.target.values.astype(np.int64),
        names=manifest.labels,
        settings=settings,
        baselines=others,
        part="table",
        decision=predictor.decision,
        baseline_facts=about,
        ceiling=known_ceiling(dataset),
    )


def _judge_labels(
    predictor: Predictor, dataset: Dataset, codes: Codes, scores: ScorePair, settings: EvaluationSettings
) -> Evaluation:
    assert dataset.target is not None
    manifest = predictor.manifest
    baselines = [
        label_baseline_from_state(name, state)
        for name, state in _stored_states(predictor.bundle, settings.label_baseline_names())
    ]
    others = {b.name: b.predict(codes, dataset.lengths) for b in baselines}
    about = {b.name: {"title": b.title, "about": b.describe()} for b in baselines}
    if manifest.network_temperature is not None:
        others = {NETWORK_ALONE: sigmoid(scores.network / manifest.network_temperature), **others}
        about = {**ALONE, **about}
    stored = predictor.bundle.parts.get(THRESHOLDS)
    thresholds = {} if stored is None else dict(stored.arrays)
    if manifest.label_thresholds:
        thresholds[MODEL] = np.array(manifest.label_thresholds)
    return evaluate_labels(
        predictor.label_probabilities(scores.blended),
        dataset.target.values,
        names=manifest.labels,
        settings=settings,
        baselines=others,
        thresholds=thresholds,
        part="table",
        baseline_facts=about,
        temperature=manifest.temperature,
    )


def _judge_values(
    predictor: Predictor, dataset: Dataset, codes: Codes, scores: ScorePair, settings: EvaluationSettings
) -> Evaluation:
    assert dataset.target is not None
    manifest = predictor.manifest
    baselines = [
        regressor_from_state(name, state)
        for name, state in _stored_states(predictor.bundle, settings.regressor_names())
    ]
    others = {b.name: b.predict(codes, dataset.lengths) for b in baselines}
    about = {b.name: {"title": b.title, "about": b.describe()} for b in baselines}
    if manifest.value_blends:
        others = {NETWORK_ALONE: scores.network.astype(np.float64), **others}
        about = {**ALONE, **about}
    stored = manifest.value_interval
    return evaluate_values(
        scores.blended,
        dataset.target.values.astype(np.float64),
        names=manifest.labels,
        settings=settings,
        baselines=others,
        part="table",
        baseline_facts=about,
        variance=dataset.variance,
        interval=None if stored is None else Conformal(stored.level, stored.width, stored.rows),
    )


def _with_truth(frame: pl.DataFrame, target: Target) -> pl.DataFrame:
    """Predictions with the true class, the labels or the measured values behind the id."""
    if target.kind == "classes":
        labels = np.array(target.names)
        return frame.insert_column(1, pl.Series("truth", labels[target.values.astype(np.int64)]))
    if target.kind == "labels":
        names = np.array(target.names, object)
        said = [",".join(names[row]) for row in target.values > 0.5]
        return frame.insert_column(1, pl.Series("truth", said, dtype=pl.String))
    for k, name in reversed(list(enumerate(target.names))):
        end = "" if len(target.names) == 1 else f"_{name}"
        frame = frame.insert_column(1, pl.Series(f"truth{end}", target.values[:, k].astype(np.float64)))
    return frame
