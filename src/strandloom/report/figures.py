"""Figures of an evaluation: intervals, confusion, score distributions, ROC, PR, reliability, risk–coverage, distance.

Each function takes :class:`~strandloom.report.scores.Scores` and gives a figure, or None where the numbers are missing.
"""

from __future__ import annotations

from strandloom.report.numbers import count, fixed, interval, percent, shorten, signed
from strandloom.report.scores import Curve, Histogram, Score, Scores, metric_title, reads_better
from strandloom.report.svg import Axis, Canvas, Figure, Key, Plot, round_ticks, span
from strandloom.words import plural

LABELLED, DRAWN = 24, 80
CURVES = 6
UNIT_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


APART = "Bars that do not overlap: the difference is more than chance."
"""What is said under scores of the same rows."""


def forest(scores: Scores) -> Figure | None:
    """The headline metric of the model and of each baseline with intervals."""
    metric = scores.headline
    if metric is None:
        return None
    rows = [(scores.subject, scores.model[metric], True)]
    rows += [(scores.titles[n], b[metric], False) for n, b in scores.baselines.items() if metric in b]
    ceiling = scores.ceiling.get(metric, Score(None)).value
    low, high = span([v for _, s, _ in rows for v in s[:3]] + [ceiling], pad=0.06)
    title = f"{metric_title(metric)} with {scores.level} intervals"
    canvas = _forest(
        f"forest-{metric}",
        title,
        [(n, s, 0 if own else 7, fixed(s.value) if s.value is not None else "not known") for n, s, own in rows],
        low,
        high,
        mark=None if ceiling is None else (ceiling, f"ceiling {fixed(ceiling)}"),
    )
    return Figure(
        canvas.svg(),
        title,
        "The dot is the score on the test rows, the bar what other test rows of this kind could give.",
    )


def forest_of(slug: str, title: str, rows: list[tuple[str, Score, int]], *, caption: str = APART) -> Figure | None:
    """Scores with intervals under one another: name, score and colour number of each."""
    if not any(s.value is not None for _, s, _ in rows):
        return None
    low, high = span([v for _, s, _ in rows for v in s[:3]], pad=0.08)
    canvas = _forest(slug, title, [(n, s, c, fixed(s.value)) for n, s, c in rows], low, high, mark=None)
    return Figure(canvas.svg(), title, caption)


def forest_differences(scores: Scores) -> Figure | None:
    """The headline metric, model minus baseline, with paired intervals."""
    metric = scores.headline
    if metric is None:
        return None
    rows = [
        (scores.titles[name], found[metric].score, {"better": 2, "worse": 1}.get(found[metric].outcome, 7))
        for name, found in scores.comparisons.items()
        if metric in found and found[metric].score.value is not None
    ]
    if not rows:
        return None
    low, high = span([0.0, *(v for _, s, _ in rows for v in s[:3])], pad=0.08)
    title = f"{scores.subject.capitalize()} minus baseline, {metric_title(metric)}"
    canvas = _forest(
        f"gain-{metric}",
        title,
        [(n, s, c, signed(s.value)) for n, s, c in rows],
        low,
        high,
        mark=(0.0, "no difference"),
    )
    side = "right" if reads_better(metric) else "left"
    return Figure(
        canvas.svg(),
        title,
        f"Paired on the same test rows. A bar wholly {side} of zero means the {scores.subject} is really better; "
        "a bar that crosses zero could be chance.",
        (Key("better", 2, "dot"), Key("worse", 1, "dot"), Key("within chance", 7, "dot")),
    )


def _forest(
    slug: str,
    title: str,
    rows: list[tuple[str, Score, int, str]],
    low: float,
    high: float,
    *,
    mark: tuple[float, str] | None,
) -> Canvas:
    step, top, left, right = 40.0, 22.0, 10.0, 374.0
    bottom = top + step * len(rows) + 2
    said = "; ".join(f"{n} {v} ({interval(s.low, s.high) or 'no interval'})" for n, s, _, v in rows)
    draw = Canvas(slug, title, said, 440, bottom + 24)

    def px(value: float) -> float:
        return left + (value - low) / ((high - low) or 1) * (right - left)

    for tick in round_ticks(low, high, 5):
        draw.segment(px(tick), top, px(tick), bottom, "grid")
        draw.write(
            px(tick), bottom + 16, fixed(tick, 3).rstrip("0").rstrip(".") or "0", anchor="middle", classes="t tick"
        )
    if mark is not None:
        at = px(mark[0])
        draw.segment(at, top - 4, at, bottom, "mark")
        side = "end" if at > 300 else "start" if at < 60 else "middle"
        draw.write(at, top - 9, mark[1], anchor=side, classes="t note")
    draw.segment(left, bottom, right, bottom, "axis")
    for i, (name, score, colour, value) in enumerate(rows):
        y = top + step * i + 27
        draw.write(left, y - 11, name, classes="t strong halo" if colour == 0 else "t halo", limit=46)
        draw.write(432, y + 4, value, anchor="end", classes="t strong" if colour == 0 else "t")
        if score.low is not None and score.high is not None:
            draw.segment(px(score.low), y, px(score.high), y, f"whisker s{colour}")
        if score.value is not None:
            draw.dot(px(score.value), y, f"f{colour} ring", radius=5, tip=f"{name}: {value}")
    return draw


def confusion(scores: Scores) -> Figure | None:
    """The confusion matrix: rows are the truth, columns the answer, shade the share of the row."""
    matrix, names = scores.confusion, scores.classes
    if not matrix or len(matrix) != len(names):
        return None
    keep = list(range(len(names)))
    if len(names) > DRAWN:
        keep = sorted(sorted(keep, key=lambda i: (-sum(matrix[i]), i))[:DRAWN])
    labelled = len(keep) <= LABELLED
    numbered = len(keep) <= 12
    reach = max(len(shorten(names[i], 16)) for i in keep) if labelled else 0
    left = 30 + 6.6 * reach
    width = 440.0 if len(keep) <= 12 else 640.0
    cell = min((width - left - 8) / len(keep), 118.0)
    top = 30.0
    grid = cell * len(keep)
    shift = max((width - left - grid - 8) / 2, 0.0)  # the matrix stands in the middle of the card
    left += shift
    turned = labelled and (6.6 * reach > cell - 6)
    foot = (16 + 5.2 * reach if turned else 20) if labelled else -14
    right = sum(matrix[i][i] for i in range(len(names)))
    total = sum(sum(row) for row in matrix)
    draw = Canvas(
        "confusion",
        "Confusion matrix",
        f"{count(right)} of {count(total)} rows on the diagonal, that is answered rightly.",
        width,
        top + grid + foot + 22,
    )
    draw.write(14 + shift, top + grid / 2, "truth", anchor="middle", classes="t name", turn=-90)
    draw.write(left + grid / 2, top - 12, f"answer (n = {count(total)})", anchor="middle", classes="t name")
    draw.box(left, top, grid, grid, "well")
    for r, i in enumerate(keep):
        rows = sum(matrix[i])
        for c, j in enumerate(keep):
            value = matrix[i][j]
            share = value / rows if rows else 0.0
            x, y = left + c * cell, top + r * cell
            gap = 1.0 if cell > 10 else 0.0
            if value and (numbered or labelled or share >= 0.005):
                tip = f"{names[i]} answered as {names[j]}: {count(value)} ({percent(share)})"
                draw.box(
                    x + gap, y + gap, cell - 2 * gap, cell - 2 * gap, "f0" if i == j else "f1",
                    opacity=0.06 + 0.94 * share, tip=tip if len(keep) <= 40 or i != j else "",
                    round_by=3 if cell > 20 else 0,
                )  # fmt: skip
            if numbered:
                ink = "t cell strong-on" if share > 0.55 else "t cell"
                middle = y + cell / 2
                draw.write(x + cell / 2, middle + (0 if cell > 44 else 4), count(value), anchor="middle", classes=ink)
                if cell > 44:
                    draw.write(x + cell / 2, middle + 16, percent(share), anchor="middle", classes=ink + " small")
        if labelled:
            draw.write(left - 7, top + (r + 0.5) * cell + 4, names[i], anchor="end", classes="t tick", limit=16)
            at = left + (r + 0.5) * cell
            below = top + grid + 14
            draw.write(
                at + (4 if turned else 0), below, names[i], anchor="end" if turned else "middle",
                classes="t tick", limit=16, turn=-50 if turned else 0,
            )  # fmt: skip
    words = "Each row is a true class; the shade is the share of that row. Blue is right, orange wrong."
    if len(keep) < len(names):
        words += (
            f" Shown: the {len(keep)} classes with the most test rows, and {len(names) - len(keep)} more are left out."
        )
    elif not labelled:
        words += " Names are left out for space; hover over an orange cell, or read the list of confusions."
    return Figure(draw.svg(), "Confusion matrix", words, wide=len(keep) > 12)


def distributions(scores: Scores) -> Figure | None:
    """How the score is spread, one outline per class; of many classes all together."""
    if not scores.histograms:
        return None
    shown = scores.histograms
    if len(shown) > CURVES:
        sums = tuple(sum(column) for column in zip(*(h.counts for h in shown), strict=True))
        shown = (Histogram(f"{len(shown)} classes together", shown[0].edges, sums),)
    shares = [[c / (sum(h.counts) or 1) for c in h.counts] for h in shown]
    top = max((max(s, default=0.0) for s in shares), default=0.0) or 1.0
    label = scores.histogram_label or "score"
    plot = Plot(
        "distribution",
        title=f"Distribution of the {label}",
        description="; ".join(f"{h.name}: {count(sum(h.counts))} rows" for h in shown),
        x=Axis(shown[0].edges[0], shown[0].edges[-1], label, at=UNIT_TICKS if shown[0].edges[-1] <= 1 else None),
        y=Axis(0, top * 1.06, "share of the rows", text=percent),
    )
    for i, (histogram, share) in enumerate(zip(shown, shares, strict=True)):
        plot.step(histogram.edges, share, i)
    if scores.decision_threshold is not None and len(scores.classes) == 2:
        plot.upright(scores.decision_threshold, f"decides at {fixed(scores.decision_threshold, 2)}")
    return Figure(
        plot.svg(),
        "Distribution of the score",
        "The further apart the outlines, the easier the decision."
        if len(scores.classes) == 2
        else f"The further to the right, the surer the {scores.subject} is of the truth.",
        tuple(Key(f"{h.name} ({count(sum(h.counts))})", i, "box") for i, h in enumerate(shown)),
    )


def _curves(
    slug: str, title: str, curves: tuple[Curve, ...], x: str, y: str, area: str, caption: str, *, diagonal: bool
) -> Figure | None:
    if not curves:
        return None
    rest = len(curves) - CURVES
    shown = (
        curves
        if rest <= 0
        else tuple(sorted(curves, key=lambda c: (2.0 if c.area is None else c.area, c.name))[:CURVES])
    )
    plot = Plot(
        slug,
        title=title,
        description="; ".join(f"{c.name}: {area} {fixed(c.area)}" for c in shown),
        x=Axis(0, 1, x, at=UNIT_TICKS),
        y=Axis(0, 1, y, at=UNIT_TICKS),
        height=340,
        grid="xy",
    )
    if diagonal:
        plot.canvas.segment(plot.px(0), plot.py(0), plot.px(1), plot.py(1), "mark")
    for i, curve in reversed(list(enumerate(shown))):
        plot.line(curve.x, curve.y, i)
    return Figure(
        plot.svg(),
        title,
        caption + (f" Shown: the {len(shown)} weakest of {len(curves)} classes, and {rest} more." if rest > 0 else ""),
        tuple(
            Key(f"{c.name}" + (f", {area} {fixed(c.area)}" if c.area is not None else ""), i)
            for i, c in enumerate(shown)
        ),
    )


def roc(scores: Scores) -> Figure | None:
    """ROC curves."""
    return _curves(
        "roc", "ROC curve", scores.roc, "false positive rate", "true positive rate", "AUROC",
        "The dashed diagonal is guessing; the nearer the top left corner, the better.", diagonal=True,
    )  # fmt: skip


def precision_recall(scores: Scores) -> Figure | None:
    """Precision–recall curves."""
    return _curves(
        "pr", "Precision–recall curve", scores.pr, "recall (share of the positives found)",
        "precision (share of the finds that are right)", "AUPRC",
        "The better view when positives are rare; guessing gives the share of positives.", diagonal=False,
    )  # fmt: skip


def reliability(scores: Scores) -> Figure | None:
    """Observed frequency against stated confidence of the answer."""
    bins = scores.reliability
    if not bins:
        return None
    said = "; ".join(
        f"stated {fixed(b.confidence, 2)}, observed {fixed(b.frequency, 2)} (n {count(b.rows)})" for b in bins
    )
    plot = Plot(
        "reliability",
        title="Reliability diagram",
        description=said,
        x=Axis(0, 1, "stated probability of the most probable class", at=UNIT_TICKS),
        y=Axis(0, 1, "share of rows where it is the true one", at=UNIT_TICKS),
        height=340,
        grid="xy",
    )
    plot.canvas.segment(plot.px(0), plot.py(0), plot.px(1), plot.py(1), "mark")
    most = max((b.rows for b in bins), default=1) or 1
    for b in bins:
        tall = 34 * b.rows / most
        plot.canvas.box(
            plot.px(b.confidence) - 5, plot.bottom - tall, 10, tall, "f7", opacity=0.35, tip=plural(b.rows, "row")
        )
    for b in bins:
        if b.low is not None and b.high is not None:
            at = plot.px(b.confidence)
            plot.canvas.segment(
                at, plot.py(min(max(b.low, 0), 1)), at, plot.py(min(max(b.high, 0), 1)), "whisker thin s0"
            )
    plot.line([b.confidence for b in bins], [b.frequency for b in bins], 0)
    plot.dots([b.confidence for b in bins], [b.frequency for b in bins], 0)
    ece = f", ECE {fixed(scores.ece)}" if scores.ece is not None else ""
    keys = (Key(f"confidence of the answer, {scores.level} interval{ece}", 0), Key("rows per bin", 7, "box"))
    words = "On the dashed diagonal, “80 %” comes true in 80 % of the cases; below it the "
    words += f"{scores.subject} is over-confident."
    if scores.temperature is not None:
        words += f" Temperature {fixed(scores.temperature, 2)}, fitted on the validation rows."
        if scores.ece_before is not None and scores.ece_after is not None:
            words += f" There it took the ECE from {fixed(scores.ece_before)} to {fixed(scores.ece_after)}."
    return Figure(plot.svg(), "Reliability of the probabilities", words, keys)


def risk_coverage(scores: Scores) -> Figure | None:
    """Error against the share of rows answered, with the abstention threshold."""
    curve = scores.risk_coverage
    if curve is None or not curve.x:
        return None
    worst = max([y for y in curve.y if y == y] + [scores.stated_error or 0.0, 0.01])
    plot = Plot(
        "risk",
        title="Risk against coverage",
        description=f"Error when only the most confident rows are answered; over all rows {percent(curve.y[-1])}.",
        x=Axis(0, 1, "coverage (share of the rows answered)", at=UNIT_TICKS, text=lambda v: percent(v, 0)),
        y=Axis(0, worst * 1.12, "error among the answered rows", text=percent),
    )
    if scores.stated_error is not None:
        plot.level(scores.stated_error, f"wanted error {percent(scores.stated_error)}")
    plot.line(curve.x, curve.y, 0)
    words = "Leaving the least certain sequences unanswered lowers the error."
    point = scores.abstention
    if point is not None and point.coverage is not None and point.error is not None:
        plot.dots([point.coverage], [point.error], 1, radius=6)
        words += (
            f" At the abstention threshold {fixed(point.threshold, 2)}, chosen on the validation rows, "
            f"{percent(point.coverage)} of the test rows are answered with an error of {percent(point.error)}."
        )
        return Figure(
            plot.svg(), "Risk and coverage", words, (Key("error", 0), Key("at the abstention threshold", 1, "dot"))
        )
    return Figure(plot.svg(), "Risk and coverage", words, (Key("error", 0),))


def by_distance(scores: Scores) -> Figure | None:
    """The score by similarity to the nearest training row."""
    known = [x for x in scores.by_distance if x.rows]
    if not known:
        return None
    metric = metric_title(scores.distance_metric)
    low, high = span([v for x in known for v in x.score[:3]], pad=0.12)
    plot = Plot(
        "distance",
        title=f"{metric} by similarity to the nearest training sequence",
        description="; ".join(
            f"{fixed(x.low, 2)}–{fixed(x.high, 2)}: {fixed(x.score.value)} (n {x.rows})" for x in known
        ),
        x=Axis(0, 1, "similarity to the nearest training sequence", at=UNIT_TICKS, text=lambda v: percent(v, 0)),
        y=Axis(low, high, metric),
    )
    most = max(x.rows for x in known)
    for x in known:
        tall = 0.3 * (plot.bottom - plot.top) * x.rows / most
        at, end = plot.px(x.low), plot.px(min(x.high, 1.0))
        plot.canvas.box(
            at + 1, plot.bottom - tall, max(end - at - 2, 2), tall, "f7", opacity=0.3, tip=plural(x.rows, "row")
        )
    middles = [(x.low + min(x.high, 1.0)) / 2 for x in known]
    for at, x in zip(middles, known, strict=True):
        if x.score.low is not None and x.score.high is not None:
            plot.canvas.segment(plot.px(at), plot.py(x.score.low), plot.px(at), plot.py(x.score.high), "whisker s0")
    plot.line(middles, [x.score.value for x in known], 0, form="thin")
    plot.dots(middles, [x.score.value for x in known], 0, radius=4.5)
    return Figure(
        plot.svg(),
        "Score by similarity to training",
        f"A level line means the {scores.subject} has learnt rules; a line that rises to the right means it partly remembers.",
        (Key(f"{metric}, {scores.level} interval", 0, "dot"), Key("test rows (relative)", 7, "box")),
    )
