"""Tables of the page of ``strandloom taxonomy evaluate``: the methods, kinds of sequences, taxa that the reference lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from strandloom.report.numbers import MISSING, NARROW, finite, fixed, interval, percent, signed
from strandloom.report.scores import Score, mapping
from strandloom.report.tables import OUTCOMES, Cell, Table, text
from strandloom.report.taxonomy_evaluation_inputs import RANKS, Part, point_at
from strandloom.report.taxonomy_evaluation_words import KINDS, SURE
from strandloom.words import plural

PLURALS = {"species": "species", "genus": "genera", "family": "families"}


class Column(NamedTuple):
    """A column of the table of methods; ``up`` says whether higher is better, None that neither end is."""

    head: str
    below: str
    measure: str
    rank: str
    up: bool | None
    tip: str


def system_table(part: Part) -> Table | None:
    """The methods with all measures; None where there are none."""
    if not part.systems:
        return None
    columns = (
        *(Column(rank, "right", "accuracy", rank, True, f"share of sequences with the right {rank}") for rank in RANKS),
        Column("named", "to species", "coverage", "species", None, "share of sequences that are given a species at all"),
        Column("precision", "right of the named", "precision", "species", None, "share of the species given that are right"),
        Column("macro F1", "species alike", "f1_macro", "species", True, "every species counts alike, however many sequences it has"),
        Column(
            "coverage", f"with {percent(part.wanted, 0)} right", "coverage_at_precision", "species", True,
            "the surest calls are kept, as many as this precision allows",
        ),
        Column("ECE", "calibration", "ece", "species", False, "calibration error: gap between stated and true certainty"),
    )  # fmt: skip
    best = {c: _best([part.score(n, c.measure, rank=c.rank) for n in part.systems], up=c.up) for c in columns}
    rows = []
    for name in part.systems:
        cells = [text(name, wrap=True, tip=part.titles.get(name, ""))]
        if len(part.systems) > 1:
            cells.append(_difference(part, name))
        for c in columns:
            score = part.score(name, c.measure, rank=c.rank)
            bold = score.value is not None and score.value == best[c]
            cells.append(_share(score, bold=bold, digits=3 if c.measure == "f1_macro" else None))
        rows.append(tuple(cells))
    head = [text("method")]
    if len(part.systems) > 1:
        head.append(Cell("difference", "first minus this, species", "text"))
    arrows = {True: f"{NARROW}↑", False: f"{NARROW}↓", None: ""}
    head += [Cell(c.head + arrows[c.up], c.below, tip=c.tip) for c in columns]
    words = "Shares in percent; ↑ higher is better, ↓ lower is better. Small figures: 95 % interval."
    if len(part.systems) > 1:
        words += " Bold: best value."
    return Table(
        f"All methods on the same {plural(part.queries, 'sequence')}; every call counts. {words}",
        tuple(head), tuple(rows), {0: "own"}, classes="scores",
    )  # fmt: skip


def _best(scores: Sequence[Score], *, up: bool | None) -> float | None:
    known = [s.value for s in scores if s.value is not None]
    if up is None or len(known) < 2:
        return None
    return max(known) if up else min(known)


def _share(score: Score, *, bold: bool = False, digits: int | None = None) -> Cell:
    """A share as percent without the sign, or a plain number with so many digits."""
    if score.value is None:
        return Cell(MISSING, classes="gap", tip="not known for this method or these sequences")
    if digits is not None:
        return Cell(fixed(score.value, digits), interval(score.low, score.high, digits), "best" if bold else "")
    low, high = (None if x is None else 100 * x for x in (score.low, score.high))
    return Cell(fixed(100 * score.value, 1), interval(low, high, 1), "best" if bold else "")


def _difference(part: Part, name: str) -> Cell:
    if name == part.first:
        return Cell("", classes="text")
    found = part.against(name)
    if found.score.value is None:
        return Cell(MISSING, classes="gap text", tip="no comparison was made")
    words, tone = OUTCOMES[found.outcome]
    low, high = found.score.low, found.score.high
    bounds = f"{signed(100 * low, 1)} to {signed(100 * high, 1)}" if low is not None and high is not None else ""
    return Cell(f"{signed(100 * found.score.value, 1)} points · {words}", bounds, f"text tagged {tone}")


def kind_table(part: Part) -> Table | None:
    """Right species by kind of sequence; None where kinds are not known."""
    groups = {name: n for name, n in part.groups.items() if n}
    if not part.systems or not groups:
        return None
    best = {g: _best([part.within(n, g) for n in part.systems], up=True) for g in groups}
    rows = tuple(
        (
            text(name, wrap=True),
            *(
                _share(s, bold=s.value is not None and s.value == best[g])
                for g in groups
                if (s := part.within(name, g))
            ),
        )
        for name in part.systems
    )
    head = (text("method"), *(Cell(g, plural(n, "sequence"), tip=KINDS.get(g, "")) for g, n in groups.items()))
    words = "; ".join(f"{g}: {KINDS[g]}" for g in groups if g in KINDS)
    caption = "Right species in percent, by kind of sequence" + (f". {words[0].upper()}{words[1:]}." if words else "")
    return Table(caption, head, rows, {0: "own"}, classes="scores")


def lacking_table(part: Part) -> Table | None:
    """How sequences fare whose taxa the reference lacks; None where there are none."""
    ranks = [rank for rank in RANKS if part.systems and part.lacking(rank) > 0]
    foreign = int(finite(point_at(mapping(part.systems.get(part.first)).get("unknowns"), SURE).get("foreign")) or 0)
    if not ranks and not foreign:
        return None
    sure = percent(SURE, 0)
    head = [text("method")]
    for rank in ranks:
        n = f"{plural(part.lacking(rank), 'sequence')} of {PLURALS[rank]} the reference lacks"
        head.append(Cell(f"given a {rank} all the same{NARROW}↓", n, "wrap"))
        head.append(Cell(f"… with a certainty of {sure} or more{NARROW}↓", classes="wrap"))
    if foreign:
        n = f"{plural(foreign, 'sequence')} of nothing in the reference"
        head.append(Cell(f"unknown ones left unnamed below {sure}{NARROW}↑", n, "wrap"))
        head.append(Cell(f"truly unknown among the unnamed{NARROW}↑", classes="wrap"))
    rows = []
    for name, system in part.systems.items():
        cells = [text(name, wrap=True)]
        for rank in ranks:
            cells.append(_share(part.score(name, "overclassified", rank=rank)))
            at = point_at(part.rank(name, rank).get("curve"), SURE)
            cells.append(_share(Score(finite(at.get("overclassified")))))
        if foreign:
            at = point_at(system.get("unknowns"), SURE)
            cells += [_share(Score(finite(at.get(x)))) for x in ("recall", "precision")]
        rows.append(tuple(cells))
    caption = "Sequences of taxa that the reference lacks: no name there can be right. Shares in percent."
    return Table(caption, tuple(head), tuple(rows), {0: "own"}, classes="scores")
