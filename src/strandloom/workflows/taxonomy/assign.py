"""Assign a file of sequences: read, call with and without places, write tables, Darwin Core and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import polars as pl

from strandloom.bundle import read_bundle
from strandloom.errors import InputError, UsageError, nearest
from strandloom.io.counts import read_counts
from strandloom.io.darwin_core import TEMPERATURE_KEYS
from strandloom.io.frames import find_column
from strandloom.io.plain import write_json
from strandloom.io.samples import read_samples
from strandloom.io.write import replacing
from strandloom.report.taxonomy_page import render_taxonomy
from strandloom.run.output_folder import new_folder
from strandloom.training.runtime import apply, choose_runtime
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.taxonomy.assign_block import Assigner
from strandloom.workflows.taxonomy.assign_report import Material, assignment_page
from strandloom.workflows.taxonomy.field import FieldResult, FieldSettings, Removable, clean_counts
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.occurrences import Classifier, OccurrenceSettings, dna_terms
from strandloom.workflows.taxonomy.outputs import Block, Outputs, write_outputs, written_calls
from strandloom.workflows.taxonomy.queries import QueryReader, raw_blocks
from strandloom.workflows.taxonomy.ragged import decoded
from strandloom.workflows.taxonomy.settings import AssignSettings
from strandloom.workflows.taxonomy.sightings import TOLD
from strandloom.workflows.taxonomy.store import load_model

FACTS = "assignment.json"
FORMAT = 1
WHAT = "an assignment of strandloom taxonomy"
Say = Callable[[str], None]


class AssignInputs(NamedTuple):
    """The files of an assignment."""

    queries: str | Path
    """FASTA, or a table with ``id, sequence[, lat, lon]``."""
    counts: str | Path | None = None
    """Reads of each ASV in each sample."""
    samples: str | Path | None = None
    """Coordinates, dates, depths and types of samples."""
    at: tuple[float, float] | None = None
    """Latitude and longitude of what has no place."""


@dataclass(frozen=True, eq=False)
class Assigned:
    """What was done."""

    folder: Path
    outputs: Outputs
    ranks: dict[str, int]
    moved: int
    sentence: str


def field_settings(*, min_reads: int, min_replicates: int, drop: tuple[str, ...]) -> FieldSettings:
    """What is asked of detections; ``drop`` names further flags whose detections are removed.

    Raises
    ------
    UsageError
        No flag is called so.
    """
    known: tuple[Removable, ...] = get_args(Removable)
    for name in drop:
        if name not in known:
            close = nearest(name, known)
            raise UsageError(
                f"no flag is called '{name}'; they are {', '.join(known)}",
                where="--drop",
                hint=f"did you mean {close}?" if close else None,
            )
    base = FieldSettings()
    return FieldSettings(
        min_reads=min_reads,
        min_replicates=min_replicates,
        remove=(*base.remove, *(x for x in known if x in drop and x not in base.remove)),
    )


def assign_file(
    bundle: str | Path,
    inputs: AssignInputs,
    *,
    out: str | Path,
    settings: AssignSettings | None = None,
    field: FieldSettings | None = None,
    prefix: str = "",
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> Assigned:
    """Assign every sequence of a file.

    Parameters
    ----------
    bundle
        A taxonomy model.
    inputs
        Sequences, and what is known of where they were found.
    prefix
        Begins every occurrenceID of the Darwin Core tables.
    out
        Folder for ``assignments.tsv``, ``report.html`` and the rest (docs/taxonomy.md); it must not exist, unless ``force``.

    Raises
    ------
    BundleError
        The bundle is no taxonomy model.
    InputError
        A file or a row of it cannot be used.
    OutputError
        The folder exists already, or cannot be written.
    """
    _check_place(inputs.at)
    read = read_bundle(bundle)
    model = load_model(read)
    settings = settings or AssignSettings()
    if "threshold" not in settings.model_fields_set and read.manifest.abstain_threshold is not None:
        settings = settings.model_copy(update={"threshold": read.manifest.abstain_threshold})
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    found, told = _field(inputs, field or FieldSettings(), say)
    if found is None and inputs.samples is not None:
        raise UsageError(
            "samples were given without counts",
            where="--samples",
            hint="give --counts too: it says which ASV was found in which sample",
        )
    reader = QueryReader(model.match.reference)
    assigner = Assigner(model, settings, _found(found, told, model), inputs.at, threads=runtime.threads)
    classifier = Classifier(
        "strandloom taxonomy", VERSION, model.match.reference.name, settings.threshold, model.ranges is not None
    )

    def blocks() -> Iterator[Block]:
        for queries in reader.blocks(inputs.queries):
            yield Block(*assigner.block(queries), queries.frame)
            say(f"{plural(reader.facts.sequences, 'sequence')} assigned")
        if not reader.facts.sequences:
            raise InputError("there is no sequence to assign", where=inputs.queries)

    with new_folder(out, mark=FACTS, what=WHAT, force=force) as folder:
        outputs = write_outputs(
            folder,
            blocks(),
            taxonomy=model.match.reference.taxonomy,
            classifier=classifier,
            field=found,
            dna=dna_terms(model.match.reference.marker, classifier),
            settings=OccurrenceSettings(prefix=prefix),
        )
        calls = written_calls(folder, counted=found is not None)
        if found is not None:
            _check_counts(calls.assignments, found, inputs)
        told_of = calls.assignments.select("rank", "fish", "moved").collect()
        ranks = dict(told_of.group_by("rank").len().sort("rank").iter_rows())
        moved = int(told_of["moved"].sum())
        sentence = _sentence(told_of, ranks, moved)
        material = Material(
            model, calls, found, reader.facts, outputs, settings.threshold, settings.bootstraps, inputs.at,
            f"Fish in {Path(inputs.queries).name}", command,
        )  # fmt: skip
        with replacing(folder / "report.html", text=True) as handle:
            handle.write(render_taxonomy(assignment_page(material)))
        write_json(
            folder / FACTS,
            {
                "format": FORMAT,
                "command": command,
                "strandloom": VERSION,
                "model": read.manifest.name,
                "bundle": read.manifest.files.get("weights.safetensors", ""),
                "settings": settings.model_dump(),
                "place": inputs.at,
                "sequences": reader.facts.sequences,
                "primers_cut_off": reader.facts.trimmed,
                "turned_round": reader.facts.turned,
                "ranks": ranks,
                "moved_by_location": moved,
                "field": None if found is None else found.facts.to_json(),
                "notes": outputs.notes,
            },
        )
    for line in _told(reader, outputs):
        say(line)
    return Assigned(Path(out), outputs, ranks, moved, sentence)


def _check_place(at: tuple[float, float] | None) -> None:
    if at is None:
        return
    lat, lon = at
    if not (np.isfinite(lat) and np.isfinite(lon)) or abs(lat) > 90 or abs(lon) > 180:
        swapped = abs(lat) > 90 and abs(lon) <= 90
        raise UsageError(
            f"latitude {lat:g}, longitude {lon:g} is no place on the globe",
            where="--at",
            hint="latitude comes first: the two look swapped"
            if swapped
            else "latitude -90 to 90, longitude -180 to 180",
        )


def _field(inputs: AssignInputs, settings: FieldSettings, say: Say) -> tuple[FieldResult | None, pl.DataFrame | None]:
    """The counts, cleaned, and depth, month and temperature of the samples."""
    if inputs.counts is None:
        return None, None
    samples = told = None
    if inputs.samples is not None:
        read = read_samples(inputs.samples)
        samples, told = read.frame, _told_of(read.frame)
        for note in read.facts.notes:
            say(note)
    named = _named(inputs.queries)
    known = {"ids": named["id"].to_list(), "sequences": named["sequence"].to_list()}
    counts = read_counts(inputs.counts, **known, samples=None if samples is None else samples["sample"].to_list())
    facts = counts.facts
    if facts.repeated:
        say(f"the counts name a pair of sample and ASV more than once, {facts.repeated:,} times; reads were added up")
    if facts.ignored:
        say(f"columns of the counts that hold no reads were left out: {', '.join(facts.ignored[:5])}")
    reads = _by_sequence(counts.frame, named) if counts.facts.sequences_as_ids else counts.frame
    found = clean_counts(reads, samples, settings=settings)
    for line in found.facts.lines():
        say(line)
    return found, told


def _told_of(samples: pl.DataFrame) -> pl.DataFrame:
    """``sample, depth, month, temperature`` of samples, as far as they are known."""
    warm = find_column(samples.columns, (*TEMPERATURE_KEYS, "temp", "temperaturec", "tempc"))
    water = pl.lit(None, pl.Float64)
    if warm is not None:
        water = pl.col(warm).cast(pl.String).str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return samples.select(
        "sample",
        pl.col("depth").cast(pl.Float64),
        pl.col("date").cast(pl.String).str.slice(5, 2).cast(pl.Float64, strict=False).alias("month"),
        water.alias("temperature"),
    )


def _found(found: FieldResult | None, told: pl.DataFrame | None, model: TaxonomyModel) -> pl.DataFrame | None:
    """Counts at their places, with those covariates of the samples that the ranges know something of."""
    if found is None or told is None or model.ranges is None:
        return None if found is None else found.found
    known = [x for x in TOLD if model.ranges.knows(x)]
    return found.found.join(told.select("sample", *known), on="sample", how="left", maintain_order="left")


def _named(path: str | Path) -> pl.DataFrame:
    """``id, sequence`` of all sequences of a file, as written."""
    parts = [
        pl.DataFrame({"id": block.ids.cast(pl.String), "sequence": decoded(block.codes, block.offsets)})
        for block in raw_blocks(path)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema={"id": pl.String, "sequence": pl.String})


def _by_sequence(counts: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Counts whose ASVs are named by their sequence (DADA2), under the names that the sequences have."""
    names = named.unique("sequence", keep="first", maintain_order=True).rename({"id": "name"})
    both = counts.with_columns(pl.col("id").str.to_uppercase().alias("sequence")).join(
        names, on="sequence", how="left", maintain_order="left"
    )
    return both.select("sample", pl.coalesce("name", "id").alias("id"), "reads")


def _check_counts(assignments: pl.LazyFrame, found: FieldResult, inputs: AssignInputs) -> None:
    ids = assignments.select("id").collect()
    if found.counts.join(ids, on="id", how="semi").is_empty():
        raise InputError(
            "no ASV of the counts is among the sequences",
            where=inputs.counts,
            hint=f"the counts name ASVs such as '{found.counts['id'][0]}', the sequences such as '{ids['id'][0]}'",
        )


def _sentence(assignments: pl.DataFrame, ranks: dict[str, int], moved: int) -> str:
    total = len(assignments)
    species, unknown = ranks.get("species", 0), ranks.get("unknown", 0)
    wider = total - species - unknown
    beasts = assignments.filter((pl.col("rank") == "species") & ~pl.col("fish")).height
    words = [
        f"{plural(total, 'sequence')}: {species:,} called to species, {wider:,} at a wider rank, {unknown:,} unknown"
    ]
    if beasts:
        words.append(f"{plural(beasts, 'species call is', 'species calls are')} no fish")
    if moved:
        words.append(f"location changed the best species of {plural(moved, 'sequence')}")
    return "; ".join(words)


def _told(reader: QueryReader, outputs: Outputs) -> Iterator[str]:
    facts = reader.facts
    if facts.trimmed:
        yield f"primers were cut off {plural(facts.trimmed, 'sequence')}"
    if facts.short:
        yield f"{plural(facts.short, 'sequence is', 'sequences are')} too short to be judged: unknown"
    if facts.turned:
        yield f"{plural(facts.turned, 'sequence was', 'sequences were')} in the other orientation, and turned round"
    yield from outputs.notes
