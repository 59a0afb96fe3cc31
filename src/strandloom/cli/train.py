"""``strandloom train``: an experiment file becomes a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="The experiment file (YAML), which `strandloom init` writes; or a table, trained as `init` would have it.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run folder to make.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="A.B=C", help="Replace a setting, for example --set training.epochs=5; repeatable."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Of a table: the label column, if it is not recognised.", show_default=False)
    ] = None,
    genome: Annotated[
        Path | None,
        typer.Option(help="Of a table of places (chrom, start, end): the FASTA that they lie on.", show_default=False),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of a table: bases around each place (1,000), or of each sequence.", show_default=False
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Replaces training.seed.", show_default=False)] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Train this many seeds and pool them into one report and one bundle.")
    ] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps …")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped (or start it).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run folder.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the verdict.")] = False,
) -> None:
    """Train the model of an experiment file, judge it on held-out rows beside baselines, and write a report and a bundle."""
    import shlex
    import sys

    from strandloom.cli.console import PathResolver, busy, threads
    from strandloom.cli.console import out as say_out
    from strandloom.cli.progress import ConsoleProgress
    from strandloom.errors import UsageError
    from strandloom.experiment import read_experiment
    from strandloom.run.starter import experiment_of_table, is_experiment_file

    overrides = list(settings or [])
    if seed is not None:
        overrides.append(f"training.seed={seed}")
    notes: list[str] = []
    if is_experiment_file(experiment):
        for option, given, setting in (
            ("target", target, "data.target=NAME"),
            ("genome", genome, "data.genome=FASTA"),
            ("window", window, "data.window.length=1000"),
        ):
            if given is not None:
                raise UsageError(
                    f"an experiment file names its {option}", where=f"--{option}", hint=f"use --set {setting}"
                )
        read = read_experiment(experiment, overrides)
    else:
        read, notes = experiment_of_table(experiment, overrides, target=target, genome=genome, window=window)
    from strandloom.run import run_experiment

    command = shlex.join(["strandloom", *(word for word in sys.argv[1:] if word != "--resume")])  # to do it all again
    with ConsoleProgress(quiet=quiet) as progress:
        if warning := busy():
            progress.say(warning)
        for note in notes:
            progress.say(note)
        if read.search is not None:
            progress.say("search: is for `strandloom search`; the settings are trained as they stand")
        result = run_experiment(
            read,
            out=out,
            resolve=PathResolver(experiment.resolve().parent),
            seeds=seeds,
            device=device,
            threads=threads(),
            resume=resume,
            force=force,
            command=command,
            progress=progress,
        )
    say_out(result.verdict)
    say_out(f"report: {result.folder / 'report.html'}")
    say_out(f"bundle: {result.folder / 'bundle'}")
