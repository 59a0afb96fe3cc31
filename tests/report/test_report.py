"""The page as a whole: it renders for any shape of run, is self-contained, safe and the same every time."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from strandloom.report.inputs import BlockRow, Decision, InputFile, Member, ModelFacts, ReportInputs, SplitFacts
from strandloom.report.report import cards, render

NB = "\N{NO-BREAK SPACE}"
VOID = {"meta", "link", "br", "hr", "img", "input", "path", "rect", "circle"}


class Checker(HTMLParser):
    """Collects ids, tags, outside references and unbalanced tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "action"):
                self.hrefs.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def checked(html: str) -> Checker:
    found = Checker()
    found.feed(html)
    found.close()
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert all(h.startswith("#") for h in found.hrefs)
    assert {h[1:] for h in found.hrefs} <= set(found.ids)
    assert not found.tags & {"script", "iframe", "object", "embed", "link", "img", "form"}
    assert not any(a.startswith("on") for a in found.attributes)
    assert not re.search(r"https?://|@import|url\(", html)
    assert html.startswith("<!doctype html>")
    return found


def species(number: int) -> tuple[str, ...]:
    return tuple(f"Species {i}" for i in range(number))


@pytest.mark.parametrize("number", [2, 3, 8, 60, 400])
def test_any_number_of_classes(make_inputs, number):
    html = render(make_inputs(species(number)))
    checked(html)
    assert len(html.encode()) < 1_500_000
    if number >= 60:
        assert f"and {number - 30} more classes" in html


def test_every_section_and_figure_of_a_full_run(make_inputs):
    page = checked(render(make_inputs()))
    wanted = {
        "scores",
        "warnings",
        "training",
        "answers",
        "curves",
        "trust",
        "leakage",
        "data",
        "decisions",
        "model",
        "reproduce",
        "forest-matthews_corrcoef-t",
        "gain-matthews_corrcoef-t",
        "loss-t",
        "metric-t",
        "confusion-t",
        "distribution-t",
        "roc-t",
        "pr-t",
        "reliability-t",
        "risk-t",
        "distance-t",
        "lengths-t",
        "gc-t",
    }
    assert wanted <= set(page.ids)


def test_words_a_reader_looks_for(make_inputs):
    text = " ".join(" ".join(checked(render(make_inputs())).text).split())
    for words in (
        "separates promoter from background with MCC 0.71 (0.69–0.73) on 5,920 held-out sequences",
        "6-mer logistic regression",
        "best epoch",
        "Temperature 1.42",
        "strandloom train examples/human-promoters-300.yaml",
        "9f2c" * 16,
        "kind: residual",
        "128 × 300",
        "reading both strands lost 0.021 on validation",
        "torch",
        "AMD EPYC",
        "10 % of train by homology component",
        "mean",
        "lowest to highest",
    ):
        assert words in text, words


def test_the_same_inputs_give_the_same_page(make_inputs):
    assert render(make_inputs()) == render(make_inputs())


def test_nothing_but_a_name():
    page = checked(render(ReportInputs("bare")))
    text = " ".join(page.text)
    assert "no test score" in text
    assert "There is no evaluation" in text


def spoil(value, generator):
    """A copy in which about a third of the numbers are None or NaN."""
    if isinstance(value, dict):
        return {k: spoil(v, generator) for k, v in value.items()}
    if isinstance(value, list):
        return [spoil(v, generator) for v in value]
    if isinstance(value, float) and generator.random() < 0.35:
        return [None, math.nan, math.inf][generator.integers(3)]
    return value


@pytest.mark.parametrize("seed", range(6))
def test_missing_values_never_break_the_page(
    make_inputs, make_evaluation, make_members, data_facts, leakage_report, seed
):
    generator = np.random.default_rng(seed)
    members = tuple(
        Member(m.name, tuple(spoil(list(m.epochs), generator)), m.best_epoch if seed % 2 else None, m.stopped)
        for m in make_members(2)
    )
    html = render(
        make_inputs(
            evaluation=spoil(make_evaluation(species(2 + seed)), generator),
            facts=spoil(data_facts, generator),
            leakage=spoil(leakage_report, generator),
            members=members,
        )
    )
    checked(html)
    assert not re.search(r"\bnan\b|\binf\b|>None<", html, re.IGNORECASE)


@pytest.mark.parametrize(
    "key",
    [
        "baselines",
        "comparisons",
        "curves",
        "calibration",
        "abstention",
        "confusion",
        "per_class",
        "by_distance",
        "seeds",
        "ceiling",
        "baseline_facts",
        "model",
        "classes",
        "warnings",
    ],
)
@pytest.mark.parametrize("value", [None, {}, []])
def test_any_part_of_the_evaluation_may_be_missing(make_inputs, make_evaluation, key, value):
    checked(render(make_inputs(evaluation={**make_evaluation(), key: value})))
    stored = make_evaluation()
    del stored[key]
    checked(render(make_inputs(evaluation=stored)))


EVIL = "<script>alert('x')</script>\"&"


def test_foreign_text_is_escaped_everywhere(make_inputs, make_evaluation, data_facts, leakage_report):
    names = (EVIL, f"</svg>{EVIL}")
    stored = make_evaluation(names)
    stored["warnings"] = [EVIL]
    stored["baseline_facts"]["nearest"] = {"title": EVIL, "about": EVIL}
    stored["baseline_facts"]["majority"] = {"title": EVIL, "skipped": EVIL}
    data_facts["window"] = EVIL
    data_facts["classes"][0]["name"] = EVIL
    leakage_report["verdict"] = EVIL
    leakage_report["pairs"][0]["examples"][0]["id"] = EVIL
    html = render(
        make_inputs(
            names,
            name=EVIL,
            evaluation=stored,
            facts=data_facts,
            leakage=leakage_report,
            command=EVIL,
            experiment_yaml=EVIL,
            environment={EVIL: EVIL},
            times={EVIL: 1.0},
            files=(InputFile(EVIL, EVIL),),
            description=EVIL,
            version=EVIL,
            decisions=(Decision(EVIL, EVIL, EVIL),),
            model=ModelFacts(EVIL, blocks=(BlockRow(EVIL, EVIL, EVIL),)),
            split=SplitFacts(EVIL, (EVIL,), {EVIL: 3}, {EVIL: {EVIL: 3}}),
            warnings=(EVIL,),
            members=(Member(EVIL, ({"epoch": 1, "train_loss": 1.0, "validation_loss": 1.0},), 1, EVIL),),
        )
    )
    checked(html)
    assert "<script" not in html
    assert "alert(&#39;x&#39;)" in html


def test_figures_use_theme_colours_only(make_inputs):
    html = render(make_inputs())
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert not re.search(r"#[0-9a-fA-F]{3,6}\b|rgb\(", drawings)
    assert "prefers-color-scheme: dark" in html
    assert ':root[data-theme="dark"]' in html
    assert "@media print" in html


@pytest.mark.parametrize("task", ["value", "labels"])
def test_other_tasks(make_inputs, task):
    def score(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    metric = "r2" if task == "value" else "average_precision"
    stored = {
        "format": 1,
        "task": task,
        "classes": ["a", "b"],
        "rows": 900,
        "part": "test",
        "primary": metric,
        "model": {metric: score(0.6)},
        "baselines": {"composition": {metric: score(0.2)}},
        "per_target": {"a": {metric: score(0.5)}, "b": {metric: score(0.7)}},
    }
    page = checked(render(make_inputs(evaluation=stored)))
    assert "Scores per" in " ".join(page.text)


def words_of(inputs: ReportInputs) -> str:
    """The text of a page; no-break spaces stay."""
    return re.sub(r"[ \n]+", " ", " ".join(checked(render(inputs)).text))


@pytest.mark.parametrize(("interval", "level"), [(0.95, "95"), (0.9, "90"), (0.999, "99.9")])
def test_the_page_names_the_interval_that_was_set(make_inputs, make_evaluation, interval, level):
    stored = {**make_evaluation(), "interval": interval, "warnings": []}
    stored["model"]["matthews_corrcoef"]["low"] = -0.1
    text = words_of(make_inputs(evaluation=stored))
    for words in (
        f"{level}{NB}%: −0.100 to 0.729",
        f"Small figures: {level}{NB}% interval.",
        f"MCC with {level}{NB}% intervals",
        f"confidence of the answer, {level}{NB}% interval",
        f"accuracy, {level}{NB}% interval",
        f"The {level}{NB}% interval of MCC reaches down to guessing",
    ):
        assert words in text, words
    assert set(re.findall(rf"([\d.]+)[ {NB}]% interval", text)) == {level}


def test_an_evaluation_without_the_key_has_95_percent(make_inputs, make_evaluation):
    for interval in (None, "x", 0, 1, math.nan):
        assert f"Small figures: 95{NB}% interval." in words_of(
            make_inputs(evaluation={**make_evaluation(), "interval": interval})
        )
    assert render(make_inputs()) == render(make_inputs(evaluation={**make_evaluation(), "interval": 0.95}))


def test_a_blended_model_is_not_called_the_network(make_inputs, make_evaluation, blend):
    inputs = make_inputs(evaluation=blend(make_evaluation()))
    text = words_of(inputs)
    for words in (
        "The model beside simpler methods",
        "makes the model more modest",
        "the model is really better",
        "the model is over-confident",
        "the model has learnt rules",
        "model minus this (MCC)",
        "The network alone",
    ):
        assert words in text, words
        assert words == "The network alone" or words not in words_of(make_inputs()), words
    assert "model 0.860" in {card.sub for card in cards(inputs)}
    assert "network 0.860" in {card.sub for card in cards(make_inputs())}
    many = make_inputs(species(8), evaluation=blend(make_evaluation(species(8))))
    assert "the surer the model is of the truth" in words_of(many)


@pytest.mark.parametrize(
    ("runtime", "note"),
    [
        ({"device": "cpu", "threads": 2}, "cpu, 2 threads"),
        ({"device": "cuda:0", "threads": 1}, "cuda:0, 1 thread"),
        ({"device": "mps"}, "mps"),
        (None, ""),
    ],
)
def test_the_time_says_where_it_was_spent(make_inputs, runtime, note):
    environment = {"versions": {"python": "3.11.9"}, "runtime": runtime}
    (found,) = (card for card in cards(make_inputs(environment=environment)) if card.label == "Time in all")
    assert found.sub == note
