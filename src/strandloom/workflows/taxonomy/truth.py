"""What queries truly are, rank by rank, and how hard each is: its sequence is one species' own, shared, or new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.workflows.taxonomy.candidates import Records
from strandloom.workflows.taxonomy.lineage import RANKS, Rank, Taxonomy
from strandloom.workflows.taxonomy.reference import Reference

NOVEL, UNSAID = -1, -2
KINDS = ("unique", "shared", "novel haplotype", "only under another species")
"""Kinds of queries: their sequence is in the reference under the true species alone, under others too, not at all, under others alone."""
Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Truth:
    """The true taxa of N queries.

    Parameters
    ----------
    taxon
        int32 ``(N,)`` per rank: a number in ``Taxonomy.taxa(rank)``; -1 where the true taxon is not in the reference, -2 where nobody
        says what it is, so that the query does not count at that rank.
    """

    taxon: dict[Rank, Ints]

    def __len__(self) -> int:
        return len(self.taxon["species"])

    @property
    def foreign(self) -> NDArray[np.bool_]:
        """bool ``(N,)``: of no taxon of the reference at any rank, such as bacteria among fish."""
        return (self.taxon["class"] == NOVEL) & np.all([x < 0 for x in self.taxon.values()], axis=0)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The truth of some queries."""
        return type(self)({rank: x[rows] for rank, x in self.taxon.items()})

    @classmethod
    def from_species(cls, species: NDArray[np.integer], taxonomy: Taxonomy) -> Self:
        """From numbers of species ``(N,)``; -1 is a species that is not in the reference, of which nothing else is said."""
        listed = np.asarray(species) >= 0
        taxon = {}
        for rank in RANKS:
            index = np.append(taxonomy.taxa(rank).index, UNSAID)
            own = index[np.where(listed, species, -1)]
            taxon[rank] = np.where(own < 0, UNSAID, own).astype(np.int32)
        taxon["species"] = np.where(listed, species, NOVEL).astype(np.int32)
        return cls(taxon)

    @classmethod
    def from_names(cls, names: pl.DataFrame, taxonomy: Taxonomy) -> Self:
        """From columns named as ranks, at least ``species``; empty where nobody says.

        A species of the reference has the reference's own lineage, whatever the other columns say. Of another one a genus that is not
        said is the first word of its name, and what is not said above a taxon of the reference is that of the first species in it.
        """
        said = [
            (names[rank].cast(pl.String) if rank in names.columns else pl.Series([""] * names.height, dtype=pl.String))
            .fill_null("")
            .str.strip_chars()
            for rank in RANKS
        ]
        species = np.array([taxonomy.lookup(name) for name in said[0]], np.int32).reshape(-1)
        first_word = said[0].str.replace_all("_", " ").str.split(" ").list.get(0, null_on_oob=True).fill_null("")
        said[1] = pl.select(pl.when(said[1] == "").then(first_word).otherwise(said[1])).to_series()
        taxon = dict(cls.from_species(species, taxonomy).taxon)
        taxon["species"] = np.where((said[0] == "").to_numpy(), UNSAID, taxon["species"]).astype(np.int32)
        example = np.full(names.height, -1, np.int64)  # a species of the narrowest taxon that the reference has
        for rank, column in list(zip(RANKS, said, strict=True))[1:]:
            known = taxonomy.taxa(rank)
            number = {name: i for i, name in enumerate(known.names)}
            own = np.array([number.get(name, UNSAID if not name else NOVEL) for name in column], np.int32).reshape(-1)
            from_below = np.append(known.index, UNSAID)[example]
            own = np.where((own == UNSAID) & (from_below >= 0), from_below, own)
            taxon[rank] = np.where(species >= 0, taxon[rank], own).astype(np.int32)
            member = np.full(len(known.names) + 2, -1, np.int64)
            place = np.flatnonzero(known.index >= 0)[::-1]
            member[known.index[place]] = place  # the first species of each taxon
            example = np.where(example < 0, member[own], example)
        return cls(taxon)

    @classmethod
    def nothing(cls, queries: int) -> Self:
        """Queries of which no taxon is in the reference."""
        return cls({rank: np.full(queries, NOVEL, np.int32) for rank in RANKS})


def query_kinds(sequences: pl.Series, species: NDArray[np.integer], reference: Reference, records: Records) -> Ints:
    """The kind of each query, a number in :data:`KINDS`, int32 ``(N,)``; -1 where its species is not in the reference.

    Parameters
    ----------
    sequences
        Upper-case text, String ``(N,)``, without primers, as the reference runs.
    species
        int ``(N,)``: the true species, -1 where it is not in the reference.
    reference, records
        Without the queries' own records.
    """
    known = pl.DataFrame({"sequence": reference.sequences, "haplotype": np.arange(reference.haplotypes)})
    joined = sequences.rename("sequence").to_frame().join(known, on="sequence", how="left", maintain_order="left")
    haplotype = joined["haplotype"].fill_null(-1).to_numpy()
    pairs = (records.owner_haplotype.astype(np.int64) << 32) | records.owner_species
    own = np.isin((haplotype.astype(np.int64) << 32) | np.maximum(species, 0), pairs)
    shared = np.append(records.shared, False)[haplotype]
    kind = np.select([haplotype < 0, own & ~shared, own], [2, 0, 1], 3)
    return np.where(np.asarray(species) < 0, -1, kind).astype(np.int32)
