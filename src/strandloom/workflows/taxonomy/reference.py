"""A cleaned reference for one marker: which sequences belong to which species; its folder on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from strandloom.alphabet import INVALID, Codes
from strandloom.errors import InputError
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.workflows.taxonomy.build_report import BuildReport
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.ragged import decoded, encoded

FORMAT_VERSION = 1
TABLE = "reference.parquet"
FACTS = "reference.json"
COLUMNS = ("record_id", "class", "order", "family", "genus", "species", "sequence", "method", "suspect")
"""Columns of the table, in order; ``method`` is ``pcr`` or ``amplicon``, ``suspect`` is Boolean, the rest is text."""
_HINT = "make a reference with: strandloom taxonomy build REFERENCE --out FOLDER"


@dataclass(frozen=True, eq=False)
class Reference:
    """R records of S species with H distinct sequences, all in one orientation and without primers.

    Parameters
    ----------
    name
        What the reference is called.
    marker
        The primer pair it was cut by.
    taxonomy
        The lineages of the S species.
    record_ids
        Names of the records, R long.
    species
        int32 ``(R,)``: the species of each record, a number in ``taxonomy``.
    haplotype
        int32 ``(R,)``: the distinct sequence of each record.
    codes
        uint8 ``(total,)``: the distinct sequences one after the other.
    offsets
        int64 ``(H + 1,)``: sequence h is ``codes[offsets[h]:offsets[h + 1]]``.
    suspect
        bool ``(R,)``: likely mislabelled.
    method
        How each record came to its bounds, ``pcr`` or ``amplicon``, R long; or empty where nobody knows.
    """

    name: str
    marker: Marker
    taxonomy: Taxonomy
    record_ids: tuple[str, ...]
    species: NDArray[np.int32]
    haplotype: NDArray[np.int32]
    codes: Codes
    offsets: NDArray[np.int64]
    suspect: NDArray[np.bool_]
    method: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.record_ids)

    @property
    def haplotypes(self) -> int:
        """Number of distinct sequences, H."""
        return len(self.offsets) - 1

    @cached_property
    def sequences(self) -> tuple[str, ...]:
        """The distinct sequences as text, H long."""
        return tuple(decoded(self.codes, self.offsets).to_list())

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, name: str, marker: Marker) -> Self:
        """From a table with :data:`COLUMNS` (``method`` and ``suspect`` may be missing), clean and in one orientation.

        Distinct sequences are numbered in order of appearance. The lineage of a species is that of its first record.

        Raises
        ------
        InputError
            A sequence is empty or holds a letter that is no base, or a record names no species.
        """
        texts = frame.select(pl.col("record_id", "species", "sequence").cast(pl.String).fill_null(""))
        taxonomy = Taxonomy.from_frame(frame)
        distinct = texts["sequence"].unique(maintain_order=True)
        haplotype = texts["sequence"].replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int32)
        codes, offsets = encoded(distinct)
        if (codes == INVALID).any() or (np.diff(offsets) == 0).any():
            at = int(np.searchsorted(offsets, np.argmax(codes == INVALID), side="right")) - 1
            at = int(np.argmin(np.diff(offsets))) if (np.diff(offsets) == 0).any() else at
            record = texts["record_id"][int(np.argmax(haplotype.to_numpy() == at))]
            raise InputError("the sequence is empty or holds letters that are no bases", where=f"record '{record}'")
        species = texts["species"].replace_strict(taxonomy.species, np.arange(len(taxonomy)), return_dtype=pl.Int32)
        suspect = frame["suspect"].to_numpy() if "suspect" in frame.columns else np.zeros(frame.height)
        return cls(
            name=name,
            marker=marker,
            taxonomy=taxonomy,
            record_ids=tuple(texts["record_id"].to_list()),
            species=species.to_numpy(),
            haplotype=haplotype.to_numpy(),
            codes=codes,
            offsets=offsets,
            suspect=suspect.astype(np.bool_),
            method=tuple(frame["method"].to_list()) if "method" in frame.columns else (),
        )

    def to_frame(self) -> pl.DataFrame:
        """One row per record, columns :data:`COLUMNS`."""
        lineages = self.taxonomy.to_frame()[self.species]
        return lineages.with_columns(
            pl.Series("record_id", self.record_ids, pl.String),
            pl.Series("sequence", self.sequences, pl.String).gather(self.haplotype),
            pl.Series("method", self.method or [""] * len(self), pl.String),
            pl.Series("suspect", self.suspect, pl.Boolean),
        ).select(COLUMNS)


def write_reference(folder: str | Path, reference: Reference, *, report: BuildReport | None = None) -> None:
    """Write the folder of a reference; the same reference and report give the same bytes.

    ``reference.parquet`` holds the records (:data:`COLUMNS`), ``reference.json`` the marker, the counts and what was
    done; with a report also ``dropped.tsv``, ``shared_sequences.tsv``, ``suspect_records.tsv`` and
    ``look_alike_names.tsv``.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = Path(folder)
    with replacing(folder / TABLE, text=False) as handle:
        reference.to_frame().write_parquet(handle)
    if report is not None:
        for name, table in report.tables().items():
            with TableWriter(folder / f"{name}.tsv") as writer:
                writer.write(table)
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": reference.name,
        "marker": reference.marker.model_dump(),
        "records": len(reference),
        "species": len(reference.taxonomy),
        "sequences": reference.haplotypes,
        "suspect": int(reference.suspect.sum()),
    }
    if report is not None:
        facts["build"] = report.to_json()
    write_json(folder / FACTS, facts)  # last: a folder with it is whole


def read_reference(folder: str | Path) -> Reference:
    """Read the folder of a reference.

    Raises
    ------
    InputError
        It is no such folder, is damaged, or was written by a newer version.
    """
    folder = Path(folder)
    if not (folder / FACTS).is_file():
        raise InputError(f"this is no reference folder: it has no {FACTS}", where=folder, hint=_HINT)
    facts = read_json(folder / FACTS)
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if not isinstance(version, int):
        raise InputError("this is no reference: it has no format version", where=folder / FACTS, hint=_HINT)
    if version > FORMAT_VERSION:
        raise InputError(
            f"the reference has format {version}; this strandloom reads up to {FORMAT_VERSION}",
            where=folder / FACTS,
            hint="update strandloom, or build the reference again",
        )
    try:
        marker = Marker.model_validate(facts.get("marker"))
        frame = pl.read_parquet(folder / TABLE, columns=list(COLUMNS))
    except ValidationError as error:
        raise InputError(
            f"the marker is damaged: {error.errors()[0]['msg']}", where=folder / FACTS, hint=_HINT
        ) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"the table cannot be read: {error}", where=folder / TABLE, hint=_HINT) from None
    return Reference.from_frame(frame, name=str(facts.get("name", folder.name)), marker=marker)
