"""Progress on stderr: stages of a run, a bar with speed and time left; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from strandloom.cli.console import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from strandloom.training.history import EpochRecord, FitResult
    from strandloom.training.progress import Plan, Progress

SECONDS_BETWEEN_LINES = 10.0
"""Without a terminal an epoch's line is written at most this often."""


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[speed]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=Console(stderr=True),
        transient=True,
    )


class ConsoleProgress:
    """Follows a run on the terminal.

    Parameters
    ----------
    quiet
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.live = not quiet and sys.stderr.isatty()
        self.bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def stage(self, title: str) -> None:
        """A line for the stage."""
        self.say(f"· {title}")

    def say(self, text: str) -> None:
        """A line, above the bar."""
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            say(text)

    def member(self, name: str, number: int, total: int) -> Progress:
        """Follow one network."""
        title = f"training {name}" + (f" ({number} of {total})" if total > 1 else "")
        return _Follow(self, title)


class _Follow:
    """Steps and epochs of one training."""

    def __init__(self, owner: ConsoleProgress, title: str) -> None:
        self.owner = owner
        self.title = title
        self.rows = 0
        self.done = 0
        self.started = self.spoken = time.monotonic()
        self.epochs = 0

    def start(self, plan: Plan) -> None:
        """Open the bar."""
        self.epochs = plan.epochs
        self.started = time.monotonic()
        if self.owner.live:
            bar = _bar()
            self.task = bar.add_task(self.title, total=plan.epochs * plan.steps_per_epoch, speed="", loss="")
            bar.advance(self.task, plan.epochs_done * plan.steps_per_epoch)
            self.owner.bar = bar
            bar.start()

    def step(self, *, epoch: int, step: int, rows: int) -> None:
        """Move the bar."""
        self.rows += rows
        self.done += 1
        if self.owner.bar is not None:
            spent = time.monotonic() - self.started
            speed = f"{self.rows / spent:,.0f} samples/s" if spent > 2 else ""
            self.owner.bar.update(
                self.task, advance=1, speed=speed, description=f"{self.title}, epoch {epoch}/{self.epochs}"
            )

    def epoch(self, record: EpochRecord) -> None:
        """Say how the epoch went."""
        text = f"loss {record.train_loss:.4f}, validation {record.validation_loss:.4f}"
        if self.owner.bar is not None:
            self.owner.bar.update(self.task, loss=text)
        elif not self.owner.quiet and time.monotonic() - self.spoken > SECONDS_BETWEEN_LINES:
            self.spoken = time.monotonic()
            left = (self.epochs - record.epoch) * record.seconds
            self.owner.say(
                f"  {self.title}: epoch {record.epoch}/{self.epochs}, {text}, "
                f"{record.samples_per_second:,.0f} samples/s, at most {left:.0f} s left"
            )

    def finish(self, result: FitResult) -> None:
        """Close the bar and sum up."""
        self.owner.close()
        self.owner.say(
            f"  {self.title}: best epoch {result.best_epoch} of {result.epochs_run} ({result.stopped}); "
            f"{result.seconds:.0f} s, {result.samples_per_second:,.0f} samples/s"
        )


class _Line:
    """One line that is rewritten in place on a terminal, and taken away at the end.

    Parameters
    ----------
    quiet
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.live = not quiet and sys.stderr.isatty()
        self.spoken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.spoken:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, text: str) -> None:
        """Put this in place of what stands there."""
        self.spoken = True
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


class PredictProgress(_Line):
    """Rows and speed of a prediction, rewritten in place on a terminal.

    Parameters
    ----------
    quiet
        Say nothing.
    what
        What is counted.
    """

    def __init__(self, *, quiet: bool, what: str = "rows") -> None:
        super().__init__(quiet=quiet)
        self.what = what

    def advance(self, rows: int, per_second: float, total: int = 0) -> None:
        """Show how far it is; with about how many rows there are, the time left too."""
        if self.live:
            left = f", about {(total - rows) / per_second:,.0f} s left" if total > rows and per_second > 0 else ""
            self.show(f"{rows:,} {self.what}, {per_second:,.0f} {self.what}/s{left}")


class DesignProgress(_Line):
    """Rounds of a design: rewritten in place on a terminal, elsewhere a line now and then.

    Parameters
    ----------
    quiet
        Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self.quiet = quiet
        self.started = self.last = time.perf_counter()

    def tell(self, number: int, rounds: int, merit: float) -> None:
        """Show the round, the mean merit in standard deviations, and about how long the rest takes."""
        now = time.perf_counter()
        left = (now - self.started) / number * (rounds - number)
        line = f"round {number} of at most {rounds}, merit {merit:.3f}, about {left:,.0f} s left"
        if self.live:
            self.show(line)
        elif not self.quiet and now - self.last > SECONDS_BETWEEN_LINES:
            self.last = now
            say(line)
