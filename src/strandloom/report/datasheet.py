"""The data facts and the leakage report as words, tables and drawings.

Reads the mappings that ``dataclasses.asdict`` makes of :class:`strandloom.data.facts.DataFacts` and
:class:`strandloom.data.leakage.LeakageReport`; whatever is absent is left out.
"""

from __future__ import annotations

from typing import Any

from strandloom.report.numbers import count, finite, fixed, general, percent
from strandloom.report.scores import Json, mapping
from strandloom.report.svg import Axis, Figure, Key, Plot
from strandloom.report.tables import MOST_CLASSES, Cell, Table, text
from strandloom.words import plural

GC_CURVES = 6


def _of(rows: Any, total: Any) -> str:
    """``12 rows (0.2 %)``."""
    number, whole = finite(rows), finite(total)
    if number is None:
        return ""
    return plural(int(number), "row") + (f" ({percent(number / whole)})" if whole and number else "")


def facts(data: Json) -> tuple[tuple[str, str], ...]:
    """The data facts as pairs of name and words."""
    if not data:
        return ()
    rows = data.get("rows")
    letters, twins = mapping(data.get("letters")), mapping(data.get("duplicates"))
    length, gc, value = mapping(data.get("length")), mapping(data.get("gc")), mapping(data.get("value"))
    pairs = [
        ("Sequences", count(rows)),
        ("Length", _spread(length, "bases")),
        ("GC content", _spread(gc, "%")),
        ("Measured value", _spread(value, "")),
        ("Window", str(data.get("window") or "")),
        ("Letters", _letters(letters)),
        ("Rows with N or another ambiguity code", _of(data.get("ambiguous_rows"), rows)),
        ("Rows that are mostly a short repeat", _of(data.get("low_complexity_rows"), rows)),
        ("Distinct sequences", count(twins["distinct"]) if finite(twins.get("distinct")) is not None else ""),
        ("Exact copies of an earlier row", _of(twins.get("exact_rows"), rows)),
        ("Reverse complements of another row", _of(twins.get("reverse_complement_rows"), rows)),
        ("Same sequence, different class", _of(twins.get("contradictory_rows"), rows)),
        ("Repeated ids", _of(twins.get("id_rows"), rows)),
    ]
    if letters.get("skipped_rows"):
        pairs.append(("Rows skipped while reading", _of(letters["skipped_rows"], None)))
    for one in data.get("separations") or ():
        said = _separation(mapping(one))
        if said:
            pairs.append(said)
    return tuple((name, words) for name, words in pairs if words)


def _spread(entry: Json, unit: str) -> str:
    low, middle, high = (finite(entry.get(k)) for k in ("lowest", "median", "highest"))
    if low is None or middle is None or high is None:
        return ""
    if unit == "%":
        return f"median {percent(middle)}, from {percent(low)} to {percent(high)}"
    tail = f" {unit}" if unit else ""
    if low == high:
        return f"{general(low, 6)}{tail}, all alike"
    return f"median {general(middle, 6)}{tail}, from {general(low, 6)} to {general(high, 6)}"


def _letters(letters: Json) -> str:
    bases = finite(letters.get("bases"))
    if not bases:
        return ""
    said = [f"{count(bases)} letters"]
    for key, words in (
        ("n", "N"),
        ("ambiguous", "other ambiguity codes"),
        ("lower_case", "lower case"),
        ("uracil", "U, read as T"),
        ("gaps", "gaps"),
        ("unknown", "no DNA letter, read as N"),
    ):
        number = finite(letters.get(key))
        if number:
            said.append(f"{count(number)} {words} ({percent(number / bases)})")
    return ", ".join(said) if len(said) > 1 else said[0] + ", all A, C, G or T"


def _separation(entry: Json) -> tuple[str, str] | None:
    value = finite(entry.get("value"))
    if value is None:
        return None
    feature = "length" if entry.get("feature") == "length" else "GC content"
    if entry.get("measure") == "spearman":
        return f"What {feature} alone tells", f"Spearman ρ {fixed(value, 2)} with {entry.get('of')}"
    return f"What {feature} alone tells", f"AUROC {fixed(value, 2)} for {entry.get('of')} (0.5 tells nothing)"


def class_table(data: Json) -> Table | None:
    """Rows, share, median length and median GC of each class; of many the largest."""
    classes = [mapping(x) for x in data.get("classes") or ()]
    if not classes:
        return None
    total = sum(finite(c.get("rows")) or 0 for c in classes) or 1
    shown = classes
    if len(classes) > MOST_CLASSES:
        shown = sorted(classes, key=lambda c: -(finite(c.get("rows")) or 0))[:MOST_CLASSES]
    rest = len(classes) - len(shown)
    rows = []
    for c in shown:
        share = (finite(c.get("rows")) or 0) / total
        gc = finite(mapping(c.get("gc")).get("median"))
        length = finite(mapping(c.get("length")).get("median"))
        rows.append(
            (
                text(str(c.get("name")), wrap=True),
                Cell(count(c.get("rows"))),
                Cell(percent(share), bar=min(share, 1.0)),
                Cell(general(length, 6), tip="" if length is not None else "not measured for this class"),
                Cell(percent(gc), tip="" if gc is not None else "not measured for this class"),
            )
        )
    heads = (text("class"), Cell("rows"), Cell("share"), Cell("median length, bases"), Cell("median GC"))
    return Table(
        "Classes" + (", largest first" if rest else ""),
        heads,
        tuple(rows),
        {},
        f"and {rest} more classes" if rest else "",
    )


def drawings(data: Json) -> tuple[Figure | None, ...]:
    """Distributions of length and of GC content, the latter per class."""
    return (_lengths(data), _gc(data))


def _histogram(entry: Any) -> tuple[list[float], list[float]] | None:
    block = mapping(entry)
    edges = [v for x in block.get("edges") or () if (v := finite(x)) is not None]
    counts = [v for x in block.get("counts") or () if (v := finite(x)) is not None]
    return (edges, counts) if counts and len(edges) == len(counts) + 1 and sum(counts) else None


def _lengths(data: Json) -> Figure | None:
    found = _histogram(data.get("length_histogram"))
    if found is None:
        return None
    edges, counts = found
    if len(counts) < 2:  # all alike: said in words
        return None
    plot = Plot(
        "lengths",
        title="Lengths of the sequences",
        description=_spread(mapping(data.get("length")), "bases"),
        x=Axis(edges[0], edges[-1], "length, bases"),
        y=Axis(0, max(counts) * 1.06, "rows", text=count),
        height=250,
    )
    plot.step(edges, counts, 0)
    return Figure(plot.svg(), "Length", "The network sees a window of fixed length; shorter sequences are padded.")


def _gc(data: Json) -> Figure | None:
    named = [
        (str(c.get("name")), found, finite(c.get("rows")) or 0)
        for c in map(mapping, data.get("classes") or ())
        if (found := _histogram(c.get("gc_histogram"))) is not None
    ]
    whole = _histogram(data.get("gc_histogram"))
    rest = 0
    if len(named) > GC_CURVES:
        rest = len(named) - GC_CURVES
        named = sorted(named, key=lambda x: -x[2])[:GC_CURVES]
    if not named and whole is not None:
        named = [("all rows", whole, sum(whole[1]))]
    if not named:
        return None
    shares = [[v / sum(counts) for v in counts] for _, (_, counts), _ in named]
    used = [
        e
        for s, (_, (edges, _), _) in zip(shares, named, strict=True)
        for i, v in enumerate(s)
        if v
        for e in edges[i : i + 2]
    ]
    low, high = min(used), max(used)
    plot = Plot(
        "gc",
        title="GC content per class",
        description="; ".join(f"{name}: {count(rows)} rows" for name, _, rows in named),
        x=Axis(low, high, "GC content", text=lambda v: percent(v)),
        y=Axis(0, max(max(s) for s in shares) * 1.06, "share of the rows", text=percent),
        height=250,
    )
    for i, (share, (_, (edges, _), _)) in enumerate(zip(shares, named, strict=True)):
        inside = [k for k in range(len(share)) if edges[k] >= low - 1e-9 and edges[k + 1] <= high + 1e-9]
        plot.step(
            [edges[k] for k in inside] + [edges[inside[-1] + 1]], [share[k] for k in inside], i, fill=len(named) < 4
        )
    words = "If the outlines lie apart, a method can go by GC alone; compare the composition baseline."
    words += f" Shown: the {GC_CURVES} largest classes, and {rest} more." if rest else ""
    return Figure(plot.svg(), "GC content", words, tuple(Key(name, i, "box") for i, (name, _, _) in enumerate(named)))


PAIRS = {
    ("test", "train"): "test against training",
    ("validation", "train"): "validation against training",
    ("test", "validation"): "test against validation",
}


def _pairs(leaks: Json) -> list[Json]:
    return [mapping(x) for x in leaks.get("pairs") or ()]


def leakage_table(leaks: Json) -> Table | None:
    """Rows of one part with a relative in another, by kind of relation."""
    found = _pairs(leaks)
    if not found:
        return None

    def cell(pair: Json, key: str) -> Cell:
        """Rows of one relation (``all``: of any), with their share."""
        fraction = finite(pair.get("fraction" if key == "all" else f"{key}_fraction"))
        number = pair.get(key) if key != "all" else _total(pair)
        return Cell(count(number), percent(fraction) if fraction is not None else "")

    rows = tuple(
        (
            text(PAIRS.get((str(p.get("part")), str(p.get("other"))), f"{p.get('part')} against {p.get('other')}")),
            Cell(count(p.get("rows"))),
            *(cell(p, key) for key in ("exact", "reverse_complement", "near", "all")),
            Cell(count(p.get("different_label"))),
        )
        for p in found
    )
    heads = ("rows", "exact copies", "reverse complements", "near copies", "in all", "copies with another label")
    return Table(
        "Rows with a relative in the other part (each counted once, under its closest relation)",
        (text("parts"), *(Cell(h) for h in heads)),
        rows,
        {},
    )


def _total(pair: Json) -> float:
    return sum(finite(pair.get(k)) or 0 for k in ("exact", "reverse_complement", "near"))


def twins_table(leaks: Json) -> Table | None:
    """Examples of test rows with a relative in training."""
    examples = [
        mapping(x)
        for p in _pairs(leaks)
        if (p.get("part"), p.get("other")) == ("test", "train")
        for x in p.get("examples") or ()
    ]
    if not examples:
        return None
    answers = {True: "yes", False: "no"}
    rows = tuple(
        (
            text(str(x.get("id")), wrap=True),
            text(str(x.get("other_id")), wrap=True),
            text("near copy" if x.get("kind") == "near" else str(x.get("kind"))),
            Cell(percent(x.get("similarity"), 0)),
            text(answers.get(x["same_label"], "–") if isinstance(x.get("same_label"), bool) else "–"),
        )
        for x in examples
    )
    heads = (text("test row"), text("training row"), text("relation"), Cell("shared k-mers"), text("same label"))
    return Table("Examples", heads, rows, {})


def leakage_notes(leaks: Json) -> tuple[str, ...]:
    """How relatives were found, and contradictory labels."""
    notes = []
    k, threshold = finite(leaks.get("k")), finite(leaks.get("threshold"))
    if k is not None and threshold is not None:
        notes.append(f"Near copies share at least {percent(threshold, 0)} of their {int(k)}-mers, on either strand.")
    rows = finite(leaks.get("conflicting_rows"))
    if rows:
        sequences = plural(int(finite(leaks.get("conflicting_sequences")) or 0), "sequence")
        notes.append(
            f"{sequences} ({plural(int(rows), 'row')}) stand with more than one label; no method can "
            "get them all right."
        )
    return tuple(notes)
