"""How hundreds of yes/no labels are predicted: medians by group, pairs over labels, distributions, one row a label; no plot a label."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from strandloom.report.numbers import MISSING, count, finite, fixed, interval, percent, shorten, signed
from strandloom.report.scores import Json, Scores, mapping, metric_title
from strandloom.report.sort_tables import Entry, SortTable
from strandloom.report.svg import Axis, Figure, Key, Plot
from strandloom.report.tables import Cell, Table, text

LEAD = (
    "Every label is a question of its own, and most are rare: AUPRC is to be read beside the share of rows that have the label, which "
    "guessing would reach."
)
MODEL = "model"
MEDIANS = ("roc_auc", "average_precision", "f1_macro")
TITLES = {"roc_auc": "AUROC", "average_precision": "AUPRC", "f1_macro": "F1"}
MOST_LABELS = 2000
EXTREMES = 5
BINS = 25


def label_facts(scores: Scores) -> tuple[tuple[str, str], ...]:
    """How many labels, the answer "none", the best and the worst, in words."""
    table = _table(scores)
    if not table:
        return ()
    shares = [share for one in table if (share := _share(one, scores)) is not None]
    facts = [
        (
            "Labels",
            f"{count(len(table))}; a row has {fixed(sum(shares), 2)} of them on average, a label {percent(min(shares))} to "
            f"{percent(max(shares))} of the rows",
        )
    ]
    none = mapping(scores.labels.get("none"))
    always, own = finite(none.get("accuracy")), finite(none.get("model"))
    if always is not None:
        said = f"{percent(always, 2)}; the {scores.subject}, at its thresholds, {percent(own, 2)}: accuracy says nothing here"
        facts.append(("Accuracy of always answering “no”", said))
    ranked = sorted(
        (one for one in table if finite(one.get("roc_auc")) is not None),
        key=lambda one: finite(one.get("roc_auc")) or 0.0,
    )
    if len(ranked) > 2 * EXTREMES:
        for title, some in (("Best by AUROC", ranked[::-1][:EXTREMES]), ("Worst by AUROC", ranked[:EXTREMES])):
            facts.append(
                (title, ", ".join(f"{shorten(str(one['label']), 40)} {fixed(one.get('roc_auc'))}" for one in some))
            )
    facts.append(("Thresholds", "each label is given from the probability with the highest F1 on the validation rows"))
    return tuple(facts)


def group_table(scores: Scores) -> Table | None:
    """Medians over the labels of each group, the model beside every baseline."""
    groups = mapping(scores.labels.get("groups"))
    if not groups:
        return None
    rows: list[tuple[Cell, ...]] = []
    marks: dict[int, str] = {}
    for group, entry in groups.items():
        found = mapping(entry)
        labels, defined = (int(finite(found.get(key)) or 0) for key in ("labels", "defined"))
        for name, block in mapping(found.get("systems")).items():
            if name == MODEL:
                marks[len(rows)] = "own"
            first = text(str(group), wrap=True) if name == MODEL else text("")
            counted = (
                Cell(count(labels), "" if labels == defined else f"{count(defined)} with positives")
                if name == MODEL
                else Cell("")
            )
            title = scores.subject if name == MODEL else scores.titles.get(name, name)
            rows.append((first, counted, text(title), *(Cell(fixed(mapping(block).get(m))) for m in MEDIANS)))
    head = (text("group"), Cell("labels"), text("method"), *(Cell(f"median {TITLES[m]}") for m in MEDIANS))
    return Table("Medians over labels", head, tuple(rows), marks, classes="scores")


def pair_table(scores: Scores) -> Table | None:
    """The model minus each baseline, label by label."""
    pairs = mapping(scores.labels.get("pairs"))
    rows = []
    for name, entry in pairs.items():
        cells = [text(scores.titles.get(name, name))]
        for metric in ("roc_auc", "average_precision"):
            found = mapping(mapping(entry).get(metric))
            difference = mapping(found.get("difference"))
            bounds = interval(finite(difference.get("low")), finite(difference.get("high")))
            won = finite(found.get("won"))
            cells += [
                Cell(signed(finite(difference.get("value"))), bounds),
                Cell(MISSING if won is None else percent(won, 0)),
            ]
        rows.append(tuple(cells))
    if not rows:
        return None
    head = [text(f"{scores.subject} minus")]
    for metric in ("roc_auc", "average_precision"):
        head += [Cell(f"mean difference of {TITLES[metric]}"), Cell("labels won")]
    return Table("Pairs over labels; intervals from resampled labels", tuple(head), tuple(rows), {}, classes="scores")


def label_figures(scores: Scores) -> tuple[Figure | None, ...]:
    """Distributions over labels of both areas, and the model against its best baseline, a dot a label."""
    table = _table(scores)
    if len(table) < 2 * EXTREMES:
        return ()
    return (_distribution(table, "roc_auc"), _distribution(table, "average_precision"), _against(scores, table))


def _distribution(table: Sequence[Json], metric: str) -> Figure | None:
    values = [x for one in table if (x := finite(one.get(metric))) is not None]
    if not values:
        return None
    low = 0.5 if metric == "roc_auc" and min(values) >= 0.5 else 0.0
    edges = [low + (1 - low) * i / BINS for i in range(BINS + 1)]
    counts = [0.0] * BINS
    for value in values:
        counts[min(max(int((value - low) / (1 - low) * BINS), 0), BINS - 1)] += 1
    middle = median(values)
    title = f"{TITLES[metric]} over labels"
    plot = Plot(
        f"labels-{metric}", title=title, description=f"median {fixed(middle)}", x=Axis(low, 1.0, TITLES[metric]),
        y=Axis(0, max(counts) * 1.1, "labels"), height=300,
    )  # fmt: skip
    plot.step(edges, counts, 0)
    plot.upright(middle, f"median {fixed(middle)}")
    return Figure(plot.svg(), title, f"{count(len(values))} labels; {count(sum(x > 0.9 for x in values))} above 0.9.")


def _against(scores: Scores, table: Sequence[Json]) -> Figure | None:
    name = scores.best
    if name is None:
        return None
    pairs = [
        (theirs, mine)
        for one in table
        if (mine := finite(one.get("average_precision"))) is not None
        and (theirs := finite(mapping(one.get("baselines")).get(name))) is not None
    ]
    if not pairs:
        return None
    won = sum(mine > theirs for theirs, mine in pairs)
    title = f"AUPRC of each label: {scores.subject} and {scores.titles[name]}"
    plot = Plot(
        "labels-against", title=title, description=f"the {scores.subject} is higher in {won} of {len(pairs)} labels",
        x=Axis(0, 1, scores.titles[name]), y=Axis(0, 1, scores.subject), height=300, grid="xy",
    )  # fmt: skip
    plot.canvas.segment(plot.px(0), plot.py(0), plot.px(1), plot.py(1), "mark")
    plot.dots([x for x, _ in pairs], [y for _, y in pairs], 0, radius=2.5)
    words = f"Above the dashed line the {scores.subject} is better: {count(won)} of {count(len(pairs))} labels."
    return Figure(plot.svg(), title, words, (Key("a label", 0, "dot"),))


def label_table(scores: Scores) -> SortTable | None:
    """One row a label, in the order of AUPRC."""
    table = _table(scores)
    if not table:
        return None
    grouped = any(one.get("group") for one in table)
    order = sorted(table, key=lambda one: -(finite(one.get("average_precision")) or -1.0))
    names = [name for name in mapping(order[0].get("baselines")) if name in scores.titles]
    head = [("Label", "text wrap")]
    if grouped:
        head.append(("Group", "text"))
    head += [
        ("Rows", "number"),
        ("Share", "number"),
        *((metric_title(m) if m != "f1_macro" else "F1", "number") for m in MEDIANS),
    ]
    head += [("Threshold", "number"), *((f"AUPRC, {scores.titles[name]}", "number wrap") for name in names)]
    rows = []
    for one in order[:MOST_LABELS]:
        cells = [Entry(str(one.get("label")), None, "text wrap")]
        if grouped:
            cells.append(Entry(str(one.get("group")), None, "text"))
        positives, share = finite(one.get("positives")), _share(one, scores)
        cells += [Entry(count(positives), positives, "number"), Entry(percent(share), share, "number")]
        cells += [_number(one.get(m)) for m in MEDIANS]
        cells.append(_number(one.get("threshold")))
        cells += [_number(mapping(one.get("baselines")).get(name)) for name in names]
        rows.append(tuple(cells))
    left = len(order) - len(rows)
    note = (
        f"{count(left)} more labels are in evaluation.json."
        if left > 0
        else "A dash: no row has the label, or every row."
    )
    caption = "Every label. A click on a head sorts; a second click turns the order."
    return SortTable("labels-table", caption, tuple(head), tuple(rows), note)


def _number(entry: Any) -> Entry:
    value = finite(entry)
    return Entry(fixed(value), value, "number")


def _share(one: Json, scores: Scores) -> float | None:
    positives = finite(one.get("positives"))
    return None if positives is None or not scores.rows else positives / scores.rows


def _table(scores: Scores) -> list[Json]:
    found = scores.labels.get("table")
    return [mapping(x) for x in found] if isinstance(found, Sequence) and not isinstance(found, str) else []
