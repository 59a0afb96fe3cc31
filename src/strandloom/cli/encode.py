"""``strandloom encode``: an encoder that learns without labels, and a forest on its values (the way of SuperQ)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Values of sequences from an encoder that learns without labels, and a forest on them: fit, apply.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Values of sequences from an encoder that learns without labels, and a forest on them: fit, apply."""


@app.command()
def fit(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="An experiment file (data, task, split), a labelled table, or with --no-labels any file of sequences.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to make; its bundle is the model.", show_default=False)
    ],
    labels: Annotated[bool, typer.Option("--labels/--no-labels", help="Whether a forest learns the labels.")] = True,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="Further sequences for the encoder; may be given several times.", show_default=False),
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A bundle of encode fit, whose encoder learns on.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="A.B=C", help="Replace a setting: encoder.epochs=3, forest.trees=500; repeatable."
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
        typer.Option(min=1, help="Bases around each place (1,000), or of each sequence.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train an encoder on sequences without their labels, then a forest on its values with them, and judge it on held-out rows."""
    from strandloom.cli.console import PathResolver, command_line, threads
    from strandloom.cli.console import out as say_out
    from strandloom.cli.progress import ConsoleProgress
    from strandloom.errors import UsageError
    from strandloom.experiment import check_experiment, read_experiment
    from strandloom.run.starter import experiment_of_table, is_experiment_file
    from strandloom.settings_file import SettingsFile, override
    from strandloom.workflows.encoding.settings import EncodingSettings

    asked = override(SettingsFile({}, "encode", {}, {}), settings or []).check(EncodingSettings)
    notes: list[str] = []
    if is_experiment_file(experiment):
        for option, given in (("target", target), ("genome", genome), ("window", window)):
            if given is not None:
                raise UsageError(
                    f"an experiment file names its {option}", where=f"--{option}", hint="change it in the file"
                )
        read = read_experiment(experiment)
    elif labels:
        read, notes = experiment_of_table(experiment, target=target, genome=genome, window=window)
    else:
        raw: dict[str, object] = {"table": str(experiment.resolve())}
        if window is not None:
            raw["window"] = {"length": window, "anchor": "centre"}
        if genome is not None:
            raw["genome"] = str(genome.resolve())
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in experiment.name.split(".")[0]).strip("._-")
        read = check_experiment({"name": name or "encoder", "data": raw})
    from strandloom.workflows.encoding.fit import fit_encoding
    from strandloom.workflows.encoding.model import load_encoding

    with ConsoleProgress(quiet=quiet) as progress:
        for note in notes:
            progress.say(note)
        found = fit_encoding(
            read, out=out, settings=asked, labels=labels, unlabelled=[str(path.resolve()) for path in unlabelled or ()],
            start=None if start is None else load_encoding(start), resolve=PathResolver(experiment.resolve().parent),
            threads=threads(), force=force, command=command_line(), progress=progress,
        )  # fmt: skip
    for line in found.sentences:
        say_out(line)
    if labels:
        say_out(f"report: {found.folder / 'report.html'}")
    say_out(f"bundle: {found.bundle}")


@app.command("apply")
def apply_(
    bundle: Annotated[Path, typer.Argument(help="The bundle of encode fit.", show_default=False)],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Any file of sequences.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Output: .tsv, .csv, .parquet or .ndjson (also .gz).", show_default=False),
    ],
    answers: Annotated[bool, typer.Option("--answers", help="What the forest answers instead of the values.")] = False,
    sequence: Annotated[str | None, typer.Option(help="The sequence column of a table.")] = None,
    genome: Annotated[
        Path | None,
        typer.Option(help="FASTA on which a table of INPUT names places (chrom, start, end).", show_default=False),
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Order of the bases in an array, such as AGCT.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Write the values of every sequence (id, v_0 …), or what the forest answers."""
    from strandloom.cli.console import say, threads
    from strandloom.cli.progress import PredictProgress
    from strandloom.training.runtime import apply, choose_runtime
    from strandloom.words import plural
    from strandloom.workflows.encoding.apply import apply_encoding
    from strandloom.workflows.encoding.model import load_encoding

    apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads()))
    loaded = load_encoding(bundle)
    with PredictProgress(quiet=quiet, what="sequences") as progress:
        count = apply_encoding(
            loaded,
            source,
            out=out,
            answers=answers,
            sequence=sequence,
            genome=genome,
            order=order,
            tell=progress.advance,
        )
    say(f"{plural(count, 'sequence')} → {out}")
