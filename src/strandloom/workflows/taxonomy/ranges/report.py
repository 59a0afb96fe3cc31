"""What range files were read, and what was done on the way, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from strandloom.words import plural


@dataclass(frozen=True)
class RangeFile:
    """One range file as it was read."""

    path: str
    """The file."""
    kind: str
    """What it was recognised as, in words: ``records``, ``ecoregions of species``, …"""
    rows: int
    """Rows in it."""
    used: int
    """Rows that say something about a species of the taxonomy; all usable rows where the file names no species."""
    species: int = 0
    """Species of the taxonomy that it names."""
    unmatched: int = 0
    """Names in it that are not in the taxonomy."""
    examples: tuple[tuple[str, str], ...] = ()
    """Some of those names, each with the nearest name of the taxonomy (empty: none is near)."""
    notes: tuple[str, ...] = ()
    """What was corrected or left out, and how often."""

    def lines(self) -> tuple[str, ...]:
        """The file in words, a line each."""
        head = f"{self.path}: {self.kind}, {self.rows:,} rows"
        if self.species or self.unmatched:
            head += f"; {self.used:,} of them about {plural(self.species, 'species', 'species')} of the taxonomy"
        told = [head, *(f"  {note}" for note in self.notes)]
        if self.unmatched:
            near = [f"'{name}' (nearest: '{close}')" if close else f"'{name}'" for name, close in self.examples]
            named = f": {', '.join(near)}{', …' if self.unmatched > len(near) else ''}" if near else ""
            told.append(f"  {plural(self.unmatched, 'name')} not in the taxonomy{named}")
        return tuple(told)


@dataclass(frozen=True)
class RangeReport:
    """All range files that were read."""

    files: tuple[RangeFile, ...] = ()
    """In the order in which they were given."""

    def lines(self) -> tuple[str, ...]:
        """The report in words, a line each."""
        return tuple(line for file in self.files for line in file.lines())

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"files": [asdict(file) for file in self.files]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The report that :meth:`to_json` wrote."""
        return cls(
            tuple(
                RangeFile(
                    **{
                        **file,
                        "examples": tuple((name, close) for name, close in file["examples"]),
                        "notes": tuple(file["notes"]),
                    }
                )
                for file in value["files"]
            )
        )
