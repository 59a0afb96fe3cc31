"""Species that share a sequence, and records that are likely mislabelled."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.orient import K, windows
from strandloom.workflows.taxonomy.ragged import Offsets

SHARED = {
    "group": pl.Int64, "sequence": pl.String, "length": pl.Int64, "species": pl.String, "genus": pl.String,
    "family": pl.String, "records": pl.Int64, "kind": pl.String,
}  # fmt: skip
SUSPECTS = {
    "record_id": pl.String, "species": pl.String, "family": pl.String, "reason": pl.String, "other": pl.String,
    "other_records": pl.Int64,
}  # fmt: skip
OTHER_FAMILY = "its sequence is that of another family in most records"
NEARER_FAMILY = "its sequence is that of another family, whose other sequences are nearer"
OTHER_GENUS = "its sequence is that of another genus, and far from the other records of its species"
FEWEST = 3
"""Records of another genus that make a single record with the same sequence doubtful."""
CLEAR = K
"""Shared k-mers by which one side must be nearer: those that one difference breaks."""
NEAR = 3 * K
"""Shared k-mers that a sequence may lack of another one that still counts as near: three differences."""


def shared_sequences(records: pl.DataFrame) -> pl.DataFrame:
    """Species with one sequence in common, columns :data:`SHARED`: the groups that span families first.

    Parameters
    ----------
    records
        ``haplotype, sequence, species, genus, family``, one row per record.
    """
    kinds = ("different families", "same family", "same genus")
    rows = (
        records.group_by("haplotype", "sequence", "species", "genus", "family")
        .agg(pl.len().cast(pl.Int64).alias("records"))
        .filter(pl.len().over("haplotype") > 1)
        .with_columns(
            pl.when(pl.col("family").filter(pl.col("family") != "").n_unique().over("haplotype") > 1)
            .then(0)
            .when(pl.col("genus").n_unique().over("haplotype") > 1)
            .then(1)
            .otherwise(2)
            .alias("level"),
        )
        .sort("level", "haplotype", "records", "species", descending=[False, False, True, False])
    )
    return rows.select(
        pl.col("haplotype").rle_id().cast(pl.Int64).add(1).alias("group"),
        "sequence",
        pl.col("sequence").str.len_bytes().cast(pl.Int64).alias("length"),
        "species",
        "genus",
        "family",
        "records",
        pl.col("level").replace_strict(dict(enumerate(kinds)), return_dtype=pl.String).alias("kind"),
    ).cast(SHARED)  # type: ignore[arg-type]


def suspect_records(records: pl.DataFrame, codes: NDArray[np.uint8], offsets: Offsets) -> pl.DataFrame:
    """Records that are likely mislabelled, columns ``row`` and :data:`SUSPECTS`.

    Where different families have one sequence, the records outside the family with most records are suspect; where none has most, those
    outside the family whose other sequences are clearly nearer. Suspect is too a record whose sequence at least three records of one
    other genus have, while its species has more records elsewhere and none of them is near.

    Parameters
    ----------
    records
        ``record_id, haplotype, species, genus, family``, one row per record.
    codes, offsets
        The H distinct sequences, uint8 ``(total,)`` and int64 ``(H + 1,)``.
    """
    near = _Nearness(codes, offsets)
    rows = records.with_row_index("row").with_columns(
        pl.col("species").n_unique().over("haplotype").alias("sharing"),
        pl.col("family").filter(pl.col("family") != "").n_unique().over("haplotype").alias("families"),
    )
    by_family = _haplotypes(rows, "family")
    by_species = _haplotypes(rows, "species")
    found: list[tuple[int, str, str, int]] = []
    for part in rows.filter(pl.col("sharing") > 1).partition_by("haplotype", maintain_order=True):
        found += _of_families(part, by_family, near) if part["families"][0] > 1 else _of_genera(part, by_species, near)
    flags = pl.DataFrame(
        found,
        orient="row",
        schema={"row": pl.UInt32, "reason": pl.String, "other": pl.String, "other_records": pl.Int64},
    )
    return flags.sort("row").join(rows, on="row", how="left", maintain_order="left").select("row", *SUSPECTS)


def _haplotypes(rows: pl.DataFrame, rank: str) -> dict[str, NDArray[np.int64]]:
    """The distinct sequences of each taxon."""
    lists = rows.group_by(rank).agg(pl.col("haplotype").unique().sort())
    return {name: np.array(values) for name, values in lists.iter_rows()}


def _of_families(
    part: pl.DataFrame, by_family: dict[str, NDArray[np.int64]], near: _Nearness
) -> list[tuple[int, str, str, int]]:
    """Suspects among the records of one sequence that different families have."""
    counts = (
        part.filter(pl.col("family") != "")
        .group_by("family")
        .len()
        .sort("len", "family", descending=[True, False])
        .rows()
    )
    reason, (right, number) = OTHER_FAMILY, counts[0]
    if counts[1][1] == number:
        haplotype = part["haplotype"][0]
        tied = [name for name, count in counts if count == number]
        shared = sorted(((near.shared(haplotype, by_family[name]), name) for name in tied), reverse=True)
        if shared[0][0] < shared[1][0] + CLEAR:
            return []
        reason, right = NEARER_FAMILY, shared[0][1]
    wrong = part.filter((pl.col("family") != "") & (pl.col("family") != right))
    return [(row, reason, right, number) for row in wrong["row"]]


def _of_genera(
    part: pl.DataFrame, by_species: dict[str, NDArray[np.int64]], near: _Nearness
) -> list[tuple[int, str, str, int]]:
    """Suspects among the records of one sequence that different genera of a family have."""
    haplotype = part["haplotype"][0]
    genera = part.group_by("genus").len().sort("len", "genus", descending=[True, False]).rows()
    found = []
    for genus, own in genera[1:]:
        other, number = genera[0]
        if number < max(FEWEST, FEWEST * own):
            continue
        for (species,), rows in part.filter(pl.col("genus") == genus).group_by("species", maintain_order=True):
            elsewhere = by_species[str(species)]
            far = near.shared(haplotype, elsewhere) < near.own(haplotype) - NEAR
            if len(elsewhere) > 1 and far:
                found += [(row, OTHER_GENUS, other, number) for row in rows["row"]]
    return found


class _Nearness:
    """Shared k-mers of distinct sequences."""

    def __init__(self, codes: NDArray[np.uint8], offsets: Offsets) -> None:
        ids, owner = windows(codes, offsets)
        pairs = np.unique((owner << 32) | ids)
        self._ids = pairs & 0xFFFFFFFF
        self._bounds = np.searchsorted(pairs >> 32, np.arange(len(offsets)))
        self._marked = np.zeros(4**K, np.bool_)

    def _of(self, haplotype: int) -> NDArray[np.int64]:
        return self._ids[self._bounds[haplotype] : self._bounds[haplotype + 1]]

    def own(self, haplotype: int) -> int:
        """Distinct k-mers of a sequence."""
        return len(self._of(haplotype))

    def shared(self, haplotype: int, others: NDArray[np.int64]) -> int:
        """Most k-mers that any of ``others``, itself left out, has in common with a sequence; 0 where there is no other."""
        own = self._of(haplotype)
        self._marked[own] = True
        most = max((int(self._marked[self._of(other)].sum()) for other in others if other != haplotype), default=0)
        self._marked[own] = False
        return most
