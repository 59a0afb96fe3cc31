"""Text for the terminal: what ``data check`` found, and runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strandloom.data.check import Checked
    from strandloom.data.facts import Spread

SHOWN_CLASSES = 12
METRICS = ("matthews_corrcoef", "accuracy", "balanced_accuracy", "roc_auc", "average_precision", "log_loss", "ece")


def facts_table(checked: Checked) -> str:
    """What is in a file and what is wrong with it."""
    about, found = checked.facts, checked.recognised
    letters, twice = about.letters, about.duplicates
    packed = f", {checked.detected.compression}" if checked.detected.compression not in (None, "", "none") else ""
    shown = [
        ("file", f"{checked.path} ({checked.detected.format}{packed}, {checked.size / 1e6:,.1f} MB)"),
        ("rows", f"{about.rows:,}" + ("" if checked.complete else " looked at; the file goes on")),
        ("length", _spread(about.length, "{:,.0f}", " bases")),
        ("GC", "–" if about.gc is None else _spread(about.gc, "{:.2f}", "")),
        (
            "letters",
            f"{letters.bases:,} bases; N {letters.n:,}, other IUPAC {letters.ambiguous:,}, gaps {letters.gaps:,}, "
            f"lower case {letters.lower_case:,}, U {letters.uracil:,}",
        ),
        (
            "duplicates",
            f"{twice.exact_rows:,} rows repeat a sequence, {twice.reverse_complement_rows:,} are the reverse complement of "
            f"another row, {twice.id_rows:,} repeat an id, {twice.contradictory:,} sequences have two classes",
        ),
    ]
    roles = {
        "target": found.target,
        "task": found.task,
        "split": found.split_column,
        "fold": found.fold,
        "id": found.id,
    }
    shown.append(
        ("recognised", ", ".join(f"{role}: {name}" for role, name in roles.items() if name) or "no other column")
    )
    for one in about.classes[:SHOWN_CLASSES]:
        gc = "" if one.gc is None else f", GC {one.gc.mean:.2f}"
        length = "" if one.length is None else f", {one.length.median:,.0f} bases"
        shown.append((f"class {one.name}", f"{one.rows:,} rows ({one.rows / about.rows:.1%}{length}{gc})"))
    if len(about.classes) > SHOWN_CLASSES:
        shown.append(("", f"and {len(about.classes) - SHOWN_CLASSES} more classes"))
    shown += [("alone", f"{x.feature} tells {x.of} with {x.measure} {x.value:.2f}") for x in about.separations]
    width = max(len(name) for name, _ in shown)
    lines = [f"{name:<{width}}  {text}" for name, text in shown]
    if checked.problems:
        lines += ["", "careful:"] + [f"  - {text}" for text in checked.problems]
    else:
        lines += ["", "nothing wrong was found"]
    return "\n".join(lines)


def _spread(spread: Spread, form: str, unit: str) -> str:
    if spread.lowest == spread.highest:
        return f"{form.format(spread.median)}{unit}, all rows"
    low, middle, high = (form.format(x) for x in (spread.lowest, spread.median, spread.highest))
    return f"{low} to {high}{unit}, median {middle}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned text; the first row is the header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """Runs in rows, metrics in columns, then what differs between their experiment files."""
    runs = comparison["runs"]
    metrics = [m for m in METRICS if any(m in run["model"] for run in runs)]
    rows = [["run", "rows", *metrics]]
    rows += [[run["name"], f"{run['rows']:,}", *(_cell(run["model"].get(m)) for m in metrics)] for run in runs]
    text = columns(rows)
    if comparison["differences"]:
        header = ["setting", *(run["name"] for run in runs)]
        text += "\n\n" + columns([header, *([d["setting"], *d["values"]] for d in comparison["differences"])])
    for note in comparison["notes"]:
        text += f"\n\n{note}"
    return text


def _cell(entry: Mapping[str, Any] | None) -> str:
    if not entry or entry.get("value") is None:
        return "–"
    if entry.get("low") is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} ({entry['low']:.3f}–{entry['high']:.3f})"
