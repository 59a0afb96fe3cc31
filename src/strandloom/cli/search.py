"""``strandloom search``: many settings tried on validation, the winner trained and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strandloom.workflows.search.trials import Trial


def search(
    experiment: Annotated[
        Path, typer.Argument(help="An experiment file with a `search` section; see docs/search.md.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for trials, report and winner.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="A.B=C", help="Replace a setting, for example --set search.trials=20; repeatable."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Replaces search.trials.", show_default=False)] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Seeds of the winner's run.")] = 1,
    retrain: Annotated[
        bool,
        typer.Option("--retrain/--no-retrain", help="Whether the winner is trained anew and judged on the test part."),
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that was stopped, or join one that runs.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
) -> None:
    """Search over settings of model and training: trials are judged on validation, the winner is trained anew and judged once.

    Writes trials.tsv, report.html (parallel coordinates, importance), winner.yaml and winner/ (an ordinary run).
    """
    from strandloom.cli.console import PathResolver, command_line, threads
    from strandloom.cli.console import out as say_out
    from strandloom.cli.progress import ConsoleProgress
    from strandloom.experiment import read_experiment

    overrides = list(settings or [])
    if trials is not None:
        overrides.append(f"search.trials={trials}")
    read = read_experiment(experiment, overrides)
    from strandloom.workflows.search.search import search_experiment

    with ConsoleProgress(quiet=quiet) as progress:
        found = search_experiment(
            read, out=out, resolve=PathResolver(experiment.resolve().parent), seeds=seeds, retrain=retrain, resume=resume, device=device,
            threads=threads(), command=command_line(), progress=Lines(quiet=quiet), run_progress=progress,
        )  # fmt: skip
    say_out(found.sentence)
    if found.winner is not None:
        say_out(found.winner.verdict)
    say_out(f"report: {out / 'report.html'}")


class Lines:
    """A line for every trial: the progress table."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.headed = False

    def say(self, text: str) -> None:
        """A remark."""
        from strandloom.cli.console import say

        if not self.quiet:
            say(text)

    def trial(self, trial: Trial, best: Trial | None, trials: int) -> None:
        """Number, figure, best so far, time, and what was chosen."""
        from strandloom.workflows.search.report import in_words

        if not self.headed:
            self.say(f"{'trial':>9}  {'figure':>9}  {'best':>9}  {'seconds':>7}  choices")
            self.headed = True
        figure = trial.state if trial.figure is None or trial.state != "complete" else f"{trial.figure:.4g}"
        known = "" if best is None or best.figure is None else f"{best.figure:.4g}"
        chosen = ", ".join(f"{name.rpartition('.')[2]} {in_words(value)}" for name, value in trial.values.items())
        why = f" ({trial.reason})" if trial.reason else ""
        self.say(f"{trial.number:>4}/{trials:<4}  {figure:>9}  {known:>9}  {trial.seconds:>7.1f}  {chosen}{why}")
