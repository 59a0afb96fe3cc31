"""A source model as a bundle, and back: weights, tables and profiles as arrays and plain facts; nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.bundle import SOURCES_CALIBRATION, SOURCES_PART, Bundle, Manifest, Part, read_bundle
from strandloom.engines.settings import TORCH
from strandloom.errors import BundleError, UsageError
from strandloom.io.plain import plain
from strandloom.models.settings import ModuleSettings
from strandloom.predict import Predictor, load
from strandloom.version import VERSION
from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.evidence import FEATURES, READ_FEATURES
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.model import LeanModel
from strandloom.workflows.sources.network import SourceNetwork
from strandloom.workflows.sources.profiles import Bins, Profiles
from strandloom.workflows.sources.published import PublishedModel
from strandloom.workflows.sources.tables import SHORT, Tables, WordSets
from strandloom.workflows.sources.tokens import K, TokenModel, TokenNetwork

TOKENS = "source-tokens"
"""Name of the architecture in the manifest of a network of tokens."""
WORDS, CALIBRATION = SOURCES_PART, SOURCES_CALIBRATION
FORMAT = 1
CALIBRATION_FORMAT = 2
"""Of the counts of practice answers; 1 had one kind of reads like nothing."""
LENGTH = 80
"""What the manifest gives as input length; reads of any length are answered."""


class Loaded(NamedTuple):
    """A source model read from a bundle."""

    model: LeanModel | PublishedModel | TokenModel
    calibration: Calibration
    facts: dict[str, Any]


def to_bundle(model: LeanModel, calibration: Calibration, *, name: str, card: str, facts: Mapping[str, Any]) -> Bundle:
    """A model as a bundle.

    Parameters
    ----------
    facts
        What it was trained on and how it was judged; JSON-able.
    """
    tables = model.tables
    arrays: dict[str, NDArray[Any]] = {
        f"counts{k}": c.astype(np.uint32) for k, c in zip(SHORT, tables.counts, strict=True)
    }
    for own, sets in (("dna", tables.dna), ("protein", tables.protein)):
        arrays |= {f"{own}_prints": sets.prints, f"{own}_numbers": sets.numbers, f"{own}_sets": sets.sets}
    told = {
        "format": FORMAT,
        "features": [*FEATURES, *READ_FEATURES],
        "keep": {"dna": tables.dna.keep, "protein": tables.protein.keep},
        "environment": tables.lineages.environment.tolist(),
        "group": tables.lineages.group.tolist(),
        **plain(dict(facts)),
    }
    parts = {WORDS: Part(arrays, told), CALIBRATION: calibration_part(calibration)}
    manifest = _manifest(name, "sources", model.environments, members=len(model.members))
    weights = tuple({key: value.numpy() for key, value in member.state_dict().items()} for member in model.members)
    return Bundle(manifest, weights, parts, card)


def _manifest(name: str, network: str, environments: tuple[str, ...], *, members: int = 1) -> Manifest:
    return Manifest(
        strandloom=VERSION,
        name=name,
        task="classes",
        length=LENGTH,
        labels=environments,
        target=("environment",),
        strand="both",
        model=ModuleSettings(name=network),
        members=members,
    )


def published_bundle(
    trained: Bundle, calibration: Calibration, *, name: str, card: str, facts: Mapping[str, Any]
) -> Bundle:
    """The bundle of a published network with its calibration; ``strandloom predict`` and ``export`` take it as any other."""
    part = calibration_part(calibration)
    manifest = trained.manifest.model_copy(update={"name": name})
    return Bundle(
        manifest, trained.weights, {CALIBRATION: Part(part.arrays, {**plain(dict(facts)), **part.facts})}, card
    )


def tokens_bundle(
    model: TokenModel, calibration: Calibration, *, name: str, card: str, facts: Mapping[str, Any]
) -> Bundle:
    """The bundle of a network of tokens."""
    network, part = model.network, calibration_part(calibration)
    told = {**plain(dict(facts)), **part.facts, "k": K}
    manifest = _manifest(name, TOKENS, model.environments)
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    return Bundle(manifest, (weights,), {CALIBRATION: Part(part.arrays, told)}, card)


def calibration_part(calibration: Calibration) -> Part:
    """How practice reads were answered, as a part of a bundle."""
    profiles = calibration.profiles
    return Part(
        {
            "centres": calibration.bins.centres,
            "counts": profiles.counts.astype(np.uint32),
            "nothing": profiles.nothing.astype(np.uint32),
            "environment": profiles.environment,
            "confusion": calibration.confusion,
            "misfit": calibration.misfit,
        },
        {"format": CALIBRATION_FORMAT, "exchangeable": profiles.exchangeable},
    )


def _calibration(part: Part, where: str | Path, wrote: str) -> Calibration:
    a = part.arrays
    if int(part.facts.get("format", 0)) != CALIBRATION_FORMAT:
        raise BundleError(
            "the source model was calibrated by another version of strandloom",
            where=where,
            hint=f"install strandloom {wrote}, or train the model again",
        )
    profiles = Profiles(
        a["counts"].astype(np.float64),
        a["nothing"].astype(np.float64),
        a["environment"],
        bool(part.facts["exchangeable"]),
    )
    return Calibration(Bins(a["centres"]), profiles, a["confusion"], a["misfit"])


def _only_torch(engine: str) -> None:
    if engine != TORCH:
        raise UsageError(
            "only a published network has other engines than its own", where="--engine", hint="leave --engine out"
        )


def _load_tokens(bundle: Bundle, where: str | Path, engine: str) -> Loaded:
    part, weights = bundle.parts[CALIBRATION], bundle.weights[0]
    calibration = _calibration(part, where, bundle.manifest.strandloom)
    if part.facts.get("k") != K:
        raise BundleError(
            "the network of tokens was trained by another version of strandloom",
            where=where,
            hint=f"install strandloom {bundle.manifest.strandloom}, or train the model again",
        )
    _only_torch(engine)
    try:
        rows, width = weights["table.weight"].shape
        units = len(weights["head.0.bias"])
        network = TokenNetwork(len(bundle.manifest.labels), bits=rows.bit_length() - 1, width=width, units=units)
        network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.items()})
        model = TokenModel(bundle.manifest.labels, network.eval())
        return Loaded(model, calibration, part.facts)
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise BundleError(
            f"the source model is incomplete: {error}", where=where, hint="copy the bundle again"
        ) from None


def of_predictor(predictor: Predictor, *, where: str | Path) -> Loaded:
    """A published network with the calibration that its bundle holds.

    Raises
    ------
    BundleError
        It holds none, or one of another version.
    """
    part = predictor.bundle.parts.get(CALIBRATION)
    if part is None:
        raise BundleError("the bundle holds no source model", where=where)
    calibration = _calibration(part, where, predictor.manifest.strandloom)
    return Loaded(PublishedModel(predictor.manifest.labels, predictor), calibration, part.facts)


def load_model(folder: str | Path | Bundle, *, engine: str = TORCH, threads: int | None = None) -> Loaded:
    """The model of a bundle.

    Parameters
    ----------
    folder
        The bundle, or its folder, which other engines need.
    engine
        What computes a published network; the others have none but their own.

    Raises
    ------
    BundleError
        It is no bundle of a source model, is damaged, or was written by another version.
    UsageError
        An engine that the model does not have.
    """
    bundle = folder if isinstance(folder, Bundle) else read_bundle(folder)
    where = "the bundle" if isinstance(folder, Bundle) else folder
    if WORDS not in bundle.parts and CALIBRATION in bundle.parts:
        if isinstance(bundle.manifest.model, ModuleSettings) and bundle.manifest.model.name == TOKENS:
            return _load_tokens(bundle, where, engine)
        return of_predictor(load(folder, engine=engine, device="cpu", threads=threads), where=where)
    if WORDS not in bundle.parts:
        raise BundleError(
            "the bundle holds no source model",
            where=where,
            hint="make one with: strandloom sources train GENOMES.tsv --out RUN",
        )
    words, kept = bundle.parts[WORDS], bundle.parts.get(CALIBRATION)
    if int(words.facts.get("format", 0)) > FORMAT or words.facts.get("features") != [*FEATURES, *READ_FEATURES]:
        raise BundleError(
            "the source model was trained by another version of strandloom, whose evidence is not this one's",
            where=where,
            hint=f"install strandloom {bundle.manifest.strandloom}, or train the model again",
        )
    _only_torch(engine)
    try:
        assert kept is not None, "its calibration is missing"
        environment = np.array(words.facts["environment"], np.int64)
        lineages = Lineages(environment, np.array(words.facts["group"], np.int64), len(bundle.manifest.labels))
        a = words.arrays
        dna, protein = (
            WordSets(a[f"{x}_prints"], a[f"{x}_numbers"], a[f"{x}_sets"], int(words.facts["keep"][x]))
            for x in ("dna", "protein")
        )
        tables = Tables(lineages, tuple(a[f"counts{k}"].astype(np.float64) for k in SHORT), dna, protein)
        members = []
        for weights in bundle.weights:
            own = len(bundle.manifest.labels) if "centre" in weights else None
            network = SourceNetwork(
                len(FEATURES), len(READ_FEATURES), units=len(weights["know.0.bias"]), environments=own
            )
            network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.items()})
            members.append(network.eval())
        calibration = _calibration(kept, where, bundle.manifest.strandloom)
    except (KeyError, ValueError, RuntimeError, TypeError, AssertionError) as error:
        raise BundleError(
            f"the source model is incomplete: {error}", where=where, hint="copy the bundle again"
        ) from None
    return Loaded(LeanModel(bundle.manifest.labels, tables, tuple(members)), calibration, words.facts)
