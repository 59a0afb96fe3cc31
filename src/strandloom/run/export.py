"""A bundle gets engines: each is made, measured beside torch fp32 on validation rows, and kept only if it answers as well."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import EngineName, Manifest, StoredEngine, store_engines
from strandloom.data.dataset import Dataset
from strandloom.data.load import load as load_data
from strandloom.data.settings import DataSettings
from strandloom.data.window import WindowSettings
from strandloom.engines.catalog import make_files, open_engine, stored_path, torch_threads
from strandloom.engines.settings import (
    CALIBRATION_ROWS,
    ENGINES,
    LARGEST_DROP,
    METRICS,
    TORCH,
    VALIDATION_ROWS,
    batch_rows,
    library,
    make_packages,
    require,
    versions,
)
from strandloom.engines.source import Source
from strandloom.errors import InputError, SettingsError, StrandloomError
from strandloom.evaluation.metrics import ClassScorer, LabelScorer, Scorer, ValueScorer
from strandloom.experiment import read_experiment
from strandloom.io.plain import read_json
from strandloom.io.read import column_names
from strandloom.io.write import sha256
from strandloom.predict import Predictor, load
from strandloom.run.folder import RunFolder
from strandloom.training.infer import logits
from strandloom.training.onehot import reverse_complement

if TYPE_CHECKING:
    from torch import nn

ROUNDS = 5
"""Times that each of two speeds is taken, in turn; the medians count."""
SECONDS = 0.4
"""Least length of a round."""
BATCH_CHECKS, BATCH_CHECK_ROWS = (1, 8), 32
"""Other batch sizes that an engine must give the same scores with, on so many rows."""
LARGEST_CHANGE = 0.25
"""By how much they may differ at most, in standard deviations of the scores: ranges of 8-bit numbers may be those of a batch."""
SEED = 1
OTHER_ROWS = "name labelled rows with --rows TABLE"
CALIBRATED: tuple[EngineName, ...] = ("onnx-int8", "openvino-int8")
"""Engines whose ranges come from calibration rows."""


@dataclass(frozen=True, eq=False)
class ExportRows:
    """Rows that engines are made and judged with.

    Parameters
    ----------
    calibration
        Rows that the networks may have learnt from.
    validation
        Rows they did not learn from, with labels; none of the former is among them.
    origin
        Where the rows come from, in words.
    """

    calibration: Dataset
    validation: Dataset
    origin: str


@dataclass(frozen=True)
class Outcome:
    """What became of an engine: measured and kept, or why not.

    Parameters
    ----------
    name
        The engine.
    stored
        Its measurements; None where it could not be made.
    refused
        Why it is not in the bundle; empty where it is.
    """

    name: EngineName
    stored: StoredEngine | None
    refused: str = ""

    def line(self) -> str:
        """The outcome in words."""
        if self.stored is None:
            return f"{self.name}: left out: {self.refused}"
        it = self.stored
        figures = [
            f"{it.sequences_per_second:,.0f} sequences/s (torch fp32 {it.fp32_sequences_per_second:,.0f}, "
            f"×{it.sequences_per_second / it.fp32_sequences_per_second:.2f})",
            f"largest difference of a raw score {it.logit_difference:.3g}",
            *(f"{name} {value:.4f} (fp32 {it.fp32_metrics[name]:.4f})" for name, value in it.metrics.items()),
        ]
        verdict = f"refused, {self.refused}" if self.refused else "kept"
        return f"{self.name}: {verdict}: {', '.join(figures)} on {it.validation_rows:,} rows"


def export_engines(
    bundle: str | Path,
    names: Sequence[EngineName],
    *,
    rows: str | Path | None = None,
    sequence: str | None = None,
    target: str | None = None,
    resolve: Callable[[str], Path] = Path,
    batch_size: int | None = None,
    threads: int | None = None,
    model: nn.Module | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Make engines, measure them and put those into the bundle that pass the rule of ``LARGEST_DROP``.

    An engine of the same name that the bundle held is replaced, or taken out where the new one is refused.

    Parameters
    ----------
    bundle
        The bundle folder.
    names
        Which engines.
    rows
        A labelled table that the networks did not learn from: up to ``CALIBRATION_ROWS`` rows drawn from it (half at most) calibrate,
        the others validate. None: the train and validation rows of the run that holds the bundle, of its first split.
    sequence, target
        Columns of ``rows``, where they are not named as in training.
    resolve
        Turns a path written in the run's experiment into one that can be opened. Where it finds none, or another file than the run
        was trained on, the place that the run noted is looked at.
    batch_size
        Sequences per pass; None: :func:`strandloom.engines.settings.batch_rows` of the model's length.
    threads
        Threads on the CPU; None: one a physical core.
    model
        For a bundle trained from your own ``nn.Module``: a module of the same shape.
    say
        Told each outcome when it is there.

    Raises
    ------
    UsageError
        A package is not installed.
    InputError
        There are no rows, or they are not those of the run any more.
    BundleError
        The bundle is damaged or too new.
    OutputError
        The bundle cannot be written.
    """
    for name in names:
        require(make_packages(name), engine=name)
    told = say or (lambda _: None)
    folder = Path(bundle)
    plain = load(folder, device="cpu", threads=threads, model=model)
    found = (
        _run_rows(folder, plain.manifest, resolve)
        if rows is None
        else _table_rows(rows, plain, sequence=sequence, target=target)
    )
    told(f"calibrating on {len(found.calibration):,} rows, comparing on {len(found.validation):,}: {found.origin}")
    judge = _Judge(plain, found, batch_size or batch_rows(plain.manifest.length))
    outcomes: list[Outcome] = []
    kept: list[tuple[StoredEngine, dict[str, bytes]]] = []
    for name in names:
        outcome, files = judge.outcome(name)
        outcomes.append(outcome)
        if outcome.stored is not None and not outcome.refused:
            kept.append((outcome.stored, files))
        told(outcome.line())
    store_engines(folder, kept, dropped=[x.name for x in outcomes if x.refused])
    return outcomes


class _Judge:
    """The bundle in fp32 on the validation rows, and what engines are compared with it by."""

    def __init__(self, plain: Predictor, rows: ExportRows, batch_size: int) -> None:
        self.plain, self.batch_size = plain, batch_size
        self.rows = rows.validation
        self.sources = [Source(module, _as_met(rows.calibration, plain.manifest)) for module in plain.modules]
        self.codes = np.asarray(rows.validation.codes)
        scores = plain.scores(self.codes, rows.validation.lengths)
        self.network, self.metrics = scores.network, self._metrics(scores.blended)

    def outcome(self, name: EngineName) -> tuple[Outcome, dict[str, bytes]]:
        """One engine, with its files by path inside the bundle."""
        with torch_threads(name, self.plain.runtime.threads):
            return self._outcome(name)

    def _outcome(self, name: EngineName) -> tuple[Outcome, dict[str, bytes]]:
        threads = self.plain.runtime.threads
        try:
            made = [make_files(name, source) for source in self.sources]
            modules = [
                open_engine(name, files, network=source.network, threads=threads)
                for files, source in zip(made, self.sources, strict=True)
            ]
            engine = Predictor(self.plain.bundle, modules, self.plain.runtime)
            scores = engine.scores(self.codes, self.rows.lengths, batch_size=self.batch_size)
            finite = bool(np.isfinite(scores.network).all())
            varies = self._change_with_batch_size(engine, scores.network) if finite else 0.0
        except StrandloomError:
            raise
        except Exception as error:  # the libraries raise what they like for a network that they cannot express
            words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            return Outcome(name, None, f"it cannot be made of this network ({type(error).__name__}: {words[:200]})"), {}
        if not finite:
            return Outcome(name, None, "its scores are not finite"), {}
        if not varies <= LARGEST_CHANGE:
            return Outcome(
                name, None, f"its scores change with the batch size, by up to {varies:.2f} standard deviations"
            ), {}
        metrics = self._metrics(scores.blended)
        speed, fp32_speed = self._speeds(name, modules[0])
        stored = StoredEngine(
            name=name,
            batch_size=self.batch_size,
            threads=threads,
            sequences_per_second=round(speed, 1),
            fp32_sequences_per_second=round(fp32_speed, 1),
            calibration_rows=len(self.sources[0].calibration) if name in CALIBRATED else 0,
            validation_rows=len(self.rows),
            logit_difference=float(np.abs(scores.network - self.network).max()),
            metrics=metrics,
            fp32_metrics=self.metrics,
            versions=versions((TORCH, *make_packages(name))),
        )
        contents = {
            stored_path(name, member, suffix): data
            for member, files in enumerate(made)
            for suffix, data in files.items()
        }
        return Outcome(name, stored, _fault(metrics, self.metrics)), contents

    def _change_with_batch_size(self, engine: Predictor, scores: NDArray[np.float32]) -> float:
        """Largest change of a raw score, float32 ``(N, K)``, in other batches, in standard deviations of the scores in fp32.

        There is a quick kernel for each size, and one may be wrong where the one that was measured is right.
        """
        few = slice(0, BATCH_CHECK_ROWS)
        found = [
            engine.scores(self.codes[few], self.rows.lengths[few], batch_size=size).network for size in BATCH_CHECKS
        ]
        return float(max(np.abs(x - scores[few]).max() for x in found) / max(float(self.network.std()), 1e-6))

    def _metrics(self, scores: NDArray[np.float64]) -> dict[str, float]:
        """Metrics of what is answered, those that the rule looks at; one that these rows do not define is left out."""
        assert self.rows.target is not None
        scorer: Scorer
        if self.plain.manifest.task == "labels":
            scorer = LabelScorer(
                self.plain.label_probabilities(scores), self.rows.target.values, thresholds=self.plain.label_thresholds
            )
        elif self.plain.manifest.task == "value":
            scorer = ValueScorer(scores, self.rows.target.values.astype(np.float64))
        else:
            answers = self.plain.decision.apply(scores)
            scorer = ClassScorer(
                answers.probabilities, self.rows.target.values.astype(np.int64), predicted=answers.predicted
            )
        values = scorer.score(np.ones((len(self.rows), 1)))[0, :, 0]  # (M,)
        named = {name: float(value) for name, value in zip(scorer.metrics, values, strict=True) if name in METRICS}
        return {name: value for name, value in named.items() if np.isfinite(value)}

    def _speeds(self, name: EngineName, module: nn.Module) -> tuple[float, float]:
        """Sequences a second of an engine and of torch fp32, taken in turn on the same rows."""
        few = self.codes[np.arange(4 * self.batch_size) % len(self.codes)]
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS + 1):  # the first warms up
            for engine, network, into in ((name, module, taken[0]), (None, self.plain.modules[0], taken[1])):
                with torch_threads(engine, self.plain.runtime.threads):
                    done, started = 0, time.perf_counter()
                    while time.perf_counter() - started < (SECONDS if number else 0) or not done:
                        logits(network, few, batch_size=self.batch_size)
                        done += len(few)
                    into.append(done / (time.perf_counter() - started))
        return statistics.median(taken[0][1:]), statistics.median(taken[1][1:])


def _fault(metrics: dict[str, float], fp32: dict[str, float]) -> str:
    """Which metrics fall too far, in words; empty where none does."""
    drops = {name: value - metrics.get(name, float("-inf")) for name, value in fp32.items()}
    lost = [f"{name} falls by {drop:.4f}" for name, drop in drops.items() if not drop < LARGEST_DROP]
    return f"{' and '.join(lost)} (less than {LARGEST_DROP} is allowed)" if lost else ""


def _as_met(rows: Dataset, manifest: Manifest) -> NDArray[np.uint8]:
    """Calibration rows as the networks meet them: under ``strand: both`` with their reverse complements."""
    import torch

    codes = np.asarray(rows.codes)
    if manifest.strand == "one":
        return codes
    turned = reverse_complement(torch.from_numpy(codes.copy()), torch.from_numpy(rows.lengths.copy()), manifest.anchor)
    return np.concatenate([codes, turned.numpy()])


def _table_rows(table: str | Path, plain: Predictor, *, sequence: str | None, target: str | None) -> ExportRows:
    """A table's rows, shuffled and parted."""
    manifest = plain.manifest
    named = manifest.sequence if manifest.sequence in column_names(table) else None
    data = DataSettings(
        table=str(table),
        sequence=sequence or named,
        target=target or (manifest.target if len(manifest.target) > 1 else manifest.target[0]),
        letters=manifest.letters,
        window=WindowSettings(length=manifest.length, anchor=manifest.anchor, too_long=manifest.too_long),
    )
    dataset = load_data(data, task=manifest.task, names=manifest.labels, window=plain.window)
    if len(dataset) < 2:
        raise InputError("engines need two labelled rows at least: to calibrate and to compare", where=table)
    order = np.random.default_rng(SEED).permutation(len(dataset))
    cut = min(CALIBRATION_ROWS, len(order) // 2)
    return ExportRows(
        dataset.take(np.sort(order[:cut])),
        dataset.take(np.sort(order[cut:][:VALIDATION_ROWS])),
        f"drawn from {table}, shuffled",
    )


def _run_rows(bundle: Path, manifest: Manifest, resolve: Callable[[str], Path]) -> ExportRows:
    """Train and validation rows of the run around a bundle, after checking that its data is what it was."""
    run = RunFolder(bundle.resolve().parent)
    if not (run.experiment.is_file() and run.split.is_file() and run.environment.is_file()):
        raise InputError(
            "no finished run stands around the bundle, so there are no rows", where=bundle, hint=OTHER_ROWS
        )
    experiment = read_experiment(run.experiment)
    files = {one["path"]: _file(one, resolve, run) for one in read_json(run.environment)["inputs"]}
    dataset = load_data(
        experiment.data,
        task=manifest.task,
        names=manifest.labels,
        resolve=files.__getitem__,
        cache=run.path / "store",
    )
    split = pl.read_parquet(run.split)
    split = split.filter(pl.col("split") == split["split"][0])
    if len(split) != len(dataset) or dataset.length != manifest.length:
        raise InputError("the run's split does not fit its data", where=run.split, hint=OTHER_ROWS)
    parts = {
        part: split.filter(pl.col("part") == part)["row"].to_numpy().astype(np.int64)
        for part in ("train", "validation")
    }
    if not all(map(len, parts.values())):
        raise InputError("the run has no validation rows", where=run.split, hint=OTHER_ROWS)
    return ExportRows(
        dataset.take(_drawn(parts["train"], CALIBRATION_ROWS)),
        dataset.take(_drawn(parts["validation"], VALIDATION_ROWS)),
        f"train and validation rows of the run {run.path}, read from {' and '.join(map(str, files.values()))}",
    )


def _file(noted: Mapping[str, Any], resolve: Callable[[str], Path], run: RunFolder) -> Path:
    """An input file of a run, an entry of ``inputs`` in its ``environment.json``, wherever it is what it was."""
    places: list[Path] = []
    with suppress(SettingsError):  # it is not where the experiment has it
        places.append(resolve(noted["path"]))
    if "resolved" in noted:  # older runs do not say it
        places.append(Path(noted["resolved"]))
    there = [place for place in places if place.is_file()]
    for place in there:
        if sha256(place) == noted["sha256"]:
            return place
    if there:
        raise InputError("the run's data was changed since it was trained", where=there[0], hint=OTHER_ROWS)
    looked = f" (looked for {' and '.join(map(str, places))})" if places else ""
    raise InputError(
        f"the run's data is not there: {noted['path']}{looked}",
        where=run.path,
        hint=OTHER_ROWS,
    )


def _drawn(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the rows, drawn once and for all, rising."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, most, replace=False))


def engine_names(*, onnx: bool, openvino: bool) -> list[EngineName]:
    """The engines to make: torch in bfloat16 always, for it needs nothing."""
    wanted = {TORCH: True, "onnx": onnx, "openvino": openvino}
    return [name for name in ENGINES if wanted[library(name)]]
