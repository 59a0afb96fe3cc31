"""How the published form of the model is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strandloom.settings import Settings
from strandloom.workflows.taxonomy.fusion_network import PENALTY

Balance = Literal["records", "square root"]


class FusionTraining(Settings):
    """How a :class:`~strandloom.workflows.taxonomy.fusion.FusionModel` is trained."""

    seed: int = Field(1, ge=0)
    """Of all draws and first weights."""
    held_out: float = Field(0.15, gt=0, lt=0.5)
    """Share of the records of species with several records that is kept from training, to choose rate, balance and epoch."""
    rates: tuple[float, ...] = Field((1e-3, 1e-4), min_length=1)
    """Learning rates to choose from; halved every :attr:`halve_every` epochs."""
    balances: tuple[Balance, ...] = Field(("records", "square root"), min_length=1)
    """How records are drawn, to choose from: each once an epoch, or species by the square root of their records."""
    trial_epochs: int = Field(3, ge=1)
    """Epochs after which the best of the choices goes on alone."""
    epochs: int = Field(100, ge=1)
    """Most passes over the records."""
    patience: int = Field(3, ge=1)
    """Epochs without gain after which training stops."""
    least_gain: float = Field(0.002, ge=0)
    """What counts as gain, in the mean negative log probability of the held-out records."""
    halve_every: int = Field(5, ge=1)
    """Epochs between halvings of the learning rate."""
    batch: int = Field(256, ge=2)
    """Records a step."""
    change_rate: float = Field(0.02, ge=0, lt=1)
    """Share of bases that are masked or misread in changed copies."""
    changed: float = Field(0.5, ge=0, le=1)
    """Share of records that are changed copies; the others stay as they are."""
    geo_dropout: float = Field(0.5, ge=0, le=1)
    """Share of records whose place is left out."""
    penalty: float = Field(PENALTY, ge=0)
    """Weight of the range penalty."""
