"""``strandloom simulate``: data whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make data whose truth, and whose best possible score, is known.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make data whose truth, and whose best possible score, is known."""


@app.command()
def motifs(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Table to write: .tsv, .csv or .parquet (also .gz).", show_default=False)
    ],
    n: Annotated[int, typer.Option("--n", min=10, help="Number of sequences.")] = 10_000,
    length: Annotated[int, typer.Option(min=8, help="Length of each sequence in bases.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same file.")] = 1,
    motif: Annotated[
        list[str] | None,
        typer.Option(help="A motif to plant, in IUPAC letters; repeatable. Default: the tutorial's four."),
    ] = None,
    motif_file: Annotated[
        Path | None, typer.Option(help="Motifs as matrices, MEME or JASPAR format.", show_default=False)
    ] = None,
    gc: Annotated[float, typer.Option(min=0.01, max=0.99, help="GC content of the background.")] = 0.5,
    positives: Annotated[float, typer.Option(min=0.01, max=0.99, help="Share of sequences that carry a motif.")] = 0.5,
    homopolymers: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of negatives with a homopolymer of 7.")
    ] = 0.3,
) -> None:
    """Sequences with planted motifs: columns id, sequence, label, motif, start (0-based) and split; the exact Bayes ceiling is printed."""
    from pydantic import ValidationError

    from strandloom.cli.console import out as say_out
    from strandloom.data.mixture import MotifSimulation
    from strandloom.data.simulate import simulate, write_simulation
    from strandloom.errors import UsageError

    given: dict[str, object] = {}
    if motif_file is not None:
        from strandloom.io.motifs import read_motifs

        given["motifs"] = {name: matrix.tolist() for name, matrix in read_motifs(motif_file).items()}
        given["motifs"] |= {text: text for text in motif or ()}  # type: ignore[operator]
    elif motif:
        given["motifs"] = tuple(motif)
    try:
        settings = MotifSimulation(
            n=n, length=length, gc=gc, positive_fraction=positives, homopolymer_rate=homopolymers, **given
        )
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"].removeprefix("Value error, "), where="simulate motifs") from None
    simulated = simulate(settings, seed=seed)
    write_simulation(simulated, out)
    best = simulated.ceiling
    say_out(f"{n:,} sequences of {length} bases, {settings.positives:,} with a motif → {out}")
    say_out(
        f"best possible on these rows (exact Bayes ceiling): accuracy {best.accuracy:.3f}, AUROC {best.roc_auc:.3f}; "
        f"for a model that treats both strands alike: accuracy {best.strand_symmetric_accuracy:.3f}"
    )
