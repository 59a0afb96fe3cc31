"""The page of an evaluation: one sentence a section, every method beside the others, nothing breaks where numbers are missing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from strandloom.report.taxonomy_evaluation import render_evaluation
from strandloom.report.taxonomy_evaluation_inputs import point_at, read_parts
from strandloom.report.taxonomy_evaluation_tables import kind_table, lacking_table, system_table
from strandloom.report.taxonomy_evaluation_words import KINDS

VOID = {"meta", "br", "input"}
OURS, NEAREST, SILENT = "model, by sequence alone", "majority", "consensus"


def value(at: float | None, half: float = 0.01) -> dict[str, float | None]:
    return {
        "value": at,
        "low": None if at is None else max(at - half, 0),
        "high": None if at is None else min(at + half, 1),
    }


def rank(accuracy: float | None, *, listed: int = 200, over: float | None = None) -> dict[str, Any]:
    measures = dict.fromkeys(
        ("accuracy", "coverage", "precision", "f1_macro", "coverage_at_precision"), value(accuracy)
    )
    curve = [
        {"threshold": t, "coverage": c, "precision": p, "overclassified": over if not t else over and over / 2}
        for t, c, p in ((0.0, 1.0, accuracy), (0.9, 0.6, 0.97), (0.99, 0.0, None))
    ]
    return {
        "queries": 200,
        "listed": listed,
        "measures": {**measures, "ece": value(0.02), "overclassified": value(over)},
        "curve": curve,
        "selective": {"wanted": 0.95, "coverage": 0.7, "threshold": 0.7, "precision": 0.951},
        "reliability": [
            {"low": 0.2, "high": 0.3, "n": 4, "confidence": 0.25, "accuracy": 0.75},
            {"low": 0.5, "high": 0.6, "n": 60, "confidence": 0.55, "accuracy": 0.5},
            {"low": 0.9, "high": 1.0, "n": 136, "confidence": 0.97, "accuracy": 0.96},
        ],
    }


def system(accuracy: float | None, *, listed: int = 200, over: float | None = None, foreign: int = 0) -> dict[str, Any]:
    unknowns = [
        {"threshold": t, "foreign": foreign, "uncalled": 9, "recall": r if foreign else None, "precision": 0.5}
        for t, r in ((0.0, 0.0), (0.9, 0.875))
    ]
    return {
        "ranks": {
            "species": rank(accuracy, listed=listed, over=over),
            "genus": rank(0.96),
            "family": rank(0.99),
            "order": rank(1.0),
        },
        "unknowns": unknowns,
        "groups": {
            "unique": {"species": {"accuracy": value(0.99)}},
            "shared": {"species": {"accuracy": value(accuracy)}},
        },
    }


def compared(difference: float | None, low: float | None, high: float | None, verdict: str) -> dict[str, Any]:
    found = {"metric": "accuracy", "value": difference, "low": low, "high": high, "p": 0.01, "verdict": verdict}
    return {"species": {"accuracy": found}}


def section(**changes: Any) -> dict[str, Any]:
    return {
        "title": "By sequence alone",
        "about": "Every sequence, without its location.",
        "queries": 200,
        "groups": {"unique": 150, "shared": 50},
        "systems": {OURS: system(0.826), NEAREST: system(0.81), SILENT: system(0.6)},
        "comparisons": {
            NEAREST: compared(0.016, 0.004, 0.028, "better"),
            SILENT: compared(0.226, 0.2, 0.25, "better"),
        },
        **changes,
    }


def facts(*sections: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": "strandloom taxonomy evaluate m.bundle q.fasta",
        "titles": {OURS: "the model, sequence alone", NEAREST: "species of most of the nearest records"},
        "sections": list(sections),
    }


def page_of(*sections: dict[str, Any]) -> str:
    return render_evaluation(facts(*sections), name="North Sea", version="1.2.3", date="28 November 2026")


def words(html: str) -> str:
    """What a reader sees, with plain spaces."""
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", shown)


class Checker(HTMLParser):
    """Balanced tags and unique identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [v for k, v in attrs if k == "id" and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [v for k, v in attrs if k == "id" and v]


def check(html: str) -> None:
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    assert len(checker.ids) == len(set(checker.ids))
    assert "nan" not in re.findall(r"\b\w+\b", words(html).lower())
    assert not re.search(r"(src|href)=\"(?!#)", html)


def test_same_facts_same_text() -> None:
    assert page_of(section(), section()) == page_of(section(), section())


def test_whole_page() -> None:
    html = page_of(section(), section(title="With location"))
    check(html)
    seen = words(html)
    assert seen.count("Model, by sequence alone: the species is right for 82.6 % of 200 sequences (81.6–83.6 %)") == 2
    assert "1.6 points more than the best other method, majority (81 %)" in seen
    assert "the difference (+0.4 to +2.8 points) is distinguishable from chance." in seen
    assert "From 0.9 on it calls 60 % to species, 97 % of these rightly." in seen
    assert "+22.6 points · better" in seen
    assert "28 November 2026" in seen
    assert "strandloom taxonomy evaluate m.bundle q.fasta" in seen
    assert "species of most of the nearest records" in seen
    assert "<i>Clupea harengus</i>" in html
    for jargon in ("tensor", "query", "queries", "softmax", "logit"):
        assert jargon not in seen.lower()


@pytest.mark.parametrize(
    ("entry", "told", "tone"),
    [
        (compared(0.016, 0.004, 0.028, "better"), "is distinguishable from chance", "good"),
        (compared(0.016, -0.004, 0.036, "not distinguishable"), "cannot be told from chance", "fair"),
        (compared(-0.016, -0.03, -0.004, "worse"), "is distinguishable from chance", "poor"),
        (compared(None, None, None, "not distinguishable"), "was not tested", "fair"),
        ({}, "was not tested", "fair"),
    ],
)
def test_verdict_follows_the_comparison(entry: dict[str, Any], told: str, tone: str) -> None:
    html = page_of(section(comparisons={NEAREST: entry}))
    assert told in words(html)
    assert f'<div class="verdict {tone}">' in html


def test_fewer_and_as_many() -> None:
    systems = {OURS: system(0.8), NEAREST: system(0.83)}
    assert "3.0 points fewer than the best other method" in words(page_of(section(systems=systems)))
    systems[NEAREST] = system(0.8)
    assert "as many as the best other method" in words(page_of(section(systems=systems)))


def test_better_here_and_worse_there_is_a_mixed_verdict() -> None:
    worse = section(comparisons={NEAREST: compared(-0.016, -0.03, -0.004, "worse")})
    assert '<div class="verdict fair">' in page_of(section(), worse)


def test_one_method_has_nothing_beside_it() -> None:
    only = section(systems={OURS: system(0.826)}, comparisons={})
    html = page_of(only)
    check(html)
    assert "there is no other method to compare it with" in words(html)
    (part,) = read_parts(facts(only))
    table = system_table(part)
    assert table is not None
    assert [c.text for c in table.head][:2] == ["method", "species\N{NO-BREAK SPACE}↑"]
    assert not any(c.classes == "best" for row in table.rows for c in row)


def test_best_values_are_bold_but_not_of_the_silent() -> None:
    (part,) = read_parts(facts(section()))
    table = system_table(part)
    assert table is not None
    heads = [c.text.split("\N{NO-BREAK SPACE}")[0] for c in table.head]
    bold = {heads[i] for row in table.rows[:1] for i, c in enumerate(row) if c.classes == "best"}
    assert {"species", "coverage", "macro F1"} <= bold
    assert not bold & {"named", "precision"}
    assert table.rows[0][heads.index("species")].text == "82.6"
    assert table.rows[0][heads.index("macro F1")].text == "0.826"


def test_kinds_of_sequences() -> None:
    (part,) = read_parts(facts(section(groups={"unique": 150, "shared": 50, "novel haplotype": 0})))
    table = kind_table(part)
    assert table is not None
    assert [(c.text, c.sub) for c in table.head[1:]] == [("unique", "150 sequences"), ("shared", "50 sequences")]
    assert [c.text for c in table.rows[0][1:]] == ["99.0", "82.6"]
    assert KINDS["shared"] in table.caption
    (part,) = read_parts(facts(section(groups={})))
    assert kind_table(part) is None


def test_taxa_the_reference_lacks() -> None:
    strange = {n: system(0.8, listed=180, over=0.6, foreign=8) for n in (OURS, NEAREST)}
    (part,) = read_parts(facts(section(systems=strange)))
    table = lacking_table(part)
    assert table is not None
    assert [c.text for c in table.rows[0][1:]] == ["60.0", "30.0", "87.5", "50.0"]
    assert table.head[1].sub == "20 sequences of species the reference lacks"
    assert table.head[3].sub == "8 sequences of nothing in the reference"
    assert "no name there can be right" in words(page_of(section(systems=strange)))
    (part,) = read_parts(facts(section()))
    assert lacking_table(part) is None


def test_small_bins_are_off_the_line() -> None:
    html = page_of(section())
    drawing = html[html.index('id="trust-1-t"') :].split("</svg>")[0]
    assert drawing.count("<circle") == 9
    assert len(re.findall(r'class="line s\d thin" d="M[^L"]+L[^L"]+"', drawing)) == 3


def test_more_methods_than_colours() -> None:
    many = {f"method {i}": system(0.8 - i / 100) for i in range(10)}
    html = page_of(section(systems=many, comparisons={}))
    check(html)
    assert "line s0 dash" in html


def emptied(entry: Any) -> Any:
    """The same with every number null."""
    if isinstance(entry, dict):
        return {k: emptied(v) for k, v in entry.items()}
    if isinstance(entry, list):
        return [emptied(x) for x in entry]
    return None if isinstance(entry, (int, float)) else entry


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"sections": []},
        {"sections": [{}]},
        {"sections": [{"title": "Empty", "systems": {}}]},
        {"sections": [{"title": "Empty", "systems": {OURS: {}}}]},
        emptied(facts(section(), section())),
    ],
)
def test_missing_numbers_do_not_break_the_page(broken: dict[str, Any]) -> None:
    html = render_evaluation(broken, name="", version="1")
    check(html)
    assert "No method has been judged" in html


def test_names_are_escaped() -> None:
    html = page_of(section(title="<b>x</b>", systems={"<script>": system(0.8), "a&b": system(0.7)}, comparisons={}))
    check(html)
    assert "<script" not in html
    assert "<b>x" not in html


def test_nearest_threshold() -> None:
    points = [{"threshold": 0.0, "n": 1}, {"threshold": 0.7, "n": 2}, {"threshold": None}, "no"]
    assert point_at(points, 0.8)["n"] == 2
    assert point_at(None, 0.8) == {}
