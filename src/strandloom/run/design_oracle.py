"""A bundle as the oracle of a design: what it answers, its gradient, and where it is trusted."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import Codes
from strandloom.design.gradient import Differentiable
from strandloom.design.objective import Answers, Floats, Oracle, Region, Similarity
from strandloom.design.settings import TrustSettings
from strandloom.errors import SettingsError
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.regressors.fit import regressor_from_state
from strandloom.evaluation.regressors.nearest import NearestValues
from strandloom.predict import Predictor

_NEAREST = "baseline-nearest"


def oracle_of(predictor: Predictor) -> Oracle:
    """A bundle as the oracle of a design: values and their spread, or the log odds of each class or label."""

    def ask(codes: Codes, lengths: NDArray[np.int32]) -> Answers:
        scores = predictor.scores(codes, lengths)
        if predictor.manifest.task == "value":
            return Answers(scores.blended, scores.spread)
        if predictor.manifest.task == "labels":
            return Answers(np.asarray(scores.blended / predictor.manifest.temperature), None)
        probabilities = predictor.decision.apply(scores.blended).probabilities.astype(np.float64)
        safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
        return Answers(np.log(safe / (1 - safe)), None)

    return ask


def differentiable(predictor: Predictor) -> Differentiable | None:
    """The networks (without stored baselines) as a function with a gradient; None for other engines than torch."""
    if predictor.engine is not None:
        return None
    manifest, device = predictor.manifest, predictor.runtime.device

    def values(x: Tensor) -> Tensor:
        x = x.to(device)
        strands = (x, x.flip(1, 2)) if manifest.strand == "both" else (x,)
        found = []
        for member, module in enumerate(predictor.modules):
            raw = torch.stack([module(strand).float() for strand in strands]).mean(0)
            if manifest.task == "value":
                scale = manifest.value_scales[member]
                raw = raw * torch.tensor(scale.scale, device=device) + torch.tensor(scale.centre, device=device)
            found.append(raw)
        mean = torch.stack(found).mean(0)
        if manifest.task == "labels":
            mean = mean / manifest.temperature
        elif manifest.task == "classes":
            log = (mean / manifest.temperature).log_softmax(1)
            mean = log - torch.log1p(-log.exp().clamp(max=1 - 1e-6))
        return mean.cpu()

    return values


def scale_of(predictor: Predictor) -> Floats:
    """What a goal counts in: the standard deviation of each output in training, float64 ``(K,)``; 1 for log odds."""
    manifest = predictor.manifest
    if manifest.task != "value":
        return np.ones(len(manifest.labels))
    return np.asarray(np.mean([scale.scale for scale in manifest.value_scales], axis=0), np.float64)


def trusted_region(predictor: Predictor, settings: TrustSettings) -> tuple[Region, tuple[str, ...]]:
    """Where the model is trusted, and what of it is not known, in words.

    Raises
    ------
    SettingsError
        A limit is asked for that this bundle cannot measure.
    """
    manifest, notes = predictor.manifest, []
    known = manifest.value_trust
    spread: Floats | None = None
    if isinstance(settings.disagreement, float):
        if manifest.task != "value" or manifest.members < 2:
            raise SettingsError(
                "only several networks of measured values can disagree",
                where="trust.disagreement",
                hint="train with --seeds 3, or set it to null",
            )
        spread = np.full(len(manifest.labels), settings.disagreement)
    elif settings.disagreement == "auto" and known is not None and known.spread is not None:
        spread = np.array(known.spread)
    elif settings.disagreement == "auto" and manifest.task == "value":
        notes.append("the networks' disagreement is not part of what is trusted: train with --seeds 3 for that")
    part = predictor.bundle.parts.get(_NEAREST)
    near: Similarity | None = None
    if part is not None and manifest.task == "value":
        nearest = regressor_from_state("nearest", State(part.arrays, part.facts))
        assert isinstance(nearest, NearestValues)
        near = nearest.similarity
    similarity = settings.similarity if isinstance(settings.similarity, float) else None
    if similarity is not None and near is None:
        raise SettingsError(
            "the bundle does not hold its training sequences",
            where="trust.similarity",
            hint="keep `nearest` among evaluation.baselines when training, or set it to null",
        )
    if settings.similarity == "auto":
        similarity = None if known is None or near is None else known.similarity
        if similarity is None and manifest.task == "value":
            notes.append("similarity to training is not part of what is trusted: the model does not hold its sequences")
    measured = settings.measured and bool(manifest.value_range)
    low, high = (np.array(x) for x in zip(*manifest.value_range, strict=True)) if measured else (None, None)
    region = Region(spread, similarity, low, high, near, settings.limit)
    if not region.measures:
        words = "how far this model can be trusted is not known"
        words += ": models of classes do not say" if manifest.task != "value" else ""
        if settings.limit:
            raise SettingsError(
                words, where="trust.limit", hint="leave --trust out, or design with a model of measured values"
            )
        notes.append(words)
    return region, tuple(notes)
