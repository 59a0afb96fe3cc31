"""Which genus, family, order and class each species belongs to, and which of them are fish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError

Rank = Literal["species", "genus", "family", "order", "class"]
RANKS: tuple[Rank, ...] = get_args(Rank)
"""Ranks of an assignment, the narrowest first."""
FISH_CLASSES = frozenset({
    "Actinopteri", "Actinopterygii", "Teleostei", "Osteichthyes", "Cladistia", "Chondrostei", "Holostei",
    "Chondrichthyes", "Elasmobranchii", "Holocephali", "Hyperoartia", "Petromyzonti", "Petromyzontida", "Cephalaspidomorphi",
    "Myxini", "Sarcopterygii", "Coelacanthimorpha", "Coelacanthi", "Coelacanthiformes", "Actinistia",
    "Dipnoi", "Dipneusti", "Dipnotetrapodomorpha", "Ceratodontae",
})  # fmt: skip
"""Classes of fish, lampreys and hagfish, under the names that NCBI, WoRMS, FishBase and GBIF give them."""


@dataclass(frozen=True, eq=False)
class Taxa:
    """The taxa of one rank."""

    names: tuple[str, ...]
    """Their names, sorted."""
    index: NDArray[np.int32]
    """int32 (S,): the taxon of each species, -1 where it is unknown."""


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The lineages of S species.

    Parameters
    ----------
    species
        Names, sorted, none twice.
    genus, family, order, class_
        The taxon of each species, S long; empty where it is unknown.
    """

    species: tuple[str, ...]
    genus: tuple[str, ...]
    family: tuple[str, ...]
    order: tuple[str, ...]
    class_: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.species)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Self:
        """From a table with the columns ``species, genus, family, order, class``; the first row of a species counts.

        Raises
        ------
        InputError
            A column is missing, or a row names no species.
        """
        missing = [rank for rank in RANKS if rank not in frame.columns]
        if missing:
            raise InputError(
                f"the table of lineages lacks {', '.join(missing)}", hint=f"its columns are {', '.join(RANKS)}"
            )
        rows = frame.select(pl.col(RANKS).cast(pl.String).fill_null("")).unique("species", keep="first").sort("species")
        if rows.height and rows["species"][0] == "":
            raise InputError("a row of the table of lineages names no species")
        return cls(*(tuple(rows[rank].to_list()) for rank in RANKS))

    def to_frame(self) -> pl.DataFrame:
        """One row per species, String columns ``species, genus, family, order, class``."""
        return pl.DataFrame({rank: self.column(rank) for rank in RANKS}, schema=dict.fromkeys(RANKS, pl.String))

    def column(self, rank: Rank) -> tuple[str, ...]:
        """The taxon of each species at a rank, S long; empty where it is unknown."""
        return self.class_ if rank == "class" else getattr(self, rank)

    def taxa(self, rank: Rank) -> Taxa:
        """The taxa of a rank and which of them each species belongs to."""
        return self._taxa[rank]

    def lookup(self, name: str) -> int:
        """The number of a species, -1 where it is not here; underscores, case and doubled spaces do not matter."""
        return self._numbers.get(plain_name(name), -1)

    @cached_property
    def is_fish(self) -> NDArray[np.bool_]:
        """bool ``(S,)``: of a class of fish, or of unknown class (see :attr:`unknown_class`)."""
        return np.array([not name or name in FISH_CLASSES for name in self.class_], np.bool_)

    @cached_property
    def unknown_class(self) -> int:
        """Species whose class is unknown; they are taken for fish."""
        return self.class_.count("")

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {plain_name(name): i for i, name in enumerate(self.species)}

    @cached_property
    def _taxa(self) -> dict[Rank, Taxa]:
        return {rank: _numbered(self.column(rank)) for rank in RANKS}


def plain_name(name: str) -> str:
    """A name as it is compared: lower case, single spaces, no underscores."""
    return " ".join(name.replace("_", " ").split()).lower()


def _numbered(values: Sequence[str]) -> Taxa:
    names = sorted({value for value in values if value})
    number = {name: i for i, name in enumerate(names)} | {"": -1}
    return Taxa(tuple(names), np.array([number[value] for value in values], np.int32))
