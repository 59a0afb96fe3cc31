"""The saved model: a folder of plain data that is loaded without running anything from it.

``bundle.json`` (the manifest, versioned, with the SHA-256 of every other file), ``weights.safetensors``, ``card.md``, named
parts (``parts/<name>.safetensors`` beside ``parts/<name>.json``) and engines (``engines/<name>/``). See docs/formats.md.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from strandloom.errors import BundleError
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import make_folder, output_error, replacing, sha256
from strandloom.models.settings import ModelSettings
from strandloom.settings import Settings

FORMAT = 2
MANIFEST = "bundle.json"
WEIGHTS = "weights.safetensors"
CARD = "card.md"
ENGINES = "engines"
TAXONOMY_PART = "taxonomy-reference"
"""The part by which a taxonomy model is known (docs/formats.md); it is asked by its own command."""
SOURCES_PART = "sources"
"""The part by which a source model is known; likewise."""
SOURCES_CALIBRATION = "sources-calibration"
"""How the practice reads of a source model were answered, whatever network answers."""
ENCODING_PART = "encoding"
"""The part by which an encoder is known; likewise."""
_AGAIN = "make the engine again with strandloom export, or use --engine torch"

EngineName = Literal[
    "torch-bf16",
    "onnx-fp32",
    "onnx-int8",
    "onnx-int8-dynamic",
    "openvino-fp32",
    "openvino-bf16",
    "openvino-int8",
]
"""Every way to compute the networks beside torch in fp32: a library and its arithmetic."""


class StoredBlend(Settings):
    """A baseline in the answer: ``network`` × the mean raw scores of ``members`` + ``baseline`` × ln p of the stored baseline.

    Of task ``labels`` the log odds of its probabilities stand for ln p.
    """

    members: tuple[int, ...] = Field(min_length=1)
    """The networks it belongs to: all of them, or those of one fold."""
    network: float = Field(ge=0)
    """Weight of their scores."""
    baseline: float = Field(ge=0)
    """Weight of the baseline's log-probabilities; 0: these networks stand alone."""
    partner: str
    """Which baseline it is."""
    part: str
    """The part that holds it; a bundle holds it where ``baseline`` is above 0."""


class StoredShare(Settings):
    """A regressor in the answer of a model of values."""

    partner: str
    """Which regressor it is."""
    share: float = Field(gt=0, le=1)
    """Its weight."""
    part: str
    """The part that holds it."""


class StoredValueBlend(Settings):
    """Regressors in the answer: ``network`` × the mean value of ``members`` + the sum of each share × the value of its regressor."""

    members: tuple[int, ...] = Field(min_length=1)
    """The networks it belongs to: all of them, or those of one fold."""
    network: float = Field(ge=0)
    """Weight of their values."""
    partners: tuple[StoredShare, ...] = ()
    """The regressors; none: these networks stand alone."""


class StoredEngine(Settings):
    """Another way to compute the networks, and what it was measured to do (``strandloom export``)."""

    name: EngineName
    """Library and arithmetic. Its files are ``engines/<name>/<member>.<suffix>``; torch-bf16 needs none."""
    batch_size: int = Field(gt=0)
    """Sequences per pass when it was measured, and by default."""
    threads: int = Field(gt=0)
    """Threads when it was measured."""
    sequences_per_second: float = Field(gt=0)
    """Speed of the first network, on one strand."""
    fp32_sequences_per_second: float = Field(gt=0)
    """Speed of torch fp32 on the same sequences in the same process."""
    calibration_rows: int = Field(default=0, ge=0)
    """Training rows that settled the ranges of its 8-bit numbers; 0 where there are none."""
    validation_rows: int = Field(gt=0)
    """Rows on which fp32 and the engine were compared."""
    logit_difference: float = Field(ge=0)
    """Largest difference between its raw scores and those of fp32."""
    metrics: dict[str, float]
    """Its metrics on those rows."""
    fp32_metrics: dict[str, float]
    """The same metrics of fp32."""
    versions: dict[str, str] = Field(default_factory=dict)
    """The libraries that made it and measured it."""


class ValueScale(Settings):
    """What turns the raw scores of one network into values: ``score × scale + centre`` of each output."""

    centre: tuple[float, ...]
    """Mean of each value over its training rows."""
    scale: tuple[float, ...]
    """Standard deviation of each value over its training rows."""


class ValueInterval(Settings):
    """How far measured values lie from predicted ones (split conformal prediction, Lei et al. 2018)."""

    level: float = Field(gt=0, lt=1)
    """Share of new values, of the kind of the validation rows, that lie within."""
    width: tuple[float, ...]
    """Half width of each value's interval."""
    rows: int = Field(gt=0)
    """Validation rows that it was found on."""


class ValueTrust(Settings):
    """What validation rows were like, which no network had learned from: beyond it, a sequence is stranger than those."""

    level: float = Field(gt=0, lt=1)
    """Share of the validation rows inside each limit."""
    spread: tuple[float, ...] | None = None
    """Standard deviation over networks of different seeds, by output; None: there was one seed."""
    similarity: float | None = None
    """Similarity to the nearest training sequence that the stored baseline ``nearest`` finds; None: it is not stored."""
    rows: int = Field(gt=0)
    """Validation rows."""


class Manifest(Settings):
    """What a bundle says of itself (``bundle.json``)."""

    format: int = FORMAT
    """Version of the bundle format; a newer one than the program knows is refused."""
    strandloom: str
    """Version of the program that wrote it."""
    name: str
    """Name of the experiment."""
    task: Literal["classes", "labels", "value"]
    """What the outputs are."""
    alphabet: Literal["dna"] = "dna"
    """The alphabet of the input."""
    bases: str = "ACGT"
    """The order of the one-hot channels."""
    length: int = Field(gt=0)
    """Input length L in bases."""
    anchor: Literal["left", "right", "centre"] = "left"
    """Where a sequence of another length is held when it is padded or cropped."""
    too_long: Literal["crop", "error"] = "crop"
    """What happens to a longer sequence."""
    letters: LetterPolicy = LetterPolicy()
    """How letters other than A, C, G, T are read."""
    sequence: str | None = None
    """Name of the sequence column in the training table."""
    target: tuple[str, ...] = ()
    """Name of the target column, or columns."""
    labels: tuple[str, ...]
    """Class names, label names or value names, in output order."""
    strand: Literal["one", "both"] = "one"
    """Whether predictions are averaged over the two strands."""
    model: ModelSettings
    """The architecture."""
    members: int = Field(default=1, gt=0)
    """How many trained copies are averaged (seeds or folds)."""
    blends: tuple[StoredBlend, ...] = ()
    """Baselines blended in, one for each split whose blended scores are averaged; none: the networks' mean alone."""
    network_temperature: float | None = Field(default=None, gt=0)
    """What calibrates the network alone, where a baseline is blended in."""
    temperature: float = Field(default=1.0, gt=0)
    """Logits are divided by this before the softmax (fitted on validation)."""
    decision_threshold: float | None = None
    """Two classes: the second is called from this probability on (None: 0.5)."""
    abstain_threshold: float | None = None
    """Rows whose highest probability is below this are marked ``abstain`` (None: no such threshold could be fitted)."""
    abstain_error: float | None = None
    """The error rate among the called rows for which ``abstain_threshold`` was chosen on validation."""
    label_thresholds: tuple[float, ...] = ()
    """Task ``labels``: the probability from which each label is given (highest F1 on validation); none: 0.5."""
    value_blends: tuple[StoredValueBlend, ...] = ()
    """Task ``value``: what is blended in, one for each split whose answers are averaged; none: the networks' mean alone."""
    value_scales: tuple[ValueScale, ...] = ()
    """Task ``value``: one a network."""
    value_interval: ValueInterval | None = None
    """Task ``value``: the interval around a predicted value."""
    value_range: tuple[tuple[float, float], ...] = ()
    """Task ``value``: the lowest and highest training value of each output; beyond, a prediction extrapolates."""
    value_trust: ValueTrust | None = None
    """Task ``value``: how far validation rows lay from training, and how far networks disagreed on them."""
    engines: tuple[StoredEngine, ...] = ()
    """Other ways to compute the networks, each found to answer as fp32 does."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of every other file, by path inside the bundle."""

    @model_validator(mode="after")
    def _every_engine_once(self) -> Self:
        if len({engine.name for engine in self.engines}) != len(self.engines):
            raise ValueError("engines: a name stands there twice")
        return self

    @model_validator(mode="after")
    def _every_member_once(self) -> Self:
        for blends in (self.blends, self.value_blends):
            if not blends or sorted(i for blend in blends for i in blend.members) == list(range(self.members)):
                continue
            raise ValueError(f"blends: each of the {self.members} members must stand in exactly one of them")
        return self


@dataclass(frozen=True, eq=False)
class Part:
    """A named piece of data that travels with a model: a fitted baseline, an index, a taxonomy.

    Parameters
    ----------
    arrays
        Numeric arrays by name.
    facts
        Anything JSON can hold.
    """

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A manifest with its weights and parts, in memory.

    Parameters
    ----------
    manifest
        What the model is and how its input is read.
    weights
        For each member the state of the network: name to array.
    parts
        Named extra data.
    card
        The model card, Markdown.
    """

    manifest: Manifest
    weights: tuple[dict[str, NDArray[Any]], ...]
    parts: dict[str, Part] = field(default_factory=dict)
    card: str = ""


def write_bundle(folder: Path, bundle: Bundle) -> Manifest:
    """Write a bundle into ``folder`` (made if missing) and return the manifest with its hashes.

    Each file is written beside and renamed; the manifest comes last, so a folder without one is not a bundle. A bundle in
    memory has no engines, so none are written (:func:`store_engines`).

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    from safetensors.numpy import save

    try:
        make_folder(folder / "parts")
    except OSError as error:
        raise output_error(error, folder) from error
    flat = {
        f"{i}.{name}": np.asarray(a, order="C") for i, member in enumerate(bundle.weights) for name, a in member.items()
    }
    contents: dict[str, bytes] = {WEIGHTS: save(flat), CARD: bundle.card.encode()}
    for name, part in sorted(bundle.parts.items()):
        contents[f"parts/{name}.json"] = (json.dumps(part.facts, indent=1, sort_keys=True) + "\n").encode()
        if part.arrays:
            arrays = {key: np.asarray(value, order="C") for key, value in part.arrays.items()}
            contents[f"parts/{name}.safetensors"] = save(arrays)
    return _write(folder, bundle.manifest.model_copy(update={"engines": (), "files": {}}), contents)


def store_engines(
    folder: Path,
    kept: Sequence[tuple[StoredEngine, Mapping[str, bytes]]],
    *,
    dropped: Sequence[EngineName] = (),
) -> Manifest:
    """Put engines into a bundle in place of those of the same name, take others out, and return the new manifest.

    A process that is killed meanwhile leaves a whole bundle, at worst without these engines: they leave the manifest before
    their files change, and enter it after.

    Parameters
    ----------
    folder
        The bundle.
    kept
        Each engine with its files, path inside the bundle to content.
    dropped
        Names of engines to take out.

    Raises
    ------
    BundleError
        Not a bundle, or a newer format.
    OutputError
        The folder cannot be written.
    """
    manifest = read_manifest(folder)
    leaving = {engine.name for engine, _ in kept} | set(dropped)
    staying = tuple(engine for engine in manifest.engines if engine.name not in leaving)
    homes = tuple(f"{ENGINES}/{name}/" for name in leaving)
    files = {name: digest for name, digest in manifest.files.items() if not name.startswith(homes)}
    if len(staying) < len(manifest.engines):
        _write(folder, manifest.model_copy(update={"engines": staying, "files": files}), {})
    for name in leaving:
        shutil.rmtree(folder / ENGINES / name, ignore_errors=True)
    contents = {name: data for _, own in kept for name, data in own.items()}
    engines = tuple(sorted((*staying, *(engine for engine, _ in kept)), key=lambda engine: engine.name))
    return _write(folder, manifest.model_copy(update={"engines": engines, "files": files}), contents)


def read_engine(folder: str | Path, manifest: Manifest, name: EngineName) -> list[dict[str, bytes]]:
    """What an engine stores of each member: suffix to content.

    Parameters
    ----------
    folder, manifest
        The bundle, as :func:`read_bundle` found it.
    name
        One of ``manifest.engines``.

    Raises
    ------
    BundleError
        A file is missing or was changed.
    """
    found: list[dict[str, bytes]] = [{} for _ in range(manifest.members)]
    home = f"{ENGINES}/{name}/"
    for path in (x for x in manifest.files if x.startswith(home)):
        member, _, suffix = path.removeprefix(home).partition(".")
        try:
            data = (Path(folder) / path).read_bytes()
            found[int(member)][suffix] = data
        except (OSError, ValueError, IndexError) as error:
            raise BundleError(
                f"the engine {name} cannot be read: {error}", where=Path(folder) / path, hint=_AGAIN
            ) from None
        if hashlib.sha256(data).hexdigest() != manifest.files[path]:
            raise _changed(Path(folder) / path, hint=_AGAIN)
    return found


def _changed(path: Path, *, hint: str) -> BundleError:
    return BundleError(
        "the file was changed after the bundle was written (its SHA-256 differs from bundle.json)",
        where=path,
        hint=hint,
    )


def _write(folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Manifest:
    """Write some files, then the manifest with their hashes beside those it has."""
    hashes = dict(manifest.files)
    for name, data in contents.items():
        with replacing(folder / name, text=False) as handle:
            handle.write(data)
        hashes[name] = sha256(folder / name)
    manifest = manifest.model_copy(update={"files": hashes})
    with replacing(folder / MANIFEST, text=True) as handle:
        handle.write(manifest.model_dump_json(indent=2) + "\n")
    return manifest


BundleKind = Literal["network", "taxonomy", "sources", "encoding"]


def kind_of(manifest: Manifest) -> BundleKind:
    """What a bundle is asked for: rows of sequences, species at places, environments of reads, or values that stand for sequences."""
    parts = {Path(name).stem for name in manifest.files if name.startswith("parts/")}
    for part, kind in _KINDS:
        if part in parts:
            return kind
    return "network"


_KINDS: tuple[tuple[str, BundleKind], ...] = (
    (TAXONOMY_PART, "taxonomy"), (SOURCES_PART, "sources"), (SOURCES_CALIBRATION, "sources"), (ENCODING_PART, "encoding"),
)  # fmt: skip


def read_manifest(folder: Path) -> Manifest:
    """What a bundle says of itself; its other files are not looked at.

    Raises
    ------
    BundleError
        There is none, or it cannot be read or is newer than this program.
    """
    path = folder / MANIFEST
    if not path.is_file():
        nested = folder / "bundle" / MANIFEST
        hint = (
            f"did you mean {nested.parent}?"
            if nested.is_file()
            else "name a folder that holds bundle.json, such as RUN/bundle"
        )
        raise BundleError("no bundle here: bundle.json is missing", where=folder, hint=hint)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle.json cannot be read: {error}", where=path, hint="copy the bundle again") from None
    version = raw.get("format") if isinstance(raw, dict) else None
    if not isinstance(version, int) or version < 1:
        raise BundleError("bundle.json names no format version", where=path, hint="is this a strandloom bundle?")
    if version > FORMAT:
        raise BundleError(
            f"bundle format {version} is newer than this program knows (up to {FORMAT})",
            where=path,
            hint=f"install strandloom {raw.get('strandloom', '')} or newer".replace("  ", " "),
        )
    try:
        return TypeAdapter(Manifest).validate_python(_upgraded(raw))
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f" at {x}" if i == 0 else f".{x}" for i, x in enumerate(first["loc"]))
        raise BundleError(f"bundle.json is not valid{place}: {first['msg']}", where=path) from None


def _upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """A manifest of an older format as one of today's.

    Format 1 knew one blend for all members, in three fields.
    """
    if raw["format"] > 1:
        return raw
    own = {
        name: value for name, value in raw.items() if name not in ("blend_network", "blend_baseline", "blend_partner")
    }
    own["format"] = FORMAT
    if raw.get("blend_baseline"):
        partner, members = raw.get("blend_partner", "kmer_logistic"), raw.get("members", 1)
        own["blends"] = [
            {
                "members": list(range(members)) if isinstance(members, int) else members,
                "network": raw.get("blend_network", 1.0),
                "baseline": raw["blend_baseline"],
                "partner": partner,
                "part": f"baseline-{partner}",
            }
        ]
    return own


def read_bundle(folder: str | Path) -> Bundle:
    """Read and verify a bundle; nothing in it is ever executed.

    Files of engines are left to :func:`read_engine`: torch computes without them.

    Raises
    ------
    BundleError
        Not a bundle, a newer format, a missing file, or a file whose hash differs from the manifest.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    manifest = read_manifest(folder)
    if WEIGHTS not in manifest.files:
        raise BundleError(f"bundle.json lists no {WEIGHTS}", where=folder / MANIFEST, hint="copy the bundle again")
    for name, expected in manifest.files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"bundle.json names a file outside the bundle: {name}", where=folder / MANIFEST)
        if name.startswith(f"{ENGINES}/"):
            continue
        if not path.is_file():
            raise BundleError("a file of the bundle is missing", where=path, hint="copy the whole folder again")
        if sha256(path) != expected:
            raise _changed(path, hint="copy the bundle again, or train anew; a changed bundle is never used")
    try:
        flat = load_file(folder / WEIGHTS)
        weights: list[dict[str, NDArray[Any]]] = [{} for _ in range(manifest.members)]
        for key, array in flat.items():
            member, name = key.split(".", 1)
            weights[int(member)][name] = array
        parts = {
            name.removeprefix("parts/"): Part(
                load_file(folder / f"{name}.safetensors") if f"{name}.safetensors" in manifest.files else {},
                json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
            )
            for name in (x.removesuffix(".json") for x in manifest.files if x.endswith(".json"))
            if name.startswith("parts/")
        }
    except (SafetensorError, ValueError, IndexError, OSError) as error:
        raise BundleError(
            f"the bundle's data cannot be read: {error}", where=folder, hint="copy the bundle again"
        ) from None
    card = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else ""
    return Bundle(manifest, tuple(weights), parts, card)
