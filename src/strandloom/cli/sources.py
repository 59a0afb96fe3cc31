"""``strandloom sources``: which environments did the reads of a sample come from?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strandloom.workflows.sources.settings import ReadSettings, SourceTraining

app = typer.Typer(
    help="Which environments did these reads come from, and in which shares? Simulate, train, estimate, evaluate.",
    no_args_is_help=True,
)

Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter", help="3' adapter to cut off, may be given several times; auto: Illumina's where the reads show one; none.",
        show_default="auto",
    ),
]  # fmt: skip
MinLength = Annotated[int, typer.Option("--min-length", min=20, max=1000, help="Shorter reads are dropped.")]
Quality = Annotated[int, typer.Option(min=0, max=60, help="Cut bases below this quality off the ends; 0: none.")]


@app.callback()
def _group() -> None:
    """Which environments did these reads come from, and in which shares? Simulate, train, estimate, evaluate."""


@app.command()
def train(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="environment, genome_id[, file, genus, species] for genomes; environment, sample[, file] for reads.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; RUN/bundle is the model.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of all draws.")] = 1,
    model: Annotated[
        str,
        typer.Option(
            help="lean; for comparison published (the network of Oskolkov) or tokens (hashed canonical 12-mers)."
        ),
    ] = "lean",
    members: Annotated[int, typer.Option(min=1, max=20, help="Networks whose answers are averaged.")] = 3,
    length: Annotated[int, typer.Option(min=20, max=1000, help="Bases of the reads drawn from genomes.")] = 80,
    errors: Annotated[float, typer.Option(min=0.0, max=0.2, help="Share of wrong bases in them.")] = 0.005,
    adapter: Adapters = None,
    min_length: MinLength = 40,
    quality: Quality = 0,
    judge: Annotated[bool, typer.Option(help="Judge on left-out genomes and genera too.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier run.")] = False,
) -> None:
    """Learn the environments of reads from genomes, or from samples of reads."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.sources.draws import ReadProfile
    from strandloom.workflows.sources.train import train_sources

    trained = train_sources(
        table,
        out=out,
        settings=_training(model, seed=seed, members=members),
        profile=ReadProfile(length=length, substitution=errors),
        reads=_reads(adapter, min_length, quality),
        judge=judge,
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    if trained.held_out is not None:
        say_out(trained.held_out.sentence())
    say_out(f"model: {out / 'bundle'}")


@app.command()
def estimate(
    bundle: Annotated[Path, typer.Argument(help="RUN/bundle of `sources train`.", show_default=False)],
    reads: Annotated[
        list[Path],
        typer.Argument(
            help="FASTQ or FASTA (gz is fine), a sample each; X_R1 and X_R2 are mates; or a table with sample and file.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and report.", show_default=False)],
    per_read: Annotated[bool, typer.Option("--reads", help="Write the probabilities of every read too.")] = False,
    adapter: Adapters = None,
    min_length: MinLength = 40,
    quality: Quality = 0,
    engine: Annotated[
        str, typer.Option(help="What computes a published network: torch, or one of `strandloom export`.")
    ] = "torch",
    level: Annotated[float, typer.Option(min=0.51, max=0.999, help="Of the intervals.")] = 0.9,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the resamples.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier estimate.")] = False,
) -> None:
    """Estimate which sources a sample is made of, with intervals and an unknown share."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.cli.progress import PredictProgress
    from strandloom.workflows.sources.estimate import estimate_files
    from strandloom.workflows.sources.settings import EstimateSettings

    with PredictProgress(quiet=False, what="reads") as progress:
        done = estimate_files(
            bundle,
            reads,
            out=out,
            per_read=per_read,
            settings=EstimateSettings(level=level, seed=seed),
            reads=_reads(adapter, min_length, quality),
            engine=engine,
            threads=threads(),
            force=force,
            command=command_line(),
            say=say,
            hear=progress.advance,
        )
    for line in done.lines():
        say_out(line)
    say_out(f"report: {out / 'report.html'}")
    if done.fault is not None:
        raise done.fault


@app.command()
def simulate(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="GENOMES", help="environment, genome_id[, file, genus, species, weight].", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for samples and their truth.", show_default=False)],
    samples: Annotated[int, typer.Option(min=1, help="Samples.")] = 6,
    reads: Annotated[int, typer.Option("--reads", min=1, help="Reads of each.")] = 20_000,
    foreign_genome: Annotated[
        list[Path] | None,
        typer.Option(help="FASTA of a genome of no environment, may be given several times.", show_default=False),
    ] = None,
    foreign: Annotated[float, typer.Option(min=0.0, max=1.0, help="Largest share of foreign reads.")] = 0.0,
    evenness: Annotated[
        float,
        typer.Option(help="Dirichlet parameter of environments and genomes: small, few dominate; large, all alike."),
    ] = 1.0,
    by_weight: Annotated[
        bool, typer.Option("--by-weight", help="Take the column weight of the table instead.")
    ] = False,
    length: Annotated[int, typer.Option(min=20, max=1000, help="Bases of a read.")] = 80,
    length_sd: Annotated[float, typer.Option(min=0.0, max=300.0, help="Standard deviation of the length.")] = 0.0,
    errors: Annotated[float, typer.Option(min=0.0, max=0.2, help="Share of wrong bases.")] = 0.005,
    insertions: Annotated[float, typer.Option(min=0.0, max=0.1, help="Inserted bases per base.")] = 0.0,
    deletions: Annotated[float, typer.Option(min=0.0, max=0.1, help="Missing bases per base.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of all draws.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier simulation.")] = False,
) -> None:
    """Draw samples of known composition from genomes: FASTQ files and truth.tsv."""
    from strandloom.cli.console import command_line, say
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.sources.draws import ReadProfile
    from strandloom.workflows.sources.simulate import MixtureSettings, simulate_sources

    simulate_sources(
        table,
        out=out,
        settings=MixtureSettings(
            samples=samples, reads=reads, evenness=evenness, foreign=foreign, by_weight=by_weight, seed=seed
        ),
        profile=ReadProfile(
            length=length, length_sd=length_sd, substitution=errors, insertion=insertions, deletion=deletions
        ),
        foreign=tuple(foreign_genome or ()),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(f"truth: {out / 'truth.tsv'}")


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(help="RUN/bundle of `sources train`.", show_default=False)],
    table: Annotated[
        Path,
        typer.Argument(
            help="Genomes or samples of known environments, as for train; or truth.tsv of `sources simulate`.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for evaluation.json and report.html.", show_default=False)
    ],
    length: Annotated[int, typer.Option(min=20, max=1000, help="Bases of the reads drawn from genomes.")] = 80,
    errors: Annotated[float, typer.Option(min=0.0, max=0.2, help="Share of wrong bases in them.")] = 0.005,
    adapter: Adapters = None,
    min_length: MinLength = 40,
    quality: Quality = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the reads drawn.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier evaluation.")] = False,
) -> None:
    """Judge a model on reads of known origin, or on samples of known composition, beside simpler methods."""
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.sources.draws import ReadProfile
    from strandloom.workflows.sources.evaluate import evaluate_file

    done = evaluate_file(
        bundle,
        table,
        out=out,
        profile=ReadProfile(length=length, substitution=errors),
        reads=_reads(adapter, min_length, quality),
        seed=seed,
        threads=threads(),
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(done.sentence)
    say_out(f"report: {out / 'report.html'}")


@app.command()
def taxa(
    counts: Annotated[
        Path, typer.Argument(help="Reads of taxa in samples: TSV, CSV, Parquet, BIOM 2, QIIME 2.", show_default=False)
    ],
    metadata: Annotated[
        Path, typer.Option(help="Table SampleID, Env, SourceSink (Source or Sink).", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables.", show_default=False)],
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Ask also for every source sample, without itself.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the resamples.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result.")] = False,
) -> None:
    """Estimate the sources of samples from counts of taxa, as SourceTracker and FEAST do."""
    from strandloom.cli.console import command_line, say
    from strandloom.cli.console import out as say_out
    from strandloom.words import plural
    from strandloom.workflows.sources.taxa import track_taxa

    frame = track_taxa(
        counts,
        metadata,
        out=out,
        leave_one_out=leave_one_out,
        seed=seed,
        force=force,
        command=command_line(),
        say=say,
    )
    say_out(f"{plural(frame['sample'].n_unique(), 'sink')}: {out / 'composition.tsv'}")


@app.command()
def genera(
    table: Annotated[
        Path,
        typer.Argument(
            help="Clades × samples with a row that names the environments (as LEfSe has it).", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for genera.tsv and the picture.", show_default=False)
    ],
    environment: Annotated[
        str | None, typer.Option(help="The row with the environments.", show_default="environment, body_site, …")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the permutations.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result.")] = False,
) -> None:
    """List the genera typical of each environment, from a table of abundances; samples clustered by Spearman distance."""
    from strandloom.cli.console import command_line, say
    from strandloom.cli.console import out as say_out
    from strandloom.workflows.sources.genera import genera_of

    genera_of(table, out=out, environment=environment, seed=seed, force=force, command=command_line(), say=say)
    say_out(f"genera: {out / 'genera.tsv'}")
    say_out(f"report: {out / 'report.html'}")


def _training(model: str, *, seed: int, members: int) -> SourceTraining:
    """How a model is trained.

    Raises
    ------
    UsageError
        There is no such model.
    """
    from strandloom.errors import UsageError
    from strandloom.workflows.sources.settings import SourceTraining

    if model not in ("lean", "published", "tokens"):
        raise UsageError(f"there is no model '{model}'", where="--model", hint="lean, published or tokens")
    if model != "lean" and members != SourceTraining().members:
        raise UsageError(f"the {model} model is one network", where="--members", hint="leave --members out")
    return SourceTraining.model_validate({"model": model, "seed": seed, "members": members})


def _reads(adapter: list[str] | None, min_length: int, quality: int) -> ReadSettings:
    """How reads are prepared."""
    from strandloom.workflows.sources.settings import ReadSettings

    asked = adapter or ["auto"]
    adapters = asked[0] if len(asked) == 1 and asked[0] in ("auto", "none") else tuple(asked)
    return ReadSettings(adapters=adapters, min_length=min_length, quality=quality)
