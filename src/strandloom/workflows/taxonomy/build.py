"""A reference for one marker out of records as people bring them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strandloom.errors import InputError
from strandloom.settings import Settings
from strandloom.workflows.taxonomy.build_report import BuildReport
from strandloom.workflows.taxonomy.clean import DROPPED, Cleaned, clean_records
from strandloom.workflows.taxonomy.insert import METHODS, REASONS, Inserts, InsertSettings, find_inserts
from strandloom.workflows.taxonomy.lineage import FISH_CLASSES
from strandloom.workflows.taxonomy.look_alikes import look_alike_names
from strandloom.workflows.taxonomy.markers import AUTO, MARKERS, Marker, marker_named
from strandloom.workflows.taxonomy.names import Synonyms
from strandloom.workflows.taxonomy.ragged import cut, decoded, encoded
from strandloom.workflows.taxonomy.reference import Reference, write_reference
from strandloom.workflows.taxonomy.repair import Repaired, repair_lineages
from strandloom.workflows.taxonomy.suspects import SHARED, SUSPECTS, shared_sequences, suspect_records

SAMPLE = 2_000
"""Records by which a marker is chosen; evenly spaced."""
TOO_AMBIGUOUS = "too many ambiguous bases"


class BuildSettings(Settings):
    """How a reference is made."""

    inserts: InsertSettings = InsertSettings()
    """What counts as a whole insert."""
    max_ambiguous: int = Field(2, ge=0)
    """Bases other than A, C, G, T that an insert may hold."""


class Built(NamedTuple):
    """A reference and its story."""

    reference: Reference
    report: BuildReport

    def write(self, folder: str | Path) -> None:
        """Write the folder of the reference (see :func:`~strandloom.workflows.taxonomy.reference.write_reference`)."""
        write_reference(folder, self.reference, report=self.report)


def build_reference(
    frame: pl.DataFrame,
    *,
    name: str,
    marker: Marker | str = AUTO,
    settings: BuildSettings | None = None,
    synonyms: Synonyms | None = None,
) -> Built:
    """Clean records, cut the marker out of them and look for what is wrong with them.

    Every record that can be used is kept, also where another has the same species and sequence: counts matter.

    Parameters
    ----------
    frame
        Columns ``record_id, class, order, family, genus, species, sequence``; null and ``NA`` are unknown.
    name
        What the reference is called.
    marker
        A primer pair, the name of a built-in one, or ``auto``: the built-in one under which most records can be used.
    settings
        How the reference is made.
    synonyms
        Names to replace.

    Raises
    ------
    InputError
        There is no record, or none that holds the marker; the hint names the built-in marker that fits best.
    SettingsError
        There is no marker of that name.
    """
    settings = settings or BuildSettings()
    chosen = marker if isinstance(marker, Marker) or marker == AUTO else marker_named(marker)
    cleaned = clean_records(frame, synonyms=synonyms)
    if cleaned.frame.is_empty():
        reasons = cleaned.dropped.group_by("reason").len().sort("len", "reason", descending=[True, False])
        raise InputError(
            f"none of the {frame.height:,} records can be used; most often: {reasons['reason'][0]}",
            where=f"record '{cleaned.dropped['record_id'][0]}'",
            hint='species are written as "Genus epithet", sequences in A C G T and IUPAC letters',
        )
    usable: dict[str, int] = {}
    if not isinstance(chosen, Marker):
        usable = _usable(cleaned.frame, settings)
        chosen = MARKERS[max(usable, key=lambda key: usable[key])]
    inserts = _find(cleaned.frame, chosen, settings)
    cut_out = _cut(cleaned, inserts, settings)
    if cut_out.frame.is_empty():
        raise _no_marker(chosen, cleaned.frame, usable or _usable(cleaned.frame, settings))
    repaired = repair_lineages(cut_out.frame)
    records = repaired.frame.with_columns(pl.lit(value=False).alias("suspect"))
    draft = Reference.from_frame(records, name=name, marker=chosen)
    judged = records.with_columns(pl.Series("haplotype", draft.haplotype))
    suspects = suspect_records(judged, draft.codes, draft.offsets)
    suspect = np.zeros(len(records), np.bool_)
    suspect[suspects["row"].to_numpy()] = True
    reference = Reference.from_frame(records.with_columns(pl.Series("suspect", suspect)), name=name, marker=chosen)
    report = _report(frame.height, reference, cut_out, cleaned, repaired, judged, suspects, usable)
    return Built(reference, report)


class _CutOut(NamedTuple):
    frame: pl.DataFrame
    """Records with their insert as ``sequence``, and ``method, turned, trimmed``."""
    dropped: pl.DataFrame


def _find(frame: pl.DataFrame, marker: Marker, settings: BuildSettings) -> Inserts:
    codes, offsets = encoded(frame["sequence"])
    groups = frame["species"].str.extract(r"^(\S+)").rank("dense").to_numpy()
    return find_inserts(codes, offsets, marker, groups=groups, settings=settings.inserts)


def _cut(cleaned: Cleaned, inserts: Inserts, settings: BuildSettings) -> _CutOut:
    """The insert of each record that has one and not too many ambiguous bases."""
    codes, offsets = encoded(cleaned.frame["sequence"])
    held = inserts.how > 0
    codes, offsets = cut(
        codes, offsets, np.where(held, inserts.start, 0), np.where(held, inserts.end, 0), inserts.strand
    )
    odd = np.concatenate(([0], np.cumsum(codes > 3)))[offsets]
    frame = cleaned.frame.with_columns(
        decoded(codes, offsets),
        pl.Series("method", np.array(METHODS)[inserts.how]),
        pl.Series("turned", inserts.strand == -1),
        pl.Series("trimmed", inserts.trimmed),
        pl.Series("ambiguous", np.diff(odd)),
        pl.Series("reason", np.array(REASONS)[inserts.reason]),
    ).with_columns(
        pl.when((pl.col("method") != "") & (pl.col("ambiguous") > settings.max_ambiguous))
        .then(pl.lit(TOO_AMBIGUOUS))
        .otherwise("reason")
        .alias("reason"),
        cleaned.frame["sequence"].str.len_bytes().alias("bases"),
    )
    detail = (
        pl.when(pl.col("reason") == TOO_AMBIGUOUS)
        .then(pl.format("{} ambiguous bases", "ambiguous"))
        .otherwise(pl.format("{} bases", "bases"))
    )
    dropped = frame.filter(pl.col("reason") != "").select("record_id", "species", "reason", detail.alias("detail"))
    return _CutOut(frame.filter(pl.col("reason") == "").drop("reason", "ambiguous", "bases"), dropped)


def _usable(frame: pl.DataFrame, settings: BuildSettings) -> dict[str, int]:
    """Records of an evenly spaced sample that have an insert, by built-in marker."""
    rows: NDArray[np.int64] = np.unique(np.linspace(0, frame.height - 1, min(SAMPLE, frame.height)).astype(np.int64))
    sample = frame[rows]
    return {name: int((_find(sample, marker, settings).how > 0).sum()) for name, marker in MARKERS.items()}


def _no_marker(marker: Marker, frame: pl.DataFrame, usable: dict[str, int]) -> InputError:
    best = max(usable, key=lambda key: usable[key])
    looked = min(SAMPLE, frame.height)
    return InputError(
        f"none of the {frame.height:,} records holds the marker {marker.name} "
        f"({marker.min_length}-{marker.max_length} bases between {marker.forward} and {marker.reverse})",
        hint=f"the marker {best} fits {usable[best]:,} of {looked:,} records: --marker {best}"
        if usable[best]
        else "no built-in marker fits any of them either; are these 12S sequences?",
    )


def _report(
    read: int,
    reference: Reference,
    cut_out: _CutOut,
    cleaned: Cleaned,
    repaired: Repaired,
    judged: pl.DataFrame,
    suspects: pl.DataFrame,
    usable: dict[str, int],
) -> BuildReport:
    counts = np.bincount(reference.species, minlength=len(reference.taxonomy))
    classes = (
        reference.taxonomy.to_frame()
        .with_columns(pl.Series("records", counts))
        .group_by("class")
        .agg(pl.len().alias("species").cast(pl.Int64), pl.col("records").sum().cast(pl.Int64))
        .with_columns(((pl.col("class") == "") | pl.col("class").is_in(sorted(FISH_CLASSES))).alias("fish"))
        .sort("records", "class", descending=[True, False])
    )
    methods = cut_out.frame["method"].to_list()
    return BuildReport(
        read=read,
        kept=len(reference),
        species=len(reference.taxonomy),
        sequences=reference.haplotypes,
        usable=usable,
        methods={method: methods.count(method) for method in METHODS[1:]},
        turned=int(cut_out.frame["turned"].sum()),
        trimmed=int(cut_out.frame["trimmed"].sum()),
        dropped=pl.concat([cleaned.dropped, cut_out.dropped]).select(list(DROPPED)),
        broken=repaired.broken,
        divided=repaired.divided,
        misplaced=cleaned.misplaced,
        filled=repaired.filled,
        genus_mismatch=repaired.genus_mismatch,
        synonyms=cleaned.synonyms,
        shared=shared_sequences(judged).select(list(SHARED)),
        look_alikes=look_alike_names(judged),
        suspects=suspects.select(list(SUSPECTS)),
        classes=classes,
        single_record_species=int((counts == 1).sum()),
        unknown_class_species=reference.taxonomy.unknown_class,
    )
