"""The files of an assignment: calls, candidates, taxa, flags, a taxonomy for QIIME 2 and occurrences for OBIS and GBIF."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from dataclasses import field as part
from pathlib import Path
from typing import NamedTuple

import polars as pl
import polars.selectors as cs

from strandloom.io.darwin_core_write import DnaTerms, SharedTerms, write_darwin_core_parts
from strandloom.io.spill import Spill
from strandloom.io.write import TableWriter
from strandloom.words import plural
from strandloom.workflows.taxonomy.field import FieldResult
from strandloom.workflows.taxonomy.ladder import WIDEST_FIRST, lineages, qiime_text
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.occurrences import HUMAN, Classifier, OccurrenceSettings, occurrence_rows
from strandloom.workflows.taxonomy.sample_kinds import FIELD_KINDS

ASSIGNMENTS, BY_SAMPLE, CANDIDATES = "assignments.tsv", "assignments_by_sample.tsv", "candidates.tsv"
TAXA, QIIME, FLAGS, ARCHIVE = "taxa.tsv", "qiime2_taxonomy.tsv", "flags.tsv", "darwin_core"
DIGITS = 6
"""Decimals of numbers in files."""
CANDIDATE_COLUMNS = {
    "id": pl.String, "order_number": pl.Int32, "species": pl.String, "probability": pl.Float64, "sequence_probability": pl.Float64,
    "range_score": pl.Float64, "differences": pl.Int32, "records": pl.Int32, "equal_records": pl.Int32, "distance_km": pl.Float64,
    "range": pl.String,
}  # fmt: skip
_ARCHIVE_FILES = tuple(f"{ARCHIVE}/{name}" for name in ("occurrence.tsv", "dna_derived_data.tsv", "meta.xml"))


def _parquet(name: str) -> str:
    return name.replace(".tsv", ".parquet")


_ALWAYS = (ASSIGNMENTS, _parquet(ASSIGNMENTS), CANDIDATES, QIIME)
_COUNTED = (BY_SAMPLE, _parquet(BY_SAMPLE))


class Block(NamedTuple):
    """What was said of some sequences; no sequence is in two blocks."""

    assignments: pl.DataFrame
    """A row a sequence."""
    by_sample: pl.DataFrame
    """A row a sequence and sample; empty without counts."""
    candidates: pl.DataFrame
    """Rows of candidates of each sequence."""
    sequences: pl.DataFrame
    """``id, sequence`` as they were compared."""


class Written(NamedTuple):
    """A file, or a folder of files."""

    path: Path
    words: str
    """What is in it."""


@dataclass(frozen=True)
class Outputs:
    """What was written, and what is to be known of it."""

    files: tuple[Written, ...]
    notes: tuple[str, ...]
    """What was left out or is lacking, in plain words."""


class WrittenCalls(NamedTuple):
    """The tables of calls in a folder, of which only what is asked for is read."""

    assignments: pl.LazyFrame
    by_sample: pl.LazyFrame
    """Without counts it has no row."""
    candidates: pl.LazyFrame


@dataclass
class _Sums:
    """What is gathered over the blocks."""

    spill: Spill
    """Occurrences."""
    ranks: dict[str, int] = part(default_factory=dict)
    asvs: pl.DataFrame | None = None
    """``rank, taxon, asvs``."""
    finds: pl.DataFrame | None = None
    """``rank, taxon, sample, source, reads``."""
    pairs: int = 0
    controls: int = 0
    candidates: int = 0
    unnamed: int = 0
    human: int = 0


def write_outputs(
    folder: str | Path,
    blocks: Iterable[Block],
    *,
    taxonomy: Taxonomy,
    classifier: Classifier,
    field: FieldResult | None = None,
    dna: DnaTerms | None = None,
    shared: SharedTerms | None = None,
    settings: OccurrenceSettings = OccurrenceSettings(),
) -> Outputs:
    """Write the files, block by block; the same blocks give the same bytes, and the same calls the same text however they are cut.

    Parameters
    ----------
    folder
        Made where it is missing. Files of an earlier run that are not written this time are taken away.
    blocks
        The calls, in the order in which they are to be written.
    taxonomy
        Of the reference.
    classifier
        What made the calls, for Darwin Core.
    field
        Counts and samples; None: neither the files by sample nor occurrences are written.
    dna, shared
        What all sequences and occurrences share, for Darwin Core.
    settings
        What becomes an occurrence.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    folder = Path(folder)
    table = lineages(taxonomy)
    names = (*_ALWAYS, *(_COUNTED if field is not None else ()))
    with ExitStack() as outer:
        with ExitStack() as stack:
            writers = {name: stack.enter_context(TableWriter(folder / name)) for name in names}
            sums = _Sums(outer.enter_context(Spill(folder)))
            stack.push(
                lambda kind, _error, _trace: outer.close() if kind else None
            )  # a folder made for nothing is empty
            for block in blocks:
                _write(block, writers, table)
                _gather(block, table, sums, field, classifier, settings)
        taxa = _taxa(sums, table, counted=field is not None)
        _whole(folder / TAXA, taxa)
        if field is not None:
            _whole(folder / FLAGS, field.flags)
        archive, notes = _darwin(folder / ARCHIVE, sums, field, dna or DnaTerms(), shared, settings)
    written = {*names, TAXA, *((FLAGS,) if field is not None else ()), *(_ARCHIVE_FILES if archive else ())}
    for name in (*_COUNTED, FLAGS, *_ARCHIVE_FILES):
        if name not in written:
            (folder / name).unlink(missing_ok=True)
    if not archive:
        with suppress(OSError):  # it holds something else, or was never there
            (folder / ARCHIVE).rmdir()
    return Outputs(tuple(_described(folder, sums, taxa, field, archive)), notes)


def written_calls(folder: str | Path, *, counted: bool) -> WrittenCalls:
    """The tables of calls that :func:`write_outputs` wrote into a folder, with counts or without."""
    folder = Path(folder)
    assignments = pl.scan_parquet(folder / _parquet(ASSIGNMENTS))
    none = assignments.clear().with_columns(sample=pl.lit("", pl.String))
    by_sample = pl.scan_parquet(folder / _parquet(BY_SAMPLE)) if counted else none
    candidates = pl.scan_csv(folder / CANDIDATES, separator="\t", schema=CANDIDATE_COLUMNS)
    return WrittenCalls(assignments, by_sample, candidates)


def rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with numbers of :data:`DIGITS` decimals; what is no number is null, and no zero is negative."""
    numbers = frame.select(cs.float().round(DIGITS).fill_nan(None))
    return frame.with_columns(pl.when(x == 0).then(x.abs()).otherwise(x).alias(x.name) for x in numbers)


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as a text table has it: cells without text are empty, not ``""``."""
    return rounded(frame).with_columns(pl.when(x != "").then(x).alias(x.name) for x in frame.select(cs.string()))


def _write(block: Block, writers: dict[str, TableWriter], table: pl.DataFrame) -> None:
    tables = {ASSIGNMENTS: block.assignments, BY_SAMPLE: block.by_sample, CANDIDATES: block.candidates}
    for name, frame in tables.items():
        if name in writers:
            writers[name].write(_text(frame))
        if (stored := _parquet(name)) in writers:
            writers[stored].write(rounded(frame))
    known = block.assignments.select("id", "rank", "taxon", "probability")
    known = known.join(table, on=["rank", "taxon"], how="left", maintain_order="left")
    columns = {"Feature ID": pl.col("id"), "Taxon": qiime_text(), "Confidence": pl.col("probability")}
    writers[QIIME].write(rounded(known.select(value.alias(name) for name, value in columns.items())))


def _gather(
    block: Block,
    table: pl.DataFrame,
    sums: _Sums,
    field: FieldResult | None,
    classifier: Classifier,
    settings: OccurrenceSettings,
) -> None:
    for rank, number in block.assignments.group_by("rank").len().rows():
        sums.ranks[rank] = sums.ranks.get(rank, 0) + number
    sums.candidates += block.candidates.height
    keys = ["rank", "taxon"]
    if field is None:
        sums.asvs = _added(sums.asvs, block.assignments.group_by(keys).agg(pl.len().cast(pl.Int64).alias("asvs")))
        return
    sites = field.samples.filter(pl.col("kind").is_in(FIELD_KINDS)).select("sample", "source")
    seen = block.by_sample.filter(pl.col("reads") > 0).join(sites, on="sample", how="inner")
    sums.asvs = _added(sums.asvs, seen.group_by(keys).agg(pl.col("id").n_unique().cast(pl.Int64).alias("asvs")))
    found = seen.group_by(*keys, "sample", "source").agg(pl.col("reads").sum().cast(pl.Int64))
    sums.finds = _added(sums.finds, found)
    sums.pairs += block.by_sample.height
    sums.controls += block.by_sample.filter(pl.col("reads") > 0).height - seen.height
    rows = occurrence_rows(
        block.by_sample, table, field, sequences=block.sequences, classifier=classifier, prefix=settings.prefix
    )
    unnamed = pl.col("scientificName").is_null()
    sums.unnamed += rows.filter(unnamed).height
    sums.human += rows.filter(pl.col("scientificName") == HUMAN).height
    sums.spill.add(rounded(rows.filter(~unnamed) if settings.unknown == "leave_out" else rows))


def _added(before: pl.DataFrame | None, block: pl.DataFrame) -> pl.DataFrame:
    """Counts of a block added to those before it; the last column is the count."""
    *keys, count = block.columns
    both = block if before is None else pl.concat([before, block])
    return both.group_by(keys).agg(pl.col(count).sum())


def _taxa(sums: _Sums, table: pl.DataFrame, *, counted: bool) -> pl.DataFrame:
    """A row a taxon, the one with most reads first; what was called at no rank is the last."""
    keys = ["rank", "taxon"]
    asvs = sums.asvs
    assert asvs is not None, "a table without rows was refused before"
    if counted and sums.finds is not None:
        counts = sums.finds.group_by(keys).agg(
            pl.col("sample").n_unique().cast(pl.Int64).alias("samples"),
            pl.col("source").n_unique().cast(pl.Int64).alias("sources"),
            pl.col("reads").sum(),
        )
        asvs = asvs.join(counts, on=keys, how="left")
    else:
        asvs = asvs.with_columns(pl.lit(None, pl.Int64).alias(name) for name in ("samples", "sources", "reads"))
    order = [pl.col("taxon") == "", pl.col("reads"), pl.col("asvs"), pl.col("taxon"), pl.col("rank")]
    return (
        asvs.join(table, on=keys, how="left")
        .sort(order, descending=[False, True, True, False, False])
        .select(
            "taxon", "rank", *(pl.col(rank).fill_null("") for rank in WIDEST_FIRST), "fish", "asvs", "samples", "sources", "reads"
        )
    )  # fmt: skip


def _whole(path: Path, frame: pl.DataFrame) -> None:
    with TableWriter(path) as writer:
        writer.write(_text(frame))


def _darwin(
    folder: Path,
    sums: _Sums,
    field: FieldResult | None,
    dna: DnaTerms,
    shared: SharedTerms | None,
    settings: OccurrenceSettings,
) -> tuple[int, tuple[str, ...]]:
    """Occurrences that were written, and what there is to say."""
    if field is None:
        return 0, ("no Darwin Core tables: an occurrence needs a sample, so give --counts and --samples",)
    notes = []
    lost = field.counts.height - sums.pairs
    if lost > 0:
        notes.append(f"counts of ASVs without a sequence, in no table: {lost:,}")
    if sums.controls:
        notes.append(f"not in Darwin Core, found in blanks, positive controls and mock communities: {sums.controls:,}")
    if sums.unnamed and settings.unknown == "leave_out":
        notes.append(f"not in Darwin Core, called at no rank: {sums.unnamed:,}")
    elif sums.unnamed:
        notes.append(f"occurrences without a name, written as incertae sedis: {sums.unnamed:,}")
    if sums.human:
        notes.append(f"occurrences of {HUMAN}, to be taken out before you publish: {sums.human:,}")
    if not len(sums.spill):
        return 0, (*notes, "no Darwin Core tables: no call in a field sample is an occurrence")
    archive = write_darwin_core_parts(folder, sums.spill, dna=dna, shared=shared)
    return archive.rows, (*notes, *(f"Darwin Core: {note}" for note in archive.notes))


def _described(
    folder: Path, sums: _Sums, taxa: pl.DataFrame, field: FieldResult | None, occurrences: int
) -> Iterable[Written]:
    ranks = {rank: sums.ranks[rank] for rank in (*RANKS, "unknown") if rank in sums.ranks}
    called = ", ".join(f"{number:,} {rank}" for rank, number in ranks.items()) or "none"
    number = plural(sum(ranks.values()), "sequence")
    yield Written(folder / ASSIGNMENTS, f"{number} by the rank they are called at: {called}")
    yield Written(folder / _parquet(ASSIGNMENTS), "the same, as Parquet")
    if field is not None:
        yield Written(
            folder / BY_SAMPLE, f"{plural(sums.pairs, 'find')} of a sequence in a sample, each called at its place"
        )
        yield Written(folder / _parquet(BY_SAMPLE), "the same, as Parquet")
    yield Written(
        folder / CANDIDATES, f"{sums.candidates:,} candidate species, with what sequence and range say of them"
    )
    named = taxa.filter(pl.col("taxon") != "")
    beasts = named.filter(~pl.col("fish")).height
    where = "in field samples" if field is not None else "of the sequences"
    yield Written(
        folder / TAXA,
        f"{plural(named.height, 'taxon', 'taxa')} {where}, "
        f"{named.filter(pl.col('rank') == RANKS[0]).height:,} of them species; not fish: {beasts:,}",
    )
    yield Written(folder / QIIME, "the calls as a taxonomy for QIIME 2")
    if field is not None:
        yield Written(
            folder / FLAGS,
            f"{plural(field.flags.height, 'flag')}: contamination, shallow samples, and what stands in one table only",
        )
    if occurrences:
        yield Written(
            folder / ARCHIVE,
            f"{plural(occurrences, 'occurrence')} for OBIS and GBIF: occurrence.tsv, dna_derived_data.tsv, meta.xml",
        )
