"""The page of assigned sequences: what a fish ecologist looks for, self-contained, safe, readable without script."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from strandloom.report.cautions import Caution
from strandloom.report.map import MapCell
from strandloom.report.motif_inputs import PageLink
from strandloom.report.taxonomy_inputs import (
    Call,
    Candidate,
    ControlFlag,
    Moved,
    SamplePlace,
    SpeciesRange,
    TaxonomyPage,
    TaxonTotal,
    Totals,
    Undecided,
)
from strandloom.report.taxonomy_page import MOST_RANGES, render_taxonomy, sample_map
from strandloom.report.taxonomy_tables import MOST_CALLS, call_table
from strandloom.report.taxonomy_words import chance, moves, name, story, why

VOID = {"meta", "br", "input"}
HARENGUS = Candidate("Clupea harengus", 0.03, 0.62, -3.1, 0, 41, 4120.0, "far")
PALLASII = Candidate("Clupea pallasii", 0.97, 0.37, 2.2, 1, 18, 0.0, "listed here")
HERRING = Moved("ASV_1", HARENGUS, PALLASII, ("N1", "N2", "N3", "N4"), 120_000)
SHARED = Undecided("ASV_3", "genus", "Sebastes", 0.98, ("shared",), (
    Candidate("Sebastes alutus", 0.4, 0.5, 0.1, 0, 3, 12.0, "nearby"), Candidate("Sebastes ciliatus", 0.4, 0.5, 0.1, 0, 2, None, "no data"),
), 420)  # fmt: skip
PLACES = (
    SamplePlace("N1", 60.5, 179.5, 3, 900),
    SamplePlace("N2", 62.0, -170.0, 5, 100),
    SamplePlace("N2b", 62.0, -170.0, 4, 50),
)
PAGE = TaxonomyPage(
    name="Bering Sea",
    totals=Totals(6, {"species": 3, "genus": 1}, 2, 1, 2, 121_000, 120_500, 4, 3, 1),
    threshold=0.8,
    marker="12S MiFish",
    reference="reference of 10,297 species",
    taxa=(
        TaxonTotal("Clupea pallasii", "species", 1, 0.97, 0.97, "Clupeidae", 120_000, 4),
        TaxonTotal("Sebastes", "genus", 1, 0.98, 0.98, "Sebastidae", 420, 1),
        TaxonTotal("Phoca vitulina", "species", 1, 0.9, 0.9, "Phocidae", 80, 1, fish=False),
    ),
    calls=(
        Call(
            "ASV_1", "species", "Clupea pallasii", 0.97, "Clupea pallasii", 0.97, "Clupeidae", "Clupea harengus", 0.62, True, 1,
            "Clupea harengus", 120_000, 4,
        ),
        Call("ASV_3", "genus", "Sebastes", 0.98, "Sebastes alutus", 0.4, "Sebastidae", differences=0, nearest="Sebastes alutus", reads=420),
        Call("ASV_9", "unknown", "", 0.9, reads=5, samples=1, differences=31, nearest="Lycodes palearis"),
    ),
    places=PLACES,
    ranges=(
        SpeciesRange("Clupea pallasii", 1, PLACES[:2], (MapCell(61, 179, 2, 0.9), MapCell(61, -179, 2, 0.4)), 120_000, "Listed here."),
    ),
    moved=(HERRING,),
    undecided=(SHARED, Undecided("ASV_9", "unknown", "", 0.9, ("new",))),
    cautions=(Caution("caution", "One sample far inland", "N9 lies 120 km from the coast."),),
    flags=(ControlFlag("in blanks", "5 reads in 1 of 3 blanks", id="ASV_9", reads=5),),
    read=(("Turned round", "2 sequences were in reverse orientation"),),
    decided=(("Ranges", "ecoregion lists"),),
    files=(PageLink("assignments.tsv", "assignments.tsv", "every sequence"),),
    command="strandloom taxonomy assign run asvs.fasta --out out",
    version="0.1.0",
    date="2026-11-28",
)  # fmt: skip


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}
        self.ids += [value for key, value in attrs if key == "id"]
        self.links += [value for key, value in attrs if key in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words).replace("\N{NO-BREAK SPACE}", " "))


def read(page: TaxonomyPage) -> Reader:
    reader = Reader()
    reader.feed(render_taxonomy(page))
    assert reader.open == []
    return reader


def test_the_page_stands_by_itself() -> None:
    reader = read(PAGE)
    assert len(set(reader.ids)) == len(reader.ids)
    inside = [link[1:] for link in reader.links if link.startswith("#")]
    assert set(inside) <= set(reader.ids)
    assert [link for link in reader.links if not link.startswith("#")] == ["assignments.tsv"]
    assert reader.tags.count("script") == 1
    assert "onclick" not in reader.attributes
    assert "http" not in render_taxonomy(PAGE).replace("https://strandloom", "")
    assert "loads nothing from the network" in reader.text


def test_the_same_input_gives_the_same_text() -> None:
    assert render_taxonomy(PAGE) == render_taxonomy(PAGE)


def test_the_result_in_one_sentence() -> None:
    assert story(PAGE.totals).replace("\N{NO-BREAK SPACE}", " ") == (
        "Of 6 sequences, 3 (50 %, with 100 % of the reads) are called to species, 1 to genus only and 2 stay unknown: "
        "2 species of fish in 4 samples; location changed the best species of 1 sequence."
    )
    assert story(Totals(1, {"species": 1}, species=1)).replace("\N{NO-BREAK SPACE}", " ") == (
        "Of 1 sequence, 1 (100 %) is called to species: 1 species of fish."
    )
    assert "3 to genus, family or order only" in story(Totals(4, {"species": 1, "genus": 1, "family": 1, "order": 1}))
    assert "2 to genus or family only" in story(Totals(3, {"species": 1, "genus": 1, "family": 1}))
    assert story(Totals(0)) == "There was no sequence to assign."


def test_what_location_moved_is_said_with_its_evidence() -> None:
    html = render_taxonomy(PAGE)
    assert "Location moved <i>Clupea harengus</i> 0.62 → <i>Clupea pallasii</i> 0.97" in html
    text = read(PAGE).text
    assert "ASV_1 · in N1, N2, N3 and 1 more · 120,000 reads" in text
    assert (
        "far from where it is known, 4,120 km from the nearest known occurrence, same sequence, 41 reference records"
        in text
    )
    assert "listed here, 1 difference, 18 reference records" in text


def test_the_same_move_of_several_sequences_is_said_once() -> None:
    many = tuple(replace(HERRING, id=f"ASV_{i}") for i in range(3))
    [move] = moves(many)
    assert "3 sequences, first ASV_0" in move.where
    assert "360,000 reads" in move.where
    page = replace(PAGE, moved=many, totals=replace(PAGE.totals, moved=5))
    assert render_taxonomy(page).count("Location moved") == 1
    assert "2 further sequences of which location changed the best species" in read(page).text


def test_every_pair_is_listed_and_nothing_is_said_of_calls_to_species() -> None:
    pairs = tuple(
        replace(
            HERRING,
            id=f"ASV_{i}",
            after=replace(PALLASII, species=f"Clupea pallasii{'abcdefgh'[i % 8]}{i // 8}", probability=0.01),
        )
        for i in range(56)
    )
    page = replace(PAGE, moved=pairs, totals=replace(PAGE.totals, moved=56))
    assert render_taxonomy(page).count("Location moved") == 56
    text = read(page).text
    assert "of which location changed" not in text
    assert "one that was called" not in text
    assert "Best species changed by location56" in text


def test_wider_calls_are_counted_as_sequences() -> None:
    totals = replace(PAGE.totals, called={"species": 1, "genus": 134, "family": 56})
    assert "Rolled up190134 to genus, 56 to family" in read(replace(PAGE, totals=totals)).text


def test_without_samples_the_places_are_of_sequences() -> None:
    page = replace(PAGE, totals=replace(PAGE.totals, samples=None, located=None))
    text = read(page).text
    assert "3 sequences at 2 places" in text
    assert "Where the sequences are from" in render_taxonomy(page)
    assert "no map" not in text
    assert "other sequences" in text


def test_why_a_sequence_stayed_undecided() -> None:
    assert str(why(SHARED, 0.8)) == "<i>Sebastes alutus</i> and <i>Sebastes ciliatus</i> have equally near sequences."
    far = replace(SHARED, why=("outside",), candidates=(HARENGUS,))
    assert "is not known from there (4,120 km from the nearest known occurrence)" in why(far, 0.8)
    assert str(why(replace(SHARED, why=()), 0.8)) == "No species reaches a probability of 0.80."
    best = replace(PALLASII, species="Clupea best", sequence_probability=0.9, distance_km=None)
    assert "The best match, <i>Clupea best</i>, is not known from there." in why(
        replace(far, candidates=(HARENGUS, best)), 0.8
    )
    two = (replace(HARENGUS, differences=14), replace(PALLASII, differences=12))
    new = replace(SHARED, why=("new",), candidates=two)
    assert str(why(new, 0.8)) == "No reference sequence is close (the nearest has 12 differences)."
    for reason in ("shared", "near", "outside", "new", "unsure"):
        assert str(why(Undecided("a", "family", "X", 0.9, (reason,)), 0.8)).endswith(".")


def test_tables_say_what_is_no_fish_and_what_is_missing() -> None:
    text = read(PAGE).text
    for words in (
        "Phoca vitulinanot fish",
        "without location Clupea harengus 0.62",
        "unknown",
        "5 reads in 1 of 3 blanks",
        "N9 lies 120 km",
    ):
        assert words in text
    alone = replace(PAGE, calls=(Call("a", "species", "Gadus morhua", 1.0),), totals=Totals(1, {"species": 1}))
    table = call_table(alone)
    assert table is not None
    assert [words for words, _ in table.head] == ["Sequence", "Called", "Rank", "Probability"]


def test_long_lists_are_cut_with_a_word_on_the_rest() -> None:
    calls = tuple(Call(f"ASV_{i}", "species", "Gadus morhua", 0.9) for i in range(MOST_CALLS + 5))
    table = call_table(replace(PAGE, calls=calls, totals=Totals(4000)))
    assert table is not None
    assert len(table.rows) == MOST_CALLS
    assert table.note == "The first 2,000 of 4,000 sequences; all are in assignments.tsv."
    page = replace(PAGE, ranges=PAGE.ranges * (MOST_RANGES + 3))
    assert render_taxonomy(page).count('aria-labelledby="range-') == MOST_RANGES


def test_samples_at_one_place_are_one_point() -> None:
    found = sample_map((*PLACES, SamplePlace("lost", float("nan"), 3.0)))
    assert found is not None
    assert "3 samples at 2 places" in found.caption
    assert found.svg.count("<circle") == 2
    assert "N2, N2b: 5 taxa at most, 150 reads" in found.svg
    assert sample_map(()) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"places": (), "ranges": (), "moved": (), "totals": Totals(6, {"species": 6})},
            "No place was given, so there is no map",
        ),
        (
            {"places": (), "moved": (), "totals": Totals(6, {"species": 6}, samples=4, located=0)},
            "every call rests on the sequence alone",
        ),
        ({"moved": (), "totals": replace(PAGE.totals, moved=0)}, "Location changed the best species of no sequence."),
        ({"undecided": (), "totals": Totals(2, {"species": 2})}, "Every sequence was called to species."),
        (
            {"totals": Totals(0), "taxa": (), "calls": (), "undecided": (), "flags": (), "files": ()},
            "There was no sequence to assign.",
        ),
        ({}, "1 sample without coordinates is not on the map"),
    ],
)
def test_empty_parts_say_why(changes, words) -> None:
    assert words in read(replace(PAGE, **changes)).text


def test_everything_is_escaped() -> None:
    evil = "<script>alert('x')</script>&\"><i>"
    far = replace(HARENGUS, species=evil, range=evil)
    page = replace(
        PAGE,
        name=evil, marker=evil, reference=evil, whole=evil, command=evil, version=evil, read=((evil, evil),), decided=((evil, evil),),
        taxa=(TaxonTotal(evil, "species", 1, 0.9, 0.9, evil), TaxonTotal(evil, "family", 1, 0.9, 0.9)),
        calls=(Call(evil, evil, evil, 0.9, evil, 0.9, evil, evil, 0.1, True, nearest=evil, note=evil),),
        places=(SamplePlace(evil, 1, 2, 3),), ranges=(SpeciesRange(evil, 1, (SamplePlace(evil, 1, 2),), words=evil),),
        moved=(replace(HERRING, id=evil, before=far, samples=(evil,)), replace(HERRING, before=far)),
        undecided=(replace(SHARED, id=evil, taxon=evil, candidates=(far, far)),),
        cautions=(Caution("note", evil, evil),), flags=(ControlFlag(evil, evil, evil, evil, evil, "species"),),
        files=(PageLink("a.tsv", evil, evil),), date=evil,
    )  # fmt: skip
    reader = read(page)
    assert reader.tags.count("script") == 1
    assert "alert('x')" in reader.text
    assert "<script>alert" not in render_taxonomy(page)


def test_names_and_probabilities() -> None:
    assert str(name("Gadus", "genus")) == "<i>Gadus</i>"
    assert str(name("Gadidae", "family")) == "Gadidae"
    assert [chance(x) for x in (1.0, 0.994, 0.5, 0.001, None, float("nan"))] == [
        "> 0.99",
        "0.99",
        "0.50",
        "< 0.01",
        "–",
        "–",
    ]


SCRIPT = files("strandloom.report").joinpath("templates/sortable.js").read_text("utf-8")


def test_the_script_is_small_and_inside_the_page_as_it_is() -> None:
    assert len(SCRIPT.splitlines()) < 40
    assert SCRIPT.strip() in render_taxonomy(PAGE)
    assert not re.search(r"eval|innerHTML|fetch|import|http", SCRIPT)


@pytest.mark.skipif(shutil.which("node") is None, reason="node reads the script where it is installed")
def test_the_script_has_no_syntax_error() -> None:
    done = subprocess.run(["node", "--check", "-"], input=SCRIPT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
