"""The page of one sequence."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.explain.attribution import Check, Output
from strandloom.report.motif_inputs import NamedSite, PageLink, SequencePage
from strandloom.report.sequence_page import drawn_rows, render_sequence, story, strongest, unpadded
from strandloom.report.sequence_tracks import SiteTrack
from strandloom.report.tracks import Row


def page_of(length: int = 200, **changes: object) -> SequencePage:
    generator = np.random.default_rng(length)
    codes = generator.integers(0, 4, length).astype(np.uint8)
    effects = generator.normal(0, 0.02, (4, length))
    effects[codes, np.arange(length)] = 0
    contributions = -effects.sum(axis=0) / 3
    contributions[10:20] += 1
    sites = (NamedSite("CTCF", 9, 21, False, "motifs.html#motif-1"), NamedSite("SPI1", 12, 25, True))
    page = SequencePage(
        "seq<1>", codes, contributions, Output(0, "CTCF"), "deeplift", Check(0.02, 0.9, 50), "log odds of CTCF", 3.2,
        effects, "CTCF", 0.982, "CTCF", sites, back=PageLink("motifs.html", "All motifs"),
    )  # fmt: skip
    return replace(page, **changes)  # type: ignore[arg-type]


def words(html: str) -> str:
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append  # type: ignore[method-assign]
    parser.feed(html)
    return " ".join(" ".join(parts).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("length", [30, 99, 101, 250, 1000, 3000])
@pytest.mark.parametrize("given", [True, False])
def test_any_length_with_and_without_mutagenesis(length, given):
    page = page_of(length)
    html = render_sequence(page if given else replace(page, effects=None))
    assert html == render_sequence(page if given else replace(page, effects=None))
    assert ("heat-dot" in html.split("</style>")[1]) == given
    assert ("Mutagenesis was not computed" in html) != given
    assert "seq<1>" not in html
    assert not re.search(r"https?://|<script|@import|url\(", html)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert len(html) < 40_000 + 700 * min(length, 2000) + 40 * length
    if length == 3000:
        assert "Shown: the 20 of 30 rows" in words(html)


def test_the_story_of_a_right_and_of_a_wrong_answer():
    page = page_of()
    assert story(page) == (
        "The model answers CTCF with probability 0.982, which is right. "
        "The bases at 11–20 (CTCF and SPI1) speak most for CTCF."
    )
    wrong = replace(page, truth="PU.1", contributions=page.contributions - 2 * (np.arange(200) // 10 == 10))
    assert story(wrong).startswith(
        "The model answers CTCF with probability 0.982, but it is PU.1. The bases at 11–20 ("
    )
    assert story(wrong).endswith("; those at 101–110, in no motif, most against it.")
    assert 'class="verdict poor"' in render_sequence(wrong)
    assert 'class="verdict good"' in render_sequence(page)
    assert story(replace(page, contributions=np.zeros(200))).endswith("No base contributes to the log odds of CTCF.")


def test_an_abstention_is_neither_right_nor_wrong():
    page = page_of(abstained=True, probability=0.551, truth="PU.1")
    assert story(page).startswith(
        "The model abstains: it is not sure enough of CTCF (probability 0.551); the truth is PU.1. The bases at 11–20"
    )
    html = render_sequence(page)
    assert 'class="verdict fair"' in html
    assert "none: it abstains" in html
    assert "nearest: CTCF, probability 0.551" in html
    right = story(replace(page, truth="CTCF"))
    assert "which is right" not in right
    assert story(replace(page, answer="", probability=None, truth="")).startswith("The model abstains. The bases at")


def test_positions_count_from_the_first_base_of_the_whole_sequence():
    page = page_of(cropped=100, zero=-120, zero_words="distance from the TSS")
    assert "The bases at −10 to −1 (CTCF and SPI1) speak" in story(page)
    text = words(render_sequence(page))
    assert "The numbers are the distance from the TSS (bp; no position 0)." in text
    assert "The model does not read the first 100 bases of the sequence." in text
    assert "−11 to 1 forward" in text
    assert "that the model reads" in text


def test_the_score_is_told_from_the_probability():
    note = "the network's own log odds, before calibration"
    assert f"Explained score: log odds of CTCF +3.20 {note}; DeepLIFT/SHAP" in words(
        render_sequence(page_of(score_note=note))
    )


def test_strongest_is_the_best_of_all_windows():
    values = np.random.default_rng(1).normal(size=60)
    sums = [values[i : i + 10].sum() for i in range(51)]
    for sign in (1, -1):
        found = strongest(values, sign=sign)
        assert found is not None
        assert found.start == int(np.argmax(sign * np.array(sums)))
        assert found.total == pytest.approx(sign * max(sign * np.array(sums)))
    assert strongest(np.zeros(5), sign=1) is None
    assert strongest(np.zeros(0), sign=1) is None


def test_padding_is_taken_off_everywhere():
    page = page_of(50)
    padded = replace(
        page,
        codes=np.r_[np.full(4, DNA.pad, np.uint8), page.codes, np.full(3, DNA.pad, np.uint8)],
        contributions=np.r_[np.zeros(4), page.contributions, np.zeros(3)],
        effects=np.c_[np.zeros((4, 4)), page.effects, np.zeros((4, 3))],
    )
    assert render_sequence(padded) == render_sequence(page)
    assert len(unpadded(padded).codes) == 50
    nothing = replace(page, codes=np.full(50, DNA.pad, np.uint8), sites=())
    assert "The sequence has no bases" in render_sequence(nothing)


def test_brackets_that_overlap_stand_in_lanes_of_their_own():
    row = Row(0, 100, 46, 9.7)
    generator = np.random.default_rng(0)
    sites = tuple(NamedSite(f"motif {i}", int(s), int(s) + 12) for i, s in enumerate(generator.integers(0, 88, 25)))
    track = SiteTrack(sites, {s.name: 0 for s in sites})
    lanes = track.lanes(row)
    assert sum(map(len, lanes)) == 25
    for lane in lanes:
        ends = [(min(at, row.x(s.start)), max(at + 6.6 * len(track._words(s)), row.x(s.end))) for s, at in lane]
        assert all(a[1] <= b[0] for a, b in pairwise(ends))
        assert all(row.left <= left and right <= row.right + 1 for left, right in ends)
    assert SiteTrack((), {}).height(row) == 0


def test_a_site_over_the_end_of_a_row_is_drawn_in_both():
    page = page_of(300, sites=(NamedSite("CTCF", 95, 110),))
    html = render_sequence(page)
    picture = html[html.index('aria-labelledby="bases-t') :]
    assert len(re.findall(r'class="bracket', picture)) == 2
    assert "96–110" in words(html)


def test_rows_with_the_largest_contributions_are_kept():
    values = np.zeros(3000)
    values[[250, 2950]] = 5
    rows = drawn_rows(values)
    assert rows is not None
    assert len(rows) == 20
    assert {2, 29} <= set(rows)
    assert drawn_rows(np.zeros(2000)) is None


def test_links_and_table():
    html = render_sequence(page_of())
    assert 'href="motifs.html#motif-1"' in html
    text = words(html)
    assert "All motifs" in text
    assert "reverse" in text
    assert "No site of a found motif stands in this sequence." in words(render_sequence(page_of(sites=())))
    assert render_sequence(page_of(id="x" * 400)).count('class="long"') == 1
