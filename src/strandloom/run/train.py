"""From an experiment to a finished run folder: read, split, check, decide, train, judge, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from strandloom.bundle import Bundle, write_bundle
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.leakage import leakage_of_all
from strandloom.data.load import load
from strandloom.data.split.core import PART_NAMES, TEST, TRAIN, VALIDATION, Split, make_splits
from strandloom.errors import SettingsError, StrandloomError
from strandloom.evaluation.results import Evaluation
from strandloom.experiment import Experiment
from strandloom.io.motifs import read_motifs
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import replacing
from strandloom.models.settings import ModuleSettings
from strandloom.pwm import Matrix
from strandloom.report.card import card
from strandloom.report.inputs import ReportInputs
from strandloom.report.report import render
from strandloom.report.verdict import verdict
from strandloom.run.bundling import make_bundle
from strandloom.run.estimate import estimate
from strandloom.run.folder import RunFolder, held, nothing_left, open_run
from strandloom.run.inputs import motif_file, note_inputs, read_start_bundle, read_start_motifs
from strandloom.run.judge import BaselineScores, Judged, class_frame, judge, judge_baselines, similarity_to_train
from strandloom.run.judge_labels import (
    JudgedLabels,
    LabelBaselineScores,
    judge_label_baselines,
    judge_labels,
    label_frame,
)
from strandloom.run.judge_values import (
    JudgedValues,
    RegressorScores,
    in_units,
    judge_regressors,
    judge_values,
    value_frame,
    weighed,
)
from strandloom.run.members import (
    MakeModel,
    Trained,
    continue_members,
    model_maker,
    plan_members,
    pool,
    split_arrays,
    start_members,
    train_members,
)
from strandloom.run.progress import Quiet, RunProgress
from strandloom.run.reporting import report_inputs
from strandloom.run.seen import seen_before
from strandloom.training.estimate import peak_memory
from strandloom.training.probe import Decision, decide
from strandloom.training.runtime import Runtime, apply, choose_runtime, environment
from strandloom.training.task import task_head
from strandloom.version import VERSION

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    Parameters
    ----------
    folder
        The run folder.
    verdict
        The report's first sentence.
    evaluation
        The metrics on the test part.
    """

    folder: Path
    verdict: str
    evaluation: Evaluation

    @property
    def bundle(self) -> Path:
        """The trained model."""
        return self.folder / "bundle"


@dataclass
class _Clock:
    """Seconds by stage."""

    progress: RunProgress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        self.progress.stage(title)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def run_experiment(
    experiment: Experiment,
    *,
    out: str | Path,
    resolve: Callable[[str], Path] = Path,
    seeds: int = 1,
    device: str = "auto",
    threads: int | None = None,
    resume: bool = False,
    force: bool = False,
    command: str = "",
    progress: RunProgress | None = None,
    model: nn.Module | MakeModel | None = None,
) -> RunResult:
    """Train, judge and save an experiment.

    Parameters
    ----------
    experiment
        What to do.
    out
        The run folder to make.
    resolve
        Turns a path written in the experiment into one that can be opened.
    seeds
        Networks trained from consecutive seeds, pooled into one evaluation and one bundle.
    device
        ``auto``, ``cpu``, ``cuda`` …
    threads
        Threads on the CPU; None: one a physical core. A resumed run keeps the number it began with.
    resume
        Go on with an interrupted run, or start it; a finished one is read again.
    force
        Replace an existing run.
    command
        What to print in the report to do it again.
    progress
        Told about stages, steps and epochs.
    model
        Your own ``nn.Module`` from one-hot float ``(B, 4, L)`` to scores ``(B, K)``, or a function from a seed to one; the experiment's
        architecture otherwise.

    Raises
    ------
    InputError
        The data cannot be used.
    OutputError
        The folder exists, or cannot be written.
    TrainingError
        Training diverged or cannot start.
    """
    if not isinstance(experiment, Experiment):
        raise SettingsError(
            f"an experiment is needed, not {type(experiment).__name__}",
            hint="check_experiment(settings) makes one of a dictionary, read_experiment(path) of a file",
        )
    if model is not None:
        experiment = experiment.model_copy(
            update={"model": ModuleSettings(name=getattr(model, "__name__", type(model).__name__))}
        )
    with nothing_left(Path(out)):
        folder = open_run(Path(out), experiment, seeds=seeds, resume=resume, force=force)
        told = progress or Quiet()
        if folder.finished:
            told.say(f"{folder.path} is finished already; nothing was trained")
            return _finished(folder)
        with held(folder.path):
            return _Run(experiment, folder, resolve, seeds, device, threads, resume, command, told, model).go()


def _finished(folder: RunFolder) -> RunResult:
    evaluation = Evaluation.from_json(read_json(folder.evaluation), where=str(folder.evaluation))
    return RunResult(folder.path, folder.verdict.read_text().strip(), evaluation)


@dataclass
class _Run:
    """One call of :func:`run_experiment`."""

    experiment: Experiment
    folder: RunFolder
    resolve: Callable[[str], Path]
    seeds: int
    device: str
    threads: int | None
    resume: bool
    command: str
    progress: RunProgress
    model: nn.Module | MakeModel | None

    def go(self) -> RunResult:
        """All stages."""
        clock = _Clock(self.progress)
        with clock.stage("data", "reading the data"):
            before = self._before()
            inputs = note_inputs(self.experiment.data, resolve=self.resolve, before=before, folder=self.folder.path)
            motifs = read_start_motifs(
                self.experiment.training.first_filters, resolve=self.resolve, before=before, folder=self.folder.path
            )
            begun = read_start_bundle(
                self.experiment.training.start_from, resolve=self.resolve, before=before, folder=self.folder.path
            )
            known_motifs = self._known_motifs()
            dataset = load(
                self.experiment.data, task=self.experiment.task, resolve=self.resolve, cache=self.folder.path / "store"
            )
            about = facts(dataset)
        with clock.stage("split", "splitting and looking for leaks"):
            splits = make_splits(dataset, self.experiment.split)
            if self._gaussian(dataset):
                dataset = weighed(dataset, splits[0].rows(TRAIN))
            self._write_split(dataset, splits)
            leaks = leakage_of_all(dataset, splits)
            write_json(self.folder.data, {"facts": asdict(about), "leakage": asdict(leaks)})
        for line in (splits[0].how, *splits[0].notes):
            self.progress.say(f"  {line}")
        for line in about.warnings:
            self.progress.say(f"  careful: {line}")
        plans = plan_members(splits, seed=self.experiment.training.seed, seeds=self.seeds)
        make_model = model_maker(self.experiment, dataset, self.model)
        if begun is not None:
            make_model, continued = continue_members(
                make_model, begun.bundle, kind=self.experiment.model.kind, seed=self.experiment.training.seed
            )
            begun.noted.update(tensors=continued.taken, fresh=list(continued.fresh))
            self.progress.say(f"  {continued.line()}")
        if motifs is not None:
            make_model, started = start_members(
                make_model, motifs.matrices, settings=motifs.settings, seed=self.experiment.training.seed
            )
            motifs.noted.update(filters=started.filters, set=len(started.placed))
            self.progress.say(f"  {started.line()}")
        if self.experiment.explain is not None:
            from strandloom.run.explain import check_settings

            assert dataset.target is not None
            check_settings(self.experiment.explain, dataset.target.names, [make_model(0)])
        runtime = self._runtime(make_model)
        ahead = estimate(
            self.experiment, dataset, splits, plans, make_model=make_model, runtime=runtime,
            test_rows=sum(int((s.part == TEST).sum()) for s in splits),
        )  # fmt: skip
        self.progress.say(f"  {ahead.line()}")
        known: dict[str, Any] = {
            **environment(runtime), "strandloom": VERSION, "command": self.command, "inputs": inputs, "seeds": self.seeds,
            "estimated_seconds": round(ahead.seconds, 1), "estimated_memory": ahead.memory,
        }  # fmt: skip
        if begun is not None:
            known["start_from"] = begun.noted
        if motifs is not None:
            known["first_filters"] = motifs.noted
        write_json(self.folder.environment, known)
        with clock.stage("baselines", "fitting the baselines"):
            baselines = self._baselines(dataset, splits)
        with clock.stage("decide", "deciding strand and shift"):
            decision = self._decide(dataset, splits[0], make_model, runtime)
        for line in decision.why:
            self.progress.say(f"  {line}")
        with clock.stage("training", "training"):
            trained = train_members(
                plans, self.experiment, dataset, splits, make_model=make_model, decision=decision, runtime=runtime,
                folder=self.folder, resume=self.resume, progress=self.progress,
            )  # fmt: skip
        with clock.stage("evaluation", "judging the test part"):
            judged = self._judged(dataset, splits, trained, baselines, decision)
            if begun is not None and (warning := seen_before(begun.bundle, dataset, splits)):
                self.progress.say(f"  careful: {warning}")
                found = replace(judged.evaluation, warnings=(warning, *judged.evaluation.warnings))
                judged = replace(judged, evaluation=found)
            write_json(self.folder.evaluation, judged.evaluation.to_json())
        # a resumed run counts the epochs of its earlier parts too
        clock.seconds["training"] = max(clock.seconds["training"], round(sum(x.result.seconds for x in trained), 3))
        self._write_costs(known, clock, runtime)
        shown = report_inputs(
            self.experiment, dataset, splits, facts=about, leakage=leaks, decision=decision, trained=trained,
            evaluation=judged.evaluation, environment=known,
        )  # fmt: skip
        sentence = verdict(shown).sentence
        bundle = make_bundle(
            self.experiment,
            dataset,
            splits,
            trained=trained,
            judged=judged,
            decision=decision,
            baselines=baselines,
            text=card(shown),
        )
        write_bundle(self.folder.bundle, bundle)
        if self.experiment.explain is not None:
            with clock.stage("explain", "explaining the test part"):
                try:
                    shown = self._explained(shown, bundle, dataset, splits, make_model, known_motifs)
                except StrandloomError as error:  # the trained model stands; the report says what is missing
                    warning = (
                        f"The motifs are missing: {error.message}. `strandloom explain` can be tried on the bundle."
                    )
                    self.progress.say(f"  careful: {warning}")
                    shown = replace(shown, warnings=(*shown.warnings, warning))
            self._write_costs(known, clock, runtime)
        with replacing(self.folder.report, text=True) as handle:
            handle.write(render(shown))
        with replacing(self.folder.verdict, text=True) as handle:
            handle.write(sentence + "\n")
        return RunResult(self.folder.path, sentence, judged.evaluation)

    def _gaussian(self, dataset: Dataset) -> bool:
        return dataset.variance is not None and self.experiment.training.loss in ("auto", "gaussian")

    def _baselines(
        self, dataset: Dataset, splits: Sequence[Split]
    ) -> BaselineScores | RegressorScores | LabelBaselineScores:
        """Fit and score the baselines of the task."""
        settings, progress = self.experiment.evaluation, self.progress
        if self.experiment.task == "labels":
            return judge_label_baselines(dataset, splits, settings=settings, progress=progress)
        if self.experiment.task == "value":
            return judge_regressors(dataset, splits, settings=settings, progress=progress)
        return judge_baselines(dataset, splits, settings=settings, progress=progress)

    def _judged(
        self,
        dataset: Dataset,
        splits: Sequence[Split],
        trained: Sequence[Trained],
        baselines: BaselineScores | RegressorScores | LabelBaselineScores,
        decision: Decision,
    ) -> Judged | JudgedValues | JudgedLabels:
        """Judge the test part and write its predictions."""
        settings = self.experiment.evaluation
        if isinstance(baselines, LabelBaselineScores):
            validation, test = pool(trained, splits, VALIDATION), pool(trained, splits, TEST)
            labels = judge_labels(
                dataset, splits, validation, test, settings=settings, baselines=baselines, strand=decision.strand
            )
            self._write_predictions(label_frame(dataset, splits, validation, test, labels))
            return labels
        if isinstance(baselines, RegressorScores):
            trained = in_units(trained)
            validation, test = pool(trained, splits, VALIDATION), pool(trained, splits, TEST)
            values = judge_values(
                dataset, splits, validation, test, settings=settings, regressors=baselines, strand=decision.strand
            )
            self._write_predictions(value_frame(dataset, splits, validation, test, values))
            return values
        validation, test = pool(trained, splits, VALIDATION), pool(trained, splits, TEST)
        judged = judge(
            dataset, splits, validation, test, settings=settings, baselines=baselines, strand=decision.strand,
            similarity=similarity_to_train(dataset, splits),
        )  # fmt: skip
        self._write_predictions(class_frame(dataset, splits, validation, test, judged))
        return judged

    def _write_costs(self, known: dict[str, Any], clock: _Clock, runtime: Runtime) -> None:
        """``environment.json`` with the seconds so far and the peak memory."""
        known["seconds"] = clock.seconds
        known["total_seconds"] = round(sum(clock.seconds.values()), 1)
        known["peak_memory"] = peak_memory(torch.device(runtime.device))
        write_json(self.folder.environment, known)

    def _explained(
        self,
        shown: ReportInputs,
        bundle: Bundle,
        dataset: Dataset,
        splits: Sequence[Split],
        make_model: MakeModel,
        known: dict[str, Matrix],
    ) -> ReportInputs:
        """The report with the motifs found in the test rows; the pages go into ``explanation/``."""
        from strandloom.predict import load as load_bundle
        from strandloom.run.explain import explain_test_rows
        from strandloom.run.explain_write import MOTIFS

        settings = self.experiment.explain
        assert settings is not None
        own = None if self.model is None else make_model(self.experiment.training.seed)
        predictor = load_bundle(bundle, device=self.device, threads=self.threads, model=own)
        written = explain_test_rows(
            predictor, dataset, splits, out=self.folder.explanation, settings=settings, known=known, command=self.command,
            say=self.progress.say,
        )  # fmt: skip
        return replace(shown, motifs=written.pages, motifs_page=f"{self.folder.explanation.name}/{MOTIFS}")

    def _before(self) -> dict[str, Any] | None:
        """``environment.json`` of the run that is resumed."""
        if not (self.resume and self.folder.environment.is_file()):
            return None
        found: dict[str, Any] = read_json(self.folder.environment)
        return found

    def _known_motifs(self) -> dict[str, Matrix]:
        """The motifs that found ones are named after, read before anything is trained."""
        asked = self.experiment.explain
        if asked is None or asked.motifs is None:
            return {}
        return read_motifs(motif_file(asked.motifs, resolve=self.resolve, where="explain.motifs"))

    def _runtime(self, make_model: MakeModel) -> Runtime:
        stored = (self._before() or {}).get("runtime")
        earlier = Runtime.from_json(stored) if stored else None
        weights = sum(x.numel() for x in make_model(0).parameters() if x.requires_grad)
        runtime = apply(
            choose_runtime(
                self.device,
                precision=self.experiment.training.precision,
                parameters=weights,
                threads=self.threads,
                earlier=earlier,
            )
        )
        for note in runtime.notes:
            self.progress.say(f"  {note}")
        return runtime

    def _decide(self, dataset: Dataset, split: Split, make_model: MakeModel, runtime: Runtime) -> Decision:
        """Strand and shift, decided once and kept: a resumed run reads what it had decided."""
        if self.resume and self.folder.decision.is_file():
            return Decision.from_json(read_json(self.folder.decision))
        assert dataset.target is not None
        train, validation, _ = split_arrays(dataset, split)
        settings = self.experiment.training
        found = decide(
            lambda: make_model(settings.seed),
            train,
            validation,
            settings=settings,
            task=task_head(self.experiment.task, train, outputs=dataset.target.num_outputs, settings=settings),
            strand=self.experiment.data.strand,
            device=runtime.device,
            precision=runtime.precision,
        )
        write_json(self.folder.decision, found.to_json())
        return found

    def _write_split(self, dataset: Dataset, splits: Sequence[Split]) -> None:
        names = np.array(PART_NAMES)
        frames = [
            pl.DataFrame(
                {
                    "id": dataset.ids,
                    "row": np.arange(len(dataset)),
                    "part": names[split.part],
                    "split": [split.name] * len(dataset),
                }
            )
            for split in splits
        ]
        with replacing(self.folder.split, text=False) as handle:
            pl.concat(frames).write_parquet(handle)

    def _write_predictions(self, frame: pl.DataFrame) -> None:
        with replacing(self.folder.predictions, text=False) as handle:
            frame.write_parquet(handle)
