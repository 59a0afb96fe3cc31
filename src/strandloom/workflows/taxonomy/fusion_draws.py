"""What the published form is trained on in an epoch: which records, changed how, at which places."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import DNA
from strandloom.training.augment import mutate
from strandloom.workflows.taxonomy.fusion_settings import Balance
from strandloom.workflows.taxonomy.place_sources import draw_places
from strandloom.workflows.taxonomy.places import RangeEvidence

Doubles = NDArray[np.float64]


def split_records(species: NDArray[np.int32], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Records to hold out, bool ``(R,)``: a share of those of species with several records; every species keeps one.

    Parameters
    ----------
    species
        int32 ``(R,)``.
    """
    order = rng.permutation(len(species))
    spare = np.ones(len(species), np.bool_)
    spare[order[np.unique(species[order], return_index=True)[1]]] = False  # the first of each species stays
    several = np.bincount(species)[species] > 1
    wanted = max(round(share * several.sum()), 1)
    held = np.zeros(len(species), np.bool_)
    held[order[spare[order]][:wanted]] = True
    return held


def draw_records(species: NDArray[np.int64], balance: Balance, rng: np.random.Generator) -> NDArray[np.int64]:
    """Records of an epoch in random order, int64 ``(R,)``: each once, or species by the square root of their records.

    Parameters
    ----------
    species
        int64 ``(R,)``.
    """
    order = rng.permutation(len(species))
    if balance == "records":
        return order
    weight = 1 / np.sqrt(np.bincount(species)[species[order]])
    ends = np.cumsum(weight)
    steps = (
        (np.arange(len(order)) + rng.random()) / len(order) * ends[-1]
    )  # evenly spaced, so a record comes n or n + 1 times
    return rng.permutation(order[np.minimum(np.searchsorted(ends, steps, side="right"), len(order) - 1)])


def training_places(
    evidence: RangeEvidence | None, species: NDArray[np.int64], rng: np.random.Generator, *, missing: float
) -> tuple[Doubles, Doubles]:
    """A place for each record, degrees of latitude and longitude ``(n,)`` each; NaN for a share of them, and without any ranges.

    Parameters
    ----------
    species
        int64 ``(n,)``: their species; one without a range is put at a place of another, drawn at random.
    missing
        Share of records without a place.
    """
    lat, lon = np.full((2, len(species)), np.nan)
    placed = np.empty(0, np.int64) if evidence is None else np.flatnonzero(evidence.placed)
    if evidence is None or not len(placed):
        return lat, lon
    own = np.where(evidence.placed[species], species, rng.choice(placed, len(species)))
    kept = np.flatnonzero(rng.random(len(species)) >= missing)
    lat[kept], lon[kept] = draw_places(evidence, own[kept], rng)
    return lat, lon


def changed_copies(codes: Tensor, *, rate: float, share: float, generator: torch.Generator) -> Tensor:
    """Codes, uint8 (B, L), of which a share of rows has bases masked (N) or misread, half each, at ``rate`` a base."""
    copies = mutate(codes, rate / 2, generator=generator)
    masked = (torch.rand(codes.shape, generator=generator) < rate / 2) & (codes < DNA.channels)
    copies = torch.where(masked, DNA.any, copies)
    chosen = torch.rand(len(codes), 1, generator=generator) < share
    return torch.where(chosen, copies, codes)
