"""Names that are probably two spellings of one."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.workflows.taxonomy.look_alikes import LOOK_ALIKE, alike, edits, look_alike_names


def slow_edits(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return slow_edits(one[1:], other[1:])
    return 1 + min(slow_edits(one[1:], other), slow_edits(one, other[1:]), slow_edits(one[1:], other[1:]))


@pytest.mark.parametrize(
    ("one", "other"), [("", "abc"), ("baeri", "baerii"), ("nigros", "nigroris"), ("alba", "bala"), ("abc", "xyz")]
)
def test_edits_are_those_of_the_slow_twin(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one) == slow_edits(one, other)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("Engraulis encrasicolus", "Engraulis encrasicholus", True),
        ("Acipenser baeri", "Acipenser baerii", True),
        ("Candidia barbatus", "Candidia barbata", True),
        ("Gobius niger", "Gobius niger", False),
        ("Mullus alba", "Mullus altus", False),  # two of five letters: another word
        ("Clupea harengus", "Clupea pallasii", False),
    ],
)
def test_a_letter_or_two(one: str, other: str, found: bool) -> None:
    assert alike(one, other) is found


def records(*rows: tuple[int, str]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"haplotype": pl.Int32, "species": pl.String}, orient="row")
    return frame.with_columns(pl.col("species").str.extract(r"^(\S+)").alias("genus"))


def test_a_shared_sequence_is_needed_and_most_records_are_accepted() -> None:
    own = records(
        (0, "Acipenser baeri"), (0, "Acipenser baerii"), (1, "Acipenser baerii"),
        (2, "Gadus chalcogramma"), (3, "Gadus chalcogrammus"),  # no sequence in common
        (4, "Zenopsis nebulosa"), (4, "Zenopsis nebulosus"),  # as many records
        (5, "Aba barbatus"), (5, "Oba barbatus"),  # two genera
    )  # fmt: skip
    found = look_alike_names(own)
    assert found.rows() == [("Acipenser baeri", "Acipenser baerii"), ("Zenopsis nebulosus", "Zenopsis nebulosa")]
    assert look_alike_names(own.reverse()).equals(found)
    assert look_alike_names(records((0, "Gadus morhua"))).schema == LOOK_ALIKE


def test_of_three_spellings_each_has_one_accepted_name() -> None:
    own = records(*((0, f"Gadus chalcogramm{end}") for end in ("us", "us", "us", "a", "a", "um")))
    assert look_alike_names(own).rows() == [
        ("Gadus chalcogramma", "Gadus chalcogrammus"),
        ("Gadus chalcogrammum", "Gadus chalcogrammus"),
    ]
