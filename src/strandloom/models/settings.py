"""Typed settings of every architecture, without torch: one class per ``kind``, joined in ``ModelSettings``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from strandloom.settings import Settings

Fraction = Annotated[float, Field(ge=0, lt=1)]
Units = Annotated[int, Field(ge=1, le=16384)]
WIDEST = 1001
"""Bases of the widest filter."""
Width = Annotated[int, Field(ge=1, le=WIDEST)]
FILTERS_UP_TO = ((4, 64), (12, 256), (20, 16), (WIDEST, 8))
"""Bases, and the filters that ``multiscale`` takes by default for a width up to that."""


class ResidualSettings(Settings):
    """Many narrow first filters, dilated gated residual blocks, and a head that pools and keeps position: the default."""

    kind: Literal["residual"] = "residual"
    """Name of the architecture."""
    filters: Units = 256
    """Filters of the first convolution: the motif detectors."""
    stem_widths: Annotated[tuple[Width, ...], Field(min_length=1)] = (7,)
    """Widths of the first convolution, in bases; each has its share of the filters. Narrow ones overfit less: the blocks above join
    them into longer motifs."""
    pool: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    """Bases per position after the first convolution; auto: 4 (2 below 96 bases, up to 16 above 2,048)."""
    channels: Units = 128
    """Channels of the residual blocks."""
    blocks: Annotated[int, Field(ge=0, le=64)] = 5
    """Number of gated residual blocks."""
    width: Width = 3
    """Width of the convolution in a residual block, in positions after pooling."""
    dilations: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = (1, 2, 4, 8)
    """Dilation of each residual block in turn, repeated when there are more blocks."""
    dropout: Fraction = 0.2
    """Share of values dropped in each residual block while training, in steps of 1/256."""
    heads: Annotated[int, Field(ge=0, le=64)] = 4
    """Heads of the attention pooling; 0 leaves it out."""
    position: Literal["keep", "pool", "auto"] = "auto"
    """keep: the head also sees where a feature lies; pool: only what is there; auto: keep up to 1,000 bases."""
    position_bins: Annotated[int, Field(ge=1, le=1024)] = 75
    """Equal stretches of the sequence told apart when position is kept; at most one per position."""
    position_channels: Units = 8
    """Channels summarised in each stretch."""
    dense: Units = 128
    """Units of the hidden dense layer."""
    dense_dropout: Fraction = 0.3
    """Share of units dropped before and after the hidden dense layer while training."""


class MultiscaleSettings(Settings):
    """Parallel convolutions of several widths, each pooled by masked attention and by its maximum."""

    kind: Literal["multiscale"] = "multiscale"
    """Name of the architecture."""
    filters: Units | tuple[Units, ...] | Literal["auto"] = "auto"
    """Filters of each convolution: one number, or one for each width. auto: 64 up to 4 bases, 256 up to 12, 16 up to 20, 8 beyond: most at
    the width of a binding site's core, because many wide filters memorise training sequences."""
    widths: Annotated[tuple[Width, ...], Field(min_length=1)] = (3, 7, 15, 25)
    """Widths of the parallel convolutions, in bases."""
    heads: Annotated[int, Field(ge=1, le=64)] = 2
    """Attention heads of each convolution."""
    dense: Annotated[tuple[Units, ...], Field(min_length=1)] = (128,)
    """Units of each hidden dense layer."""
    dropout: Fraction = 0.1
    """Share of channels dropped after each convolution while training."""
    dense_dropout: Fraction = 0.6
    """Share of units dropped before the dense layers and after each of them while training."""

    @property
    def filters_by_width(self) -> tuple[int, ...]:
        """Filters of each convolution, in the order of ``widths``."""
        if isinstance(self.filters, tuple):
            return self.filters
        if isinstance(self.filters, int):
            return (self.filters,) * len(self.widths)
        return tuple(next(count for most, count in FILTERS_UP_TO if width <= most) for width in self.widths)

    @model_validator(mode="after")
    def _one_for_each_width(self) -> Self:
        if len(self.filters_by_width) != len(self.widths):
            raise ValueError(f"filters: {len(self.filters_by_width)} numbers for {len(self.widths)} widths")
        return self


class TutorialSettings(Settings):
    """The MarkTechPost tutorial's network as published (114,693 weights with one output), kept for comparison."""

    kind: Literal["multiscale_tutorial"] = "multiscale_tutorial"
    """Name of the architecture."""


class ConvBlockSettings(Settings):
    """Convolution over positions."""

    block: Literal["conv"] = "conv"
    """Name of the block."""
    filters: Units
    """Number of filters: channels that leave the block."""
    width: Width
    """Width of a filter, in positions."""
    padding: Literal["same", "valid"] = "same"
    """same: zeros are added so that the positions stay (before stride); valid: only whole windows."""
    dilation: Annotated[int, Field(ge=1, le=4096)] = 1
    """Positions from one tap of a filter to the next."""
    stride: Annotated[int, Field(ge=1, le=1024)] = 1
    """Positions from one window to the next."""
    bias: bool = True
    """Whether each filter has a bias."""


class PadBlockSettings(Settings):
    """Empty positions before and behind the sequence."""

    block: Literal["pad"] = "pad"
    """Name of the block."""
    left: Annotated[int, Field(ge=0, le=10000)] = 0
    """Positions before it."""
    right: Annotated[int, Field(ge=0, le=10000)] = 0
    """Positions behind it."""


class PoolBlockSettings(Settings):
    """Maximum or average of neighbouring positions; a rest shorter than a window is dropped."""

    block: Literal["pool"] = "pool"
    """Name of the block."""
    method: Literal["max", "average"] = "max"
    """What is taken from a window."""
    size: Annotated[int, Field(ge=1, le=10000)]
    """Positions in a window."""
    stride: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Positions from one window to the next; none: the window's size."""


class NormBlockSettings(Settings):
    """Normalisation."""

    block: Literal["norm"] = "norm"
    """Name of the block."""
    method: Literal["batch", "layer", "group"] = "batch"
    """batch: each channel over the batch; layer: the channels at each position; group: channel groups over places."""
    groups: Annotated[int, Field(ge=1, le=1024)] = 8
    """Number of groups, for method group; must divide the channels."""


class ActivationBlockSettings(Settings):
    """A function of each value."""

    block: Literal["activation"] = "activation"
    """Name of the block."""
    function: Literal["relu", "gelu", "exp", "silu", "sigmoid", "tanh", "softplus"] = "relu"
    """The function; exp is capped at the exponential of 10."""


class DropoutBlockSettings(Settings):
    """Values set to zero at random while training."""

    block: Literal["dropout"] = "dropout"
    """Name of the block."""
    rate: Fraction
    """Share of the values dropped; on the CPU in steps of 1/256."""


class BiLSTMBlockSettings(Settings):
    """Long short-term memory read in both directions."""

    block: Literal["bilstm"] = "bilstm"
    """Name of the block."""
    units: Units
    """Units in each direction; twice as many channels leave the block."""
    sequences: bool = True
    """True: one vector per position; false: the last state of each direction only."""


class AttentionPoolBlockSettings(Settings):
    """Weighted sum over positions, with learned weights that ignore padding."""

    block: Literal["attention_pool"] = "attention_pool"
    """Name of the block."""
    heads: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of weightings; channels times heads leave the block."""


class GlobalPoolBlockSettings(Settings):
    """Maximum or average over all positions that are not padding."""

    block: Literal["global_pool"] = "global_pool"
    """Name of the block."""
    method: Literal["max", "average"] = "max"
    """What is taken over the positions."""


class FlattenBlockSettings(Settings):
    """Positions and channels laid out as one flat vector."""

    block: Literal["flatten"] = "flatten"
    """Name of the block."""


class DenseBlockSettings(Settings):
    """Dense layer on a flat vector."""

    block: Literal["dense"] = "dense"
    """Name of the block."""
    units: Units
    """Number of units."""


class ParallelBlockSettings(Settings):
    """Branches that read the same input; what they give is joined along the channels."""

    block: Literal["parallel"] = "parallel"
    """Name of the block."""
    branches: Annotated[tuple[tuple[BlockSettings, ...], ...], Field(min_length=1)]
    """The blocks of each branch; an empty branch passes its input on."""


class ResidualBlockSettings(Settings):
    """Blocks whose output is added to their input; both must have the same shape."""

    block: Literal["residual"] = "residual"
    """Name of the block."""
    blocks: Annotated[tuple[BlockSettings, ...], Field(min_length=1)]
    """The blocks, in order."""


BlockSettings = Annotated[
    ConvBlockSettings
    | PadBlockSettings
    | PoolBlockSettings
    | NormBlockSettings
    | ActivationBlockSettings
    | DropoutBlockSettings
    | BiLSTMBlockSettings
    | AttentionPoolBlockSettings
    | GlobalPoolBlockSettings
    | FlattenBlockSettings
    | DenseBlockSettings
    | ParallelBlockSettings
    | ResidualBlockSettings,
    Field(discriminator="block"),
]


class LayersSettings(Settings):
    """A network from a list of blocks; the dense layer to the outputs is added at the end."""

    kind: Literal["layers"] = "layers"
    """Name of the architecture."""
    blocks: Annotated[tuple[BlockSettings, ...], Field(min_length=1)]
    """The blocks, in order; the last one must leave a flat vector."""


class UtrSettings(Settings):
    """The yeast 5′UTR network as published (Cuperus et al. 2017), for sequences of 50 bases before a start codon."""

    kind: Literal["utr"] = "utr"
    """Name of the architecture."""
    padding: Literal["same", "valid"] = "same"
    """Of the second and third convolution: same, as the authors' winner (0.908 M weights); valid, as in its replication (0.712 M)."""


class DeepSeaSettings(Settings):
    """DeepSEA as published (Zhou and Troyanskaya 2015): three convolutions and a wide dense layer, for 1,000 bases."""

    kind: Literal["deepsea"] = "deepsea"
    """Name of the architecture."""
    padding: Literal["valid", "same"] = "valid"
    """valid as published; same for sequences too short for it (below 141 bases)."""


class DanqSettings(Settings):
    """DanQ as published (Quang and Xie 2016): a convolution and a BiLSTM, for 1,000 bases."""

    kind: Literal["danq"] = "danq"
    """Name of the architecture."""
    filters: Units = 320
    """Filters of the convolution; 1024 in DanQ-JASPAR."""
    width: Width = 26
    """Width of a filter, in bases; 30 in DanQ-JASPAR."""
    pool: Annotated[int, Field(ge=1, le=1000)] = 13
    """Positions pooled into one; 15 in DanQ-JASPAR."""
    units: Units = 320
    """Units of the BiLSTM in each direction; 512 in DanQ-JASPAR."""
    dense: Units = 925
    """Units of the dense layer."""


class ModuleSettings(Settings):
    """A network given in Python as an ``nn.Module``; no file can build it."""

    kind: Literal["custom"] = "custom"
    """Name of the architecture."""
    name: str = "module"
    """What to call it in reports."""


ParallelBlockSettings.model_rebuild()
ResidualBlockSettings.model_rebuild()
LayersSettings.model_rebuild()

ModelSettings = Annotated[
    ResidualSettings
    | MultiscaleSettings
    | TutorialSettings
    | UtrSettings
    | DeepSeaSettings
    | DanqSettings
    | LayersSettings
    | ModuleSettings,
    Field(discriminator="kind"),
]
