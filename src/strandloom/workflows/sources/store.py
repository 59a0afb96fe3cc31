"""A source model as a bundle, and back: weights, tables and profiles as arrays and plain facts; nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.bundle import SOURCES_PART, Bundle, Manifest, Part, read_bundle
from strandloom.errors import BundleError
from strandloom.io.plain import plain
from strandloom.models.settings import ModuleSettings
from strandloom.version import VERSION
from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.evidence import FEATURES
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.model import LeanModel
from strandloom.workflows.sources.network import SourceNetwork
from strandloom.workflows.sources.profiles import Bins, Profiles
from strandloom.workflows.sources.tables import SHORT, Tables, WordSets

WORDS, CALIBRATION = SOURCES_PART, "sources-calibration"
FORMAT = 1
LENGTH = 80
"""What the manifest gives as input length; reads of any length are answered."""


class Loaded(NamedTuple):
    """A source model read from a bundle."""

    model: LeanModel
    calibration: Calibration
    facts: dict[str, Any]


def to_bundle(model: LeanModel, calibration: Calibration, *, name: str, card: str, facts: Mapping[str, Any]) -> Bundle:
    """A model as a bundle.

    Parameters
    ----------
    facts
        What it was trained on and how it was judged; JSON-able.
    """
    tables, profiles = model.tables, calibration.profiles
    arrays: dict[str, NDArray[Any]] = {
        f"counts{k}": c.astype(np.uint32) for k, c in zip(SHORT, tables.counts, strict=True)
    }
    for own, sets in (("dna", tables.dna), ("protein", tables.protein)):
        arrays |= {f"{own}_prints": sets.prints, f"{own}_numbers": sets.numbers, f"{own}_sets": sets.sets}
    told = {
        "format": FORMAT,
        "features": list(FEATURES),
        "keep": {"dna": tables.dna.keep, "protein": tables.protein.keep},
        "environment": tables.lineages.environment.tolist(),
        "group": tables.lineages.group.tolist(),
        **plain(dict(facts)),
    }
    parts = {
        WORDS: Part(arrays, told),
        CALIBRATION: Part(
            {
                "centres": calibration.bins.centres,
                "counts": profiles.counts.astype(np.uint32),
                "nothing": profiles.nothing.astype(np.uint32),
                "confusion": calibration.confusion,
                "misfit": calibration.misfit,
            },
            {"format": FORMAT, "exchangeable": profiles.exchangeable},
        ),
    }
    manifest = Manifest(
        strandloom=VERSION,
        name=name,
        task="classes",
        length=LENGTH,
        labels=model.environments,
        target=("environment",),
        strand="both",
        model=ModuleSettings(name="sources"),
        members=len(model.members),
    )
    weights = tuple({key: value.numpy() for key, value in member.state_dict().items()} for member in model.members)
    return Bundle(manifest, weights, parts, card)


def load_model(folder: str | Path | Bundle) -> Loaded:
    """The model of a bundle.

    Raises
    ------
    BundleError
        It is no bundle of a source model, is damaged, or was written by another version.
    """
    where = None if isinstance(folder, Bundle) else folder
    bundle = folder if isinstance(folder, Bundle) else read_bundle(folder)
    if WORDS not in bundle.parts:
        raise BundleError(
            "the bundle holds no source model",
            where=where,
            hint="make one with: strandloom sources train GENOMES.tsv --out RUN",
        )
    words, kept = bundle.parts[WORDS], bundle.parts.get(CALIBRATION)
    if int(words.facts.get("format", 0)) > FORMAT or words.facts.get("features") != list(FEATURES):
        raise BundleError(
            "the source model was trained by another version of strandloom, whose evidence is not this one's",
            where=where,
            hint=f"install strandloom {bundle.manifest.strandloom}, or train the model again",
        )
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
            network = SourceNetwork(len(FEATURES), units=len(weights["know.0.bias"]), environments=own)
            network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.items()})
            members.append(network.eval())
        b = kept.arrays
        profiles = Profiles(
            b["counts"].astype(np.float64),
            b["nothing"].astype(np.float64),
            environment,
            bool(kept.facts["exchangeable"]),
        )
        calibration = Calibration(Bins(b["centres"]), profiles, b["confusion"], b["misfit"])
    except (KeyError, ValueError, RuntimeError, TypeError, AssertionError) as error:
        raise BundleError(
            f"the source model is incomplete: {error}", where=where, hint="copy the bundle again"
        ) from None
    return Loaded(LeanModel(bundle.manifest.labels, tables, tuple(members)), calibration, words.facts)
