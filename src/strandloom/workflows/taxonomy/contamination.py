"""What blanks and positive controls say of field samples: ASVs of the laboratory, and reads that jumped between libraries."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from strandloom.workflows.taxonomy.sample_kinds import FIELD_KINDS

FLAG_COLUMNS = {
    "flag": pl.String, "sample": pl.String, "id": pl.String, "reads": pl.Int64, "reason": pl.String,
}  # fmt: skip
"""What a rule says: its name, the sample and the ASV it concerns (null: any), the reads that it is about, and why."""
NATIVE_SHARE = 0.5
"""An ASV of a positive control with fewer of its reads in the controls than this may live where the samples were taken."""
_FIELD = pl.col("kind").is_in(FIELD_KINDS)
_BLANK = pl.col("kind") == "blank"


class TagJumps(NamedTuple):
    """Reads that stand in the wrong library, as positive controls show it."""

    ids: tuple[str, ...]
    """The ASVs that the positive controls are made of."""
    native: tuple[str, ...]
    """Those of them that are mostly found elsewhere, so perhaps live there; they do not count for ``leaving``."""
    leaving: float | None
    """Share of the reads of the controls' ASVs that stand in field samples and blanks; None: no such reads."""
    entering: float | None
    """Share of the reads of positive controls that belong to other ASVs; None: no such reads."""


def flagged(frame: pl.DataFrame, flag: str, reason: pl.Expr) -> pl.DataFrame:
    """Rows of a rule, columns :data:`FLAG_COLUMNS`; what the frame lacks is null."""
    columns = {name: pl.col(name) if name in frame.columns else pl.lit(None) for name in ("sample", "id", "reads")}
    columns |= {"flag": pl.lit(flag), "reason": reason}
    return frame.select(columns[name].cast(kind).alias(name) for name, kind in FLAG_COLUMNS.items())


def contaminants(cells: pl.DataFrame, *, blanks: int) -> pl.DataFrame:
    """The ASVs that were seen in blanks, those with most reads there first.

    Returns ``id, blanks`` (how many they were seen in)``, blank_share`` (of all blanks)``, blank_reads, most_in_blank, field_reads,
    most_in_sample`` (0: in no field sample) and ``read_share`` (of the ASV's reads in blanks and field samples, those in blanks).

    Parameters
    ----------
    cells
        ``sample, id, reads, kind``, each sample and ASV once.
    blanks
        Blanks in the study, those without reads among them.
    """
    reads = pl.col("reads")
    return (
        cells.group_by("id")
        .agg(
            _BLANK.sum().cast(pl.Int64).alias("blanks"),
            reads.filter(_BLANK).sum().alias("blank_reads"),
            reads.filter(_BLANK).max().alias("most_in_blank"),
            reads.filter(_FIELD).sum().alias("field_reads"),
            reads.filter(_FIELD).max().fill_null(0).alias("most_in_sample"),
        )
        .filter(pl.col("blanks") > 0)
        .select(
            "id",
            "blanks",
            (pl.col("blanks") / max(blanks, 1)).alias("blank_share"),
            "blank_reads",
            "most_in_blank",
            "field_reads",
            "most_in_sample",
            (pl.col("blank_reads") / (pl.col("blank_reads") + pl.col("field_reads"))).alias("read_share"),
        )
        .sort("most_in_blank", "id", descending=[True, False])
    )


def flag_blanks(found: pl.DataFrame, *, blanks: int) -> pl.DataFrame:
    """``in_blank``: each of the :func:`contaminants`, with its reads in blanks."""
    elsewhere = (
        pl.when(pl.col("most_in_sample") > 0)
        .then(
            pl.format(
                "in a field sample: {}; {} % of its reads are in blanks",
                "most_in_sample",
                (pl.col("read_share") * 100).round(2),
            )
        )
        .otherwise(pl.lit("none in field samples"))
    )
    reason = pl.format(
        "seen in {} of {} blanks; most reads in a blank: {}, {}", "blanks", pl.lit(blanks), "most_in_blank", elsewhere
    )
    return flagged(found.with_columns(reads=pl.col("blank_reads")), "in_blank", reason)


def flag_below_blanks(cells: pl.DataFrame, found: pl.DataFrame, *, factor: float) -> pl.DataFrame:
    """``below_blank``: what has fewer reads in a field sample than ``factor`` times the most it has in a blank."""
    most = cells.filter(_FIELD).join(found.select("id", "most_in_blank"), on="id", how="inner", maintain_order="left")
    low = most.filter(pl.col("reads") < factor * pl.col("most_in_blank"))
    times = "" if factor == 1 else f"{factor:g} times "
    reason = pl.format(f"fewer reads ({{}}) than {times}the most in a blank ({{}})", "reads", "most_in_blank")
    return flagged(low, "below_blank", reason)


def flag_positives(cells: pl.DataFrame, *, share: float) -> tuple[TagJumps, pl.DataFrame]:
    """``positive_control``: ASVs of positive controls in field samples; and how often reads jumped.

    Mock communities are left out: their species may well live in the field.

    Parameters
    ----------
    cells
        ``sample, id, reads, kind``, each sample and ASV once.
    share
        An ASV with at least this share of the reads of all positive controls is what they are made of.
    """
    reads, positive = pl.col("reads"), pl.col("kind") == "positive"
    each = cells.group_by("id").agg(
        reads.filter(positive).sum().alias("inside"), reads.filter(_FIELD | _BLANK).sum().alias("outside")
    )
    total = int(each["inside"].sum())
    own = each.filter((pl.col("inside") > 0) & (pl.col("inside") >= share * total)).sort(
        "inside", "id", descending=[True, False]
    )
    native = own.filter(pl.col("inside") < NATIVE_SHARE * (pl.col("inside") + pl.col("outside")))
    made = own.filter(~pl.col("id").is_in(native["id"].to_list()))
    gone, kept = int(made["outside"].sum()), int(made["inside"].sum())
    jumps = TagJumps(
        ids=tuple(own["id"].to_list()),
        native=tuple(native["id"].to_list()),
        leaving=gone / (gone + kept) if made.height else None,
        entering=1 - int(own["inside"].sum()) / total if total else None,
    )
    seen = cells.filter(_FIELD).join(own, on="id", how="inner", maintain_order="left")
    why = (
        pl.when(pl.col("id").is_in(native["id"].to_list()))
        .then(pl.lit("most of its reads are in field samples, so it may live there"))
        .otherwise(pl.lit("reads that may have jumped between libraries"))
    )
    reason = pl.format("an ASV of the positive control (reads there: {}, here: {}): {}", "inside", "reads", why)
    return jumps, flagged(seen, "positive_control", reason)
