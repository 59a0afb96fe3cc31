"""What a reference was made of, and what was done on the way: every record that was dropped or doubted, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from strandloom.words import plural

EXAMPLES = 5
"""Examples that ``reference.json`` gives of each reason; the tables beside it hold them all."""


@dataclass(frozen=True, eq=False)
class BuildReport:
    """The story of a build, in tables."""

    read: int
    """Records in the input."""
    kept: int
    """Records in the reference."""
    species: int
    """Species in the reference."""
    sequences: int
    """Distinct sequences in the reference."""
    usable: dict[str, int]
    """Records of a sample of at most 2,000 that hold a marker, by built-in marker; empty where the marker was named."""
    methods: dict[str, int]
    """Records kept by how their bounds were found: ``pcr`` or ``amplicon``."""
    turned: int
    """Records kept whose other strand was taken."""
    trimmed: int
    """Records kept from which the one primer that was still there was cut."""
    dropped: pl.DataFrame
    """``record_id, species, reason, detail``: every record that was left out."""
    broken: pl.DataFrame
    """``species, rank, taken, records, other, other_records``: lineages that differed between records of one species."""
    divided: pl.DataFrame
    """``taxon, rank, taken, records, other, other_records``: genera, families and orders whose species stood under several wider taxa."""
    misplaced: pl.DataFrame
    """``rank, taxon, records``: names with the ending of another rank (a family ``…iformes``); they were taken for unknown."""
    filled: pl.DataFrame
    """``species, rank, taken, source, records``: empty ranks filled from the other species of the genus (or family, order) ``source``."""
    genus_mismatch: pl.DataFrame
    """``species, genus, records``: a genus column that is not the first word of the species; the name was believed."""
    synonyms: pl.DataFrame
    """``name, accepted, records``: names that were replaced."""
    shared: pl.DataFrame
    """``group, sequence, length, species, genus, family, records, kind``: species with one sequence in common; ``kind`` is
    ``same genus``, ``same family`` or ``different families``."""
    suspects: pl.DataFrame
    """``record_id, species, family, reason, other, other_records``: records that are likely mislabelled."""
    look_alikes: pl.DataFrame
    """``name, accepted``: names that are probably other spellings of names in one genus with a sequence in common; none was merged."""
    classes: pl.DataFrame
    """``class, species, records, fish``: the largest first."""
    single_record_species: int
    """Species with one record only."""
    unknown_class_species: int
    """Species of unknown class; they are taken for fish."""

    def reasons(self) -> pl.DataFrame:
        """``reason, records, examples``: why records were dropped, the commonest first."""
        return (
            self.dropped.group_by("reason", maintain_order=True)
            .agg(pl.len().alias("records"), pl.col("record_id").head(EXAMPLES).alias("examples"))
            .sort("records", descending=True, maintain_order=True)
        )

    def shared_groups(self) -> dict[str, int]:
        """Sequences that several species share, by ``kind``."""
        kinds = self.shared.unique("group", keep="first", maintain_order=True)["kind"].to_list()
        return {kind: kinds.count(kind) for kind in ("same genus", "same family", "different families")}

    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables that lie beside the reference, by file name without its suffix."""
        return {
            "dropped": self.dropped,
            "shared_sequences": self.shared,
            "suspect_records": self.suspects,
            "look_alike_names": self.look_alikes,
        }

    def to_json(self) -> dict[str, Any]:
        """Counts and examples as plain JSON values."""
        return {
            "read": self.read,
            "kept": self.kept,
            "usable_by_marker": self.usable,
            "methods": self.methods,
            "turned": self.turned,
            "trimmed": self.trimmed,
            "dropped": self.reasons().to_dicts(),
            "broken_ranks": self.broken.to_dicts(),
            "divided_taxa": self.divided.to_dicts(),
            "misplaced_names": self.misplaced.to_dicts(),
            "filled_ranks": self.filled.to_dicts(),
            "genus_mismatch": self.genus_mismatch.to_dicts(),
            "synonyms": self.synonyms.to_dicts(),
            "shared_sequences": self.shared_groups(),
            "suspect_records": self.suspects.height,
            "look_alike_names": self.look_alikes.height,
            "classes": self.classes.to_dicts(),
            "single_record_species": self.single_record_species,
            "unknown_class_species": self.unknown_class_species,
        }

    def lines(self) -> Iterator[str]:
        """The story in a few sentences, for a terminal."""
        yield (
            f"{self.kept:,} of {plural(self.read, 'record')} kept: {self.species:,} species, {plural(self.sequences, 'distinct sequence')} "
            f"({', '.join(f'{count:,} by {how}' for how, count in self.methods.items())})"
        )
        if self.turned:
            yield f"{plural(self.turned, 'record')} found in reverse orientation and turned round"
        if self.trimmed:
            yield f"{plural(self.trimmed, 'record')} with one primer still attached, which was cut off"
        for reason, records, examples in self.reasons().iter_rows():
            yield f"{records:,} dropped: {reason} (such as {', '.join(examples[:3])})"
        if self.synonyms.height:
            yield f"{plural(int(self.synonyms['records'].sum()), 'record')} renamed by {plural(self.synonyms.height, 'synonym')}"
        if self.broken.height:
            yield (
                f"{plural(self.broken.height, 'rank')} differed between records of one species; the majority was taken "
                f"(such as {_first(self.broken['species'])})"
            )
        if self.divided.height:
            yield (
                f"{plural(self.divided['taxon'].n_unique(), 'taxon', 'taxa')} under several wider ones; the one of most records was taken "
                f"(such as {_first(self.divided['taxon'])})"
            )
        if self.misplaced.height:
            yield (
                f"{plural(self.misplaced.height, 'name')} with the ending of another rank taken for unknown "
                f"(such as {_first(self.misplaced['taxon'])})"
            )
        if self.filled.height:
            yield f"{plural(self.filled.height, 'empty rank')} filled from relatives of the species"
        if self.genus_mismatch.height:
            yield (
                f"{self.genus_mismatch.height:,} species under a genus other than their name's; the name was believed "
                f"(such as {_first(self.genus_mismatch['species'])})"
            )
        groups = self.shared_groups()
        if any(groups.values()):
            yield "sequences shared by several species: " + ", ".join(
                f"{count:,} within the {kind}" if kind.startswith("same") else f"{count:,} across families"
                for kind, count in groups.items()
            ).replace("the same", "one")
        if self.suspects.height:
            yield (
                f"{plural(self.suspects.height, 'record')} likely mislabelled and marked suspect "
                f"(such as {_first(self.suspects['record_id'])})"
            )
        if self.look_alikes.height:
            name, accepted = self.look_alikes.row(0)
            yield (
                f"{plural(self.look_alikes.height, 'name is', 'names are')} a letter or two from another name in the genus with the same "
                f"sequence, so probably another spelling (such as {name} of {accepted}); none was merged: look at look_alike_names.tsv, "
                "which can be given back as --synonyms"
            )
        if self.unknown_class_species:
            yield f"{self.unknown_class_species:,} species of unknown class, taken for fish"


def _first(values: pl.Series) -> str:
    return ", ".join(values.unique(maintain_order=True).head(3).to_list())
