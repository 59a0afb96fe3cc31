"""``strandloom init``: a commented experiment file for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    table: Annotated[Path, typer.Argument(help="A table with sequences and labels.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The experiment file to write (YAML).", show_default=False)],
    sequence: Annotated[str | None, typer.Option(help="The sequence column, if it is not recognised.")] = None,
    target: Annotated[str | None, typer.Option(help="The label column, if it is not recognised.")] = None,
    genome: Annotated[
        Path | None,
        typer.Option(help="FASTA on which the table names places (chrom, start, end).", show_default=False),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Bases around each place (1,000), or of each sequence.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented starting experiment for a table: sequence, target, task and a `split` column are recognised."""
    from strandloom.cli.console import out as say_out
    from strandloom.cli.console import say
    from strandloom.errors import OutputError
    from strandloom.io.write import replacing
    from strandloom.run.starter import starting_experiment

    if out.is_file() and table.is_file() and out.samefile(table):
        raise OutputError("this is the input file", where=out, hint="choose another name for the experiment")
    if out.exists() and not force:
        raise OutputError("the file exists already", where=out, hint="choose another name or add --force")
    text, notes = starting_experiment(table, out=out, sequence=sequence, target=target, genome=genome, window=window)
    with replacing(out, text=True) as handle:
        handle.write(text)
    for note in notes:
        say(note)
    say_out(f"experiment: {out}")
    say(f"next: strandloom train {out} --out RUN")
