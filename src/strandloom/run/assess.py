"""A bundle meets a labelled table: metrics beside the bundle's own baselines, and a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from strandloom.bundle import Bundle
from strandloom.data.cautions import share
from strandloom.data.facts import facts
from strandloom.data.load import load as load_data
from strandloom.data.settings import DataSettings
from strandloom.data.window import WindowSettings
from strandloom.evaluation.baselines.base import Baseline, State
from strandloom.evaluation.baselines.fit import baseline_from_state
from strandloom.evaluation.blend import NETWORK_ALONE
from strandloom.evaluation.calibration import softmax
from strandloom.evaluation.evaluate import evaluate_classes
from strandloom.evaluation.results import Evaluation
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.io.plain import write_json
from strandloom.io.read import column_names
from strandloom.io.write import replacing, sha256
from strandloom.predict import load
from strandloom.report.inputs import InputFile, ModelFacts, ReportInputs
from strandloom.report.report import render
from strandloom.report.verdict import verdict
from strandloom.run.judge import known_ceiling
from strandloom.run.output_folder import check_free, new_folder
from strandloom.run.seen import seen_rows
from strandloom.training.runtime import environment
from strandloom.version import VERSION
from strandloom.words import plural

if TYPE_CHECKING:
    from torch import nn

EVALUATION = "evaluation.json"


@dataclass(frozen=True, eq=False)
class Assessment:
    """A bundle judged on a table: the folder, the sentence and the metrics."""

    folder: Path
    verdict: str
    evaluation: Evaluation


def stored_baselines(bundle: Bundle) -> list[Baseline]:
    """The baselines that travel in a bundle, in the order of the report."""
    found = {
        name.removeprefix("baseline-"): State(part.arrays, part.facts)
        for name, part in bundle.parts.items()
        if name.startswith("baseline-")
    }
    order = EvaluationSettings().baseline_names()
    names = sorted(found, key=lambda name: order.index(name) if name in order else len(order))
    return [baseline_from_state(name, found[name]) for name in names]


def evaluate_bundle(
    bundle: str | Path,
    table: str | Path,
    *,
    out: str | Path,
    sequence: str | None = None,
    target: str | None = None,
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
        sequence=sequence or _present(manifest.sequence, table),
        target=target or (manifest.target if len(manifest.target) > 1 else manifest.target[0]),
        letters=manifest.letters,
        window=WindowSettings(length=manifest.length, anchor=manifest.anchor, too_long=manifest.too_long),
    )
    dataset = load_data(data, task=manifest.task, names=manifest.labels, window=predictor.window)
    assert dataset.target is not None
    told(plural(len(dataset), "row"))
    codes = np.asarray(dataset.codes)
    network, scores = predictor.scores(codes, dataset.lengths)
    answers = predictor.decision.apply(scores)
    baselines = stored_baselines(predictor.bundle)
    truth = dataset.target.values.astype(np.int64)
    others = {b.name: b.predict_proba(codes, dataset.lengths) for b in baselines}
    about = {b.name: {"title": b.title, "about": b.describe()} for b in baselines}
    if manifest.network_temperature is not None:
        others = {NETWORK_ALONE: softmax(network, temperature=manifest.network_temperature), **others}
        about = {
            NETWORK_ALONE: {"title": "The network alone", "about": "before a baseline is blended in"},
            **about,
        }
    evaluation = evaluate_classes(
        answers,
        truth,
        names=manifest.labels,
        settings=settings or EvaluationSettings(),
        baselines=others,
        part="table",
        decision=predictor.decision,
        baseline_facts=about,
        ceiling=known_ceiling(dataset),
    )
    if known := seen_rows(predictor.bundle, codes):
        warning = (
            f"{share(known, len(dataset))} were among the rows this model was trained on or chosen by (on either strand): its scores "
            "on them say nothing of new sequences."
        )
        told(f"careful: {warning}")
        evaluation = replace(evaluation, warnings=(warning, *evaluation.warnings))
    labels = np.array(manifest.labels)
    frame = predictor.frame(dataset.ids, scores).insert_column(1, pl.Series("truth", labels[truth]))
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
