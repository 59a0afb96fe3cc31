"""Sentences about calls: names in italics, what location changed, why a sequence stayed undecided, the result in short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from strandloom.report.numbers import MISSING, count, finite, fixed, percent
from strandloom.report.taxonomy_inputs import Candidate, Moved, Reason, Totals, Undecided
from strandloom.words import plural

ITALIC = ("species", "genus")
RANGES = {"listed here": "better", "nearby": "same", "far": "worse", "no data": "unknown"}
"""Range words and the class that colours them."""


def name(taxon: str, rank: str = "species") -> Markup:
    """A taxon as it is printed: species and genera in italics."""
    return Markup("<i>{}</i>").format(taxon) if rank in ITALIC else escape(taxon)


def chance(value: float | None) -> str:
    """A probability with two digits; never 0 or 1."""
    number = finite(value)
    if number is None:
        return MISSING
    if number >= 0.995:
        return "> 0.99"
    return "< 0.01" if number < 0.005 else fixed(number, 2)


def joined(parts: Sequence[str]) -> Markup:
    """``a``, ``a and b``, ``a, b and c``; strings are escaped, markup stays."""
    whole = [escape(part) for part in parts]
    return Markup(" and ").join(x for x in (Markup(", ").join(whole[:-1]), *whole[-1:]) if x)


def listing(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def story(totals: Totals) -> str:
    """The result in one sentence."""
    if not totals.sequences:
        return "There was no sequence to assign."
    species = totals.called.get("species", 0)
    wider = {rank: n for rank, n in totals.called.items() if rank != "species" and n}
    known = percent(species / totals.sequences, 0)
    if totals.reads:
        known += f", with {percent((totals.species_reads or 0) / totals.reads, 0)} of the reads"
    words = f"Of {plural(totals.sequences, 'sequence')}, {count(species)} ({known}) {_are(species)} called to species"
    parts = []
    if wider:
        *most, last = wider
        ranks = f"{', '.join(most)} or {last}" if most else last
        parts.append(f"{count(sum(wider.values()))} to {ranks} only")
    if totals.unknown:
        parts.append(f"{count(totals.unknown)} {'stays' if totals.unknown == 1 else 'stay'} unknown")
    words += "".join(f"{' and' if part is parts[-1] else ','} {part}" for part in parts)
    words += f": {plural(totals.species, 'species', 'species')} of fish"
    if totals.samples:
        words += f" in {plural(totals.samples, 'sample')}"
    if totals.moved:
        words += f"; location changed the best species of {plural(totals.moved, 'sequence')}"
    return words + "."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def away(km: float | None) -> str:
    """``820 km from the nearest known occurrence``; empty where that is not known."""
    number = finite(km)
    if number is None:
        return ""
    return f"{count(number) if number >= 1 else '< 1'} km from the nearest known occurrence"


def evidence(found: Candidate) -> str:
    """What speaks for a candidate: range, distance, differences, records."""
    parts = [
        found.range and {"no data": "no range known", "far": "far from where it is known"}.get(found.range, found.range)
    ]
    parts.append("" if found.range == "listed here" else away(found.distance_km))
    if found.differences is not None:
        parts.append("same sequence" if not found.differences else plural(found.differences, "difference"))
    if found.records is not None:
        parts.append(plural(found.records, "reference record"))
    return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Move:
    """Calls that location moved from one species to another: a sentence, what speaks for both, and the calls."""

    sentence: Markup
    before: Markup
    after: Markup
    where: str
    calls: tuple[Moved, ...]


def moves(calls: Iterable[Moved]) -> list[Move]:
    """The moved calls by the pair of species, in their order; the first of each pair is told."""
    pairs: dict[tuple[str, str], list[Moved]] = {}
    for call in calls:
        pairs.setdefault((call.before.species, call.after.species), []).append(call)
    found = []
    for same in pairs.values():
        first = same[0]
        sentence = Markup("Location moved {} {} → {} {}").format(
            name(first.before.species), chance(first.before.sequence_probability),
            name(first.after.species), chance(first.after.probability),
        )  # fmt: skip
        found.append(Move(sentence, _side(first.before), _side(first.after), _where(same), tuple(same)))
    return found


def _side(found: Candidate) -> Markup:
    words = evidence(found) or "nothing known of its range"
    return Markup('<span class="tagged {}">●</span> {}: {}').format(
        RANGES.get(found.range, "unknown"), name(found.species), words
    )


def _where(same: Sequence[Moved]) -> str:
    first = same[0]
    samples = list(dict.fromkeys(s for call in same for s in call.samples))
    parts = [first.id if len(same) == 1 else f"{plural(len(same), 'sequence')}, first {first.id}"]
    if samples:
        parts.append(f"in {listing(samples, 3)}")
    known = [call.reads for call in same if call.reads is not None]
    if known:
        parts.append(plural(sum(known), "read"))
    return " · ".join(parts)


NEAR = 2
"""Differences by which candidates are near twins."""


def why(found: Undecided, threshold: float) -> Markup:
    """Why a sequence was not called to species, one sentence."""
    words = Markup("; ").join(_reason(reason, found, threshold) for reason in found.why or ("unsure",))
    return words[:1].upper() + words[1:] + "."


def _several(found: Undecided, beyond: int) -> Markup:
    """The candidates of at most so many differences more than the best one."""
    known = [c for c in found.candidates if c.differences is not None]
    best = min((c.differences or 0 for c in known), default=0)
    names = [name(c.species) for c in known if (c.differences or 0) <= best + beyond]
    if len(names) < 2:
        return Markup("several species")
    return joined([*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])])


def _reason(reason: Reason, found: Undecided, threshold: float) -> Markup:
    best = max(found.candidates, key=lambda c: finite(c.sequence_probability) or 0.0, default=None)
    if reason == "shared":
        return Markup("{} have equally near sequences").format(_several(found, 0))
    if reason == "near":
        return Markup("{} differ by too few bases").format(_several(found, NEAR))
    if reason == "outside" and best:
        far = away(best.distance_km)
        return Markup("the best match, {}, is not known from there{}").format(
            name(best.species), f" ({far})" if far else ""
        )
    if reason == "outside":
        return Markup("the best match is not known from there")
    if reason == "new":
        fewest = min((c.differences for c in found.candidates if c.differences is not None), default=0)
        off = f" (the nearest has {plural(fewest, 'difference')})" if fewest else ""
        return Markup("no reference sequence is close{}").format(off)
    return Markup("no species reaches a probability of {}").format(fixed(threshold, 2))
