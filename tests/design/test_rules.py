"""Rules: how much sequences break them, and rules that cannot be kept."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from strandloom.alphabet import DNA, Codes
from strandloom.design.motifs import motif_of, places
from strandloom.design.rules import Rules
from strandloom.design.settings import GcSettings, RuleSettings
from strandloom.errors import SettingsError


def rules_of(start: str, *, width: int | None = None, **settings: Any) -> Rules:
    codes = window(start, width or len(start))
    return Rules.of(RuleSettings(**settings), codes, np.array([len(start)]), ids=["s"])


def window(text: str, width: int) -> Codes:
    out = np.full((1, width), DNA.pad, np.uint8)
    out[0, width - len(text) :] = DNA.encode(text)
    return out


def broken(rules: Rules, text: str) -> dict[str, int]:
    width = rules.starts.shape[1]
    found = rules.broken(window(text, width), np.zeros(1, np.int64))[0]
    return {name: int(n) for name, n in zip(rules.names, found, strict=True) if n}


@pytest.mark.parametrize(
    ("settings", "text", "amounts"),
    [
        ({"start_codons": "forbid"}, "CCATGCCATGCC", {"no upstream ATG": 2}),
        ({"start_codons": "forbid_out_of_frame"}, "CCATGCCCCATG", {"no upstream ATG out of frame": 1}),
        ({"start_codons": "forbid_out_of_frame"}, "ATGCCCATGCCC", {}),
        ({"stop_codons": "forbid"}, "TAACTAGCTGAC", {"no stop codon": 3}),
        ({"stop_codons": "forbid_in_frame"}, "TAACTAGCTGAC", {"no stop codon in frame": 1}),
        ({"longest_run": 3}, "AAAAACCCCGGG", {"no run of more than 3 equal bases": 3}),
        ({"forbid": ("EcoRI",)}, "CCGAATTCCCCC", {"no EcoRI (GAATTC)": 1}),
        ({"forbid": ("BsaI",)}, "CCGAGACCCCCC", {"no BsaI (GGTCTC)": 1}),
        ({"forbid": ("GAGACC",)}, "CCGGTCTCCCCC", {}),
        ({"forbid": ("WWWS",)}, "CCATAGCCCCCC", {"no WWWS": 1}),
        ({"require": ("TATAWA",)}, "CCTATCAACCCC", {"TATAWA somewhere": 1}),
        ({"max_edits": 2}, "CCCCAAAAAAAA", {"at most 2 edits": 2}),
        ({"gc": GcSettings(low=0.25, high=0.5)}, "CCCCCCCCAAAA", {"25% to 50% C and G": 2}),
        ({"gc": GcSettings(high=0.5, window=4)}, "AAAACCCAAAAA", {"0% to 50% C and G in every 4 bases": 2}),
        ({"gc": GcSettings(low=0.4, high=0.6, window=20)}, "AAAAAAAAAAAA", {"40% to 60% C and G in every 20 bases": 5}),
        ({"allowed": {"1-2": "W", "-1": "A"}}, "CAAAAAAAAAAC", {"the letters allowed at each position": 2}),
    ],
)  # fmt: skip
def test_how_much_is_broken(settings: dict[str, Any], text: str, amounts: dict[str, int]) -> None:
    assert broken(rules_of("A" * 12, **settings), text) == amounts


@pytest.mark.parametrize("width", [12, 15])
def test_flanks_count_across_the_border_only(width: int) -> None:
    """EcoRI would lie across either border; the sites inside the flanks are given."""
    given = rules_of("C" * 12, width=width, forbid=("EcoRI",), flanks={"left": "GAATTC", "right": "GAATTC"})
    assert broken(given, "CCCCCCCCCCCC") == {}
    left = rules_of("C" * 12, width=width, forbid=("EcoRI",), flanks={"left": "CGAA"})
    assert broken(left, "TTCCCCCCCCCC") == {"no EcoRI (GAATTC)": 1}
    right = rules_of("C" * 12, width=width, forbid=("EcoRI",), flanks={"right": "TTC"})
    assert broken(right, "CCCCCCCCCGAA") == {"no EcoRI (GAATTC)": 1}


def test_a_site_on_the_other_strand_of_an_enzyme() -> None:
    assert motif_of("bsai") == ("BsaI (GGTCTC)", ("GGTCTC", "GAGACC"))
    assert motif_of("EcoRI") == ("EcoRI (GAATTC)", ("GAATTC",))
    assert motif_of("uaug") == ("TATG", ("TATG",))
    with pytest.raises(SettingsError, match=r"did you mean `EcoR[IV]`"):
        motif_of("EcoR1")


@pytest.mark.parametrize(
    ("text", "found"), [("5", (4, 5)), ("2-4", (1, 4)), ("-1", (9, 10)), ("-3--1", (7, 10)), ("1--1", (0, 10))]
)
def test_places(text: str, found: tuple[int, int]) -> None:
    at = places(text, 10, where="x")
    assert (at.start, at.stop) == found


@pytest.mark.parametrize("text", ["0", "11", "3-2", "x", "-11", "1-", "5-11"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError):
        places(text, 10, where="x")


def test_what_may_change() -> None:
    rules = rules_of("ACGTACGT", width=10, fixed=("1", "-2--1"), allowed={"2-3": "SW"})
    letters = ["".join(np.array(list("ACGT"))[row]) for row in rules.allowed[0]]
    assert letters == ["", "", "A", "CG", "AT", "ACGT", "ACGT", "ACGT", "G", "T"]


@pytest.mark.parametrize(
    ("start", "settings", "words"),
    [
        ("AATGAAAAAA", {"fixed": ("1-5",), "start_codons": "forbid"}, "spell ATG at base 2, and upstream ATG is forbidden"),
        ("GAATTCAAAA", {"fixed": ("1-6",), "forbid": ("EcoRI",)}, r"spell GAATTC at base 1, and EcoRI \(GAATTC\)"),
        ("AAAAAAAAAA", {"allowed": {"1-4": "W"}, "forbid": ("WWWW",)}, "spell WWWW at base 1"),
        ("AAAAAAAAAA", {"fixed": ("1-5",), "longest_run": 4}, "5 A in a row at base 1, and at most 4"),
        ("AAAAAAAAAA", {"fixed": ("1-8",), "gc": {"low": 0.5}}, "its 10 bases have between 0 and 2, and 5 to 10 are asked for"),
        ("AAAAAAAAAA", {"gc": {"low": 0.51, "high": 0.59}}, "no number of 10 bases is in that range"),
        ("AAAAAAAAAA", {"require": ("ACGTACGTACGT",)}, "required but fits nowhere"),
        ("AAAAAAAAAA", {"fixed": ("1-9",), "require": ("CG",)}, "CG is required but fits nowhere"),
        ("AAAAAAAAAA", {"require": ("CCATGC",), "start_codons": "forbid"}, "CCATGC is required and contains ATG"),
        ("AAAAAAAAAA", {"require": ("GGG",), "max_edits": 2}, "takes 3 edits of this start, but at most 2"),
        ("AAAAAAAAAA", {"fixed": ("12",)}, "do not lie in a sequence of 10 bases"),
        ("AAAAAAAAAA", {"fixed": ("2",), "allowed": {"1-4": "S"}}, "base 2 is fixed as A, which rules.allowed does not have"),
        ("AAAAAAAAAA", {"fixed": ("5-1",)}, "the positions 5-1 run backwards"),
        ("AAAAAAAAAA", {"fixed": ("1--1",)}, "no position is free to change"),
        ("AAAAAAAAAA", {"allowed": {"1-3": "AC"}}, "2 letters for the 3 positions 1-3"),
        ("AAAAAAAAAA", {"forbid": ("QQ",)}, "neither a motif in IUPAC codes nor an enzyme"),
        ("AAAAAAAAAA", {"require": ("EcoRI",)}, "no motif in IUPAC codes"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_kept(start: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        _ = rules_of(start, **settings).names


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ValidationError, match=r"least share 0\.6 is above the largest, 0\.4"):
        GcSettings(low=0.6, high=0.4)
    with pytest.raises(ValidationError, match="'Z' is none of"):
        RuleSettings(allowed={"1": "Z"})


def test_kernels_equal_their_slow_twins() -> None:
    """Runs, windows of C and G and mismatches, sequence by sequence in plain Python."""
    generator = np.random.default_rng(4)
    codes = generator.integers(0, 4, (60, 25)).astype(np.uint8)
    lengths = generator.integers(8, 26, 60)
    for row, n in enumerate(lengths):
        codes[row, : 25 - n] = DNA.pad
    settings = RuleSettings(
        longest_run=2, gc=GcSettings(low=0.3, high=0.6, window=7), forbid=("RRY",), require=("ACGT",)
    )
    rules = Rules.of(settings, codes, lengths, ids=[str(i) for i in range(60)])
    found = rules.broken(codes, np.arange(60))
    for row, values in enumerate(found.tolist()):
        text = DNA.decode(codes[row])
        by_name = dict(zip(rules.names, values, strict=True))
        runs, run = 0, 1
        for a, b in pairwise(text):
            run = run + 1 if a == b else 1
            runs += run > 2
        assert by_name["no run of more than 2 equal bases"] == runs
        size = min(7, len(text))
        low, high = math.ceil(0.3 * size), math.floor(0.6 * size)
        strong = [sum(x in "CG" for x in text[i : i + size]) for i in range(len(text) - size + 1)]
        assert by_name["30% to 60% C and G in every 7 bases"] == sum(max(x - high, 0) + max(low - x, 0) for x in strong)
        words = [text[i : i + 3] for i in range(len(text) - 2)]
        assert by_name["no RRY"] == sum(w[0] in "AG" and w[1] in "AG" and w[2] in "CT" for w in words)
        fours = [text[i : i + 4] for i in range(len(text) - 3)]
        assert by_name["ACGT somewhere"] == min(sum(a != b for a, b in zip(w, "ACGT", strict=True)) for w in fours)
