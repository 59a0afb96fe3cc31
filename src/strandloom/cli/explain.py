"""``strandloom explain``: which bases matter, which motifs a model has learned, and what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer


def explain(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Sequences: FASTA, FASTQ, CSV, TSV, Parquet, one a line; gz is fine.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for motifs.html and the rest.", show_default=False)],
    motifs: Annotated[
        Path | None,
        typer.Option(help="MEME or JASPAR file of known motifs: what is found gets names.", show_default=False),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            help="Class to explain; may be given several times. By default the second of two, or the classes most often predicted (12).",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="auto, deeplift, integrated_gradients, gradient, mutagenesis or attention; see docs/explain.md."
        ),
    ] = "auto",
    rows: Annotated[int, typer.Option(min=1, help="Sequences that are explained, drawn from the input.")] = 2000,
    pages: Annotated[int, typer.Option(min=0, help="Sequences that get a page of their own.")] = 6,
    page: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Give this sequence a page; may be given several times.", show_default=False),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option(help="The sequence column, if its name differs from training.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The label column, if its name differs from training.")] = None,
    first_base: Annotated[
        int,
        typer.Option(
            help="Number of the first base in figures; -249 makes the 250th base +1, say the TSS (there is no 0)."
        ),
    ] = 1,
    genome: Annotated[
        Path | None,
        typer.Option(help="FASTA on which a table of INPUT names places (chrom, start, end).", show_default=False),
    ] = None,
    position: Annotated[str, typer.Option(help="What positions count.")] = "position in the sequence",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    long: Annotated[bool, typer.Option("--long", help="Begin even what is estimated to take over an hour.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier explanation.")] = False,
) -> None:
    """Explain a trained model: attributions with a sanity check, motifs with their names and effects, pages to look at.

    Writes motifs.html (one page for each output), sequences/*.html, motifs.meme, sites.tsv (and sites.bed where coordinates are
    known), attributions.npz and explanation.json.
    """
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.errors import UsageError
    from strandloom.explain.attribution import METHODS, Method
    from strandloom.explain.settings import ExplainSettings
    from strandloom.run.explain import explain_bundle

    if method not in ("auto", *METHODS):
        raise UsageError(f"no method is called '{method}'", where="--method", hint="one of auto, " + ", ".join(METHODS))
    settings = ExplainSettings(
        method=cast(Method, method),
        output=tuple(output) if output else None,
        rows=rows,
        motifs=None if motifs is None else str(motifs),
        pages=pages,
        first_base=first_base,
        position=position,
        seed=seed,
    )
    result = explain_bundle(
        bundle,
        source,
        out=out,
        settings=settings,
        sequence=sequence,
        genome=genome,
        target=target,
        ids=tuple(page or ()),
        device=device,
        threads=threads(),
        long=long,
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(result.sentence)
    say_out(f"motifs: {result.folder / 'motifs.html'}")
