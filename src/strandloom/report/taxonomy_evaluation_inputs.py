"""What the page of ``strandloom taxonomy evaluate`` reads from ``evaluation.json``, forgivingly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from strandloom.report.numbers import finite
from strandloom.report.scores import Difference, Json, Outcome, Score, mapping

RANKS = ("species", "genus", "family")


class Part(NamedTuple):
    """One section of the facts: methods judged on the same sequences; the first is compared with the others."""

    number: int
    title: str
    about: str
    queries: int
    groups: dict[str, int]
    systems: dict[str, Json]
    comparisons: Json
    titles: dict[str, str]

    @property
    def first(self) -> str:
        """The method that is compared with the others; empty where there is none."""
        return next(iter(self.systems), "")

    @property
    def best_other(self) -> str:
        """The other method with the best species accuracy; empty where there is none."""
        known = {n: v for n in list(self.systems)[1:] if (v := self.score(n).value) is not None}
        return max(known, key=lambda n: known[n]) if known else ""

    def rank(self, system: str, rank: str = "species") -> Json:
        """What is said of a method at a rank."""
        return mapping(mapping(mapping(self.systems.get(system)).get("ranks")).get(rank))

    def score(self, system: str, measure: str = "accuracy", *, rank: str = "species") -> Score:
        """A measure with its interval."""
        return score_of(mapping(self.rank(system, rank).get("measures")).get(measure))

    def within(self, system: str, group: str) -> Score:
        """Species accuracy in one kind of sequences."""
        of = mapping(mapping(mapping(self.systems.get(system)).get("groups")).get(group))
        return score_of(mapping(of.get("species")).get("accuracy"))

    def lacking(self, rank: str) -> int:
        """Sequences whose true taxon the reference lacks."""
        found = self.rank(self.first, rank)
        return int((finite(found.get("queries")) or 0) - (finite(found.get("listed")) or 0))

    @property
    def wanted(self) -> float:
        """The precision at which coverage is given."""
        return finite(mapping(self.rank(self.first).get("selective")).get("wanted")) or 0.95

    def against(self, other: str) -> Difference:
        """The first method minus another one in species accuracy."""
        found = mapping(mapping(mapping(self.comparisons.get(other)).get("species")).get("accuracy"))
        outcomes: dict[Any, Outcome] = {"better": "better", "worse": "worse", "not distinguishable": "same"}
        score = score_of(found)
        known = score.value is not None and score.low is not None
        return Difference(score, outcomes.get(found.get("verdict"), "unknown") if known else "unknown")


def read_parts(facts: Json) -> tuple[Part, ...]:
    """The sections of the facts, forgivingly."""
    titles = {str(k): str(v) for k, v in mapping(facts.get("titles")).items()}
    return tuple(
        Part(
            i,
            str(x.get("title") or f"Part {i}"),
            str(x.get("about") or ""),
            int(finite(x.get("queries")) or 0),
            {str(k): int(finite(n) or 0) for k, n in mapping(x.get("groups")).items()},
            {str(k): mapping(v) for k, v in mapping(x.get("systems")).items()},
            mapping(x.get("comparisons")),
            titles,
        )
        for i, x in enumerate(map(mapping, listed(facts.get("sections"))), 1)
    )


def listed(value: Any) -> Sequence[Any]:
    """The entry where it is a list, else an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def score_of(entry: Any) -> Score:
    """A value with its interval."""
    found = mapping(entry)
    return Score(finite(found.get("value")), finite(found.get("low")), finite(found.get("high")))


def point_at(points: Any, threshold: float) -> Json:
    """The point of a curve at the threshold, or the nearest one."""
    known = [p for p in map(mapping, listed(points)) if finite(p.get("threshold")) is not None]
    return min(known, key=lambda p: abs(float(p["threshold"]) - threshold), default={})
