"""Counts of a field study: replicates, shallow samples, blanks and positive controls; all is flagged, and removed when asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import polars as pl
from pydantic import Field

from strandloom.errors import InputError
from strandloom.io.frames import NAMED, listed
from strandloom.io.taxonomy import Named
from strandloom.settings import Settings
from strandloom.workflows.taxonomy.contamination import (
    TagJumps,
    contaminants,
    flag_below_blanks,
    flag_blanks,
    flag_positives,
    flagged,
)
from strandloom.workflows.taxonomy.field_facts import FieldFacts
from strandloom.workflows.taxonomy.sample_kinds import FIELD_KINDS, SAMPLE_KINDS, named_like_controls, sample_kinds

Removable = Literal["few_reads", "few_replicates", "low_depth", "in_blank", "below_blank", "positive_control"]
REMOVABLE: tuple[Removable, ...] = get_args(Removable)
"""Flags that say something of single detections, in the order in which they are written."""
_FIELD = pl.col("kind").is_in(FIELD_KINDS)
_PLACE = {"lat": pl.Float64, "lon": pl.Float64, "date": pl.String, "depth": pl.Float64, "replicate_of": pl.String}


class FieldSettings(Settings):
    """What is asked of detections (an ASV in a field sample). Controls are never thinned."""

    min_reads: int = Field(1, ge=1)
    """Fewest reads of a detection (``few_reads``)."""
    min_replicates: int = Field(1, ge=1)
    """Fewest replicates in which an ASV is seen with at least ``min_reads`` (``few_replicates``); of a sample with fewer replicates, all of
    them, and nothing is asked where there is one only."""
    min_total_reads: int = Field(1_000, ge=0)
    """A field sample with fewer reads is shallow (``low_depth``), and a blank with as many is no clean blank (``deep_blank``)."""
    blank_factor: float = Field(1.0, ge=0)
    """A detection with fewer reads than this many times the most that its ASV has in a blank is doubted (``below_blank``)."""
    positive_share: float = Field(0.01, gt=0, le=1)
    """An ASV with this share of the reads of the positive controls is what they are made of (``positive_control``)."""
    remove: tuple[Removable, ...] = ("few_reads", "few_replicates")
    """Flags whose detections are removed; the others are only flagged. (At 1, the fewest reads and replicates flag nothing.)"""


@dataclass(frozen=True, eq=False)
class FieldResult:
    """Counts with what is to be thought of them."""

    counts: pl.DataFrame
    """``sample, id, reads``, then ``kind`` (of the sample), ``replicates`` (Int64: of those of its source with reads, how many have the
    ASV), ``of_replicates`` (Int64) and ``flags`` (String, ``; `` between them). What was removed is not here."""
    samples: pl.DataFrame
    """Every sample of the metadata, then those of the counts alone: ``sample, kind, source`` (what it is a replicate of, or itself)``,
    lat, lon, date, depth, replicate_of, reads`` (before anything was removed; 0: none)."""
    flags: pl.DataFrame
    """``flag, sample, id, reads, reason, removed``; what is about all samples or all ASVs is null there."""
    contaminants: pl.DataFrame
    """ASVs that were seen in blanks; columns of :func:`~strandloom.workflows.taxonomy.contamination.contaminants`."""
    facts: FieldFacts

    @property
    def found(self) -> pl.DataFrame:
        """``sample, id, reads, lat, lon``: the counts at their places; controls have none."""
        places = self.samples.select(
            "sample", *(pl.when(_FIELD).then(pl.col(name)).alias(name) for name in ("lat", "lon"))
        )
        cells = self.counts.select("sample", "id", "reads")
        return cells.join(places, on="sample", how="left", maintain_order="left")


def clean_counts(
    counts: pl.DataFrame, samples: pl.DataFrame | None = None, *, settings: FieldSettings = FieldSettings()
) -> FieldResult:
    """Flag what is doubtful in the counts of a field study.

    Every rule sees the counts as they came, so none depends on another one; only ``min_reads`` also says what counts as seen in a
    replicate.

    Parameters
    ----------
    counts
        ``sample, id, reads``, each sample and ASV once.
    samples
        ``sample`` and, where known, ``sample_type, replicate_of, lat, lon, date, depth``, a row a sample; None: nothing is known of them.

    Raises
    ------
    InputError
        There is no read, or no sample of the counts has metadata.
    """
    counts = counts.select(pl.col("sample", "id").cast(pl.String), pl.col("reads").cast(pl.Int64))
    counts = counts.filter(pl.col("reads") > 0)
    if counts.is_empty():
        raise InputError("the count table has no read", hint="check that the table is the one you mean")
    table = _samples(counts, samples)
    cells = counts.join(table.select("sample", "kind", "source"), on="sample", how="left", maintain_order="left")
    cells = _replicated(cells, settings.min_reads)
    blanks = int((table["kind"] == "blank").sum())
    inside = contaminants(cells, blanks=blanks)
    jumps, positives = flag_positives(cells, share=settings.positive_share)
    flags = pl.concat(
        [
            *_thin(cells, settings),
            *_shallow(table, settings.min_total_reads),
            flag_blanks(inside, blanks=blanks),
            flag_below_blanks(cells, inside, factor=settings.blank_factor),
            positives,
            *_strange(table),
        ]
    ).with_columns(pl.col("flag").is_in(settings.remove).alias("removed"))
    kept, removed = _kept(cells, flags, settings.remove)
    return FieldResult(
        counts=kept,
        samples=table.select("sample", "kind", "source", *_PLACE, "reads"),
        flags=flags,
        contaminants=inside,
        facts=_facts(table, cells, flags, jumps, removed=removed, given=samples is not None),
    )


def _samples(counts: pl.DataFrame, samples: pl.DataFrame | None) -> pl.DataFrame:
    """Every sample with its kind and reads, and ``given`` (words of its type) and ``listed`` (has metadata)."""
    totals = counts.group_by("sample", maintain_order=True).agg(pl.col("reads").sum())
    if samples is None:
        known = totals.select("sample", pl.lit("").alias("given"))
    else:
        has = samples.columns
        known = samples.select(
            pl.col("sample").cast(pl.String),
            (pl.col("sample_type") if "sample_type" in has else pl.lit(""))
            .cast(pl.String)
            .fill_null("")
            .alias("given"),
            *(pl.col(name).cast(kind) for name, kind in _PLACE.items() if name in has),
        )
    known = known.with_columns(
        sample_kinds(known["given"]),
        *(pl.lit(None, kind).alias(name) for name, kind in _PLACE.items() if name not in known.columns),
        listed=pl.lit(value=True),
    )
    strange = totals.join(known, on="sample", how="anti", maintain_order="left").select("sample")
    if strange.height == totals.height:
        raise InputError(
            f"no sample of the count table has metadata: it has {listed(totals['sample'].to_list(), most=3)}; the metadata have "
            f"{listed(known['sample'].to_list(), most=3)}",
            hint="use the same names of samples in both files",
        )
    alone = strange.with_columns(kind=pl.lit("unknown"), given=pl.lit(""), listed=pl.lit(value=False))
    table = pl.concat([known, alone], how="diagonal").join(totals, on="sample", how="left", maintain_order="left")
    return table.with_columns(pl.col("reads").fill_null(0), source=pl.coalesce("replicate_of", "sample"))


def _replicated(cells: pl.DataFrame, min_reads: int) -> pl.DataFrame:
    """With ``replicates`` and ``of_replicates``."""
    keys = ["source", "kind"]
    many = cells.group_by(keys).agg(pl.col("sample").n_unique().cast(pl.Int64).alias("of_replicates"))
    seen = cells.filter(pl.col("reads") >= min_reads)
    seen = seen.group_by(*keys, "id").agg(pl.col("sample").n_unique().cast(pl.Int64).alias("replicates"))
    cells = cells.join(seen, on=[*keys, "id"], how="left", maintain_order="left")
    cells = cells.join(many, on=keys, how="left", maintain_order="left")
    return cells.with_columns(pl.col("replicates").fill_null(0))


def _thin(cells: pl.DataFrame, settings: FieldSettings) -> list[pl.DataFrame]:
    field = cells.filter(_FIELD)
    asked = pl.min_horizontal(pl.lit(settings.min_replicates, pl.Int64), pl.col("of_replicates"))
    few = field.filter(pl.col("reads") < settings.min_reads)
    rare = field.filter((pl.col("replicates") < asked) & (pl.col("of_replicates") > 1))
    reads = pl.format("fewer reads ({}) than {}", "reads", pl.lit(settings.min_reads))
    fewer = pl.format(
        "seen in {} of {} replicates of {}, fewer than {}", "replicates", "of_replicates", "source",
        pl.lit(settings.min_replicates),
    )  # fmt: skip
    return [flagged(few, "few_reads", reads), flagged(rare, "few_replicates", fewer)]


def _shallow(table: pl.DataFrame, least: int) -> list[pl.DataFrame]:
    low = table.filter(_FIELD & (pl.col("reads") > 0) & (pl.col("reads") < least))
    deep = table.filter((pl.col("kind") == "blank") & (pl.col("reads") >= max(least, 1)))
    return [
        flagged(low, "low_depth", pl.format("fewer reads in all ({}) than {}", "reads", pl.lit(least))),
        flagged(deep, "deep_blank", pl.format("a blank with as many reads ({}) as a field sample", "reads")),
    ]


def _strange(table: pl.DataFrame) -> list[pl.DataFrame]:
    """Samples that stand in one of the two tables only, or whose kind is doubtful."""
    has_reads = pl.col("reads") > 0
    unclear = table.filter((pl.col("kind") == "unknown") & pl.col("listed"))
    doubtful = table.filter((pl.col("kind") == "sample") & has_reads)
    doubtful = doubtful.filter(named_like_controls(doubtful["sample"]))
    said = pl.format("the sample type '{}' is not understood; treated as a field sample", "given")
    return [
        flagged(
            table.filter(~pl.col("listed")),
            "no_metadata",
            pl.lit("reads but no metadata; treated as a field sample without a place"),
        ),
        flagged(table.filter(~has_reads), "no_reads", pl.lit("metadata but no reads")),
        flagged(unclear, "unknown_type", said),
        flagged(doubtful, "named_like_control", pl.lit("named like a control, but treated as a field sample")),
    ]


class _Kept(NamedTuple):
    counts: pl.DataFrame
    removed: dict[str, tuple[int, int]]


def _kept(cells: pl.DataFrame, flags: pl.DataFrame, remove: tuple[Removable, ...]) -> _Kept:
    """The counts that stay, with their flags; and detections and reads that were removed, by flag."""
    field = cells.filter(_FIELD).select("sample", "id", "reads")
    marks = []
    for number, flag in enumerate(REMOVABLE):
        rows = flags.filter(pl.col("flag") == flag)
        on = [name for name in ("sample", "id") if rows[name].null_count() == 0]
        hit = field.join(rows.select(on), on=on, how="semi")
        marks.append(hit.with_columns(flag=pl.lit(flag), number=pl.lit(number)))
    every = pl.concat(marks)
    gone = every.filter(pl.col("flag").is_in(remove))
    told = every.sort("number").group_by("sample", "id", maintain_order=True).agg(pl.col("flag").str.join("; "))
    kept = cells.join(gone, on=["sample", "id"], how="anti", maintain_order="left")
    kept = kept.join(told, on=["sample", "id"], how="left", maintain_order="left")
    columns = ("sample", "id", "reads", "kind", "replicates", "of_replicates")
    tally = gone.group_by("flag").agg(pl.len(), pl.col("reads").sum()).rows()
    removed = {flag: (number, reads) for flag, number, reads in tally}
    return _Kept(
        kept.select(*columns, pl.col("flag").fill_null("").alias("flags")),
        {flag: removed[flag] for flag in REMOVABLE if flag in removed},
    )


def _facts(
    table: pl.DataFrame,
    cells: pl.DataFrame,
    flags: pl.DataFrame,
    jumps: TagJumps,
    *,
    removed: dict[str, tuple[int, int]],
    given: bool,
) -> FieldFacts:
    kinds = dict(table.group_by("kind").len().rows())
    types = table.filter(pl.col("listed") & (pl.col("given") != "")).group_by("given", "kind").len().sort("given")
    field = cells.filter(_FIELD)
    pairs = field.filter((pl.col("of_replicates") > 1) & (pl.col("replicates") > 0)).unique(["source", "id"])
    tally = (
        flags.group_by("flag", maintain_order=True)
        .agg(pl.len(), pl.col("sample").unique(maintain_order=True).head(NAMED))
        .rows()
    )
    named = {flag: Named(number, tuple(x for x in first if x is not None)) for flag, number, first in tally}
    return FieldFacts(
        kinds={kind: kinds[kind] for kind in SAMPLE_KINDS if kind in kinds},
        types={(text, kind): number for text, kind, number in types.rows()},
        metadata=given,
        reads=int(cells["reads"].sum()),
        field_reads=int(field["reads"].sum()),
        detections=field.height,
        located=table.filter(_FIELD & pl.col("lat").is_not_null()).height,
        replicated=field.filter(pl.col("of_replicates") > 1)["source"].n_unique(),
        seen=pairs.height,
        seen_once=pairs.filter(pl.col("replicates") == 1).height,
        blanks_with_reads=table.filter((pl.col("kind") == "blank") & (pl.col("reads") > 0)).height,
        flags=named,
        jumps=jumps,
        removed=removed,
    )
