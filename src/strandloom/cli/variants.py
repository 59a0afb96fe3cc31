"""``strandloom variants``: what a model says of the variants of a VCF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strandloom.cli.predict import Engine


def variants(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    genome: Annotated[Path, typer.Option(help="FASTA that the positions count on, plain or gz.", show_default=False)],
    vcf: Annotated[Path, typer.Option(help="The variants: VCF, plain or gz.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output: .tsv, .csv, .vcf (also .gz) or .parquet.", show_default=False)
    ],
    output: Annotated[
        list[str] | None,
        typer.Option(help="An output to write; may be given several times.", show_default="all"),
    ] = None,
    shifts: Annotated[
        int, typer.Option(min=1, max=50, help="Windows a variant, moved against one another; answers are averaged.")
    ] = 1,
    engine: Annotated[
        Engine, typer.Option(help="What computes the network; others than torch are made by `export`.")
    ] = Engine.torch,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the map of the genome; beside the FASTA.", show_default=False)
    ] = None,
    alias: Annotated[
        Path | None,
        typer.Option(help="Table with the genome's contig names and other names for them.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Score every alternative allele: answers with either allele, log odds ratio or difference, spread over the networks.

    What cannot be scored stands with its reason in OUT.left_out.tsv. A killed run goes on where it stopped.
    """
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.progress import PredictProgress
    from strandloom.predict import load
    from strandloom.workflows.variants.run import score_vcf

    predictor = load(bundle, engine=engine.value, device=device, threads=threads())
    with PredictProgress(quiet=quiet, what="records") as progress:
        summary = score_vcf(
            predictor, genome, vcf, out=out, outputs=tuple(output or ()), shifts=shifts, cache=cache, alias=alias, force=force,
            command=command_line(), say=say, tell=progress.advance,
        )  # fmt: skip
    for line in summary.lines():
        say(line)
