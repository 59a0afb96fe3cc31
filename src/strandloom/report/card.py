"""``card.md``: the model card that travels in the bundle (after Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from strandloom.report import datasheet
from strandloom.report.cautions import near_twin_fraction
from strandloom.report.inputs import ReportInputs
from strandloom.report.numbers import MISSING, count, fixed, interval, percent
from strandloom.report.scores import Score, Scores, metric_title
from strandloom.report.verdict import verdict

MOST_NAMES = 20
SHOWN_METRICS = 6


def card(
    inputs: ReportInputs, *, bundle: str = "RUN/bundle", intended_use: str = "", limits: Sequence[str] = ()
) -> str:
    """The model card of a run, Markdown.

    Parameters
    ----------
    inputs
        The same facts as for the report.
    bundle
        How the bundle is written in the example commands.
    intended_use
        What the makers had in mind; empty gives a general sentence.
    limits
        Further limits known to the makers, one sentence each.
    """
    scores, found = inputs.scores, verdict(inputs)
    parts = [
        f"# {_plain(inputs.name or 'Model')}",
        f"> {_plain(found.sentence)}",
        _plain(inputs.description),
        "## What it predicts\n\n" + _predicts(inputs),
        "## Intended use and limits\n\n"
        + _use(inputs, intended_use, [*limits, *(f"{w.title}: {w.text}" for w in found.warnings)]),
        "## How good it is\n\n" + _scores(scores),
        "## Confidence\n\n" + _confidence(scores),
        "## Data\n\n" + _data(inputs),
        "## How to run\n\n" + _run(inputs, bundle),
    ]
    return "\n\n".join(x.strip() for x in parts if x.strip()) + "\n"


def _plain(words: str) -> str:
    """Text of others as one Markdown line that cannot become markup."""
    line = " ".join(str(words).split())
    for sign in ("\\", "`", "*", "_", "[", "]", "<", ">", "|", "#"):
        line = line.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return line


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {x}" for x in lines if x)


def _predicts(inputs: ReportInputs) -> str:
    scores, model = inputs.scores, inputs.model
    names = ", ".join(_plain(n) for n in scores.classes[:MOST_NAMES])
    if len(scores.classes) > MOST_NAMES:
        names += f" and {len(scores.classes) - MOST_NAMES} more"
    what = {
        "classes": f"One of {len(scores.classes)} classes: {names}.",
        "labels": f"Any of {len(scores.classes)} labels: {names}.",
        "value": f"A measured value: {names}." if names else "A measured value.",
    }.get(scores.task, names)
    window = (
        f"- Input: DNA (RNA is read as DNA), a window of {count(model.length)} bases"
        if model.length
        else "- Input: DNA"
    )
    window += f", anchored {model.anchor}" if model.length and model.anchor else ""
    lines = [what, "", window + (f"; strands read: {model.strand}." if model.strand else ".")]
    size = f", {count(model.trainable)} trainable parameters" if model.trainable is not None else ""
    lines.append(f"- Network: {_plain(model.kind) or 'not recorded'}{size}.")
    lines += [
        f"- {_plain(d.question)}: {_plain(d.answer)}" + (f" ({_plain(d.why)})." if d.why else ".")
        for d in inputs.decisions
    ]
    return "\n".join(lines)


def _use(inputs: ReportInputs, use: str, limits: Sequence[str]) -> str:
    said = _plain(use) or "Sequences of the kind it was trained on, as one piece of evidence beside others."
    always = [
        "It answers with one of the classes above for any sequence, also for one that belongs to none of them."
        if inputs.scores.task == "classes" else "",
        "Not for diagnosis or treatment of a patient, nor any other use where an unchecked error does harm.",
    ]  # fmt: skip
    return said + "\n\n" + _bullets([*(_plain(x) for x in limits), *always])


def _cell(score: Score) -> str:
    bounds = interval(score.low, score.high)
    return fixed(score.value) + (f" ({bounds})" if bounds else "")


def _scores(scores: Scores) -> str:
    if not scores.model:
        return "Not evaluated."
    headline = scores.headline
    metrics = [m for m in scores.model if m == headline] + [m for m in scores.model if m != headline]
    metrics = metrics[:SHOWN_METRICS]
    lines = ["| method | " + " | ".join(metric_title(m) for m in metrics) + " |", "|---|" + "---:|" * len(metrics)]
    rows = [(f"**{scores.subject}**", scores.model)] + [
        (_plain(scores.titles[n]), b) for n, b in scores.baselines.items()
    ]
    if scores.ceiling:
        rows.append(("*ceiling of these data*", scores.ceiling))
    lines += [f"| {name} | " + " | ".join(_cell(b.get(m, Score(None))) for m in metrics) + " |" for name, b in rows]
    rest = len(scores.model) - len(metrics)
    tail = (
        f"On {count(scores.rows)} {scores.part} sequences; in brackets {scores.level} intervals"
        if scores.rows
        else f"In brackets {scores.level} intervals"
    )
    tail += f"; {rest} more metrics are in `evaluation.json`." if rest > 0 else "."
    if len(scores.seeds) > 1 and scores.seed_range is not None:
        low, high = scores.seed_range
        metric, number = metric_title(headline or ""), len(scores.seeds)
        tail += f" Over {number} {scores.seed_word}s {metric} runs from {fixed(low)} to {fixed(high)}."
    return "\n".join(lines) + "\n\n" + tail


def _confidence(scores: Scores) -> str:
    lines = []
    if scores.ece is not None:
        scaled = scores.temperature is not None
        after = f" after temperature scaling (temperature {fixed(scores.temperature, 2)})" if scaled else ""
        lines.append(f"Expected calibration error {percent(scores.ece)}{after}.")
    if scores.decision_threshold is not None and len(scores.classes) == 2:
        lines.append(
            f"Answers {_plain(scores.classes[1])} from a probability of {fixed(scores.decision_threshold)} on."
        )
    point = scores.abstention
    if point is not None and point.threshold:
        lines.append(
            f"Abstains below a confidence of {fixed(point.threshold)} (wanted error "
            f"{percent(scores.stated_error)}): on the "
            f"{scores.part} rows it then answers {percent(point.coverage)} with an error of {percent(point.error)}."
        )
    elif scores.stated_error is not None and not scores.reachable:
        lines.append(
            f"An error of {percent(scores.stated_error)} could not be promised at any confidence, so it never abstains."
        )
    return _bullets(lines) or "Not measured."


def _data(inputs: ReportInputs) -> str:
    lines = [f"{name}: {_plain(words)}" for name, words in datasheet.facts(inputs.data)]
    if inputs.split.how:
        parts = ", ".join(f"{count(n)} {p}" for p, n in inputs.split.counts.items() if n)
        lines.append(f"Split: {_plain(inputs.split.how)}" + (f" ({parts})" if parts else ""))
    near = near_twin_fraction(inputs.leaks)
    if near is not None:
        lines.append(f"Test rows with a near twin in training: {percent(near)}")
    lines += [f"`{f.path}`, SHA-256 `{f.sha256 or MISSING}`" for f in inputs.files]
    return _bullets(lines) or "Not recorded."


def _run(inputs: ReportInputs, bundle: str) -> str:
    text = f"```\nstrandloom predict {bundle} sequences.fasta --out predictions.tsv\n```\n\n"
    text += f'```python\nimport strandloom\n\nmodel = strandloom.load("{bundle}")\n'
    text += 'frame = model.predict(["ACGTACGTTATAAAGG", "GGGCGGGACCATTTAC"])\n```'
    if inputs.command:
        fence = "````" if "```" in inputs.command else "```"
        text += f"\n\nMade with\n\n{fence}\n{inputs.command}\n{fence}"
    return text
