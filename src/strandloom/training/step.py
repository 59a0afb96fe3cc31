"""One step: rows to codes, augmentation, one-hot, forward, loss, backward, optimiser, running average."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from strandloom.training.arrays import Arrays
from strandloom.training.augment import augment
from strandloom.training.average import Average
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.training.optimizer import build_optimizer, set_learning_rate
from strandloom.training.seeds import AUGMENTATION, derive_seed
from strandloom.training.settings import Precision, Strand, TrainingSettings
from strandloom.training.task import TaskHead


class Stepper:
    """A model with its optimiser and running average, ready to take steps over the training rows.

    Parameters
    ----------
    model
        On ``device``; takes float (B, C, L), gives scores (B, K).
    train
        The rows; where they lie is where the row numbers of a step must lie.
    settings, task, strand, device, precision
        As for :func:`strandloom.training.loop.fit`.
    """

    def __init__(
        self,
        model: nn.Module,
        train: Arrays,
        *,
        settings: TrainingSettings,
        task: TaskHead,
        strand: Strand,
        device: torch.device,
        precision: Precision,
    ) -> None:
        self.model = model
        self.network: nn.Module = model  # the one place to wrap for data-parallel training
        self.train = train
        self.settings = settings
        self.task = task
        self.strand: Strand = strand
        self.device = device
        self.precision: Precision = precision
        self.optimizer = build_optimizer(model, settings.optimizer)
        self.average = Average(model, settings.average)
        self._weights = [x for x in model.parameters() if x.requires_grad]
        self._table = one_hot_table(device)
        self._generator = torch.Generator(device)
        self._row_weights = None if train.weights is None else train.weights / train.weights.mean()

    def step(self, rows: Tensor, *, epoch: int, step: int, number: int, rate: float) -> Tensor:
        """Take a step.

        Parameters
        ----------
        rows
            Row numbers, int64 (B,).
        epoch, step
            From 1, and from 0 within the epoch: they seed the augmentation.
        number
            Steps taken before, over all epochs.
        rate
            Learning rate.

        Returns
        -------
        Tensor
            Sum of the losses of the rows, scalar on the device, detached (nothing waits for it).
        """
        codes, lengths, targets, weights = self._batch(rows)
        settings = self.settings
        self._generator.manual_seed(derive_seed(AUGMENTATION, settings.seed, epoch, step))
        codes = augment(
            codes,
            lengths,
            generator=self._generator,
            strand=self.strand,
            shift=settings.shift,
            mutation=settings.augmentation.mutation,
            anchor=self.train.anchor,
            plain=self.train.plain,
        )
        inputs = one_hot(codes, self._table, plain=self.train.plain)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            scores = self.network(inputs)
        losses = self.task.losses(scores, targets, smooth=True)
        loss = (losses if weights is None else losses * weights).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self._weights, settings.gradient_clip)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.step()
        self.average.update(number)
        return loss.detach() * len(rows)

    def weights_finite(self) -> bool:
        """Whether no weight and no averaged weight is NaN or infinite."""
        sums = [x.detach().float().sum() for x in (*self._weights, *self.average.state().values())]
        return bool(torch.isfinite(torch.stack(sums)).all())

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Codes (B, L), lengths (B,) where some row is short, targets and row weights (B,), on the device."""
        train = self.train
        codes = self._picked(train.codes, rows)
        targets = self._picked(train.targets, rows)
        lengths = self._picked(train.lengths, rows) if self.strand == "both" and not train.full else None
        weights = None if self._row_weights is None else self._picked(self._row_weights, rows)
        return codes, lengths, targets, weights

    def _picked(self, values: Tensor, rows: Tensor) -> Tensor:
        """Rows of a tensor on the device; to a card they travel from pinned memory, while it computes."""
        found = values.index_select(0, rows)
        if self.device.type == "cuda" and not found.is_cuda:
            found = found.pin_memory()
        return found.to(self.device, non_blocking=True)
