"""``strandloom data``: look at data before training."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at data before training, or label a genome with its peaks.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at data before training."""


@app.command()
def check(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Any supported file of sequences.", show_default=False)
    ],
    sequence: Annotated[str | None, typer.Option(help="The sequence column of a table.")] = None,
    target: Annotated[str | None, typer.Option(help="The label column of a table.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Say what is in a file and what is wrong with it."""
    from strandloom.cli.console import out, out_json
    from strandloom.cli.tables import facts_table
    from strandloom.data.check import check_file

    checked = check_file(source, sequence=sequence, target=target)
    if as_json:
        out_json(checked.as_dict())
    else:
        out(facts_table(checked))


class LabelRule(StrEnum):
    """When a bin has a label."""

    half = "half"
    any = "any"


@app.command()
def label(
    genome: Annotated[Path, typer.Argument(help="FASTA of the genome, plain or gz.", show_default=False)],
    peaks: Annotated[
        list[Path],
        typer.Option(
            help="BED, narrowPeak or GFF; may be given several times. The fourth column of BED is the label; a file without names is one.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The table to write (.tsv, .csv, .parquet; also .gz).", show_default=False),
    ],
    bins: Annotated[int, typer.Option(min=1, help="Bases of a bin.")] = 200,
    rule: Annotated[
        LabelRule, typer.Option(help="half: peaks cover more than half of the bin (DeepSEA); any: at least a base.")
    ] = LabelRule.half,
    least: Annotated[int, typer.Option(min=1, help="Leave out labels with fewer positive bins.")] = 1,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="A label to write; may be given several times. Bins of other labels stay, without one.",
            show_default=False,
        ),
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Keep bins that no peak covers.")] = False,
    negatives: Annotated[
        int | None,
        typer.Option(min=1, help="Of the bins without a label keep so many, drawn by --seed.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw of --negatives.")] = 1,
    alias: Annotated[
        Path | None,
        typer.Option(help="Table with the genome's contig names and other names for them.", show_default=False),
    ] = None,
    blacklist: Annotated[
        Path | None, typer.Option(help="Leave out bins that overlap these intervals.", show_default=False)
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(help="Contig of the validation part; may be given several times.", show_default=False),
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="Contig of the test part; may be given several times.", show_default=False)
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1, help="Write the bases around each bin too, so that the table stands alone.", show_default=False
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the map of the genome; beside the FASTA.", show_default=False)
    ] = None,
) -> None:
    """Cut a genome into bins and label each with the peaks that cover it: chrom, start, end, labels."""
    from strandloom.cli.console import out as say_out
    from strandloom.cli.console import say
    from strandloom.data.label import label_genome

    found = label_genome(
        genome, peaks, out=out, size=bins, rule=rule.value, least=least, labels=tuple(labels or ()), empty=empty,
        negatives=negatives, seed=seed, alias=alias, blacklist=blacklist, validation=tuple(validation or ()), test=tuple(test or ()),
        window=window, cache=cache,
    )  # fmt: skip
    for line in found.lines[:-1]:
        say(line)
    say_out(found.lines[-1])
