"""What answers the rows of a bundle, by what it holds: networks, a taxonomy model, a source model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import Bundle, Manifest, kind_of, read_bundle
from strandloom.engines.settings import TORCH, batch_rows, run_packages
from strandloom.errors import UsageError
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.predict import Predictor, load
from strandloom.predict.answers import output_columns
from strandloom.serve.settings import ServeSettings

if TYPE_CHECKING:
    from strandloom.workflows.taxonomy.queries import FoundPlaces

AUTO = "auto"
Fault = tuple[str, str]
"""Code and message."""


class Rows(NamedTuple):
    """Sequences of one request as the model reads them."""

    ids: pl.Series
    codes: NDArray[np.uint8]
    """Of networks in the window, uint8 ``(N, L)``; of other models one sequence after the other, uint8 ``(T,)``."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``."""
    places: NDArray[np.float64] | None = None
    """Latitude and longitude, float64 ``(N, 2)``, NaN where unknown; None: the model reads none."""

    @property
    def size(self) -> int:
        """Rows, N."""
        return len(self.lengths)


class Answerer(Protocol):
    """Anything that answers rows."""

    kind: str
    """``network``, ``taxonomy`` or ``sources``."""
    covariates: tuple[str, ...]
    """What a row may have beside its sequence."""

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""

    @property
    def card(self) -> str:
        """The model card, Markdown."""

    @property
    def letters(self) -> LetterPolicy:
        """What is done about letters."""

    @property
    def engine(self) -> str:
        """What computes it."""

    @property
    def columns(self) -> list[str]:
        """What stands in the result of a row."""

    def faults(self, records: Records) -> dict[int, Fault]:
        """Which rows cannot be answered, and why."""

    def ready(self, records: Records) -> Rows:
        """Rows without faults as the model reads them."""

    def answer(self, jobs: Sequence[Rows]) -> list[list[str]]:
        """Requests to their answers: a line of JSON for each row, computed together."""

    def warm(self) -> None:
        """Do what makes the first answer slow."""


class NetworkAnswerer:
    """Networks of ``strandloom train``.

    Parameters
    ----------
    predictor
        The loaded bundle.
    """

    kind = "network"
    covariates: tuple[str, ...] = ()

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self.predictor.manifest

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self.predictor.bundle.card

    @property
    def letters(self) -> LetterPolicy:
        """What is done about letters, as in training."""
        return self.predictor.manifest.letters

    @property
    def engine(self) -> str:
        """What computes it."""
        return TORCH if self.predictor.engine is None else self.predictor.engine.name

    @property
    def columns(self) -> list[str]:
        """What stands in the result of a row."""
        return columns_of(self.predictor.manifest)

    def faults(self, records: Records) -> dict[int, Fault]:
        """Sequences that are longer than the window, where they are not cropped."""
        manifest = self.predictor.manifest
        if manifest.too_long != "error":
            return {}
        lengths = records.lengths
        takes = f"bases; the model takes {manifest.length:,}"
        return {
            i: ("too_long", f"{int(lengths[i]):,} {takes}") for i in np.flatnonzero(lengths > manifest.length).tolist()
        }

    def ready(self, records: Records) -> Rows:
        """Records in the window of the model."""
        codes, lengths = self.predictor.window.place(records)
        return Rows(records.ids, codes, lengths)

    def answer(self, jobs: Sequence[Rows]) -> list[list[str]]:
        """Requests to their answers."""
        codes = np.concatenate([job.codes for job in jobs])
        lengths = np.concatenate([job.lengths for job in jobs])
        scores = self.predictor.scores(codes, lengths, batch_size=pass_rows(self.predictor, len(codes)))
        return _lines(self.predictor.answer(_ids(jobs), scores), jobs)

    def warm(self) -> None:
        """A first pass."""
        length = self.predictor.manifest.length
        self.predictor.scores(np.zeros((1, length), np.uint8), np.full(1, length, np.int32))


class TaxonomyAnswerer:
    """A taxonomy model: the species of a sequence, given where it was sampled.

    Parameters
    ----------
    bundle
        The verified bundle.
    threads
        For the search.
    """

    kind = "taxonomy"

    def __init__(self, bundle: Bundle, *, threads: int | None) -> None:
        from strandloom.training.runtime import apply, choose_runtime
        from strandloom.workflows.taxonomy.assign_block import Assigner
        from strandloom.workflows.taxonomy.queries import QueryReader
        from strandloom.workflows.taxonomy.settings import AssignSettings
        from strandloom.workflows.taxonomy.store import load_model

        self.manifest, self.card = bundle.manifest, bundle.card
        runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
        model, threshold = load_model(bundle), bundle.manifest.abstain_threshold
        settings = AssignSettings() if threshold is None else AssignSettings(threshold=threshold)
        self.assigner = Assigner(model, settings, threads=runtime.threads)
        self.reader = QueryReader(model.match.reference)
        self.covariates: tuple[str, ...] = () if model.ranges is None else ("lat", "lon")

    @property
    def letters(self) -> LetterPolicy:
        """Gaps of an alignment are taken out."""
        return LetterPolicy(gap="remove")

    @property
    def engine(self) -> str:
        """What computes it."""
        return TORCH

    @cached_property
    def columns(self) -> list[str]:
        """What stands in the result of a row."""
        from strandloom.alphabet import DNA
        from strandloom.io.records import LetterCounts

        probe = Records(
            DNA.encode("A" * 50), np.array([0, 50]), pl.Series("id", ["probe"]), pl.DataFrame(), LetterCounts()
        )
        return self._frame([self.ready(probe)]).columns

    def faults(self, records: Records) -> dict[int, Fault]:
        """Rows whose place is none."""
        found = self._places(records)
        half = dict.fromkeys(found.half.tolist(), "a place needs latitude and longitude")
        return {row: ("wrong_place", message) for row, message in {**half, **found.faults}.items()}

    def ready(self, records: Records) -> Rows:
        """Sequences with their places."""
        found = self._places(records)
        return Rows(
            records.ids, records.codes, records.lengths.astype(np.int32), np.stack([found.lat, found.lon], axis=1)
        )

    def _places(self, records: Records) -> FoundPlaces:
        from strandloom.workflows.taxonomy.queries import places_of

        return places_of(records.columns if self.covariates else pl.DataFrame(), len(records))

    def _frame(self, jobs: Sequence[Rows]) -> pl.DataFrame:
        codes = np.concatenate([job.codes for job in jobs])
        lengths = np.concatenate([job.lengths for job in jobs]).astype(np.int64)
        places = np.concatenate([job.places for job in jobs if job.places is not None])
        queries = self.reader.prepare(
            _ids(jobs), codes, np.concatenate(([0], np.cumsum(lengths))), places[:, 0], places[:, 1]
        )
        return self.assigner.block(queries).assignments.drop("reads").with_columns(pl.col(pl.Float64).round(6))

    def answer(self, jobs: Sequence[Rows]) -> list[list[str]]:
        """Requests to their answers."""
        return _lines(self._frame(jobs), jobs)

    def warm(self) -> None:
        """A first search compiles its kernels."""
        _ = self.columns


class SourceAnswerer:
    """A source model: the environment of each read.

    Parameters
    ----------
    bundle
        The verified bundle, of tables or of tokens.
    threads
        For the answers.
    """

    kind = "sources"
    covariates: tuple[str, ...] = ()

    def __init__(self, bundle: Bundle, *, threads: int | None) -> None:
        from strandloom.training.runtime import apply, choose_runtime
        from strandloom.workflows.sources.settings import ReadSettings
        from strandloom.workflows.sources.store import load_model

        self.manifest, self.card, self.engine = bundle.manifest, bundle.card, TORCH
        self.runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
        self.loaded = load_model(bundle, threads=self.runtime.threads)
        self.settings = ReadSettings()

    @property
    def letters(self) -> LetterPolicy:
        """Gaps are taken out."""
        return LetterPolicy(gap="remove")

    @property
    def columns(self) -> list[str]:
        """What stands in the result of a row."""
        return ["id", "prediction", *(f"p_{x}" for x in self.loaded.model.environments), "p_unknown"]

    def faults(self, records: Records) -> dict[int, Fault]:
        """Reads that are too short, or have too few known bases side by side."""
        from strandloom.workflows.sources.reads import longest_known

        least = self.settings.min_length
        lengths, known = records.lengths, longest_known(records)
        found: dict[int, Fault] = {}
        for i in np.flatnonzero((lengths < least) | (known < min(least, 32))).tolist():
            found[i] = (
                ("too_short", f"{int(lengths[i]):,} bases; the model takes reads of {least} or more")
                if lengths[i] < least
                else ("unreadable_sequence", f"no {min(least, 32)} known bases stand side by side")
            )
        return found

    def ready(self, records: Records) -> Rows:
        """Reads one after the other."""
        return Rows(records.ids, records.codes, records.lengths.astype(np.int32))

    def answer(self, jobs: Sequence[Rows]) -> list[list[str]]:
        """Requests to their answers."""
        from strandloom.workflows.sources.estimate import read_frame
        from strandloom.workflows.sources.evidence import ReadBlock

        codes = np.concatenate([job.codes for job in jobs])
        lengths = np.concatenate([job.lengths for job in jobs]).astype(np.int64)
        block = ReadBlock.ragged(codes, np.concatenate(([0], np.cumsum(lengths))))
        answers = self.loaded.model.answer(block, threads=self.runtime.threads)
        frame = read_frame("", _ids(jobs), answers, self.loaded.model.environments).drop("sample")
        return _lines(frame.with_columns(pl.col(pl.Float32).cast(pl.Float64).round(6)), jobs)

    def warm(self) -> None:
        """A first answer compiles its kernels."""
        self.answer([Rows(pl.Series("id", ["1"]), np.zeros(80, np.uint8), np.full(1, 80, np.int32))])


def open_answerer(folder: Path, settings: ServeSettings) -> Answerer:
    """What answers the rows of a bundle.

    Raises
    ------
    BundleError
        The bundle cannot be read, or answers no rows.
    UsageError
        The engine that was asked for is not in it, or not installed.
    """
    bundle = read_bundle(folder)
    manifest, kind = bundle.manifest, kind_of(bundle.manifest)
    if kind == "taxonomy" or (kind == "sources" and manifest.model.kind == "custom"):
        if settings.engine not in (AUTO, TORCH):
            raise UsageError(
                f"a {kind} model has no engine but its own",
                where=str(folder),
                hint="leave --engine out, or serve it by itself",
            )
        made = TaxonomyAnswerer if kind == "taxonomy" else SourceAnswerer
        return made(bundle, threads=settings.threads)
    asked = engine_of(manifest) if settings.engine == AUTO else settings.engine
    return NetworkAnswerer(load(bundle if asked == TORCH else folder, engine=asked, threads=settings.threads))


def engine_of(manifest: Manifest) -> str:
    """The fastest engine of a bundle that this machine can run; torch where there is none."""
    able = [x for x in manifest.engines if all(find_spec(package) for package in run_packages(x.name))]
    best = max(able, key=lambda x: x.sequences_per_second, default=None)
    return TORCH if best is None or best.sequences_per_second <= best.fp32_sequences_per_second else best.name


def pass_rows(predictor: Predictor, rows: int) -> int | None:
    """Rows of a pass for so many: a pass is filled up, so that of few rows should be small; None: as by default.

    Engines are compiled for one size, and keep it.
    """
    size = 1 << max(rows - 1, 0).bit_length()
    return size if predictor.engine is None and size < batch_rows(predictor.manifest.length) else None


def columns_of(manifest: Manifest) -> list[str]:
    """What networks say of a row."""
    if manifest.task == "classes":
        return ["id", "prediction", *(f"p_{name}" for name in manifest.labels), "abstain"]
    if manifest.task == "labels":
        return ["id", *output_columns(manifest.labels), "labels"]
    ends = ["low", "high"] if manifest.value_interval is not None else []
    ends += ["sd"] if manifest.members > 1 else []
    ends += ["beyond"] if manifest.value_range else []
    each = output_columns(manifest.labels, ("low", "high", "sd", "beyond"))
    return ["id", *(column for name in each for column in (name, *(f"{name}_{end}" for end in ends)))]


def _ids(jobs: Sequence[Rows]) -> pl.Series:
    return pl.concat([job.ids.alias("id") for job in jobs])


def _lines(frame: pl.DataFrame, jobs: Sequence[Rows]) -> list[list[str]]:
    """A frame of answers as lines of JSON, shared out to the requests."""
    lines = frame.write_ndjson().splitlines() if frame.height else []
    ends = np.cumsum([job.size for job in jobs]).tolist()
    return [lines[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
