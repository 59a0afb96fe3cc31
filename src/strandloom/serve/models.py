"""Models by name: loaded once, asked in batches, taken anew when their bundle changes."""

from __future__ import annotations

import hashlib
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import MANIFEST, Manifest
from strandloom.engines.settings import TORCH, batch_rows, run_packages
from strandloom.errors import BundleError, StrandloomError, UsageError
from strandloom.io.records import Records
from strandloom.predict import Predictor, load
from strandloom.predict.answers import output_columns
from strandloom.serve.batching import Batcher
from strandloom.serve.metrics import Metrics
from strandloom.serve.problems import Problem
from strandloom.serve.settings import ServeSettings

AUTO = "auto"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Rows(NamedTuple):
    """Sequences of one request in the window of a model."""

    ids: pl.Series
    codes: NDArray[np.uint8]
    """uint8 ``(N, L)``."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``."""


@dataclass(frozen=True)
class Source:
    """A bundle to serve, and what it is called."""

    name: str
    folder: Path


def sources_of(words: Sequence[str | Path]) -> tuple[Source, ...]:
    """``RUN/bundle`` is called after its run, another folder by its own name, ``NAME=FOLDER`` as it says.

    Raises
    ------
    UsageError
        Two have the same name, or it is none for an address.
    """
    found: dict[str, Source] = {}
    for word in map(str, words):
        given, _, folder = word.rpartition("=") if "=" in word and not Path(word).is_dir() else ("", "", word)
        path = Path(folder)
        if not (path / MANIFEST).is_file() and (path / "bundle" / MANIFEST).is_file():
            path = path / "bundle"
        absolute = path.absolute()
        name = given or (absolute.parent.name if absolute.name == "bundle" else absolute.name)
        name = name if given else re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:64]
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name}' is no name for an address", where=word, hint="up to 64 of A-Z a-z 0-9 . _ -: NAME=FOLDER"
            )
        if name in found:
            raise UsageError(f"two models are called '{name}'", where=word, hint=f"name one yourself: OTHER={folder}")
        found[name] = Source(name, path)
    if not found:
        raise UsageError("no bundle to serve", hint="strandloom serve RUN/bundle")
    return tuple(found.values())


def digest_of(folder: Path) -> str:
    """SHA-256 of the manifest, which holds those of every other file.

    Raises
    ------
    BundleError
        There is none.
    """
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(
            f"no bundle here: {error.strerror or error}", where=folder, hint="name a folder that holds bundle.json"
        ) from None


def engine_of(manifest: Manifest) -> str:
    """The fastest engine of a bundle that this machine can run; torch where there is none."""
    able = [x for x in manifest.engines if all(find_spec(package) for package in run_packages(x.name))]
    best = max(able, key=lambda x: x.sequences_per_second, default=None)
    return TORCH if best is None or best.sequences_per_second <= best.fp32_sequences_per_second else best.name


@dataclass(eq=False)
class Loaded:
    """A bundle as it was read, with the queue in front of it: what one request is answered by, whatever is loaded meanwhile.

    Parameters
    ----------
    name
        Of the model.
    predictor
        The model.
    digest
        SHA-256 of its manifest.
    batcher
        The queue; it ends when nobody holds this any more.
    """

    name: str
    predictor: Predictor
    digest: str
    batcher: Batcher[Rows, list[str]]

    def __post_init__(self) -> None:
        weakref.finalize(self, self.batcher.retire)

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self.predictor.manifest

    def place(self, records: Records) -> Rows:
        """Records in the window of the model; longer ones have been refused before where it does not crop."""
        codes, lengths = self.predictor.window.place(records)
        return Rows(records.ids, codes, lengths)

    def too_long(self, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which sequences of ``lengths (N,)`` the model does not take, bool ``(N,)``."""
        return (lengths > self.manifest.length) & (self.manifest.too_long == "error")


class ServedModel:
    """One model of the service.

    Parameters
    ----------
    source
        Its name and bundle.
    settings, metrics
        Of the service.

    Raises
    ------
    BundleError
        The bundle cannot be read, or is asked by a command of its own.
    """

    def __init__(self, source: Source, settings: ServeSettings, metrics: Metrics) -> None:
        self.name, self.folder = source.name, source.folder
        self._settings, self._metrics = settings, metrics
        self._explaining: tuple[str, Predictor] | None = None
        self._lock = threading.Lock()
        self.reload_error: str | None = None
        self._stamp = self._stamped()
        self._loaded = self._load()

    @property
    def predictor(self) -> Predictor:
        """The model as it is asked now."""
        return self._loaded.predictor

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self._loaded.predictor.manifest

    @property
    def digest(self) -> str:
        """SHA-256 of its manifest."""
        return self._loaded.digest

    @property
    def waiting(self) -> int:
        """Rows in its queue."""
        return self._loaded.batcher.waiting

    def current(self) -> Loaded:
        """What answers now; a request holds on to it to its end."""
        return self._loaded

    def explaining(self) -> Predictor:
        """The model computed by torch, which explanations need."""
        with self._lock:
            loaded = self._loaded
            if loaded.predictor.engine is None:
                return loaded.predictor
            if self._explaining is None or self._explaining[0] != loaded.digest:
                predictor = load(loaded.predictor.bundle, device="cpu", threads=self._settings.threads)
                self._explaining = (loaded.digest, predictor)
            return self._explaining[1]

    def describe(self) -> dict[str, Any]:
        """What a caller needs to know to ask it."""
        manifest, engine = self.manifest, self.predictor.engine
        return {
            "name": self.name,
            "experiment": manifest.name,
            "task": manifest.task,
            "target": list(manifest.target),
            "outputs": list(manifest.labels),
            "columns": columns_of(manifest),
            "length": manifest.length,
            "anchor": manifest.anchor,
            "too_long": manifest.too_long,
            "strand": manifest.strand,
            "networks": manifest.members,
            "engine": TORCH if engine is None else engine.name,
            "digest": self.digest,
            "strandloom": manifest.strandloom,
        }

    def card(self) -> str:
        """The model card, Markdown."""
        return self.predictor.bundle.card

    def reload(self) -> bool:
        """Take the bundle anew if it has changed; a broken one changes nothing but what ``readyz`` says.

        Returns
        -------
        bool
            Whether another model answers now.
        """
        stamp = self._stamped()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            if digest_of(self.folder) == self.digest:
                self.reload_error = None
                return False
            fresh = self._load()
        except Exception as error:  # whatever is wrong with the new one, the old one goes on
            self.reload_error = error.message if isinstance(error, StrandloomError) else type(error).__name__
            self._metrics.reloads.labels(self.name, "failed").inc()
            return False
        self._loaded, self.reload_error = fresh, None
        self._metrics.reloads.labels(self.name, "done").inc()
        return True

    def close(self) -> None:
        """Answer what waits, then stop."""
        self._loaded.batcher.close()

    def _stamped(self) -> tuple[int, int] | None:
        try:
            facts = (self.folder / MANIFEST).stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino

    def _load(self) -> Loaded:
        digest = digest_of(self.folder)
        predictor = load(self.folder, threads=self._settings.threads)
        asked = engine_of(predictor.manifest) if self._settings.engine == AUTO else self._settings.engine
        if asked != TORCH:
            predictor = load(self.folder, engine=asked, threads=self._settings.threads)
        length = predictor.manifest.length
        predictor.scores(np.zeros((1, length), np.uint8), np.full(1, length, np.int32))  # the first pass is slow
        observe = self._metrics.batch(self.name)
        return Loaded(
            self.name,
            predictor,
            digest,
            Batcher(answering(predictor), self._settings.batch, name=self.name, observe=observe),
        )


def answering(predictor: Predictor) -> Callable[[Sequence[Rows]], list[list[str]]]:
    """Requests to their answers: a line of JSON for each row, computed together."""

    def answer(jobs: Sequence[Rows]) -> list[list[str]]:
        codes = np.concatenate([job.codes for job in jobs])
        lengths = np.concatenate([job.lengths for job in jobs])
        ids = pl.concat([job.ids.alias("id") for job in jobs])
        frame = predictor.answer(ids, predictor.scores(codes, lengths, batch_size=pass_rows(predictor, len(codes))))
        lines = frame.write_ndjson().splitlines() if frame.height else []
        ends = np.cumsum([len(job.codes) for job in jobs]).tolist()
        return [lines[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    return answer


def pass_rows(predictor: Predictor, rows: int) -> int | None:
    """Rows of a pass for so many: a pass is filled up, so that of few rows should be small; None: as by default.

    Engines are compiled for one size, and keep it.
    """
    size = 1 << max(rows - 1, 0).bit_length()
    return size if predictor.engine is None and size < batch_rows(predictor.manifest.length) else None


def columns_of(manifest: Manifest) -> list[str]:
    """What stands in the result of a row."""
    if manifest.task == "classes":
        return ["id", "prediction", *(f"p_{name}" for name in manifest.labels), "abstain"]
    if manifest.task == "labels":
        return ["id", *output_columns(manifest.labels), "labels"]
    ends = ["low", "high"] if manifest.value_interval is not None else []
    ends += ["sd"] if manifest.members > 1 else []
    ends += ["beyond"] if manifest.value_range else []
    each = output_columns(manifest.labels, ("low", "high", "sd", "beyond"))
    return ["id", *(column for name in each for column in (name, *(f"{name}_{end}" for end in ends)))]


class Models:
    """Every model of a service, by name.

    Parameters
    ----------
    sources
        Bundles.
    settings, metrics
        Of the service.
    """

    def __init__(self, sources: Sequence[Source], settings: ServeSettings, metrics: Metrics) -> None:
        self._models = {source.name: ServedModel(source, settings, metrics) for source in sources}

    def __iter__(self) -> Any:
        return iter(list(self._models.values()))

    def find(self, name: str) -> ServedModel:
        """A model by its name.

        Raises
        ------
        Problem
            404: there is none.
        """
        if name not in self._models:
            known = ", ".join(sorted(self._models)[:20])
            raise Problem(404, "no_such_model", "there is no model of this name", hint=f"models: {known}")
        return self._models[name]

    def add(self, model: ServedModel) -> None:
        """Put a model in, in place of one of the same name."""
        old = self._models.get(model.name)
        self._models[model.name] = model
        if old is not None:
            old.close()

    def remove(self, name: str) -> None:
        """Take a model out; what waits in front of it is answered."""
        model = self._models.pop(name, None)
        if model is not None:
            model.close()

    def reload(self) -> list[str]:
        """Take every bundle anew that has changed, and name those that did."""
        return [model.name for model in list(self._models.values()) if model.reload()]

    def close(self) -> None:
        """Answer what waits, then stop."""
        for model in list(self._models.values()):
            model.close()
