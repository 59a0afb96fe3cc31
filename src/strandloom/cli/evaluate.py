"""``strandloom evaluate``: a bundle on a labelled table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    table: Annotated[Path, typer.Argument(help="A table with sequences and their true labels.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for evaluation.json and report.html.", show_default=False)
    ],
    sequence: Annotated[
        str | None, typer.Option(help="The sequence column, if its name differs from training.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The label column, if its name differs from training.")] = None,
    genome: Annotated[
        Path | None, typer.Option(help="FASTA on which the table names places (chrom, start, end).", show_default=False)
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Order of the bases in an array, such as AGCT.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output folder.")] = False,
) -> None:
    """Judge a trained model on a labelled table: metrics with intervals beside the bundle's own baselines, and a report."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.run import evaluate_bundle

    result = evaluate_bundle(
        bundle,
        table,
        out=out,
        sequence=sequence,
        target=target,
        genome=genome,
        order=order,
        device=device,
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(result.verdict)
    say_out(f"report: {result.folder / 'report.html'}")
