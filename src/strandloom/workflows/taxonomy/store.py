"""A taxonomy model as a bundle, and back: weights, reference and ranges as arrays and plain facts; nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from strandloom.bundle import TAXONOMY_PART, Bundle, Manifest, Part, read_bundle
from strandloom.errors import BundleError
from strandloom.io.plain import plain
from strandloom.models.settings import ModuleSettings
from strandloom.version import VERSION
from strandloom.workflows.taxonomy.evidence import FEATURES as ANSWER_FEATURES
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.model import Member, TaxonomyModel
from strandloom.workflows.taxonomy.network import AnswerNetwork, PlaceNetwork
from strandloom.workflows.taxonomy.places import FEATURES as PLACE_FEATURES
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.ranges.ranges import Ranges
from strandloom.workflows.taxonomy.reference import Reference

REFERENCE, RANGES = TAXONOMY_PART, "taxonomy-ranges"
FORMAT = 1


def to_bundle(
    model: TaxonomyModel, *, name: str, threshold: float, card: str, facts: Mapping[str, Any] | None = None
) -> Bundle:
    """A model as a bundle.

    Parameters
    ----------
    name
        What the model is called.
    threshold
        The probability from which a species is called unless asked otherwise.
    card
        Model card, Markdown.
    facts
        How it was trained and judged; JSON-able.
    """
    reference = model.match.reference
    taxonomy = reference.taxonomy
    weights = []
    for member in model.members:
        own = {f"answers.{key}": value.numpy() for key, value in member.answers.state_dict().items()}
        if member.places is not None:
            own |= {f"places.{key}": value.numpy() for key, value in member.places.state_dict().items()}
        weights.append(own)
    parts = {
        REFERENCE: Part(
            {
                "species": reference.species, "haplotype": reference.haplotype, "codes": reference.codes,
                "offsets": reference.offsets, "suspect": reference.suspect.astype(np.uint8),
            },
            {
                "format": FORMAT, "name": reference.name, "marker": reference.marker.model_dump(),
                "records": list(reference.record_ids), "taxonomy": {rank: list(taxonomy.column(rank)) for rank in RANKS},
                "answer_features": list(ANSWER_FEATURES), "training": plain(dict(facts or {})),
            },
        )
    }  # fmt: skip
    if model.ranges is not None:
        arrays, told = model.ranges.ranges.to_part()
        parts[RANGES] = Part(arrays, {"format": FORMAT, "place_features": list(PLACE_FEATURES), **told})
    manifest = Manifest(
        strandloom=VERSION,
        name=name,
        task="classes",
        length=int(np.diff(reference.offsets).max(initial=1)),
        labels=taxonomy.species,
        target=("species",),
        model=ModuleSettings(name="taxonomy"),
        members=len(model.members),
        abstain_threshold=threshold,
    )
    return Bundle(manifest, tuple(weights), parts, card)


def is_taxonomy(bundle: Bundle) -> bool:
    """Whether a bundle holds a taxonomy model."""
    return REFERENCE in bundle.parts


def load_model(folder: str | Path | Bundle) -> TaxonomyModel:
    """The model of a bundle.

    Raises
    ------
    BundleError
        It is no bundle of a taxonomy model, is damaged, or was written by a newer version.
    """
    import torch

    where = None if isinstance(folder, Bundle) else folder
    bundle = folder if isinstance(folder, Bundle) else read_bundle(folder)
    if not is_taxonomy(bundle):
        raise BundleError(
            "the bundle holds no taxonomy model",
            where=where,
            hint="make one with: strandloom taxonomy train REF --ranges FILE --out RUN",
        )
    part, ranges_part = bundle.parts[REFERENCE], bundle.parts.get(RANGES)
    newer = max(int(x.facts.get("format", 0)) for x in (part, ranges_part) if x is not None)
    known = list(ANSWER_FEATURES) == part.facts.get("answer_features") and (
        ranges_part is None or list(PLACE_FEATURES) == ranges_part.facts.get("place_features")
    )
    if newer > FORMAT or not known:
        raise BundleError(
            "the taxonomy model was trained by another version of strandloom, whose evidence is not this one's",
            where=where,
            hint=f"install strandloom {bundle.manifest.strandloom}, or train the model again",
        )
    try:
        reference = _reference(part)
        ranges = None
        if ranges_part is not None:
            ranges = RangeEvidence(Ranges.from_part(ranges_part.arrays, ranges_part.facts), len(reference.taxonomy))
        members = []
        for weights in bundle.weights:
            state = {key: torch.from_numpy(np.array(value)) for key, value in weights.items()}
            answers = AnswerNetwork(len(ANSWER_FEATURES), units=len(state["answers.weigh.weight"][0]))
            answers.load_state_dict(
                {k.removeprefix("answers."): v for k, v in state.items() if k.startswith("answers.")}
            )
            places = None
            if any(key.startswith("places.") for key in state):
                places = PlaceNetwork(len(PLACE_FEATURES), units=len(state["places.species.0.bias"]))
                places.load_state_dict(
                    {k.removeprefix("places."): v for k, v in state.items() if k.startswith("places.")}
                )
                places.eval()
            members.append(Member(answers.eval(), places))
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise BundleError(
            f"the taxonomy model is incomplete: {error}", where=where, hint="copy the bundle again"
        ) from None
    return TaxonomyModel(Match(reference), ranges, tuple(members))


def _reference(part: Part) -> Reference:
    facts, arrays = part.facts, part.arrays
    names = facts["taxonomy"]
    return Reference(
        name=str(facts["name"]),
        marker=Marker.model_validate(facts["marker"]),
        taxonomy=Taxonomy(*(tuple(names[rank]) for rank in RANKS)),
        record_ids=tuple(facts["records"]),
        species=arrays["species"],
        haplotype=arrays["haplotype"],
        codes=arrays["codes"],
        offsets=arrays["offsets"],
        suspect=arrays["suspect"].astype(np.bool_),
    )
