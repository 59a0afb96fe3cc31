"""Estimate samples: read files in, compositions with intervals out; a fault in a file costs only what comes after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.engines.settings import TORCH
from strandloom.errors import InputError
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter
from strandloom.run.output_folder import new_folder
from strandloom.training.runtime import apply, choose_runtime
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.collection import UNKNOWN
from strandloom.workflows.sources.composition import METHODS, Composition, estimate
from strandloom.workflows.sources.model import Answers, ReadModel
from strandloom.workflows.sources.practice import NOTHING
from strandloom.workflows.sources.reads import Prepared, ReadFacts, SampleFiles, expected_reads, prepared, sample_files
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings
from strandloom.workflows.sources.store import load_model

FACTS = "estimate.json"
FORMAT = 1
WHAT = "an estimate of strandloom sources"
LEAST_MISFIT = 0.1
"""Nats a read below which a sample is not called odd, however well practice fits."""
Say = Callable[[str], None]
Hear = Callable[[int, float, int], None]
"""Told the reads done, how many a second, and about how many there are (0: not known)."""


class SampleResult(NamedTuple):
    """What is said of a sample, and of its reads."""

    sample: str
    composition: Composition
    facts: ReadFacts
    fault: InputError | None
    """What stopped the reading of its files; the composition is of the reads before."""


@dataclass(frozen=True, eq=False)
class Estimated:
    """What was done."""

    folder: Path
    environments: tuple[str, ...]
    samples: list[SampleResult]
    seconds: float

    @property
    def reads(self) -> int:
        """Reads met, all samples together."""
        return sum(x.facts.reads for x in self.samples)

    @property
    def fault(self) -> InputError | None:
        """The first fault of a file."""
        return next((x.fault for x in self.samples if x.fault is not None), None)

    def lines(self) -> list[str]:
        """A line a sample."""
        found = []
        for sample in self.samples:
            shares = sample.composition.shares[METHODS[0]]
            if not sample.composition.reads:
                found.append(f"{sample.sample}: no read can be used")
                continue
            order = np.argsort(-shares.value[:-1])
            words = [_share(self.environments[i], shares.value[i], shares.low[i], shares.high[i]) for i in order]
            words.append(_share(UNKNOWN, shares.value[-1], shares.low[-1], shares.high[-1]))
            found.append(f"{sample.sample}: {', '.join(words)}")
        return found


def _share(name: str, value: float, low: float, high: float) -> str:
    return f"{name} {value:.0%} ({low:.0%} to {high:.0%})"


def estimate_files(
    bundle: str | Path,
    inputs: Sequence[str | Path],
    *,
    out: str | Path,
    per_read: bool = False,
    settings: EstimateSettings | None = None,
    reads: ReadSettings | None = None,
    engine: str = TORCH,
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
    hear: Hear | None = None,
) -> Estimated:
    """Estimate the composition of samples.

    Parameters
    ----------
    bundle
        A source model.
    inputs
        Read files or tables; see :func:`~strandloom.workflows.sources.reads.sample_files`.
    out
        Folder for ``composition.tsv``, ``samples.tsv``, ``estimate.json`` and ``report.html`` (docs/sources.md); it must not exist,
        unless ``force``.
    engine
        What computes a published network: ``torch``, or an engine that ``strandloom export`` put into its bundle.
    per_read
        Write ``reads.parquet`` too: ``sample, id, prediction, p_<source>…, p_unknown``.

    Raises
    ------
    BundleError
        The bundle is no source model.
    InputError
        A file is missing. Of files that turn out to be damaged, :attr:`Estimated.fault` tells: what came before is estimated.
    OutputError
        The folder exists already, or cannot be written.
    """
    from strandloom.workflows.sources.estimate_report import estimate_page

    started = time.perf_counter()
    files = sample_files(inputs)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    loaded = load_model(bundle, engine=engine, threads=runtime.threads)
    settings, reads = settings or EstimateSettings(), reads or ReadSettings()
    environments = loaded.model.environments
    results: list[SampleResult] = []
    done = 0
    expected = [0] if hear is None else [expected_reads(x) for x in files]
    total = sum(expected) if all(expected) else 0
    begun = time.perf_counter()
    with new_folder(out, mark=FACTS, what=WHAT, force=force) as folder, ExitStack() as stack:
        writer = stack.enter_context(TableWriter(folder / "reads.parquet")) if per_read else None
        if writer is not None:
            writer.write(_no_reads(environments))
        for sample in files:
            before = done

            def told(count: int, before: int = before) -> None:
                if hear is not None:
                    hear(before + count, (before + count) / (time.perf_counter() - begun), total)

            result = estimate_sample(
                sample, loaded.model, loaded.calibration, settings=settings, reads=reads, threads=runtime.threads,
                writer=writer, told=told,
            )  # fmt: skip
            results.append(result)
            done += result.facts.reads
            _compare_length(result.facts, loaded.facts)
            for line in result.facts.lines():
                say(f"{sample.sample}: {line}")
            for words in warnings_of(result, few=settings.few):
                say(f"careful: {sample.sample}: {words}")
        if not any(x.composition.reads for x in results):
            raise _nothing(results)
        stack.close()
        found = Estimated(Path(out), environments, results, time.perf_counter() - started)
        write_tables(folder, found)
        write_json(
            folder / FACTS,
            {
                "format": FORMAT,
                "strandloom": VERSION,
                "command": command,
                "bundle": str(bundle),
                "environments": environments,
                "settings": settings.model_dump(),
                "reads": reads.model_dump(),
                "samples": [_sample_facts(x) for x in results],
                "seconds": found.seconds,
                "training": {key: loaded.facts.get(key) for key in ("collection", "held_out")},
            },
        )
        (folder / "report.html").write_text(
            estimate_page(found, loaded, level=settings.level, command=command, per_read=per_read), encoding="utf-8"
        )
    return found


def _compare_length(facts: ReadFacts, trained: dict[str, Any]) -> None:
    """Note where reads are much longer or shorter than those that the profiles were measured on."""
    length = (trained.get("reads") or {}).get("length")
    mean = facts.bases / facts.kept if facts.kept else None
    if length and mean and not 0.75 <= mean / length <= 1.33:
        facts.notes.append(
            f"the reads have {mean:.0f} bases on average, the model was trained for {length}: train with --length {mean:.0f}"
        )


def _nothing(results: list[SampleResult]) -> InputError:
    fault = next((x.fault for x in results if x.fault is not None), None)
    if fault is not None:
        return fault
    first = results[0]
    why = "; ".join(first.facts.lines()) or "there is no read in it"
    return InputError(f"no read can be used: {why}", where=first.sample, hint="see --min-length, and check the files")


def estimate_sample(
    sample: SampleFiles,
    model: ReadModel,
    calibration: Calibration,
    *,
    settings: EstimateSettings,
    reads: ReadSettings,
    threads: int = 1,
    writer: TableWriter | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> SampleResult:
    """Answer the reads of a sample, block by block, and estimate its composition; memory is flat in their number."""
    facts = ReadFacts()
    environments = len(model.environments)
    binned = np.zeros(len(calibration.bins), np.int64)
    answered = np.zeros(environments, np.int64)
    fault: InputError | None = None
    held: tuple[Prepared, Answers] | None = None
    try:
        for block in prepared(sample, reads, facts):
            answers = model.answer(block.reads, threads=threads)
            binned += calibration.bins.count(answers.points())
            answered += np.bincount(answers.log_posterior.argmax(1), minlength=environments)
            if writer is not None:
                if sample.second is None:
                    writer.write(read_frame(sample.sample, block.ids, answers, model.environments))
                elif held is None:
                    held = (block, answers)
                else:
                    writer.write(_pair_frame(sample.sample, held, (block, answers), model.environments))
                    held = None
            told(facts.reads)
    except InputError as error:
        fault = error
    composition = estimate(binned, answered, calibration, settings=settings, pairs=sample.second is not None)
    return SampleResult(sample.sample, composition, facts, fault)


def read_frame(sample: str, ids: pl.Series, answers: Answers, environments: tuple[str, ...]) -> pl.DataFrame:
    """Answers as they are written: ``sample, id, prediction, p_<source>…, p_unknown``.

    ``p_unknown`` is the probability that a read meets nothing, the others share the rest; the prediction is the likeliest environment.
    """
    unknown = np.exp(answers.log_regime[:, NOTHING])
    shares = np.exp(answers.log_posterior) * (1 - unknown)[:, None]
    names = pl.Series("prediction", list(environments), dtype=pl.String)
    return pl.DataFrame(
        [
            pl.Series("sample", [sample], dtype=pl.String).new_from_index(0, len(ids)),
            ids.alias("id"),
            names.gather(shares.argmax(1)).alias("prediction"),
            *(pl.Series(f"p_{name}", shares[:, e]).cast(pl.Float32) for e, name in enumerate(environments)),
            pl.Series(f"p_{UNKNOWN}", unknown).cast(pl.Float32),
        ]
    )


def _pair_frame(
    sample: str, first: tuple[Prepared, Answers], second: tuple[Prepared, Answers], environments: tuple[str, ...]
) -> pl.DataFrame:
    """Pairs: the mean of both mates' probabilities, where both could be answered."""
    frames = [read_frame(sample, block.ids, answers, environments) for block, answers in (first, second)]
    both = pl.concat(frames).group_by("id", maintain_order=True)
    values = [f"p_{name}" for name in (*environments, UNKNOWN)]
    found = both.agg(pl.first("sample"), *(pl.mean(x) for x in values))
    best = found.select(pl.concat_list(values[:-1]).list.arg_max()).to_series()
    names = pl.Series("prediction", list(environments), dtype=pl.String)
    return found.select(
        "sample", "id", names.gather(best).alias("prediction"), *(pl.col(x).cast(pl.Float32) for x in values)
    )


def _no_reads(environments: tuple[str, ...]) -> pl.DataFrame:
    nothing = Answers(np.zeros((0, len(environments)), np.float32), np.zeros((0, 4), np.float32))
    return read_frame("", pl.Series("id", [], dtype=pl.String), nothing, environments)


def composition_rows(found: Estimated) -> Iterator[dict[str, Any]]:
    """Rows of ``composition.tsv``: the default method first, then the others for comparison."""
    sources = (*found.environments, UNKNOWN)
    for method in METHODS:
        for sample in found.samples:
            shares = sample.composition.shares[method]
            for k, source in enumerate(sources):
                yield {
                    "sample": sample.sample,
                    "source": source,
                    "proportion": _number(shares.value, k),
                    "low": _number(shares.low, k),
                    "high": _number(shares.high, k),
                    "method": method,
                }


def _number(values: NDArray[np.float64], k: int) -> float | None:
    return None if np.isnan(values[k]) else round(float(values[k]), 6)


def write_tables(folder: Path, found: Estimated) -> None:
    """``composition.tsv`` (and Parquet and NDJSON) and ``samples.tsv``."""
    schema = {
        "sample": pl.String,
        "source": pl.String,
        "proportion": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "method": pl.String,
    }
    frame = pl.DataFrame(list(composition_rows(found)), schema=schema)
    for suffix in ("tsv", "parquet", "ndjson"):
        with TableWriter(folder / f"composition.{suffix}") as writer:
            writer.write(frame)
    with TableWriter(folder / "samples.tsv") as writer:
        frame = pl.DataFrame([_sample_facts(x) for x in found.samples], infer_schema_length=None)
        writer.write(frame.with_columns(pl.col("warning").cast(pl.String)))


def _sample_facts(found: SampleResult) -> dict[str, Any]:
    facts, made = found.facts, found.composition
    return {
        "sample": found.sample, "reads": facts.reads, "used": facts.kept, "too_short": facts.short, "ambiguous": facts.ambiguous,
        "adapters_cut": facts.adapters, "quality_cut": facts.low_quality, "bases": facts.bases,
        "misfit": round(made.misfit, 5), "odd": round(made.odd, 3), "warning": "; ".join(warnings_of(found)) or None,
    }  # fmt: skip


def warnings_of(found: SampleResult, *, few: int = EstimateSettings().few) -> list[str]:
    """What a reader should know of a sample's estimate."""
    made, told = found.composition, []
    if found.fault is not None:
        read = found.facts.reads
        told.append(
            f"reading stopped after {plural(read, 'read')}: {found.fault.message}" if read else found.fault.message
        )
    if not made.reads and found.fault is None:
        told.append("no read can be used")
    elif 0 < made.reads < few:
        told.append(f"only {plural(made.reads, 'read')}: the intervals are wide")
    if made.reads >= few and made.odd >= 1 and made.misfit > LEAST_MISFIT:
        told.append("the sample resembles no training environment: its reads are answered as those of no known mixture")
    if found.facts.adapter_share and not found.facts.adapters:
        told.append(f"{found.facts.adapter_share:.1%} of its first reads carry an adapter that was not cut off")
    return told
