"""Tables of the page of assigned sequences; those of taxa and of sequences can be sorted."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from strandloom.report.numbers import MISSING, count, general, signed
from strandloom.report.sort_tables import Entry, SortTable
from strandloom.report.tables import Cell, Table, text
from strandloom.report.taxonomy_inputs import Call, Candidate, ControlFlag, TaxonomyPage, TaxonTotal
from strandloom.report.taxonomy_words import RANGES, Move, chance, name
from strandloom.words import plural

MOST_CALLS = 2_000
MOST_TAXA = 1_000
MOST_FLAGS = 60
MOST_MOVED = 100


def _amount(value: int | None) -> Entry:
    return Entry(MISSING if value is None else count(value), value, "number")


def _chance(value: float | None) -> Entry:
    return Entry(chance(value), value, "number", tip="" if value is None else general(value, 4))


def _columns(
    shown: Sequence[tuple[tuple[str, str], list[Entry]]],
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[Entry, ...], ...]]:
    """Columns as head and rows, without those in which every cell is missing."""
    kept = [(head, cells) for head, cells in shown if any(c.text not in ("", MISSING) for c in cells)]
    return tuple(head for head, _ in kept), tuple(zip(*(cells for _, cells in kept), strict=True))


def taxon_table(taxa: Sequence[TaxonTotal]) -> SortTable | None:
    """All taxa over all samples."""
    if not taxa:
        return None
    listed = taxa[:MOST_TAXA]
    head, rows = _columns([
        (("Taxon", "text wrap"), [Entry(name(t.taxon, t.rank), None, "text wrap", "" if t.fish else "not fish") for t in listed]),
        (("Rank", "text"), [Entry(t.rank, None, "text") for t in listed]),
        (("Family", "text"), [Entry("" if t.rank == "family" else t.family, None, "text") for t in listed]),
        (("Sequences", "number"), [_amount(t.sequences) for t in listed]),
        (("Reads", "number"), [_amount(t.reads) for t in listed]),
        (("Samples", "number"), [_amount(t.samples) for t in listed]),
        (("Highest probability", "number"), [_chance(t.highest) for t in listed]),
        (("Mean probability", "number"), [_chance(t.mean) for t in listed]),
    ])  # fmt: skip
    rest = len(taxa) - len(listed)
    note = f"{rest:,} rarer taxa are not listed here." if rest else ""
    return SortTable("taxa-table", "Each taxon with the sequences that were called to it.", head, rows, note)


def call_table(page_of: TaxonomyPage) -> SortTable | None:
    """The sequences; those beyond the first are in the file."""
    if not page_of.calls:
        return None
    listed = page_of.calls[:MOST_CALLS]
    head, rows = _columns([
        (("Sequence", "text wrap id"), [Entry(c.id, None, "text wrap id") for c in listed]),
        (("Called", "text wrap"), [_called(c) for c in listed]),
        (("Rank", "text"), [Entry(c.rank, None, "text") for c in listed]),
        (("Probability", "number"), [_chance(c.probability) for c in listed]),
        (("Best species", "text wrap"), [_best(c) for c in listed]),
        (("Family", "text"), [Entry(c.family, None, "text") for c in listed]),
        (("Reads", "number"), [_amount(c.reads) for c in listed]),
        (("Samples", "number"), [_amount(c.samples) for c in listed]),
        (("Differences", "number"), [_amount(c.differences) for c in listed]),
        (("Nearest record", "text wrap"), [Entry(name(c.nearest) if c.nearest else "", None, "text wrap") for c in listed]),
        (("Note", "text wrap"), [Entry(c.note, None, "text wrap") for c in listed]),
    ])  # fmt: skip
    rest = page_of.totals.sequences - len(listed)
    note = (
        f"The first {len(listed):,} of {page_of.totals.sequences:,} sequences; all are in {page_of.whole}."
        if rest > 0
        else ""
    )
    caption = "Differences: the fewest to any reference sequence. The probability is that of the call at its rank."
    return SortTable("calls-table", caption, head, rows, note)


def _best(call: Call) -> Entry:
    """The best species of a call that is wider."""
    if not call.species or call.rank == "species":
        return Entry("", None, "text wrap")
    return Entry(name(call.species), None, "text wrap", chance(call.species_probability))


def _called(call: Call) -> Entry:
    if not call.taxon:
        return Entry("unknown", None, "text wrap none")
    marks = [] if call.fish else ["not fish"]
    if call.moved:
        words = "without location {} {}" if call.sequence_species else "moved by location"
        marks.append(Markup(words).format(name(call.sequence_species), chance(call.sequence_probability)))
    return Entry(name(call.taxon, call.rank), None, "text wrap", Markup("; ").join(marks))


def candidate_table(found: Sequence[Candidate]) -> Table:
    """The candidates of one sequence, with the evidence of sequence and of range apart."""
    located = any(c.range for c in found)
    rows = []
    for one in found:
        cells = [text(name(one.species)), Cell(chance(one.probability))]
        if located:
            cells += [
                Cell(chance(one.sequence_probability)),
                Cell(signed(one.range_score, 1)),
                Cell(one.range, classes=f"text tagged {RANGES.get(one.range, 'unknown')}"),
                Cell(MISSING if one.distance_km is None else f"{count(one.distance_km)} km"),
            ]
        cells += [Cell(count(one.differences)), Cell(count(one.records))]
        rows.append(tuple(cells))
    head = [Cell("Candidate", classes="text"), Cell("Probability")]
    if located:
        head += [
            Cell("By sequence alone"),
            Cell("Location adds (log odds)"),
            Cell("Range", classes="text"),
            Cell("Known at"),
        ]
    head += [Cell("Differences"), Cell("Records")]
    return Table("Top candidates, best first.", tuple(head), tuple(rows), {})


def move_table(move: Move) -> Table | None:
    """The calls of a move, where there are several."""
    if len(move.calls) < 2:
        return None
    rows = tuple(
        (
            text(call.id, wrap=True),
            Cell(chance(call.before.sequence_probability)),
            Cell(chance(call.after.probability)),
            Cell(count(call.before.differences)),
            Cell(count(call.after.differences)),
            Cell(count(call.reads)),
            Cell(count(len(call.samples))),
        )
        for call in move.calls[:MOST_MOVED]
    )
    before, after = (name(c.species) for c in (move.calls[0].before, move.calls[0].after))
    head = (
        Cell("Sequence", classes="text"), Cell(before, "by sequence alone"), Cell(after, "with location"),
        Cell("Differences", "to the first"), Cell("Differences", "to the second"), Cell("Reads"), Cell("Samples"),
    )  # fmt: skip
    rest = len(move.calls) - len(rows)
    return Table(
        "Every sequence whose best species location moved so.",
        head,
        rows,
        {},
        f"and {rest:,} more" if rest else "",
    )


def flag_table(flags: Sequence[ControlFlag]) -> Table | None:
    """What controls say."""
    if not flags:
        return None
    rows = tuple(
        (
            text(one.flag),
            text(one.id or MISSING, wrap=True),
            text(name(one.taxon, one.rank) if one.taxon else MISSING, wrap=True),
            text(one.sample or "any sample", wrap=True),
            Cell(count(one.reads)),
            text(one.reason, wrap=True),
        )
        for one in flags[:MOST_FLAGS]
    )
    head = tuple(Cell(words, classes=classes) for words, classes in (
        ("Flag", "text"), ("Sequence", "text wrap"), ("Taxon", "text wrap"), ("Sample", "text wrap"), ("Reads", ""), ("Why", "text wrap"),
    ))  # fmt: skip
    rest = len(flags) - len(rows)
    return Table(
        "What blanks, positive controls and replicates say.",
        head,
        rows,
        {},
        f"and {plural(rest, 'flag')} more" if rest else "",
    )
