"""Settings of the encoder and the forest (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from strandloom.settings import Settings

Objective = Literal["masked", "denoise", "contrastive"]
OBJECTIVES: tuple[Objective, ...] = ("masked", "denoise", "contrastive")


class EncoderSettings(Settings):
    """A network from sequences to a fixed number of values, trained without labels."""

    objective: Objective = "contrastive"
    """masked: hidden bases are predicted from what stands around them; denoise: all bases are rebuilt from the values alone (the published
    idea, with cross entropy); contrastive: two altered copies of a sequence are told from those of others (Chen et al. 2020)."""
    values: Annotated[int, Field(ge=2, le=10_000)] = 500
    """Values of a sequence; a multiple of twice the segments."""
    segments: Annotated[int, Field(ge=1, le=100)] = 5
    """Equal stretches of the sequence whose largest and mean activations are the values."""
    stem: Literal["1d", "2d"] = "1d"
    """First convolution over positions with the bases as channels, or over a position × base picture."""
    filters: Annotated[int, Field(ge=1, le=4096)] = 128
    """Filters of the first convolution."""
    width: Annotated[int, Field(ge=1, le=101)] = 7
    """Their width in bases."""
    pool: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = "auto"
    """Bases per position after the first convolution; auto: 4, or 10 from 500 bases on."""
    channels: Annotated[int, Field(ge=1, le=4096)] = 96
    """Channels of the gated residual blocks."""
    blocks: Annotated[int, Field(ge=0, le=32)] = 4
    """Residual blocks, with dilations 1, 2, 4 …"""
    hidden: Annotated[float, Field(gt=0, lt=0.9)] | Literal["auto"] = "auto"
    """Share of the bases that are hidden or altered in training; auto: .3 of copies that are to be told apart (contrastive), else .15."""
    span: Annotated[int, Field(ge=1, le=100)] | Literal["auto"] = "auto"
    """Bases hidden or altered side by side; auto: 10 (contrastive), else 6."""
    moved: Annotated[float, Field(ge=0, lt=0.5)] = 0.2
    """Contrastive: share of the length by which a copy is moved at most."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Epochs; the best one on validation is kept."""
    batch_size: Annotated[int, Field(ge=2, le=100_000)] = 128
    """Sequences a step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Highest rate; it rises over the first tenth of the steps and falls by a cosine."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of weights, order and hidden bases."""

    @property
    def altered(self) -> tuple[float, int]:
        """Share of bases hidden or altered, and how many side by side."""
        hard = self.objective == "contrastive"
        share = (0.3 if hard else 0.15) if self.hidden == "auto" else self.hidden
        return share, (10 if hard else 6) if self.span == "auto" else self.span

    def window(self, length: int) -> int:
        """Bases per position for sequences of so many bases."""
        if self.pool == "auto":
            return 10 if length >= 500 else 4
        return self.pool

    @model_validator(mode="after")
    def _values_of_segments(self) -> Self:
        if self.values % (2 * self.segments):
            raise ValueError(f"values: {self.values} is no multiple of twice the segments ({2 * self.segments})")
        return self


class ForestSettings(Settings):
    """Trees on the values of sequences, all outputs in one forest."""

    kind: Literal["boosted", "random", "extra"] = "boosted"
    """boosted: each tree corrects those before it (gradient boosting, Friedman 2001), with random thresholds; random: a random forest
    (Breiman 2001); extra: one with random thresholds (Geurts et al. 2006)."""
    trees: Annotated[int, Field(ge=1, le=10_000)] = 300
    """Trees; of boosted ones in a run at most, as many as are best on validation."""
    leaf: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (10,)
    """Least training sequences in a leaf; of several the best on validation."""
    share: Annotated[float, Field(gt=0, le=1)] | Literal["sqrt", "auto"] = "auto"
    """Values that each split looks at; auto: .15 of boosted trees, else the square root of their number."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Boosted: share of its correction that a tree makes."""
    depth: Annotated[int, Field(ge=1, le=64)] = 8
    """Boosted: splits from the root to a leaf at most."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 3
    """Boosted: so many runs of boosting, each from a seed of its own, whose answers are averaged."""
    moved: Annotated[float, Field(ge=0, lt=0.25)] = 0.03
    """Share of the length by which a sequence is moved to either side when it is asked, and by twice that; the five answers are averaged
    where that is better on validation. 0: never."""
    rows: Annotated[int, Field(ge=100)] = 100_000
    """At most this many training sequences, drawn by the seed."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the trees."""


class EncodingSettings(Settings):
    """Encoder and forest of ``strandloom encode fit``."""

    encoder: EncoderSettings = EncoderSettings()
    """The encoder."""
    forest: ForestSettings = ForestSettings()
    """What learns from its values where there are labels."""
