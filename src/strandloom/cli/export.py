"""``strandloom export``: other engines for a trained model, each measured against fp32 before it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    onnx: Annotated[bool, typer.Option("--onnx", help="ONNX Runtime, in fp32 and in 8 bits (two ways).")] = False,
    openvino: Annotated[bool, typer.Option("--openvino", help="OpenVINO, in fp32, in bfloat16 and in 8 bits.")] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Labelled rows the model did not learn from: up to 300 of them (half at most) calibrate, the others compare. "
            "By default the train and validation rows of the run that holds the bundle.",
            show_default=False,
        ),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option(help="The sequence column of --rows, if its name differs from training.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The label column of --rows, if its name differs from training.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Sequences per pass. By default 128, fewer of sequences above 1,000 bases.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make engines for `predict --engine`, say how fast each is, and keep those that answer as well as fp32.

    Torch in bfloat16 is always tried. 8-bit numbers get their ranges from at most 300 training rows. Each engine is then
    compared with torch fp32 on validation rows (at most 20,000): it is stored in the bundle with its speed and its error if accuracy
    and average precision each fall by less than 0.002, and refused with the figures otherwise; also where
    its scores change with the size of the batch. Exit code 1: none was kept.
    """
    from strandloom.cli.console import PathResolver, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.run.export import engine_names, export_engines

    run = bundle.resolve().parent

    def resolve(name: str) -> Path:
        """Where the run's data may stand; its hash is checked."""
        for folder in (Path.cwd(), run.parent):
            if (folder / name).is_file():
                return folder / name
        return PathResolver(run)(name)

    outcomes = export_engines(
        bundle,
        engine_names(onnx=onnx, openvino=openvino),
        rows=rows,
        sequence=sequence,
        target=target,
        resolve=resolve,
        batch_size=batch_size,
        threads=threads(),
        say=say,
    )
    kept = [one.name for one in outcomes if not one.refused]
    if not kept:
        raise typer.Exit(1)
    say_out(f"engines in {bundle}: {', '.join(kept)}")
