"""``strandloom taxonomy``: from reference sequences and ranges to a species table that can be defended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Which species is this marker sequence, given where it was sampled? Build a reference, train, assign, evaluate.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Which species is this marker sequence, given where it was sampled? Build a reference, train, assign, evaluate."""


def _place(texts: tuple[str, str]) -> tuple[float, float]:
    """Latitude and longitude in degrees, as people write them.

    Raises
    ------
    UsageError
        One of them is no coordinate.
    """
    from strandloom.errors import UsageError
    from strandloom.io.coordinate_text import Axis, parse_coordinate

    axes: tuple[Axis, Axis] = ("latitude", "longitude")
    found = []
    for text, axis in zip(texts, axes, strict=True):
        read = parse_coordinate(text, axis)
        if read.value is None:
            told = read.fault or f"'{text}' is no coordinate"
            hint = "two numbers, latitude first: --at 55.3 -132.5"
            raise UsageError(f"a {axis} is wanted: {told}", where="--at", hint=hint)
        found.append(read.value)
    return found[0], found[1]


def _checked(at: tuple[str, str] | None) -> tuple[str, str] | None:
    """The place as it was typed; a wrong one is said before anything else is missed (``--at 55.3 --out FOUND`` swallows ``--out``)."""
    if at is not None:
        _place(at)
    return at


@app.command()
def build(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE",
            help="A table with record_id, class … species, sequence; FASTA (SINTAX headers, or with --taxonomy); .qza.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the reference.", show_default=False)],
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="Lineages of a FASTA: flat TSV, QIIME 2 taxonomy TSV or .qza.", show_default=False),
    ] = None,
    marker: Annotated[
        str, typer.Option(help="mifish, mifish-e, riaz, teleo; or auto: the one under which most records can be used.")
    ] = "auto",
    forward: Annotated[
        str | None, typer.Option(help="Own forward primer, 5' to 3', instead of a marker's.", show_default=False)
    ] = None,
    reverse: Annotated[
        str | None, typer.Option(help="Own reverse primer, 5' to 3' as ordered.", show_default=False)
    ] = None,
    min_length: Annotated[
        int | None, typer.Option(min=10, help="Shortest insert, with own primers.", show_default=False)
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=10, help="Longest insert, with own primers.", show_default=False)
    ] = None,
    synonyms: Annotated[
        Path | None, typer.Option(help="Two columns: a name, and the accepted one to use instead.", show_default=False)
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(help="File of record ids to leave out, one a line (such as a test set).", show_default=False),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the reference is called.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier reference.")] = False,
) -> None:
    """Clean reference sequences: cut the marker out by its primers, orient, check names and lineages, flag what looks mislabelled."""
    from strandloom.cli.console import out as say_out
    from strandloom.cli.console import say
    from strandloom.words import plural
    from strandloom.workflows.taxonomy.build_job import build_folder, chosen_marker

    chosen = chosen_marker(marker, forward=forward, reverse=reverse, min_length=min_length, max_length=max_length)
    built = build_folder(
        source,
        out=out,
        taxonomy=taxonomy,
        marker=chosen,
        synonyms=synonyms,
        exclude=exclude,
        name=name,
        force=force,
        say=say,
    )
    for line in built.report.lines():
        say(line)
    own = built.reference
    say_out(f"{plural(len(own), 'record')} of {len(own.taxonomy):,} species, marker {own.marker.name}: {out}")


@app.command()
def train(
    reference: Annotated[
        Path, typer.Argument(metavar="REF", help="Folder made by `taxonomy build`.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; RUN/bundle is the model.", show_default=False)],
    ranges: Annotated[
        list[Path] | None,
        typer.Option(
            help="Range file, may be given several times: records (species, lat, lon, or Darwin Core), ecoregions of species with their "
            "cells, limits, river basins; the kind is seen from the columns. None: sequences alone.",
            show_default=False,
        ),
    ] = None,
    synonyms: Annotated[
        Path | None,
        typer.Option(help="Two columns, name and accepted: other names that range files use.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 1,
    members: Annotated[int, typer.Option(min=1, max=20, help="Networks whose answers are averaged.")] = 3,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run.")] = False,
) -> None:
    """Train on a reference, and on what is known of where its species occur; held-out records say how good it is."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.taxonomy.settings import TaxonomyTraining
    from strandloom.workflows.taxonomy.train import train_taxonomy

    trained = train_taxonomy(
        reference,
        ranges or (),
        out=out,
        synonyms=synonyms,
        settings=TaxonomyTraining(seed=seed, members=members),
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(trained.held_out.sentence())
    say_out(f"model: {out / 'bundle'}")


@app.command()
def assign(
    bundle: Annotated[Path, typer.Argument(help="RUN/bundle of `taxonomy train`.", show_default=False)],
    queries: Annotated[
        Path,
        typer.Argument(
            help="ASVs: FASTA, or a table with id and sequence, perhaps lat and lon; gz is fine.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and report.", show_default=False)],
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Reads of each ASV in each sample: long or wide table, DADA2, QIIME 2, BIOM.", show_default=False
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Samples with coordinates, date, depth and sample_type (blanks, positives).", show_default=False
        ),
    ] = None,
    at: Annotated[
        tuple[str, str] | None,
        typer.Option(
            callback=_checked,
            metavar="LAT LON",
            help="Place of what has none, decimal degrees: --at 55.3 -132.5.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1.0, help="Call a species from this probability on, else a wider rank.", show_default="0.9"
        ),
    ] = None,
    bootstraps: Annotated[
        int, typer.Option(min=0, max=10_000, help="Copies of each sequence with 2 % of its bases masked; 0: none.")
    ] = 0,
    candidates: Annotated[int, typer.Option(min=1, max=48, help="Candidate species written for each ASV.")] = 5,
    min_reads: Annotated[int, typer.Option("--min-reads", min=1, help="Fewest reads of an ASV in a sample.")] = 1,
    min_replicates: Annotated[
        int, typer.Option("--min-replicates", min=1, help="Fewest replicates of a sample that show an ASV.")
    ] = 1,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            help="Remove flagged detections too: in_blank, below_blank, positive_control, low_depth; may be given several times.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="Begins every occurrenceID of the Darwin Core tables, such as the name of the study.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier assignment.")] = False,
) -> None:
    """Assign ASVs to species, with and without their location: tables, Darwin Core, and a report with maps."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.taxonomy.assign import AssignInputs, assign_file, field_settings
    from strandloom.workflows.taxonomy.settings import AssignSettings

    given = {} if threshold is None else {"threshold": threshold}
    done = assign_file(
        bundle,
        AssignInputs(queries, counts, samples, None if at is None else _place(at)),
        out=out,
        settings=AssignSettings(bootstraps=bootstraps, candidates=candidates, **given),
        field=field_settings(min_reads=min_reads, min_replicates=min_replicates, drop=tuple(drop or ())),
        prefix=prefix,
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(done.sentence)
    say_out(f"report: {done.folder / 'report.html'}")


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(help="RUN/bundle of `taxonomy train`.", show_default=False)],
    table: Annotated[
        Path,
        typer.Argument(
            help="Sequences of known species: id, sequence, species, perhaps lat and lon (or FASTA with --truth).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for evaluation.json and report.html.", show_default=False)
    ],
    truth: Annotated[
        Path | None, typer.Option(help="Table id, species where TABLE does not say it.", show_default=False)
    ] = None,
    locations: Annotated[
        Path | None, typer.Option(help="Table id, lat, lon where TABLE does not say it.", show_default=False)
    ] = None,
    baselines: Annotated[
        str, typer.Option(help="all, fast (no naive Bayes) or none: simpler methods judged on the same sequences.")
    ] = "all",
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier evaluation.")] = False,
) -> None:
    """Judge a model on sequences of known species beside simpler methods, with and without their location."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.taxonomy.evaluate import evaluate_file

    done = evaluate_file(
        bundle,
        table,
        out=out,
        truth=truth,
        locations=locations,
        baselines=baselines,
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(done.sentence)
    say_out(f"report: {done.folder / 'report.html'}")
