"""Models by name: loaded once, asked in batches, taken anew when their bundle changes."""

from __future__ import annotations

import hashlib
import re
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.bundle import MANIFEST, Manifest
from strandloom.errors import BundleError, StrandloomError, UsageError
from strandloom.predict import Predictor, load
from strandloom.serve.answerers import Answerer, NetworkAnswerer, Rows, open_answerer
from strandloom.serve.batching import Batcher
from strandloom.serve.metrics import Metrics
from strandloom.serve.problems import Problem
from strandloom.serve.settings import ServeSettings

_WINDOW = ("length", "anchor", "too_long", "strand")
"""What only a network has: other models read sequences of any length."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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


@dataclass(eq=False)
class Loaded:
    """A bundle as it was read, with the queue in front of it: what one request is answered by, whatever is loaded meanwhile.

    Parameters
    ----------
    name
        Of the model.
    answerer
        The model.
    digest
        SHA-256 of its manifest.
    batcher
        The queue; it ends when nobody holds this any more.
    """

    name: str
    answerer: Answerer
    digest: str
    batcher: Batcher[Rows, list[str]]

    def __post_init__(self) -> None:
        weakref.finalize(self, self.batcher.retire)

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self.answerer.manifest

    @property
    def predictor(self) -> Predictor:
        """Its networks.

        Raises
        ------
        Problem
            409: it has none that are asked one by one.
        """
        if not isinstance(self.answerer, NetworkAnswerer):
            raise Problem(
                409,
                "not_of_this_kind",
                f"a {self.answerer.kind} model predicts; it is not asked so",
                hint=f"POST /v1/models/{self.name}/predict",
            )
        return self.answerer.predictor


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
        The bundle cannot be read, or answers no rows.
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
        """Its networks as they are asked now.

        Raises
        ------
        Problem
            409: it has none that are asked one by one.
        """
        return self._loaded.predictor

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return self._loaded.manifest

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
        manifest, answerer = self.manifest, self._loaded.answerer
        return {
            "name": self.name,
            "kind": answerer.kind,
            "experiment": manifest.name,
            "task": manifest.task,
            "target": list(manifest.target),
            "outputs": list(manifest.labels),
            "columns": answerer.columns,
            "covariates": list(answerer.covariates),
            **({name: getattr(manifest, name) for name in _WINDOW} if answerer.kind == "network" else {}),
            "networks": manifest.members,
            "engine": answerer.engine,
            "digest": self.digest,
            "strandloom": manifest.strandloom,
        }

    def card(self) -> str:
        """The model card, Markdown."""
        return self._loaded.answerer.card

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
        answerer = open_answerer(self.folder, self._settings)
        answerer.warm()
        observe = self._metrics.batch(self.name)
        return Loaded(
            self.name, answerer, digest, Batcher(answerer.answer, self._settings.batch, name=self.name, observe=observe)
        )


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
            raise Problem(
                404,
                "no_such_model",
                "there is no model of this name",
                hint=f"models: {known}" if known else "no model is switched on",
            )
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
