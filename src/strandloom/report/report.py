"""``report.html``: one self-contained page of a run (no network; no script but the sorting of a table of labels), light and dark.

:func:`render` is pure: the same inputs give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from strandloom.report import datasheet, figures, history, label_section, tables, value_section
from strandloom.report.cautions import Caution, near_twin_fraction
from strandloom.report.inputs import ReportInputs
from strandloom.report.numbers import MISSING, count, duration, finite, fixed, interval, percent, shorten
from strandloom.report.scores import Json, Score, Scores, mapping, metric_title
from strandloom.report.sort_tables import SortTable
from strandloom.report.svg import Figure
from strandloom.report.tables import Table
from strandloom.report.verdict import verdict
from strandloom.words import plural

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

ELSEWHERE = ("command", "inputs", "seconds", "total_seconds")
"""Entries of ``environment.json`` that have a place of their own on the page."""


@dataclass(frozen=True)
class Card:
    """A key number: what it is, the number, a line below."""

    label: str
    value: str
    sub: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the page; everything but the heading may be empty, ``missing`` says why there is nothing."""

    id: str
    title: str
    lead: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table | None, ...] = ()
    figures: tuple[Figure | None, ...] = ()
    aside: tuple[Table | None, ...] = ()
    tables_after: tuple[Table | None, ...] = ()
    sortable: tuple[SortTable, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str = ""
    command: str = ""
    folded: tuple[tuple[str, str], ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        shown = (self.sortable, self.facts, self.notes, self.command, self.folded, self.cautions, self.missing)
        return not any(shown) and not any([*self.tables, *self.figures, *self.aside, *self.tables_after])


def render(inputs: ReportInputs) -> str:
    """The report of a run.

    Parameters
    ----------
    inputs
        What is known of the run; whatever is missing is left out or shown as a dash with the reason.

    Returns
    -------
    str
        An HTML page.
    """
    found = verdict(inputs)
    kicker = ["strandloom report", inputs.model.kind and f"{inputs.model.kind} network", inputs.date]
    return page(
        "report.html",
        {
            "heading": inputs.name or "Run",
            "kicker": " · ".join(x for x in kicker if x),
            "description": inputs.description,
            "version": inputs.version,
            "verdict": found,
            "cards": cards(inputs),
            "sections": [s for s in sections(inputs, found.warnings) if not s.empty],
            "motifs": _motifs(inputs),
        },
    )


def _motifs(inputs: ReportInputs) -> list[Markup]:
    from strandloom.report.motif_page import motif_section

    return [
        motif_section(page_of, link=inputs.motifs_page, slug="found" if i == 0 else f"found-{i}")
        for i, page_of in enumerate(inputs.motifs)
    ]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("strandloom.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page(template: str, values: Mapping[str, object]) -> str:
    """Fill a template of this package; every value is escaped, only our own style sheet and drawings are markup."""
    from markupsafe import Markup

    environment = _environment()
    assert environment.loader is not None
    style = environment.loader.get_source(environment, "style.css")[0]
    return environment.get_template(template).render(values, style=Markup(style))


def _score_card(label: str, score: Score, level: str) -> Card:
    bounds = interval(score.low, score.high)
    return Card(label, fixed(score.value), f"{level}: {bounds}" if bounds else "")


def _where(environment: Json) -> str:
    """Device and threads of a run."""
    runtime = mapping(environment.get("runtime"))
    threads = finite(runtime.get("threads"))
    words = [str(runtime.get("device") or ""), plural(int(threads), "thread") if threads else ""]
    return ", ".join(x for x in words if x)


def cards(inputs: ReportInputs) -> list[Card]:
    """The key numbers under the verdict."""
    scores = inputs.scores
    found: list[Card] = []
    headline = scores.headline
    if headline is not None:
        found.append(_score_card(metric_title(headline), scores.model[headline], scores.level))
    empty = (
        ("accuracy", "balanced_accuracy") if scores.task == "labels" else ()
    )  # the answer "no" is nearly always right
    for metric in ("accuracy", "roc_auc", "balanced_accuracy", "pearson_squared", "spearman", "rmse"):
        if metric != headline and metric not in empty and metric in scores.model and len(found) < 3:
            named = metric_title(metric)
            title = named[:1].upper() + named[1:]
            found.append(_score_card(title, scores.model[metric], scores.level))
    if scores.best is not None:
        label = f"Best baseline ({metric_title(headline or '')})"
        found.append(Card(label, fixed(scores.best_value), scores.titles[scores.best]))
    gap = scores.ceiling_gap
    if gap is not None:
        found.append(
            Card(
                f"Ceiling of these data ({metric_title(gap[0])})",
                fixed(gap[2]),
                f"{scores.subject} {fixed(gap[2] - gap[1])}",
            )
        )
    if scores.ece is not None:
        note = f"temperature {fixed(scores.temperature, 2)}" if scores.temperature is not None else "0 is perfect"
        found.append(Card("Calibration error (ECE)", percent(scores.ece), note))
    point = scores.abstention
    if point is not None and point.coverage is not None:
        found.append(
            Card("Answered at the threshold", percent(point.coverage), f"error among them {percent(point.error)}")
        )
    near = near_twin_fraction(inputs.leaks)
    if near is not None:
        found.append(Card("Test rows with a near twin in training", percent(near)))
    if scores.rows:
        parts = inputs.split.counts
        note = f"{count(parts['train'])} trained on" if parts.get("train") else ""
        found.append(Card("Test sequences", count(scores.rows), note))
    total = finite(sum(inputs.times.values())) if inputs.times else None
    if total:
        found.append(Card("Time in all", duration(total), _where(inputs.environment)))
    return found


def sections(inputs: ReportInputs, cautions: Sequence[Caution]) -> list[Section]:
    """Every part of the page, in reading order."""
    scores = inputs.scores
    return [
        _scores_section(scores),
        Section(
            "warnings",
            "What to be careful about",
            cautions=tuple(cautions),
            missing=""
            if cautions
            else "Nothing stands out: no leak, no class without test rows, no sign of trouble in training.",
        ),
        _training_section(inputs),
        _answers_section(scores),
        _curves_section(scores),
        _trust_section(scores),
        _leakage_section(inputs),
        _data_section(inputs),
        _decisions_section(inputs),
        _model_section(inputs),
        _reproduce_section(inputs),
    ]


def _scores_section(scores: Scores) -> Section:
    notes = [f"{scores.titles[n]}: {words}." for n, words in scores.about.items() if n in scores.baselines]
    notes += [f"{scores.titles[n]}: left out, {why}." for n, why in scores.skipped.items()]
    if scores.symmetric_ceiling is not None:
        notes.append(
            "A classifier that reads both strands alike cannot pass an accuracy of "
            f"{fixed(scores.symmetric_ceiling)} on these rows."
        )
    lead = (
        f"The {scores.subject} beside simpler methods, trained on the same rows and judged on the same "
        "held-out rows. Intervals say what "
        "another test set of this size and kind could have given."
    )
    return Section(
        "scores",
        "How good is it?",
        lead if scores.model else "",
        tables=(tables.metric_table(scores),),
        figures=(figures.forest(scores), figures.forest_differences(scores)),
        tables_after=(None if scores.labels else tables.target_table(scores), tables.seed_table(scores)),
        notes=tuple(notes),
        missing=""
        if scores.model or scores.baselines
        else "There is no evaluation: the run has not been judged on test rows.",
    )


def _training_section(inputs: ReportInputs) -> Section:
    drawn = (history.loss(inputs.members), history.metric(inputs.members))
    return Section(
        "training",
        "How the training went",
        figures=drawn,
        tables_after=(tables.member_table(inputs.members),),
        missing="" if inputs.members else "No training history was kept with these results.",
    )


def _answers_section(scores: Scores) -> Section:
    if scores.task == "labels":
        each = label_section.label_table(scores)
        return Section(
            "answers",
            "Label by label",
            label_section.LEAD if each else "",
            facts=label_section.label_facts(scores),
            tables=(label_section.group_table(scores), label_section.pair_table(scores)),
            figures=label_section.label_figures(scores),
            sortable=(each,) if each else (),
            missing="" if each else "No table of labels was recorded.",
        )
    if scores.task == "value":
        return Section(
            "answers",
            "Predicted and measured values",
            facts=value_section.value_facts(scores),
            figures=value_section.scatter_figures(scores),
            tables_after=(value_section.strata_table(scores),),
        )
    return Section(
        "answers",
        "Right and wrong answers",
        figures=(figures.confusion(scores), figures.distributions(scores)),
        aside=(tables.confusions_table(scores),) if len(scores.classes) > 12 else (),
        tables_after=(
            tables.confusions_table(scores) if len(scores.classes) <= 12 else None,
            tables.class_table(scores),
        ),
        missing="" if scores.confusion or scores.per_class else "No confusion matrix was recorded.",
    )


def _curves_section(scores: Scores) -> Section:
    return Section(
        "curves", "Ranking: ROC and precision–recall", figures=(figures.roc(scores), figures.precision_recall(scores))
    )


def _trust_section(scores: Scores) -> Section:
    facts: list[tuple[str, str]] = []
    if scores.temperature is not None:
        facts.append(
            (
                "Temperature",
                f"{fixed(scores.temperature)} (1 changes nothing; above 1 makes the {scores.subject} more modest)",
            )
        )
    if scores.ece_before is not None and scores.ece_after is not None:
        facts.append(
            ("ECE on validation, before and after", f"{percent(scores.ece_before)} and {percent(scores.ece_after)}")
        )
    if scores.decision_threshold is not None:
        name = scores.classes[1] if len(scores.classes) == 2 else "yes"
        facts.append(
            ("Decision threshold", f"{fixed(scores.decision_threshold)}: from this probability on the answer is {name}")
        )
    if scores.stated_error is not None:
        facts.append(("Wanted error among answers", percent(scores.stated_error)))
    point = scores.abstention
    if point is not None:
        words = f"{fixed(point.threshold)}: sequences with a lower confidence are left unanswered"
        facts.append(("Abstention threshold", words if point.threshold else "0: every sequence is answered"))
    unsaid = scores.abstention_text and (point is None or not point.threshold)  # else the figure says it
    notes = (f"Abstention: {scores.abstention_text}.",) if unsaid else ()
    drawn = (figures.reliability(scores), figures.risk_coverage(scores))
    return Section("trust", "Can its confidence be trusted?", facts=tuple(facts), figures=drawn, notes=notes)


def _leakage_section(inputs: ReportInputs) -> Section:
    scores, leaks = inputs.scores, inputs.leaks
    return Section(
        "leakage",
        "Are the test sequences really new?",
        "Copies of a training sequence in the test part make any method look better than it is on new material."
        if leaks or scores.by_distance else "",
        tables=(datasheet.leakage_table(leaks),),
        figures=(figures.by_distance(scores),),
        facts=(("In one sentence", str(leaks["verdict"])),) if leaks.get("verdict") else (),
        aside=(tables.distance_table(scores),),
        tables_after=(datasheet.twins_table(leaks),),
        notes=datasheet.leakage_notes(leaks),
        missing="" if leaks else "No leakage report was made, so near copies between the parts are not known.",
    )  # fmt: skip


def _data_section(inputs: ReportInputs) -> Section:
    data, split = inputs.data, inputs.split
    notes = [*split.notes]
    if split.folds > 1:
        notes.append(
            f"There are {split.folds} folds; the rows per part are those of the first, "
            "the scores pool the test rows of all."
        )
    how = f"How the rows were divided: {split.how.rstrip('.')}." if split.how else ""
    return Section(
        "data",
        "The data",
        how,
        facts=datasheet.facts(data),
        figures=datasheet.drawings(data),
        tables=(tables.split_table(split, inputs.scores.classes),),
        tables_after=(datasheet.class_table(data),),
        notes=tuple(notes),
        missing="" if data or split.counts else "No data facts were recorded.",
    )


def _decisions_section(inputs: ReportInputs) -> Section:
    facts = tuple((d.question, f"{d.answer}{' — ' + d.why if d.why else ''}") for d in inputs.decisions)
    return Section(
        "decisions",
        "What the run decided by itself",
        _settled_on(inputs) if facts else "",
        facts=facts,
        tables=tuple(tables.trials_table(d) for d in inputs.decisions),
    )


def _settled_on(inputs: ReportInputs) -> str:
    if inputs.split is not None and inputs.split.folds > 1:
        return "Settled once, on the validation rows of the first fold, for all folds; some of those rows are test rows of other folds."
    return "Settled on the validation rows; the test rows had no say."


def _model_section(inputs: ReportInputs) -> Section:
    model = inputs.model
    pairs = [
        ("Kind", model.kind),
        ("Trainable parameters", count(model.trainable) if model.trainable is not None else ""),
        ("Numbers stored in all", count(model.total) if model.total is not None else ""),
        (
            "Window",
            f"{count(model.length)} bases" + (f", anchored {model.anchor}" if model.anchor else "")
            if model.length
            else "",
        ),
        ("Strands read", model.strand),
    ]
    return Section(
        "model", "The network", facts=tuple((n, v) for n, v in pairs if v), tables=(tables.blocks_table(model),)
    )


def _reproduce_section(inputs: ReportInputs) -> Section:
    pairs = [(str(k), _words(v)) for k, v in inputs.environment.items() if k not in ELSEWHERE]
    pairs += [(f"Time: {k}", duration(v)) for k, v in inputs.times.items()]
    folded = (("The complete experiment file", inputs.experiment_yaml),) if inputs.experiment_yaml else ()
    return Section(
        "reproduce",
        "Do it again",
        "The same file on the same kind of machine with the same seed gives the same weights."
        if inputs.command
        else "",
        facts=tuple((n.replace("_", " "), v) for n, v in pairs if v),
        tables_after=(tables.files_table(inputs.files),),
        command=inputs.command,
        folded=folded,
        missing="" if inputs.command or pairs or folded else "Neither command nor environment were recorded.",
    )


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(_words(v) for v in value)
    if value is None:
        return MISSING
    return shorten(str(value), 400)
