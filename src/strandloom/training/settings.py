"""Settings of the training loop (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from strandloom.settings import Settings

Strand = Literal["one", "both"]
Precision = Literal["fp32", "bf16"]
Monitor = Literal["loss", "matthews_corrcoef", "roc_auc", "pearson"]
Loss = Literal["mse", "huber", "gaussian", "pinball"]
Auto = Literal["auto"]

ROWS_IN_ALL, LEAST_EPOCHS, MOST_EPOCHS = 180_000, 5, 20
"""``epochs: auto``: row passes of a training, within so many epochs (found on the GUE tasks, 2,000 to 60,000 rows)."""
AUTO_SHIFT = 3
"""The shift in bases that ``shift: auto`` tries against none."""


class OptimizerSettings(Settings):
    """Which optimiser moves the weights, and how fast."""

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    """AdamW (weight decay apart from the gradient), Adam, or SGD with Nesterov momentum."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """The highest learning rate, reached at the end of the warm-up."""
    weight_decay: float = Field(default=0.02, ge=0)
    """Pull of the weights towards zero; never applied to biases, norms and other vectors."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of the running mean and of the running square of the gradient (Adam and AdamW)."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum (SGD only)."""


class CosineSettings(Settings):
    """A linear warm-up, then half a cosine down to ``final``."""

    kind: Literal["cosine"] = "cosine"
    warm_up: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps spent on the rise from zero."""
    final: float = Field(default=0.0, ge=0, le=1)
    """Learning rate of the last step as a share of the highest."""


class PlateauSettings(Settings):
    """The learning rate falls each time the validation loss stops falling."""

    kind: Literal["plateau"] = "plateau"
    warm_up: float = Field(default=0.0, ge=0, lt=1)
    """Share of all steps spent on the rise from zero."""
    factor: float = Field(default=0.3, gt=0, lt=1)
    """Each fall multiplies the learning rate by this."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a lower validation loss before a fall."""


class ConstantSettings(Settings):
    """One learning rate throughout, after an optional warm-up."""

    kind: Literal["constant"] = "constant"
    warm_up: float = Field(default=0.0, ge=0, lt=1)
    """Share of all steps spent on the rise from zero."""


ScheduleSettings = Annotated[CosineSettings | PlateauSettings | ConstantSettings, Field(discriminator="kind")]


class AugmentationSettings(Settings):
    """Random changes of each training batch; reverse complements follow ``data.strand``."""

    shift: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Move each sequence by up to this many bases to either side, padding the freed end; ``auto`` tries 3 against 0
    on validation."""
    mutation: float = Field(default=0.0, ge=0, lt=1)
    """Probability of replacing a base by one of the three others."""


class FirstFilterSettings(Settings):
    """First filters that start from known motifs instead of random weights."""

    motifs: str
    """The file of motifs (MEME or JASPAR, plain or gz); a relative path resolves as in ``data.table``."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Share of the filters of the first convolution that may start from a motif, each from another; chance decides where there are
    more motifs than that."""
    reverse_complements: bool = False
    """Start another filter from the reverse complement of each motif."""


class TrainingSettings(Settings):
    """How the weights are found."""

    epochs: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Passes over the training rows, at most (see ``patience``); ``auto``: 180,000 rows in all, in 5 to 20 passes."""
    batch_size: Annotated[int, Field(ge=2)] | Auto = "auto"
    """Rows per step; ``auto``: 128, or 64 below 8,000 training rows."""
    seed: int = Field(default=1, ge=0)
    """Seed of the first weights, the order of the rows, dropout and augmentation."""
    first_filters: FirstFilterSettings | None = None
    """Known motifs that part of the first filters start from; null: all start from random weights."""
    start_from: str | None = None
    """A bundle (``RUN/bundle``) whose weights the network begins with: of the same architecture; layers of another size, such as those of
    other outputs, start from random weights. A relative path resolves as in ``data.table``. null: all weights are random."""
    loss: Loss | Auto = "auto"
    """Values: ``mse``; ``huber`` (linear beyond one standard deviation, for outliers); ``gaussian`` (squared error over the variance of
    each value, known from ``data.variance`` or ``data.counts``, and of what no model explains); ``pinball`` (a quantile). ``auto``:
    gaussian where the variance is known, else mse."""
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """The quantile that ``loss: pinball`` predicts."""
    optimizer: OptimizerSettings = OptimizerSettings()
    """The optimiser."""
    schedule: ScheduleSettings = CosineSettings()
    """How the learning rate changes over the steps."""
    monitor: Monitor | Auto = "auto"
    """The validation figure that picks the best epoch; ``auto``: ``roc_auc``, or ``loss`` for values. Under a cosine
    schedule a figure other than ``loss`` picks among the second half of the epochs."""
    patience: Annotated[int, Field(ge=1)] | None = 8
    """Stop after this many epochs without a better monitored figure; null trains all epochs."""
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Longest gradient (norm over all weights) of a step; null never clips."""
    class_weights: Literal["none", "balanced"] = "none"
    """``balanced``: every class counts the same in the loss, however many rows it has."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target spread evenly over the classes."""
    average: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    """Decay of the running average of the weights (EMA) that is validated and kept; null: the plain weights."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """Random changes of each training batch."""
    precision: Precision | Auto = "auto"
    """``bf16`` computes layers in 16 bits (weights stay in 32); ``auto`` takes it where the hardware has it."""

    def epochs_for(self, rows: int) -> int:
        """Epochs over so many training rows."""
        if self.epochs == "auto":
            return min(MOST_EPOCHS, max(LEAST_EPOCHS, round(ROWS_IN_ALL / max(rows, 1))))
        return self.epochs

    def batch_for(self, rows: int) -> int:
        """Rows per step with so many training rows."""
        if self.batch_size == "auto":
            return 128 if rows >= 8_000 else 64
        return self.batch_size

    @property
    def shift(self) -> int:
        """The shift to train with; an undecided ``auto`` (see :func:`strandloom.training.probe.decide`) is none."""
        return 0 if self.augmentation.shift == "auto" else self.augmentation.shift
