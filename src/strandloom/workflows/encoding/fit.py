"""Sequences to an encoder, and labelled ones to a forest on its values: judged as every other model is, with the time it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.bundle import Bundle, Manifest, Part, write_bundle
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.leakage import leakage_of_all
from strandloom.data.load import load
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split, make_splits
from strandloom.data.split.index import hash_rows
from strandloom.data.window import Window
from strandloom.errors import InputError, SettingsError, UsageError
from strandloom.evaluation.evaluate import MODEL
from strandloom.evaluation.results import Evaluation
from strandloom.experiment import Experiment, to_yaml
from strandloom.io.plain import write_json
from strandloom.io.read import read_blocks
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import replacing
from strandloom.models.settings import ModuleSettings
from strandloom.report.card import card
from strandloom.report.inputs import ModelFacts, ReportInputs
from strandloom.report.report import render
from strandloom.report.verdict import verdict
from strandloom.run import seen
from strandloom.run.judge import class_frame, judge, judge_baselines
from strandloom.run.judge_labels import judge_label_baselines, judge_labels, label_frame
from strandloom.run.judge_values import judge_regressors, judge_values, value_frame
from strandloom.run.members import HeldOut
from strandloom.run.output_folder import check_free, new_folder
from strandloom.run.progress import Quiet, RunProgress
from strandloom.run.reporting import split_facts
from strandloom.training.runtime import apply, choose_runtime, environment
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.encoding.forest import Grown, grow_best
from strandloom.workflows.encoding.learn import Learned, learn_encoder, linear_ceiling
from strandloom.workflows.encoding.model import MOVES, EncodingModel, LoadedEncoding
from strandloom.workflows.encoding.settings import EncoderSettings, EncodingSettings

SUMMARY = "encoding.json"
_KIND = "an encoder"
UNLABELLED_VALIDATION = 0.1
"""Share of sequences without any labelled ones that the encoder is judged on."""
MOST_SEQUENCES = 1_000_000
"""Unlabelled sequences that are read at most."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """What was made.

    Parameters
    ----------
    folder
        Where it lies; its ``bundle`` is the model.
    sentences
        The result in words, a line each.
    learned, grown
        How the encoder was trained, and the forest; None without labels.
    evaluation
        Of the forest on the test part; None without labels.
    seconds
        Time by stage.
    """

    folder: Path
    sentences: tuple[str, ...]
    learned: Learned
    grown: Grown | None
    evaluation: Evaluation | None
    seconds: dict[str, float]

    @property
    def bundle(self) -> Path:
        """The model."""
        return self.folder / "bundle"


def fit_encoding(
    experiment: Experiment,
    *,
    out: str | Path,
    settings: EncodingSettings | None = None,
    labels: bool = True,
    unlabelled: Sequence[str | Path] = (),
    start: LoadedEncoding | None = None,
    resolve: Callable[[str], Path] = Path,
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    progress: RunProgress | None = None,
) -> Encoding:
    """Train an encoder without labels on the training sequences, then a forest with their labels, and judge it.

    Parameters
    ----------
    experiment
        Data, task, split and evaluation; its model and training are not used.
    out
        Folder to make.
    settings
        Encoder and forest.
    labels
        Whether the table has labels to learn; without, all its sequences train the encoder.
    unlabelled
        Files of further sequences for the encoder, in the same window.
    start
        An earlier model, whose encoder is improved.
    resolve, threads, force, command, progress
        As for :func:`strandloom.run.train.run_experiment`.

    Raises
    ------
    InputError, SettingsError
        The data cannot be used, or has several splits.
    TrainingError, DivergedError
        The encoder cannot be trained.
    OutputError
        The folder exists.
    """
    asked, told = settings or EncodingSettings(), progress or Quiet()
    check_free(out, mark=SUMMARY, what=_KIND, force=force)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    seconds: dict[str, float] = {}
    clock = _Clock(seconds, told)
    with clock("data", "reading the data"):
        window = None if start is None else start.window
        dataset = load(experiment.data, task=experiment.task, resolve=resolve, need_target=labels, window=window)
        splits = make_splits(dataset, experiment.split) if labels else []
        if len(splits) > 1:
            raise SettingsError(
                "an encoder needs one split, not folds", where="split.kind", hint="use column, homology or chromosome"
            )
        codes = np.asarray(dataset.codes)
        train, held = _parts(codes, splits, asked)
        known = [codes[split.rows(part)] for split in splits for part in (VALIDATION, TEST)] or [held]
        more = [
            _unlabelled(resolve(str(path)), dataset, experiment.data.letters, np.concatenate(known), told.say)
            for path in unlabelled
        ]
        learned_from = np.concatenate([train, *more]) if more else train
    both = experiment.data.strand != "one"
    with clock("encoder", f"training the encoder on {len(learned_from):,} sequences without labels"):
        encoder_settings = asked.encoder if start is None else improved(start, asked)
        weights = None if start is None else start.bundle.weights[0]
        encoder, learned = learn_encoder(learned_from, held, settings=encoder_settings, start=weights, say=told.say)
    sentences = [learned.sentence(encoder_settings.objective)]
    if encoder_settings.objective == "denoise":
        with clock("ceiling", "rebuilding bases with the best linear code"):
            ceiling = linear_ceiling(learned_from, held, values=encoder_settings.values)
        sentences.append(
            f"the best linear code of {encoder_settings.values} values rebuilds {ceiling:.1%} of the bases"
        )
    task = experiment.task if labels else "labels"
    empty = np.zeros(0)
    model = EncodingModel(encoder, None, task, both, empty, empty)
    common = _Common(experiment, dataset, command, seconds, runtime)
    with new_folder(out, mark=SUMMARY, what=_KIND, force=force) as folder:
        if not labels:
            manifest = common.manifest(labels=(), target=(), both=both, answering={})
            _write(
                folder,
                manifest,
                model,
                learned,
                None,
                sentences,
                common,
                text=f"# {experiment.name}\n\n> {sentences[0]}\n",
                more={},
            )
            return Encoding(Path(out), tuple(sentences), learned, None, None, seconds)
        found = _with_forest(folder, common, model, splits, asked, told, clock, learned, sentences)
    return Encoding(Path(out), found[0], learned, found[1], found[2], seconds)


@dataclass(frozen=True, eq=False)
class _Clock:
    seconds: dict[str, float]
    told: RunProgress

    def __call__(self, name: str, title: str) -> _Stage:
        return _Stage(self, name, title)


@dataclass(eq=False)
class _Stage:
    clock: _Clock
    name: str
    title: str
    began: float = 0.0

    def __enter__(self) -> None:
        self.clock.told.stage(self.title)
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.clock.seconds[self.name] = round(time.perf_counter() - self.began, 3)


@dataclass(frozen=True, eq=False)
class _Common:
    """What every file of a run shares."""

    experiment: Experiment
    dataset: Dataset
    command: str
    seconds: dict[str, float]
    runtime: Any

    def manifest(
        self, *, labels: tuple[str, ...], target: tuple[str, ...], both: bool, answering: dict[str, Any]
    ) -> Manifest:
        data, window = self.experiment.data, self.dataset.window
        return Manifest(
            strandloom=VERSION, name=self.experiment.name, task=self.experiment.task if labels else "labels", length=self.dataset.length,
            anchor=window.anchor, too_long=window.too_long, letters=data.letters, sequence=data.sequence, target=target, labels=labels,
            strand="both" if both else "one", model=ModuleSettings(name="encoder"), members=1, **answering,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        return {
            **environment(self.runtime), "strandloom": VERSION, "command": self.command, "seconds": self.seconds,
            "total_seconds": round(sum(self.seconds.values()), 1),
        }  # fmt: skip


def _parts(codes: Codes, splits: Sequence[Split], settings: EncodingSettings) -> tuple[Codes, Codes]:
    """Sequences that the encoder learns from, and those it is judged on; test rows are neither."""
    if splits:
        return codes[splits[0].rows(TRAIN)], codes[splits[0].rows(VALIDATION)]
    order = np.random.default_rng(settings.encoder.seed).permutation(len(codes))
    cut = max(int(len(codes) * UNLABELLED_VALIDATION), 2)
    return codes[np.sort(order[cut:])], codes[np.sort(order[:cut])]


def _unlabelled(path: Path, dataset: Dataset, letters: LetterPolicy, held: Codes, say: Callable[[str], None]) -> Codes:
    """Sequences of a file in the window of the data set, without those that are judged on (on either strand)."""
    window = Window(dataset.length, dataset.window.anchor, dataset.window.too_long)
    judged = hash_rows(held).canonical
    found: list[Codes] = []
    read = cropped = known = 0
    for block in read_blocks(path, columns="none", policy=letters):
        codes, _ = window.place(block)
        read, cropped = read + len(block), cropped + int((block.lengths > dataset.length).sum())
        new = ~np.isin(hash_rows(codes).canonical, judged)
        known += int((~new).sum())
        found.append(codes[new])
        if read >= MOST_SEQUENCES:
            say(f"  careful: only the first {read:,} sequences of {path} are used")
            break
    if not read:
        raise InputError("there is no sequence", where=path)
    if cropped:
        say(
            f"  careful: {plural(cropped, 'sequence')} of {path} longer than the {dataset.length:,} bases of the window, cropped"
        )
    if known:
        say(f"  {plural(known, 'sequence')} of {path} left out: they are judged on")
    return np.concatenate(found)


def targets(
    dataset: Dataset, rows: NDArray[np.int64], *, centre: NDArray[np.floating], scale: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What a forest learns of rows, float64 ``(n, K)``: 0/1 of labels and classes, or values in standard units."""
    assert dataset.target is not None
    values = dataset.target.values[rows]
    if dataset.target.kind == "classes":
        return np.eye(dataset.target.num_outputs)[values.astype(np.int64)]
    if dataset.target.kind == "labels":
        return values.astype(np.float64)
    return np.asarray((values.astype(np.float64) - centre) / scale)


def moved_where_better(model: EncodingModel, codes: Codes, y: NDArray[np.floating], *, share: float) -> EncodingModel:
    """The model as it answers best: with sequences where they stand, or averaged with moved ones.

    Parameters
    ----------
    codes, y
        Validation sequences ``(N, L)`` and what a forest learns of them ``(N, K)``.
    share
        Of the length by which they are moved.
    """
    by = round(share * codes.shape[1])
    if not by:
        return model
    moved = replace(model, moves=tuple(by * step for step in MOVES))
    return min((model, moved), key=lambda one: _missed(one, codes, y))


def _missed(model: EncodingModel, codes: Codes, y: NDArray[np.floating]) -> float:
    """Mean log loss of labels and classes, mean squared error of values in standard units."""
    scores = model.answers(codes)
    if model.task == "value":
        return float((((scores - model.centre) / model.scale - y) ** 2).mean())
    if model.task == "labels":
        return float((np.logaddexp(0, scores) - y * scores).mean())
    return float((np.logaddexp.reduce(scores, axis=1) - (y * scores).sum(axis=1)).mean())


def _with_forest(
    folder: Path,
    common: _Common,
    model: EncodingModel,
    splits: Sequence[Split],
    asked: EncodingSettings,
    told: RunProgress,
    clock: _Clock,
    learned: Learned,
    sentences: list[str],
) -> tuple[tuple[str, ...], Grown, Evaluation]:
    """Grow, judge and write."""
    experiment, dataset, split = common.experiment, common.dataset, splits[0]
    assert dataset.target is not None
    rows = {part: split.rows(part) for part in (TRAIN, VALIDATION, TEST)}
    codes = np.asarray(dataset.codes)
    with clock("values", "values of every sequence"):
        values = {part: model.values(codes[own]) for part, own in rows.items()}
    centre, scale = model.centre, model.scale
    if dataset.target.kind == "value":
        learned_values = dataset.target.values[rows[TRAIN]].astype(np.float64)
        centre, scale = learned_values.mean(axis=0), np.maximum(learned_values.std(axis=0), 1e-12)
    y = {part: targets(dataset, rows[part], centre=centre, scale=scale) for part in (TRAIN, VALIDATION)}
    with clock("forest", "growing the forest"):
        grown = grow_best(
            values[TRAIN],
            y[TRAIN],
            values[VALIDATION],
            y[VALIDATION],
            settings=asked.forest,
            logistic=dataset.target.kind != "value",
            threads=common.runtime.threads,
        )
    model = EncodingModel(model.encoder, grown.forest, model.task, model.both, centre, scale)
    with clock("moved", "asking moved sequences"):
        model = moved_where_better(model, codes[rows[VALIDATION]], y[VALIDATION], share=asked.forest.moved)
    held = {
        part: HeldOut(rows[part], np.zeros(len(rows[part]), np.int64), scores, {asked.forest.seed: scores})
        for part in (VALIDATION, TEST)
        for scores in (model.answers(codes[rows[part]]).astype(np.float32),)
    }
    with clock("evaluation", "fitting the baselines and judging the test part"):
        evaluation, answering, frame, baselines = _judged(experiment, dataset, splits, held, told, both=model.both)
    about, leaks = facts(dataset), leakage_of_all(dataset, splits)
    shown = ReportInputs(
        name=experiment.name, evaluation=evaluation, facts=about, leakage=leaks, split=split_facts(dataset, splits),
        model=ModelFacts.of(
            {name: x.numpy() for name, x in model.encoder.state_dict().items()}, kind="encoder", length=dataset.length,
            anchor=dataset.window.anchor, strand="both" if model.both else "one",
        ),
        environment=common.facts(), times=common.seconds, experiment_yaml=to_yaml(experiment), command=common.command, version=VERSION,
        description=f"An encoder with a forest: the encoder learned without labels and gives {model.encoder.settings.values} values "
        f"a sequence, a forest of {len(grown.forest.roots)} trees answers from them. {sentences[0][:1].upper()}{sentences[0][1:]}.",
    )  # fmt: skip
    sentences.append(verdict(shown).sentence.replace("The network", "The forest on the encoder's values", 1))
    column = dataset.target.column
    manifest = common.manifest(
        labels=dataset.target.names,
        target=(column,) if isinstance(column, str) else tuple(column),
        both=model.both,
        answering=answering,
    )
    more = {seen.NAME: seen.seen_part(dataset, splits)}
    for one in baselines:
        state = one.state()
        more[f"baseline-{one.name}"] = Part(dict(state.arrays), state.facts)
    _write(folder, manifest, model, learned, grown, sentences, common, text=card(shown), more=more)
    write_json(folder / "evaluation.json", evaluation.to_json())
    with replacing(folder / "predictions.parquet", text=False) as handle:
        frame.write_parquet(handle)
    with replacing(folder / "report.html", text=True) as page:
        page.write(render(shown))
    return tuple(sentences), grown, evaluation


def _judged(
    experiment: Experiment,
    dataset: Dataset,
    splits: Sequence[Split],
    held: dict[int, HeldOut],
    told: RunProgress,
    *,
    both: bool,
) -> tuple[Evaluation, dict[str, Any], Any, Any]:
    """Evaluation, what the manifest says of answers, predictions and fitted baselines; nothing is blended in."""
    settings = experiment.evaluation.model_copy(update={"blend": "none"})
    strand: Any = "both" if both else "one"
    validation, test = held[VALIDATION], held[TEST]
    if experiment.task == "labels":
        scored = judge_label_baselines(dataset, splits, settings=settings, progress=told)
        labels = judge_labels(dataset, splits, validation, test, settings=settings, baselines=scored, strand=strand)
        answering: dict[str, Any] = {
            "temperature": labels.temperature,
            "label_thresholds": tuple(labels.thresholds[MODEL].tolist()),
        }
        return (
            labels.evaluation,
            answering,
            label_frame(dataset, splits, validation, test, labels),
            list(scored.fitted[0]),
        )
    if experiment.task == "value":
        regressors = judge_regressors(dataset, splits, settings=settings, progress=told)
        values = judge_values(
            dataset, splits, validation, test, settings=settings, regressors=regressors, strand=strand
        )
        return values.evaluation, {}, value_frame(dataset, splits, validation, test, values), list(regressors.fitted[0])
    baselines = judge_baselines(dataset, splits, settings=settings, progress=told)
    judged = judge(
        dataset, splits, validation, test, settings=settings, baselines=baselines, strand=strand, similarity=None
    )
    decision = judged.rule.decision
    answering = {
        "temperature": decision.temperature, "decision_threshold": decision.threshold, "abstain_threshold": decision.abstain_below,
        "abstain_error": decision.abstain_error,
    }  # fmt: skip
    return (
        judged.evaluation,
        answering,
        class_frame(dataset, splits, validation, test, judged),
        list(baselines.fitted[0]),
    )


def _write(
    folder: Path,
    manifest: Manifest,
    model: EncodingModel,
    learned: Learned,
    grown: Grown | None,
    sentences: Sequence[str],
    common: _Common,
    *,
    text: str,
    more: dict[str, Part],
) -> None:
    about: dict[str, Any] = {"learned": learned.to_json(), "sentences": list(sentences)}
    if grown is not None:
        about["forest"] = {
            "leaf": grown.forest.least,
            "losses": {str(k): v for k, v in grown.losses.items()},
            "seconds": grown.seconds,
        }
    parts = {**model.parts(about), **more, "experiment": Part(facts={"yaml": to_yaml(common.experiment)})}
    weights = {name: value.numpy().copy() for name, value in model.encoder.state_dict().items()}
    write_bundle(folder / "bundle", Bundle(manifest, (weights,), parts, text))
    write_json(folder / SUMMARY, {"format": 1, **about, "environment": common.facts()})


def improved(start: LoadedEncoding, settings: EncodingSettings) -> EncoderSettings:
    """Settings of an earlier encoder, with what may change when it learns on: epochs, rate, batches and seed.

    Raises
    ------
    UsageError
        Others are given that differ from its own: they would be passed over in silence.
    """
    own, asked = start.model.encoder.settings, settings.encoder
    free = {"epochs", "learning_rate", "batch_size", "seed"}
    for name in asked.model_fields_set - free:
        if getattr(asked, name) != getattr(own, name):
            raise UsageError(
                f"the earlier encoder has {name} = {getattr(own, name)}",
                where=f"encoder.{name}",
                hint="leave it out, or train a new one",
            )
    return own.model_copy(update={name: getattr(asked, name) for name in free & asked.model_fields_set})
