"""Figures of training: loss and validation metrics per epoch, all networks overlaid."""

from __future__ import annotations

from collections.abc import Sequence

from strandloom.report.inputs import Member
from strandloom.report.numbers import fixed, general
from strandloom.report.scores import METRICS, metric_title
from strandloom.report.svg import COLOURS, Axis, Figure, Key, Plot, span

MOST_MEMBERS = 30
PREFERRED = ("matthews_corrcoef", "balanced_accuracy", "accuracy", "roc_auc", "average_precision", "r2", "pearson")


def _epoch_axis(members: Sequence[Member]) -> Axis:
    last = max(m.last_epoch for m in members)
    first = min(m.numbers[0] for m in members)
    return Axis(first if last > first else first - 0.5, max(float(last), first + 0.5), "epoch", ticks=6)


def loss(members: Sequence[Member]) -> Figure | None:
    """Training and validation loss per epoch with the best epoch of each network."""
    shown = [m for m in members if m.epochs][:MOST_MEMBERS]
    values = [v for m in shown for key in ("train_loss", "validation_loss") for v in m.series(key)]
    if not shown or not [v for v in values if v is not None]:
        return None
    low, high = span(values, pad=0.06)
    plot = Plot(
        "loss",
        title="Loss per epoch",
        description="; ".join(f"{m.name}: best epoch {m.best_epoch or 'not known'} of {m.last_epoch}" for m in shown),
        x=_epoch_axis(shown),
        y=Axis(low, high, "loss", text=general),
    )
    many = len(shown) > 1
    if not many and shown[0].best_epoch is not None:
        plot.upright(shown[0].best_epoch, f"best epoch {shown[0].best_epoch}")
    for member in shown:
        form = "faint" if len(shown) > 3 else "thin" if many else ""
        plot.line(member.numbers, member.series("train_loss"), 7, form=f"dash {form}")
        plot.line(member.numbers, member.series("validation_loss"), 0, form=form)
        _best(plot, member, "validation_loss", 0)
    return Figure(
        plot.svg(),
        "Loss",
        _caption(members, shown),
        (Key("training", 7, "dash"), Key("validation", 0), Key("best epoch (weights kept)", 0, "dot")),
    )


def metric_key(members: Sequence[Member]) -> str | None:
    """The validation metric to draw: the monitored one if it was recorded, else the most telling one."""
    recorded = {k for m in members for k in m.recorded}
    wanted = [*(m.monitor for m in members if m.monitor), *PREFERRED, *METRICS]
    return next((f"validation_{k}" for k in wanted if k in recorded and k != "loss"), None)


def metric(members: Sequence[Member]) -> Figure | None:
    """A validation metric per epoch, one line per network."""
    key = metric_key(members)
    shown = [m for m in members if m.epochs][:MOST_MEMBERS]
    if key is None or not shown:
        return None
    name = metric_title(key.removeprefix("validation_"))
    low, high = span([v for m in shown for v in m.series(key)], pad=0.08)
    plot = Plot(
        "metric",
        title=f"Validation {name} per epoch",
        description="; ".join(f"{m.name}: last {fixed(m.series(key)[-1])}" for m in shown),
        x=_epoch_axis(shown),
        y=Axis(low, high, f"validation {name}", text=general),
    )
    if len(shown) == 1 and shown[0].best_epoch is not None:
        plot.upright(shown[0].best_epoch, f"best epoch {shown[0].best_epoch}")
    for i, member in enumerate(shown):
        colour = i if len(shown) < COLOURS else 0
        plot.line(member.numbers, member.series(key), colour, form="" if len(shown) == 1 else "thin")
        _best(plot, member, key, colour)
    keys = tuple(Key(m.name, i) for i, m in enumerate(shown)) if 1 < len(shown) < COLOURS else ()
    return Figure(
        plot.svg(), f"Validation {name}", "Measured after every epoch on rows the network does not learn from.", keys
    )


def _best(plot: Plot, member: Member, key: str, colour: int) -> None:
    for number, value in zip(member.numbers, member.series(key), strict=True):
        if member.best_epoch is not None and number == member.best_epoch:
            plot.dots([number], [value], colour, radius=4.5)


def _caption(members: Sequence[Member], shown: Sequence[Member]) -> str:
    words = "Training and validation loss should fall together; a validation loss that turns up means overfitting."
    rest = len([m for m in members if m.epochs]) - len(shown)
    return words + (f" Shown: {len(shown)} networks, and {rest} more." if rest else "")
