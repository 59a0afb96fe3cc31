"""Tables of the report as plain cells; the template only lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strandloom.report.inputs import Decision, InputFile, Member, ModelFacts, SplitFacts
from strandloom.report.numbers import MISSING, count, duration, fixed, interval, percent, signed, size
from strandloom.report.scores import Score, Scores, metric_meaning, metric_title, reads_better

MOST_CLASSES = 30
MOST_CONFUSIONS = 15
MOST_SEEDS = 40

PARTS = {"test": "test rows", "folds": "held-out rows of all folds", "table": "rows of the table"}
"""What the scores of each ``part`` of an evaluation were measured on."""


@dataclass(frozen=True)
class Cell:
    """One cell: text, a second small line, CSS classes, a tip on hover, a bar in [0, 1]."""

    text: str
    sub: str = ""
    classes: str = ""
    tip: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first cell of each row is its header.

    Parameters
    ----------
    caption
        What the table shows.
    head
        Column headers.
    rows
        Cells, one tuple per row.
    marks
        CSS class per row (``own`` for the network, ``ceiling``), by row number.
    more
        What was left out (``and 12 more``).
    classes
        CSS classes of the table.
    """

    caption: str
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marks: dict[int, str]
    more: str = ""
    classes: str = ""


def text(value: str, *, wrap: bool = False, tip: str = "") -> Cell:
    """A left-aligned cell."""
    return Cell(value, classes="text wrap" if wrap else "text", tip=tip)


def arrow(metric: str) -> str:
    """Which way is better, to stand after the metric's name."""
    return "\N{NO-BREAK SPACE}↑" if reads_better(metric) else "\N{NO-BREAK SPACE}↓"


def score_cell(score: Score | None, *, best: bool = False) -> Cell:
    """A score with its interval on a second line; a dash with the reason where it is missing."""
    if score is None or score.value is None:
        return Cell(
            MISSING, classes="gap", tip=(score.why if score else "") or "not available for this method or these rows"
        )
    return Cell(fixed(score.value), interval(score.low, score.high), "best" if best else "")


OUTCOMES = {
    "better": ("better", "better"),
    "worse": ("worse", "worse"),
    "same": ("within chance", "same"),
    "unknown": ("not tested", "unknown"),
}


def metric_table(scores: Scores) -> Table | None:
    """Model and baselines: every metric with its interval, best in bold, and the paired difference."""
    if not scores.model and not scores.baselines:
        return None
    metrics = list(scores.model) or sorted({m for b in scores.baselines.values() for m in b})
    blocks: list[tuple[str, dict[str, Score], str]] = [(scores.subject, scores.model, "")]
    blocks += [(scores.titles[n], b, n) for n, b in scores.baselines.items()]
    best: dict[str, float] = {}
    for m in metrics:
        known = [v for _, b, _ in blocks if (v := b.get(m, Score(None)).value) is not None]
        if known:
            best[m] = max(known) if reads_better(m) else min(known)
    headline = scores.headline
    compared = headline is not None and bool(scores.baselines)
    rows: list[tuple[Cell, ...]] = []
    for title, block, name in blocks:
        cells = [text(title)]
        if compared:
            cells.append(_difference_cell(scores, name, headline or "") if name else Cell("", classes="text"))
        cells += [
            score_cell(block.get(m), best=m in best and block.get(m, Score(None)).value == best[m]) for m in metrics
        ]
        rows.append(tuple(cells))
    marks = {0: "own"}
    if scores.ceiling:
        marks[len(rows)] = "ceiling"
        lead = [text("ceiling of these data", tip="the best any method can do on these rows")]
        if compared:
            lead.append(Cell("", classes="text"))
        rows.append((*lead, *(score_cell(scores.ceiling.get(m, Score(None, why="no ceiling known"))) for m in metrics)))
    head = [text("method")]
    if compared:
        head.append(Cell(f"{scores.subject} minus this ({metric_title(headline or '')})", classes="text wrap"))
    head += [Cell(metric_title(m) + arrow(m), tip=metric_meaning(m)) for m in metrics]
    arrows = f"↑ higher is better, ↓ lower is better. Small figures: {scores.level} interval. Bold: best value."
    return Table(
        f"Scores on the {PARTS.get(scores.part or 'test', 'test rows')}. {arrows}",
        tuple(head),
        tuple(rows),
        marks,
        classes="scores",
    )


def _difference_cell(scores: Scores, name: str, metric: str) -> Cell:
    found = scores.comparisons.get(name, {}).get(metric)
    if found is None or found.score.value is None:
        return Cell(MISSING, classes="gap text", tip="no paired comparison was made")
    words, tone = OUTCOMES[found.outcome]
    bounds = interval(found.score.low, found.score.high)
    return Cell(f"{signed(found.score.value)} · {words}", bounds, f"text tagged {tone}")


def class_table(scores: Scores) -> Table | None:
    """Rows, precision, recall and F1 of each class; of many classes the weakest."""
    if not scores.per_class:
        return None
    metrics = list(dict.fromkeys(m for c in scores.per_class for m in c.values))
    shown = list(scores.per_class)
    more = ""
    if len(shown) > MOST_CLASSES:
        key = next(
            (m for m in ("f1", "recall", "average_precision", "roc_auc") if m in metrics), metrics[0] if metrics else ""
        )
        shown.sort(key=lambda c: (v if (v := c.values.get(key, Score(None)).value) is not None else 2.0, c.name))
        more = f"and {len(shown) - MOST_CLASSES} more classes with a higher {key}"
        shown = shown[:MOST_CLASSES]
    return Table(
        "Scores per class" + (", weakest first" if more else ""),
        (text("class"), Cell("test rows"), *(Cell(metric_title(m)) for m in metrics)),
        tuple(
            (text(c.name, wrap=True), Cell(count(c.rows)), *(score_cell(c.values.get(m)) for m in metrics))
            for c in shown
        ),
        {},
        more,
    )


def confusions_table(scores: Scores) -> Table | None:
    """The most frequent wrong answers (for more than four classes)."""
    names = scores.classes
    if len(names) < 5 or len(scores.confusion) != len(names):
        return None
    wrong = [
        (value, i, j) for i, row in enumerate(scores.confusion) for j, value in enumerate(row) if i != j and value
    ]  # fmt: skip
    wrong.sort(key=lambda x: (-x[0], x[1], x[2]))
    if not wrong:
        return None
    total = sum(v for v, _, _ in wrong)
    rows = tuple(
        (
            text(names[i], wrap=True),
            text(names[j], wrap=True),
            Cell(count(v)),
            Cell(percent(v / (sum(scores.confusion[i]) or 1)), bar=v / (sum(scores.confusion[i]) or 1)),
        )
        for v, i, j in wrong[:MOST_CONFUSIONS]
    )
    rest = len(wrong) - len(rows)
    return Table(
        f"Most frequent confusions ({count(total)} wrong answers in all)",
        (text("truth"), text("answered as"), Cell("test rows"), Cell("of the class")),
        rows,
        {},
        f"and {count(rest)} more pairs" if rest else "",
    )


def seed_table(scores: Scores) -> Table | None:
    """Scores per seed or fold with mean and range."""
    if len(scores.seeds) < 2:
        return None
    metrics = [m for m in scores.model if any(s.values.get(m) is not None for s in scores.seeds)]
    metrics = metrics or list(dict.fromkeys(m for s in scores.seeds for m in s.values))
    shown = scores.seeds[:MOST_SEEDS]
    rows = [(text(s.name), *(score_cell(Score(s.values.get(m))) for m in metrics)) for s in shown]
    mean, spread = [text("mean")], [text("lowest to highest")]
    for m in metrics:
        known = [v for s in scores.seeds if (v := s.values.get(m)) is not None]
        mean.append(score_cell(Score(sum(known) / len(known) if known else None)))
        spread.append(Cell(interval(min(known), max(known)) if known else MISSING))
    rows += [tuple(mean), tuple(spread)]
    rest = len(scores.seeds) - len(shown)
    word = scores.seed_word
    return Table(
        f"Each {word} on its own" + (" (the scores above pool all of them)" if scores.model else ""),
        (text(word), *(Cell(metric_title(m)) for m in metrics)),
        tuple(rows),
        {len(shown): "own", len(shown) + 1: "own"},
        f"and {rest} more" if rest else "",
        classes="scores",
    )


def member_table(members: Sequence[Member]) -> Table | None:
    """Epochs, best epoch and time of each network."""
    if not members:
        return None
    rows = tuple(
        (
            text(m.name),
            Cell(count(m.last_epoch) if m.epochs else MISSING),
            Cell(count(m.best_epoch)),
            Cell(_at_best(m, "train_loss")),
            Cell(_at_best(m, "validation_loss")),
            Cell(duration(m.seconds)),
            Cell(count(m.samples_per_second)),
            text(m.stopped or MISSING, wrap=True),
        )
        for m in members[:MOST_SEEDS]
    )
    rest = len(members) - len(rows)
    heads = ("epochs", "best epoch", "training loss there", "validation loss there", "time", "sequences/s")
    return Table(
        "Training",
        (text("network"), *(Cell(h) for h in heads), text("ended because")),
        rows,
        {},
        f"and {rest} more" if rest else "",
    )


def _at_best(member: Member, key: str) -> str:
    for number, value in zip(member.numbers, member.series(key), strict=True):
        if number == member.best_epoch:
            return fixed(value)
    return MISSING


def distance_table(scores: Scores) -> Table | None:
    """Score by similarity to the nearest training row."""
    if not scores.by_distance:
        return None
    total = sum(x.rows for x in scores.by_distance) or 1
    rows = tuple(
        (
            text(f"{percent(x.low, 0)} to {percent(min(x.high, 1.0), 0)}" if x.high > x.low else percent(x.low, 0)),
            Cell(count(x.rows), percent(x.rows / total)),
            score_cell(x.score._replace(why="no test row is this similar") if not x.rows else x.score),
        )
        for x in scores.by_distance
    )
    return Table(
        "Score by similarity to the nearest training sequence",
        (text("similarity"), Cell("test rows"), Cell(metric_title(scores.distance_metric))),
        rows,
        {},
    )


def split_table(split: SplitFacts, classes: Sequence[str]) -> Table | None:
    """Rows per part, and per class and part where known."""
    if not split.counts:
        return None
    parts = [p for p in split.counts if split.counts[p] or p != "unused"]
    total = sum(split.counts.values()) or 1
    rows = [(text("all rows"), *(Cell(count(split.counts[p]), percent(split.counts[p] / total)) for p in parts))]
    names = [c for c in classes if any(c in split.class_counts.get(p, {}) for p in parts)]
    for name in names[:MOST_CLASSES]:
        cells = [text(name, wrap=True)]
        for p in parts:
            inside = split.class_counts.get(p, {})
            number = inside.get(name)
            cells.append(
                Cell(count(number), percent(number / (sum(inside.values()) or 1)) if number is not None else "")
            )
        rows.append(tuple(cells))
    rest = len(names) - MOST_CLASSES
    return Table(
        "Rows per part",
        (text(""), *(Cell(p) for p in parts)),
        tuple(rows),
        {0: "own"},
        f"and {rest} more classes" if rest > 0 else "",
    )


def trials_table(decision: Decision) -> Table | None:
    """What was tried before a decision."""
    if not decision.trials:
        return None
    rows = tuple(
        (
            text(t.name),
            Cell(fixed(t.value, 4), f"± {fixed(t.spread, 4)}" if t.spread is not None else ""),
            text("chosen" if t.chosen else ""),
        )
        for t in decision.trials
    )
    marks = {i: "own" for i, t in enumerate(decision.trials) if t.chosen}
    metric = decision.trials[0].metric
    return Table(
        f"{decision.question.rstrip('?')}: what was tried",
        (text("option"), Cell(metric_title(metric)), text("")),
        rows,
        marks,
    )


def blocks_table(model: ModelFacts) -> Table | None:
    """The network block by block."""
    if not model.blocks:
        return None
    rows = tuple(
        (text(b.name), text(b.settings or MISSING, wrap=True), text(b.shape or MISSING), Cell(count(b.parameters)))
        for b in model.blocks
    )
    heads = (text("block"), text("settings"), text("output (positions, channels)"), Cell("parameters"))
    return Table("The network, block by block", heads, rows, {})


def files_table(files: Sequence[InputFile]) -> Table | None:
    """Input files with their SHA-256."""
    if not files:
        return None
    rows = tuple(
        (
            text(f.path, wrap=True),
            Cell(count(f.rows)),
            Cell(size(f.bytes)),
            Cell(f.sha256 or MISSING, classes="text wrap hash"),
        )
        for f in files
    )
    return Table("Input files", (text("file"), Cell("rows"), Cell("size"), text("SHA-256")), rows, {})


def target_table(scores: Scores) -> Table | None:
    """Metrics of each label or target (several of them only)."""
    if len(scores.per_target) < 2:
        return None
    metrics = list(dict.fromkeys(m for block in scores.per_target.values() for m in block))
    shown = list(scores.per_target.items())[:MOST_CLASSES]
    rest = len(scores.per_target) - len(shown)
    word = "label" if scores.task == "labels" else "target"
    return Table(
        f"Scores per {word}",
        (text(word), *(Cell(metric_title(m), tip=metric_meaning(m)) for m in metrics)),
        tuple((text(name, wrap=True), *(score_cell(block.get(m)) for m in metrics)) for name, block in shown),
        {},
        f"and {rest} more" if rest else "",
    )
