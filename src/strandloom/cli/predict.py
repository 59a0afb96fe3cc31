"""``strandloom predict``: a bundle over any file of sequences, streaming."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Engine(StrEnum):
    """What computes the network: torch in fp32, the fastest variant of a library that the bundle holds, or one variant."""

    torch = "torch"
    onnx = "onnx"
    openvino = "openvino"
    torch_bf16 = "torch-bf16"
    onnx_fp32 = "onnx-fp32"
    onnx_int8 = "onnx-int8"
    onnx_int8_dynamic = "onnx-int8-dynamic"
    openvino_fp32 = "openvino-fp32"
    openvino_bf16 = "openvino-bf16"
    openvino_int8 = "openvino-int8"


class OnBadRow(StrEnum):
    """What to do with a row that cannot be read."""

    error = "error"
    skip = "skip"


def predict(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="FASTA, FASTQ, CSV, TSV, Parquet, NPY or one sequence per line; with --genome BED or a table of places; gz is fine.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Output: .tsv, .csv, .parquet or .ndjson (also .gz).", show_default=False),
    ],
    sequence: Annotated[str | None, typer.Option(help="The sequence column of a table.")] = None,
    engine: Annotated[
        Engine, typer.Option(help="What computes the network; others than torch are made by `export`.")
    ] = Engine.torch,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Rows per batch; results do not depend on it.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    on_bad_row: Annotated[
        OnBadRow, typer.Option("--on-bad-row", help="Stop at a row that cannot be read, or skip and count it.")
    ] = OnBadRow.error,
    genome: Annotated[
        Path | None,
        typer.Option(help="FASTA on which a table of INPUT names places (chrom, start, end).", show_default=False),
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Order of the bases in an array, such as AGCT.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Predict every sequence of a file: one output row per input row, in order, with calibrated probabilities."""
    from strandloom.cli.console import say, threads
    from strandloom.cli.progress import PredictProgress
    from strandloom.predict import load, predict_file

    predictor = load(bundle, engine=engine.value, device=device, threads=threads())
    with PredictProgress(quiet=quiet) as progress:
        summary = predict_file(
            predictor,
            source,
            out=out,
            sequence=sequence,
            batch_size=batch_size,
            on_bad_row=on_bad_row.value,
            progress=progress,
            genome=genome,
            order=order,
        )
    for line in summary.lines():
        say(line)
