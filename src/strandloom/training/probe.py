"""Decide the undecided: is the signal on both strands, and do small shifts help? By short trainings, on validation.

The default is one strand and no shift: planted motifs, splice sites, UTRs and core promoters have one
strand, and reverse complements teach their opposite. A model trained on one strand is first asked about the other:

- it has lost most of what it learned: one strand it is, and no second probe is needed;
- it keeps nearly all: the labels do not depend on the strand, so both are used, unless the probe trained on both loses
  clearly (short trainings differ by more than the noise of the rows, so a small loss is no reason);
- between the two, or when little was learned: both only when the validation loss of the probe trained on both is lower
  by more than its paired standard error over rows.

A shift must lower the loss by more than its standard error and by more than a hundredth of what is learned, of a model that
has surely learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from strandloom.training.arrays import Arrays
from strandloom.training.infer import logits
from strandloom.training.loop import fit
from strandloom.training.monitor import row_losses
from strandloom.training.onehot import reverse_complement
from strandloom.training.seeds import PROBE, derive_seed
from strandloom.training.settings import AUTO_SHIFT, Precision, Strand, TrainingSettings
from strandloom.training.task import TaskHead

MOST_ROWS = 6_400
"""Training rows of a probe, at most; validation rows likewise."""
EPOCHS = 3
"""Passes of a probe over its rows, where its share of the training allows."""
SHARE = 0.2
"""Row passes of all probes together, as a share of the row passes of the training."""
LEAST_PASSES = 10_000
"""Row passes of one probe, at least: with fewer a network has learned too little to tell, however small the data."""
STRANDLESS, STRANDED = 0.9, 0.8
"""Share of the learned (loss below that of a constant) kept on the other strand: labels from the first on count as
strandless, those below the second as stranded beyond doubt."""

WORTH_A_SHIFT = 0.01
"""Shifts must lower the loss by more than this share of what is learned, beside passing the noise."""


@dataclass(frozen=True)
class Arm:
    """One probe (or one reading of it) on the validation rows.

    Attributes
    ----------
    name
        In plain words.
    strand, shift
        What it was trained with.
    loss
        Mean validation loss.
    gain
        Mean loss of the arm it is compared with, minus its own: above zero is better.
    standard_error
        Of the gain, paired over rows.
    """

    name: str
    strand: Strand
    shift: int
    loss: float
    gain: float
    standard_error: float


@dataclass(frozen=True)
class Decision:
    """What to train with, why, and the evidence.

    Attributes
    ----------
    strand, shift
        Decided.
    why
        A sentence for each decision taken.
    evidence
        The probes; empty when nothing was undecided.
    train_rows, validation_rows, epochs
        Of each probe.
    """

    strand: Strand
    shift: int
    why: tuple[str, ...] = ()
    evidence: tuple[Arm, ...] = ()
    train_rows: int = 0
    validation_rows: int = 0
    epochs: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Decision:
        """The inverse of :meth:`to_json`."""
        arms = tuple(Arm(**x) for x in values["evidence"])
        return cls(**{**values, "why": tuple(values["why"]), "evidence": arms})

    def settle(self, settings: TrainingSettings) -> TrainingSettings:
        """The settings with the shift decided."""
        augmentation = settings.augmentation.model_copy(update={"shift": self.shift})
        return settings.model_copy(update={"augmentation": augmentation})


def decide(
    make_model: Callable[[], nn.Module],
    train: Arrays,
    validation: Arrays,
    *,
    settings: TrainingSettings,
    task: TaskHead,
    strand: Literal["auto"] | Strand,
    device: str = "cpu",
    precision: Precision | None = None,
    share: float = SHARE,
) -> Decision:
    """Settle ``strand: auto`` and ``augmentation.shift: auto``; cheap when neither is asked for.

    Parameters
    ----------
    make_model
        A fresh model, with the same first weights each time.
    train, validation
        The rows of the training; some of each are used.
    settings, task, device, precision
        As for the training itself.
    strand
        ``auto`` is decided here; ``one`` and ``both`` are kept.
    share
        Row passes of all probes as a share of those of the training (but see ``LEAST_PASSES``).
    """
    probes = probe_count(strand, settings)
    if probes == 0:
        assert strand != "auto"
        return Decision(strand, settings.shift)
    undecided_shift = settings.augmentation.shift == "auto"
    rows, epochs = plan(len(train), settings.epochs_for(len(train)), probes=probes, share=share)
    few = _some(train, rows, settings.seed)
    seen = unseen(_some(validation, MOST_ROWS, settings.seed), few)
    short = settings.model_copy(update={"epochs": epochs, "patience": None, "monitor": "loss"})
    bench = _Bench(make_model, few, seen, short, task, device, precision)
    arms: list[Arm] = []
    why: list[str] = []
    chosen: Strand = "one" if strand == "auto" else strand
    best = bench.run(chosen, settings.shift)
    arms.append(_arm(f"{_words(chosen)}, shift {settings.shift}", chosen, settings.shift, best.losses))
    if strand == "auto":
        other = _arm("one strand, read on the other", "one", settings.shift, bench.other(best.model), best.losses)
        arms.append(other)
        learned = _arm("", "one", settings.shift, best.losses, bench.constant())
        kept = kept_share(other, learned)
        if kept < STRANDED:
            why.append(f"only {max(kept, 0):.0%} of what is learned on one strand holds on the other")
        else:
            both = bench.run("both", settings.shift)
            found = _arm(f"both strands, shift {settings.shift}", "both", settings.shift, both.losses, best.losses)
            arms.append(found)
            chosen, sentence = judge_strand(found, kept=kept, learned=learned.gain)
            why.append(sentence)
            best = both if chosen == "both" else best
    shift = settings.shift
    if undecided_shift:
        moved = bench.run(chosen, AUTO_SHIFT)
        found = _arm(f"{_words(chosen)}, shift {AUTO_SHIFT}", chosen, AUTO_SHIFT, moved.losses, best.losses)
        arms.append(found)
        learned = _arm("", chosen, settings.shift, best.losses, bench.constant())
        worth, sentence = judge_shift(found, learned)
        shift = AUTO_SHIFT if worth else 0
        why.append(sentence)
    return Decision(chosen, shift, tuple(why), tuple(arms), len(few), len(seen), epochs)


def unseen(validation: Arrays, train: Arrays) -> Arrays:
    """The validation rows whose sequence is no training row's on either strand (all of them when none would remain).

    A memorised duplicate scores well on its own strand only, which would pass for a stranded signal.
    """
    rng = np.random.default_rng(derive_seed(PROBE, 0))
    factors = torch.from_numpy(rng.integers(-(2**62), 2**62, train.width))
    turned = reverse_complement(train.codes, train.lengths, train.anchor)
    known = torch.cat([(x.long() * factors).sum(1) for x in (train.codes, turned)])  # hashes, modulo 2**64
    new = torch.nonzero(~torch.isin((validation.codes.long() * factors).sum(1), known)).flatten()
    return validation.take(new) if len(new) else validation


def probe_count(strand: Literal["auto"] | Strand, settings: TrainingSettings) -> int:
    """Probes that may be trained, at most: none when nothing is undecided."""
    undecided = (strand == "auto") + (settings.augmentation.shift == "auto")
    return undecided and 1 + undecided


def plan(rows: int, epochs: int, *, probes: int, share: float = SHARE) -> tuple[int, int]:
    """Training rows and epochs of each probe, from the size of the training: never from a timing."""
    passes = max(share * rows * epochs / probes, min(LEAST_PASSES, rows * epochs))
    used = min(rows, MOST_ROWS, max(math.ceil(passes / EPOCHS), 2))
    return used, max(1, min(round(passes / used), epochs))


def judge_shift(moved: Arm, learned: Arm) -> tuple[bool, str]:
    """Whether to shift, and why.

    Parameters
    ----------
    moved
        The arm trained with shifts, against the one without.
    learned
        The arm without, against a constant.
    """
    what = f"shifts by up to {moved.shift} bases"
    if not _surely(learned):
        return False, f"no shifts: too little was learned to tell whether they help ({_figure(moved)})"
    if moved.gain <= moved.standard_error:
        return False, f"{what} did not lower the validation loss by more than its standard error ({_figure(moved)})"
    if moved.gain <= WORTH_A_SHIFT * learned.gain:
        return (
            False,
            f"{what} lowered the validation loss by less than {WORTH_A_SHIFT:.0%} of what is learned ({_figure(moved)})",
        )
    return True, f"{what} lowered the validation loss by more than its standard error ({_figure(moved)})"


def _surely(learned: Arm) -> bool:
    """Whether a model is better than a constant beyond doubt."""
    return learned.gain > 3 * learned.standard_error


def kept_share(other: Arm, learned: Arm) -> float:
    """How much of what a one-strand model learned it keeps on the other strand; NaN when it has not surely learned.

    Parameters
    ----------
    other
        The one-strand model read on the other strand, against itself on the given strand.
    learned
        The one-strand model against a constant.
    """
    if not _surely(learned):
        return math.nan
    return 1 + other.gain / learned.gain


def judge_strand(both: Arm, *, kept: float, learned: float) -> tuple[Strand, str]:
    """One strand or both, and why.

    Parameters
    ----------
    both
        The arm trained on both strands, against the one trained on one.
    kept
        Of :func:`kept_share`; NaN for not known.
    learned
        Loss of a constant minus loss of the one-strand model.
    """
    if both.gain > both.standard_error:
        return (
            "both",
            f"training on both strands lowered the validation loss by more than its standard error ({_figure(both)})",
        )
    if kept >= STRANDLESS and both.gain > -(1 - STRANDLESS) * learned:
        return "both", (
            f"{min(kept, 1):.0%} of what is learned on one strand holds on the other, so labels do not depend on it, "
            f"and training on both is no worse ({_figure(both)})"
        )
    return (
        "one",
        f"training on both strands did not lower the validation loss by more than its standard error ({_figure(both)})",
    )


@dataclass(frozen=True, eq=False)
class _Run:
    model: nn.Module
    losses: NDArray[np.float64]  # (N,)


@dataclass(frozen=True, eq=False)
class _Bench:
    """Same rows, seed and budget for every probe."""

    make_model: Callable[[], nn.Module]
    train: Arrays
    validation: Arrays
    settings: TrainingSettings
    task: TaskHead
    device: str
    precision: Precision | None

    def run(self, strand: Strand, shift: int) -> _Run:
        """Train a fresh model and score the validation rows."""
        augmentation = self.settings.augmentation.model_copy(update={"shift": shift})
        model = self.make_model()
        fit(
            model,
            self.train,
            self.validation,
            settings=self.settings.model_copy(update={"augmentation": augmentation}),
            task=self.task,
            strand=strand,
            device=self.device,
            precision=self.precision,
        )
        return _Run(model, self._losses(model, self.validation, strand))

    def other(self, model: nn.Module) -> NDArray[np.float64]:
        """Losses (N,) of a model on the other strand of the validation rows."""
        rows = self.validation
        turned = reverse_complement(rows.codes, None if rows.full else rows.lengths, rows.anchor, plain=rows.plain)
        return self._losses(model, replace(rows, codes=turned), "one")

    def constant(self) -> NDArray[np.float64]:
        """Losses (N,) of the best constant of the training rows."""
        targets, task = self.train.targets, self.task
        if task.kind == "classes":
            score = (torch.bincount(targets, minlength=task.outputs).float() + 0.5).log()
        elif task.kind == "labels":
            score = torch.logit(((targets.sum(0) + 0.5) / (len(targets) + 1)).float())
        else:
            score = torch.zeros(task.outputs)
        scores = score[None].expand(len(self.validation), -1).contiguous()
        return row_losses(scores.numpy(), self.validation, task=task)

    def _losses(self, model: nn.Module, rows: Arrays, strand: Strand) -> NDArray[np.float64]:
        scores = logits(model, rows.codes, rows.lengths, strand=strand, device=self.device, anchor=rows.anchor)
        return row_losses(scores, rows, task=self.task)


def _some(arrays: Arrays, count: int, seed: int) -> Arrays:
    """At most so many rows, drawn by the seed, in their order."""
    if len(arrays) <= count:
        return arrays
    generator = torch.Generator().manual_seed(derive_seed(PROBE, seed))
    return arrays.take(torch.randperm(len(arrays), generator=generator)[:count].sort().values)


def _arm(
    name: str, strand: Strand, shift: int, losses: NDArray[np.float64], against: NDArray[np.float64] | None = None
) -> Arm:
    """An arm's figures from the losses (N,) of its rows and of the arm it is compared with."""
    if against is None:
        return Arm(name, strand, shift, float(losses.mean()), 0.0, 0.0)
    gain = against - losses
    error = float(gain.std(ddof=1) / math.sqrt(len(gain))) if len(gain) > 1 else math.inf
    return Arm(name, strand, shift, float(losses.mean()), float(gain.mean()), error)


def _words(strand: Strand) -> str:
    return "one strand" if strand == "one" else "both strands"


def _figure(arm: Arm) -> str:
    word = "better" if arm.gain >= 0 else "worse"
    if not math.isfinite(arm.standard_error):
        return f"{abs(arm.gain):.4f} {word}, on one row"
    return f"{abs(arm.gain):.4f} ± {arm.standard_error:.4f} {word}"
