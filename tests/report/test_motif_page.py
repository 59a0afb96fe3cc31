"""The page of the motifs: every shape of input, in words a reader looks for, self-contained and safe."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.evaluation.results import Interval
from strandloom.explain.attribution import Check, Output
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.profile import enrichment
from strandloom.pwm import reverse_complement
from strandloom.report.map_check import check_cautions
from strandloom.report.motif_figures import by_class, places
from strandloom.report.motif_inputs import (
    ExplainedSequences,
    FoundMotif,
    KnownMatch,
    MarginalEffect,
    MotifPage,
    PageLink,
)
from strandloom.report.motif_page import motif_section, render_motifs
from strandloom.report.motif_words import story

VOID = {"meta", "br"}
FILES = (PageLink("motifs.meme", "motifs.meme", "the matrices"), PageLink("sites.tsv", "sites.tsv"))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.hrefs += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())


def read(html: str, beside: tuple[str, ...] = ()) -> Reader:
    found = Reader()
    found.feed(html)
    found.close()
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert {h[1:] for h in found.hrefs if h.startswith("#")} <= set(found.ids)
    assert {h for h in found.hrefs if not h.startswith("#")} <= set(beside)
    assert not found.tags & {"script", "iframe", "object", "embed", "link", "img", "form"}
    assert not any(a.startswith("on") for a in found.attributes)
    assert not re.search(r"https?://|@import|url\(", html)
    return found


def sequences(number: int = 60, classes: int = 2, length: int = 80) -> ExplainedSequences:
    generator = np.random.default_rng(5)
    codes = generator.integers(0, 4, (number, length)).astype(np.uint8)
    codes[::3, :5] = DNA.pad
    codes[1::3, -7:] = DNA.pad
    return ExplainedSequences(codes, [f"seq-{i}" for i in range(number)], np.arange(number) % classes)


def motif(rank: int = 1, *, name: str = "", sign: int = 1, known: bool = True, effect: bool = True) -> FoundMotif:
    generator = np.random.default_rng(rank)
    width = 6 + rank % 9
    matrix = generator.dirichlet(np.full(4, 0.15), width)
    rows = np.arange(0, 40, 2)
    sites = Sites(rows, 10 + rows, 10 + rows + width, rows % 4 == 0, sign * (1 + rows / 40))
    return FoundMotif(
        Motif(name or f"pattern-{rank}", matrix, sites, sign * matrix * 0.3),
        (KnownMatch(f"MA{rank:04}.1 NAME{rank}", matrix, 10.0 ** -(8 + rank)), KnownMatch("MA9 NEXT", matrix, 0.01, 2, True))
        if known
        else (),
        effect=MarginalEffect(
            Interval(sign * 2.1, sign * 2.1 - 0.2, sign * 2.1 + 0.2), Interval(0.1, -0.1, 0.3), 200, "shuffled sequences"
        )
        if effect
        else None,
    )  # fmt: skip


def page_of(*motifs: FoundMotif, classes: tuple[str, ...] = ("CTCF", "PU.1")) -> MotifPage:
    return MotifPage(
        "ctcf", Output(0, classes[0]), "deeplift", Check(0.03, 0.87, 50), f"log odds of {classes[0]}",
        sequences(classes=len(classes)), classes=classes, motifs=motifs, ranked_by="summed contributions",
        known="jaspar.meme", files=FILES,
    )  # fmt: skip


BESIDE = ("motifs.meme", "sites.tsv")


@pytest.mark.parametrize("number", [0, 1, 2, 40])
@pytest.mark.parametrize("classes", [2, 3, 100])
def test_any_number_of_motifs_and_classes(number, classes):
    motifs = [motif(i + 1, sign=-1 if i % 2 else 1, known=i % 3 != 2, effect=i % 4 != 3) for i in range(number)]
    html = render_motifs(page_of(*motifs, classes=tuple(f"Species {i} <of> a genus" for i in range(classes))))
    found = read(html, BESIDE)
    assert html.startswith("<!doctype html>")
    assert {f"motif-{i + 1}" for i in range(number)} <= set(found.ids)
    assert "<of>" not in html
    assert len(html) < 60_000 + 60_000 * number


def test_the_story_names_the_motifs_and_what_they_speak_for():
    words = story(page_of(motif(1), motif(2, sign=-1))).replace("\N{NO-BREAK SPACE}", " ")
    assert words == (
        "The model tells CTCF from PU.1 by 2 motifs: NAME1 (q = 1e−9) speaks for CTCF; NAME2 (q = 1e−10) speaks for PU.1."
    )
    many = story(page_of(*[motif(i) for i in range(1, 8)], classes=("a", "Beta", "c")))
    assert many.startswith("The model tells class a from the other 2 classes by 7 motifs:")
    assert many.endswith("; 3 weaker motifs below (3 for class a).")


def test_words_a_reader_looks_for():
    page = read(render_motifs(page_of(motif(1), motif(2, known=False, effect=False))), BESIDE).text
    for words in (
        "What speaks for CTCF",
        "MA0001.1 NAME1, q = 1e−9",
        "then MA9 NEXT, q = 0.01",
        "no match at q < 0.05",
        "20 sites in 20 of the 60 explained sequences (33.3 %)",
        "Inserting it raises the log odds of CTCF by 2.10 (1.90 to 2.30); a shuffled copy changes it by +0.10 (−0.10 to 0.30), which",
        "Its effect on other sequences was not measured.",
        "Where in the sequence",
        "In which class",
        "Reverse complement",
        "Agreement with mutagenesis",
        "0.87",
        "motifs.meme",
    ):
        assert words in page, words


def test_without_a_motif_file_it_is_said():
    page = read(render_motifs(replace(page_of(motif(1, known=False)), known="")), BESIDE).text
    assert "no motif file was given" in page
    assert "without a known match" not in page


def test_nothing_found_says_why_at_the_top():
    html = render_motifs(replace(page_of(), nothing="12 windows passed and 20 are needed"))
    page = read(html, BESIDE)
    assert "No motif was found behind the way in which the model tells CTCF from PU.1. 12 windows passed" in page.text
    assert "Nothing found" in page.text
    assert "motifs" not in page.ids


@pytest.mark.parametrize(
    ("check", "level"),
    [
        (Check(0.03, 0.9, 50), None),
        (Check(0.03, 0.6, 50), "caution"),
        (Check(0.9, None, 0), "serious"),
    ],
)
def test_a_bad_check_is_seen_at_once(check, level):
    found = check_cautions(check, "deeplift")
    html = render_motifs(replace(page_of(motif(1)), check=check))
    tone = {None: "good", "caution": "fair", "serious": "poor"}[level]
    assert f'<div class="verdict {tone}">' in html
    if level:
        assert html.index(found[0].title) < html.index('<section id="motifs"')
    assert ("Do not trust this picture blindly" in html) == (level == "serious")


def test_mutagenesis_is_not_compared_with_itself():
    html = render_motifs(replace(page_of(motif(1)), method="mutagenesis", check=Check()))
    assert "nothing to compare with" in read(html, BESIDE).text


def test_example_sites_are_read_in_the_motifs_direction():
    explained = sequences(4)
    row = explained.sequence(0)
    sites = Sites(np.array([0, 1]), np.array([20, 3]), np.array([26, 9]), np.array([True, False]), np.array([2.0, 1.0]))
    one = FoundMotif(Motif("p", np.full((6, 4), 0.25), sites))
    html = render_motifs(replace(page_of(one), sequences=explained))
    wanted = DNA.decode(DNA.reverse_complement(row[20:26]))
    shown = "".join(re.findall(r'<b class="in-\w">(\w)</b>', re.findall(r"<mark>(.*?)</mark>", html)[0]))
    assert shown == wanted
    assert "21–26, reverse strand" in html


def test_sequences_without_their_padding():
    explained = sequences()
    slow = [DNA.decode(codes) for codes in explained.codes]
    assert [DNA.decode(explained.sequence(i)) for i in range(len(explained))] == slow
    assert explained.lengths.tolist() == [len(x) for x in slow]


def in_classes(rows: list[int], labels: np.ndarray, names: tuple[str, ...]):
    row = np.array(rows)
    found = FoundMotif(Motif("p", np.eye(4), Sites(row, row * 0, row * 0 + 4, row < 0, row * 1.0)))
    return found, enrichment([found.motif], labels, names)


def test_shares_count_sequences_not_sites():
    found, tested = in_classes([0, 0, 1, 3], np.array([0, 1, 1, -1, 0]), ("a", "b", "c"))
    figure = by_class("c", found, tested)
    assert figure is not None
    assert re.findall(r"<title>(\w: \d of \d)<", str(figure.svg)) == ["a: 1 of 2", "b: 1 of 2", "c: 0 of 0"]
    assert figure.caption.startswith("No class holds it more often than chance allows (least q\N{NO-BREAK SPACE}=")
    assert by_class("c", found, ()) is None


def test_classes_that_are_not_known_are_left_out():
    page = page_of(motif(1))
    for labels in (None, np.full(60, -1)):
        html = render_motifs(replace(page, sequences=replace(page.sequences, labels=labels)))
        assert "In which class" not in html
        assert "Fisher" not in html


def test_the_histogram_holds_every_site():
    found = motif(1)
    explained = sequences()
    figure = places("w", found, explained)
    assert figure is not None
    assert sum(int(n) for n in re.findall(r": (\d+) sites?<", str(figure.svg))) == len(found.motif.sites)
    assert figure.caption.startswith("The fullest place, ")
    assert (
        places(
            "w", replace(found, motif=replace(found.motif, sites=found.motif.sites.take(np.array([], int)))), explained
        )
        is None
    )


@pytest.mark.parametrize(("zero", "where"), [(1, "121–130"), (-120, "1–10"), (-130, "−10 to −1")])
def test_places_count_from_the_first_base_of_the_whole_sequence(zero, where):
    codes = np.zeros((3, 100), np.uint8)
    cropped = np.array([100, 90, 0])
    start = 120 - cropped[:2]
    sites = Sites(np.arange(2), start, start + 10, np.zeros(2, bool), np.ones(2))
    found = FoundMotif(Motif("p", np.full((10, 4), 0.25), sites))
    explained = ExplainedSequences(codes, ["a", "b", "c"], cropped=cropped)
    figure = places("w", found, explained, zero=zero, zero_words="distance")
    assert figure is not None
    tips = re.findall(r"<title>([^<]*: 2 sites)<", str(figure.svg))
    middle = {1: "125–128", -120: "5–8", -130: "−8 to −5"}[zero]  # bins of 4 from the start or from +1 hold base 125
    assert tips == [f"{middle}: 2 sites"]
    assert "of which the model reads a part" in figure.caption
    assert ("no position 0" in str(figure.svg)) == (zero < 0)
    html = render_motifs(replace(page_of(found), sequences=explained, zero=zero))
    assert html.count(f"· {where} ·") == 2


def test_the_average_is_numbered_as_bases_where_all_begin_alike():
    page = replace(page_of(), average=np.eye(4), average_words="9 sequences", zero=-2, zero_words="distance")
    assert "Positions: distance (bp; no position 0)." in render_motifs(page)
    first = replace(page, sequences=replace(page.sequences, cropped=np.full(60, 1)))
    assert "largest at −1" in render_motifs(first)
    ragged = replace(page, sequences=replace(page.sequences, cropped=np.arange(60)))
    assert "column of the model&#39;s window" in render_motifs(ragged)


def test_what_was_drawn_and_what_the_score_is():
    page = replace(page_of(motif(1)), drawn="as many of either class", score_note="before calibration")
    text = read(render_motifs(page), BESIDE).text
    assert "Drawn As many of either class." in text
    assert "log odds of CTCF (output 0): before calibration" in text


def test_a_match_on_the_other_strand_is_drawn_turned_round_under_the_motif():
    matrix = np.eye(4)[[0, 0, 1, 2]]
    turned = reverse_complement(matrix)
    own = Motif("p", matrix, motif(1).motif.sites)
    straight = FoundMotif(own, (KnownMatch("M X", matrix, 1e-9),))
    other = FoundMotif(own, (KnownMatch("M X", turned, 1e-9, 0, True),))
    letters = [re.findall(r'class="base-\w" d="[^"]*"', render_motifs(page_of(m))) for m in (straight, other)]
    assert letters[0] == letters[1]


def test_the_section_of_the_report_has_ids_of_its_own():
    page = page_of(*[motif(i) for i in range(1, 10)])
    section = motif_section(page, link="explain/motifs.html", most=2)
    found = read(str(section), ("explain/motifs.html",))
    assert not set(found.ids) & set(read(render_motifs(page), BESIDE).ids)
    assert {"found-1", "found-2"} <= set(found.ids)
    assert "found-3" not in found.ids
    assert "And 7 more" in found.text


def test_filters_are_folded_and_the_same_page_comes_every_time():
    page = replace(
        page_of(motif(1)), filters=tuple(motif(i, name=f"filter-{i}") for i in range(1, 30)), filters_note="Half."
    )
    html = render_motifs(page)
    assert html == render_motifs(page)
    assert "<summary>29 filters</summary>" in html
    assert "filter-29-t" in read(html, BESIDE).ids


def test_an_effect_without_an_interval_is_drawn():
    unknown = MarginalEffect(Interval(2.0, float("nan"), float("nan")))
    assert "What it does" in render_motifs(page_of(replace(motif(1), effect=unknown)))
