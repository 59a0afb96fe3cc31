"""Names as people write them, synonyms, and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy import names
from strandloom.workflows.taxonomy.names import KnownNames, parse_name, read_synonyms


@pytest.mark.parametrize(
    "text",
    [
        "Salmo trutta", "Salmo_trutta", "s__Salmo_trutta", "s_Salmo trutta", "salmo trutta", "SALMO TRUTTA", " Salmo  trutta ",
        "Salmo trutta fario", "Salmo trutta Linnaeus, 1758", "Salmo trutta (L.)", "Salmo (Salmo) trutta", "Salmo trutta voucher X1",
        "Salmo trutta subsp. fario", "'Salmo trutta'",
    ],
)  # fmt: skip
def test_what_is_a_species(text: str) -> None:
    assert parse_name(text) == ("Salmo trutta", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, names.NO_NAME),
        ("NA", names.NO_NAME),
        ("Salmo", names.UNIDENTIFIED),
        ("fish environmental sample", names.UNIDENTIFIED),
        ("uncultured Salmo", names.UNIDENTIFIED),
        ("Salmo sp.", names.OPEN),
        ("Salmo sp. ABC-1", names.OPEN),
        ("Salmo sp.'north'", names.OPEN),
        ("Salmo_spp", names.OPEN),
        ("Salmo n. sp.", names.OPEN),
        ("Salmo cf. trutta", names.UNCERTAIN),
        ("Salmo aff trutta", names.UNCERTAIN),
        ("cf. Salmonidae sp. 1", names.UNCERTAIN),
        ("Salmo trutta?", names.UNCERTAIN),
        ("Salmo trutta x Salmo salar", names.HYBRID),
        ("Salmo × hybrida", names.HYBRID),
        ("Salmo trutta/salar", names.COMPLEX),
        ("Salmo trutta complex sp. 2", names.COMPLEX),
        ("Salmo gr. trutta", names.COMPLEX),
        ("Salmo Trutta", names.NOT_BINOMIAL),
        ("1234", names.NOT_BINOMIAL),
    ],
)
def test_what_is_none(text: str | None, reason: str) -> None:
    assert parse_name(text) == ("", reason)
    assert reason in names.REASONS


def test_epithets_with_hyphens_and_x() -> None:
    assert parse_name("Notothenia novae-zelandiae").binomial == "Notothenia novae-zelandiae"
    assert parse_name("Xiphias gladius").binomial == "Xiphias gladius"


def test_synonyms_follow_chains(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.tsv"
    path.write_text(
        "name\taccepted\nTheragra chalcogramma\tGadus chalcogrammus\nPollachius chalcogrammus\tTheragra chalcogramma\n\t\n"
    )
    synonyms = read_synonyms(path)
    assert synonyms.resolve("pollachius_chalcogrammus") == "Gadus chalcogrammus"
    assert synonyms.resolve("Gadus morhua") == "Gadus morhua"
    other = tmp_path / "synonyms.csv"
    other.write_text("Accepted,Name\nSalmo trutta,Salmo fario\nSalmo trutta,Salmo trutta\n")
    assert read_synonyms(other).resolve("Salmo fario") == "Salmo trutta"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a\tb\n1\t2\n", ":1", "needs the columns name and accepted; it has a, b"),
        ("name\taccepted\nSalmo fario\tSalmo sp.\n", ":2", "cannot be used: unnamed species"),
        ("name\taccepted\nSalmo fario\tSalmo trutta\nSalmo fario\tSalmo salar\n", ":3", "has two accepted names"),
        ("name\taccepted\nSalmo a\tSalmo ba\nSalmo ba\tSalmo a\n", ":3", "cannot be used"),
        ("name\taccepted\nSalmo aa\tSalmo ba\nSalmo ba\tSalmo aa\n", ":2", "lead in a circle"),
    ],
)
def test_synonyms_that_cannot_be(tmp_path: Path, text: str, where: str, message: str) -> None:
    path = tmp_path / "synonyms.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_synonyms(path)
    if "circle" not in message:
        assert str(error.value.where).endswith(where)


def test_no_table_of_synonyms(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_synonyms(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="the file is empty"):
        read_synonyms(tmp_path / "empty.tsv")


def test_the_nearest_known_name() -> None:
    known = KnownNames(["Gadus morhua", "Gadus macrocephalus", "Clupea harengus", "Clupea pallasii"])
    assert known.nearest("Gadus morrhua") == "Gadus morhua"
    assert known.nearest("Clupaea harengus") == "Clupea harengus"
    assert known.nearest("Clupaea harengs") == "Clupea harengus"
    assert known.nearest("Thunnus thynnus") is None
    assert known.nearest("") is None
