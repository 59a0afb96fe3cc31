"""Species names of range files to numbers of the taxonomy."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.words import plural
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.names import KnownNames, Synonyms, parse_name

_EXAMPLES = 5
_PLAIN = re.compile(r"[A-Z][a-z]+ [a-z]+")  # nothing to leave away


class Matched(NamedTuple):
    """Species of N rows."""

    numbers: NDArray[np.int32]
    """int32 (N,): -1 where the name is not in the taxonomy, or there is none."""
    species: int
    """Distinct species of the taxonomy among them."""
    unmatched: int
    """Distinct names that are not in the taxonomy."""
    examples: tuple[tuple[str, str], ...]
    """The first of those names, each with the nearest name of the taxonomy; empty where none is near."""
    nameless: int
    """Rows without a name."""


class SpeciesMatcher:
    """Names as people write them, matched with a taxonomy.

    Parameters
    ----------
    taxonomy
        The known species. A name is looked up as it is, then without author, subgenus and subspecies.
    synonyms
        Other names of them; looked up where a name is not known.
    """

    def __init__(self, taxonomy: Taxonomy, *, synonyms: Synonyms | None = None) -> None:
        self.taxonomy, self.synonyms = taxonomy, synonyms

    def match(self, names: pl.Series, path: Path) -> Matched:
        """The species that names stand for.

        Parameters
        ----------
        names
            String ``(N,)``, null where there is none.
        path
            The file, for messages.

        Raises
        ------
        InputError
            Not one is in the taxonomy; the message gives some with the nearest known name.
        """
        unique = names.drop_nulls().unique(maintain_order=True)
        found = [self._number(name) for name in unique.to_list()]
        unknown = [name for name, number in zip(unique.to_list(), found, strict=True) if number < 0]
        examples = tuple((name, self._known.nearest(name) or "") for name in unknown[:_EXAMPLES])
        if len(unknown) == len(unique):
            raise self._nothing(len(unique), examples, path)
        numbers = names.replace_strict(unique, pl.Series(found, dtype=pl.Int32), default=-1, return_dtype=pl.Int32)
        return Matched(
            numbers=numbers.fill_null(-1).to_numpy(),
            species=len({number for number in found if number >= 0}),
            unmatched=len(unknown),
            examples=examples,
            nameless=names.null_count(),
        )

    @cached_property
    def _known(self) -> KnownNames:
        return KnownNames(self.taxonomy.species)

    def _number(self, name: str) -> int:
        number = self.taxonomy.lookup(name)
        plain = name if _PLAIN.fullmatch(name) else parse_name(name).binomial
        if number < 0 and plain != name:
            number = self.taxonomy.lookup(plain)
        if number < 0 and self.synonyms is not None:
            number = self.taxonomy.lookup(self.synonyms.resolve(plain))
        return number

    def _nothing(self, names: int, examples: tuple[tuple[str, str], ...], path: Path) -> InputError:
        if not names:
            return InputError("no row names a species", where=path, hint='species are written as "Genus epithet"')
        near = [f"'{close}' for '{name}'" for name, close in examples if close]
        quoted = ", ".join(f"'{name}'" for name, _ in examples)
        of = f"its only species name is not in the taxonomy ({quoted})" if names == 1 else (
            f"none of its {plural(names, 'species name')} is in the taxonomy "
            f"({quoted}{', …' if names > len(examples) else ''})"
        )  # fmt: skip
        known = self.taxonomy.species[0] if len(self.taxonomy) else "Genus epithet"
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"names are written as in the reference, for example '{known}'"
        )
        return InputError(f"no range can be read: {of}", where=path, hint=hint)
