"""Species names as people write them: to "Genus epithet", or the reason why there is none; synonyms; the nearest known name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from strandloom.errors import InputError
from strandloom.io.frames import read_text_frame
from strandloom.workflows.taxonomy.lineage import plain_name

_GENUS = re.compile(r"[A-Z][a-z]+(?:-[a-z]+)?")
_EPITHET = re.compile(r"[a-z]+(?:[-'’][a-z]+)*")
_RANK_PREFIX = re.compile(r"^[a-z]_{1,2}(?=[A-Z])")
_SUBGENUS = re.compile(r"\s*\([A-Z][a-z]+\)\s+(?=[a-z])")
_QUALIFIER = re.compile(r"\b(cf|aff|nr|near)\b\.?|\?", re.IGNORECASE)
_UNNAMED = re.compile(
    r"\b(environmental|uncultured|unidentified|unclassified|unknown|metagenome|undetermined|unassigned|incertae)\b",
    re.IGNORECASE,
)
_OPEN = frozenset({"sp", "sp.", "spp", "spp.", "ssp", "ssp.", "species", "indet", "indet.", "n.", "nov.", "gen."})
_SEVERAL = frozenset({"complex", "group", "gr.", "/", "or"})
_HYBRID = re.compile(r"(?:^|\s)[x×](?=\s)|×|\bhybrid\b", re.IGNORECASE)
_EMPTY = frozenset({"", "na", "n/a", "nan", "none", "null", "-", "."})
NO_NAME = "no species name"
UNIDENTIFIED = "not identified to species"
UNCERTAIN = "identification uncertain (cf., aff.)"
OPEN = "unnamed species (sp.)"
HYBRID = "hybrid"
COMPLEX = "species complex or several species"
NOT_BINOMIAL = "the name is not of the form Genus epithet"
REASONS = (NO_NAME, UNIDENTIFIED, HYBRID, UNCERTAIN, OPEN, COMPLEX, NOT_BINOMIAL)
"""Why a name is no binomial."""


class Parsed(NamedTuple):
    """A name as it was understood."""

    binomial: str
    """``Genus epithet``; empty where there is none."""
    reason: str
    """One of :data:`REASONS`; empty where there is a binomial."""


def parse_name(text: str | None) -> Parsed:
    """Understand a species name; subspecies, authorship and strain suffixes are left away.

    ``Salmo trutta fario``, ``Salmo_trutta``, ``Salmo (Salmo) trutta Linnaeus, 1758`` and ``Salmo trutta voucher X1`` are all
    ``Salmo trutta``.
    """
    name = " ".join(_RANK_PREFIX.sub("", (text or "").strip(" \"'")).replace("_", " ").split())
    if name.lower() in _EMPTY:
        return Parsed("", NO_NAME)
    if _UNNAMED.search(name):
        return Parsed("", UNIDENTIFIED)
    name = _SUBGENUS.sub(" ", name)
    words = name.split()
    if name.isupper() or words[0].islower():
        words = [words[0].capitalize(), *(word.lower() if name.isupper() else word for word in words[1:])]
    if _HYBRID.search(name):
        return Parsed("", HYBRID)
    if _QUALIFIER.search(" ".join(words[:3])):
        return Parsed("", UNCERTAIN)
    if not _GENUS.fullmatch(words[0]):
        return Parsed("", NOT_BINOMIAL)
    if len(words) == 1:
        return Parsed("", UNIDENTIFIED)
    if words[1].lower() in _OPEN or words[1].lower().startswith("sp."):
        return Parsed("", OPEN)
    if "/" in words[1] or words[1].lower() in _SEVERAL or (len(words) > 2 and words[2].lower() in _SEVERAL):
        return Parsed("", COMPLEX)
    if not _EPITHET.fullmatch(words[1]) or len(words[1]) < 2:
        return Parsed("", NOT_BINOMIAL)
    return Parsed(f"{words[0]} {words[1]}", "")


@dataclass(frozen=True, eq=False)
class Synonyms:
    """Names and what they are called now."""

    accepted: Mapping[str, str]
    """Name as :func:`~strandloom.workflows.taxonomy.lineage.plain_name` writes it, to the accepted binomial."""

    def __len__(self) -> int:
        return len(self.accepted)

    def resolve(self, name: str) -> str:
        """The accepted name; the name itself where there is no other."""
        return self.accepted.get(plain_name(name), name)


def read_synonyms(path: str | Path) -> Synonyms:
    """Read a table of two columns, ``name`` and ``accepted`` (TSV or CSV, plain or gzip), and follow chains of names.

    Raises
    ------
    InputError
        It cannot be read, an accepted name is no binomial, a name has two, or names lead in a circle; names the line.
    """
    path = Path(path)
    table = read_text_frame(path).frame
    columns = {column.strip().lower(): column for column in table.columns}
    if "name" not in columns or "accepted" not in columns:
        raise InputError(
            f"the table of synonyms needs the columns name and accepted; it has {', '.join(table.columns)}",
            where=f"{path}:1",
            hint="name is what stands in the reference, accepted what it is called now",
        )
    accepted: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, (old, new) in enumerate(table.select(columns["name"], columns["accepted"]).iter_rows(), start=2):
        if not (old or "").strip() and not (new or "").strip():
            continue
        found = parse_name(new)
        if not (old or "").strip() or found.reason:
            raise InputError(
                f"the accepted name '{new or ''}' of '{old or ''}' cannot be used: {found.reason or 'no name to replace'}",
                where=f"{path}:{line}",
                hint='write accepted names as "Genus epithet"',
            )
        key = plain_name(old)
        if accepted.setdefault(key, found.binomial) != found.binomial:
            raise InputError(
                f"'{old}' has two accepted names: {accepted[key]} (line {lines[key]}) and {found.binomial}",
                where=f"{path}:{line}",
            )
        lines.setdefault(key, line)
    return Synonyms({key: _end_of_chain(key, accepted, f"{path}:{lines[key]}") for key in accepted})


def _end_of_chain(key: str, accepted: Mapping[str, str], where: str) -> str:
    seen = [key]
    while (following := plain_name(accepted[seen[-1]])) in accepted:
        if following == seen[-1]:
            break  # a name that is its own accepted name
        if following in seen:
            raise InputError(f"the synonyms lead in a circle: {' → '.join([*seen, following])}", where=where)
        seen.append(following)
    return accepted[seen[-1]]


class KnownNames:
    """Names among which the nearest one is sought, fast for many questions.

    Parameters
    ----------
    names
        The known names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_word: dict[str, list[str]] = defaultdict(list)
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for name in names:
            for word in set(plain_name(name).split()):
                self._by_word[word].append(name)
            self._by_letter[plain_name(name)[:2]].append(name)

    def nearest(self, name: str) -> str | None:
        """The known name most like ``name``, or None: of those with a word in common, else of those that begin alike."""
        words = plain_name(name).split()
        sharing = sorted({found for word in words for found in self._by_word.get(word, ())})
        for names in (sharing, self._by_letter.get(" ".join(words)[:2], [])):
            close = get_close_matches(name, names, n=1, cutoff=0.75)
            if close:
                return close[0]
        return None
