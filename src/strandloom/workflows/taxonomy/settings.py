"""How taxonomy models are trained and asked."""

from __future__ import annotations

from pydantic import Field

from strandloom.settings import Settings


class TaxonomyTraining(Settings):
    """How a taxonomy model is trained."""

    seed: int = Field(1, ge=0)
    """Of all draws and first weights."""
    members: int = Field(3, ge=1, le=20)
    """Copies of the networks, trained from different first weights, whose probabilities are averaged."""
    held_out: float = Field(0.15, gt=0, lt=0.5)
    """Share of the records of species with several records that is kept from training, to choose the epoch and to judge."""
    answer_epochs: int = Field(20, ge=1)
    """Passes over the queries when the network of answers is trained."""
    place_epochs: int = Field(12, ge=1)
    """Passes over the queries when the network of places is trained."""
    places_per_query: int = Field(1, ge=1, le=20)
    """Places drawn for each query."""
    places_in_doubt: int = Field(4, ge=1, le=20)
    """Places drawn for each query whose sequence leaves a doubt (not fewer than for the others): a place can decide these."""


class AssignSettings(Settings):
    """How sequences are assigned."""

    threshold: float = Field(0.9, gt=0, le=1)
    """A species is called from this probability on; below it the genus, then the family, order and class, else it is unknown."""
    bootstraps: int = Field(0, ge=0, le=10_000)
    """Copies of each sequence with 2 % of its bases masked, each at a place drawn by reads; 0: the sequence itself, at all its places."""
    candidates: int = Field(5, ge=1, le=48)
    """Candidate species written for each sequence."""
    least: float = Field(0.001, ge=0, le=1)
    """Candidates less probable than this are not written."""
    seed: int = Field(1, ge=0)
    """Of the bootstraps."""
