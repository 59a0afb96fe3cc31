"""Records made uniform, and those set aside."""

from __future__ import annotations

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.clean import INPUT, NO_SEQUENCE, ODD_LETTERS, REPEATED_ID, clean_records
from strandloom.workflows.taxonomy.names import OPEN, Synonyms


def records(*rows: tuple[str | None, ...]) -> pl.DataFrame:
    """Rows of ``record_id, class, order, family, genus, species, sequence``."""
    return pl.DataFrame(rows, schema=dict.fromkeys(INPUT, pl.String), orient="row")


RANKS = ("Actinopteri", None, "Salmonidae", "Salmo")


def test_sequences_and_names_become_uniform() -> None:
    cleaned = clean_records(
        records(
            ("a", *RANKS, "Salmo_trutta_fario", "ac-gu.N r"),
            ("b", "NA", "incertae sedis", "", "Salmo", "salar", "ACGT"),
        )
    )
    assert cleaned.frame["species"].to_list() == ["Salmo trutta", "Salmo salar"]
    assert cleaned.frame["sequence"].to_list() == ["ACGTNR", "ACGT"]
    assert cleaned.frame.row(1)[1:4] == ("", "", "")
    assert cleaned.dropped.is_empty()


def test_what_cannot_be_used_is_set_aside_with_its_reason() -> None:
    cleaned = clean_records(
        records(
            ("a", *RANKS, "Salmo trutta", "ACGT"),
            ("a", *RANKS, "Salmo salar", "ACGT"),
            ("b", *RANKS, "Salmo trutta", None),
            ("c", *RANKS, "Salmo trutta", "ACGX?"),
            ("d", *RANKS, "Salmo sp. 1", "ACGT"),
        )
    )
    assert cleaned.frame["record_id"].to_list() == ["a"]
    assert cleaned.dropped.rows() == [
        ("a", "Salmo salar", REPEATED_ID, ""),
        ("b", "Salmo trutta", NO_SEQUENCE, ""),
        ("c", "Salmo trutta", ODD_LETTERS, "X"),
        ("d", "Salmo sp. 1", OPEN, ""),
    ]


def test_names_at_the_wrong_rank_are_unknown() -> None:
    cleaned = clean_records(
        records(
            ("a", "Actinopteri", "Salmonidae", "Salmoniformes", "Salmo", "Salmo trutta", "ACGT"),
            ("b", "Actinopteri", "Salmoniformes", "Salmonidae", "Salmonidae", "Salmo trutta", "ACGT"),
        )
    )
    assert cleaned.frame.select("order", "family", "genus").rows() == [
        ("", "", "Salmo"),
        ("Salmoniformes", "Salmonidae", ""),
    ]
    assert cleaned.misplaced.rows() == [
        ("order", "Salmonidae", 1),
        ("family", "Salmoniformes", 1),
        ("genus", "Salmonidae", 1),
    ]


def test_synonyms_replace_whole_names_first() -> None:
    synonyms = Synonyms({"salmo fario": "Salmo trutta", "salmo trutta marmoratus": "Salmo marmoratus"})
    cleaned = clean_records(
        records(
            ("a", *RANKS, "Salmo fario", "ACGT"),
            ("b", *RANKS, "Salmo trutta marmoratus", "ACGT"),
            ("c", *RANKS, "Salmo trutta fario", "ACGT"),
        ),
        synonyms=synonyms,
    )
    assert cleaned.frame["species"].to_list() == ["Salmo trutta", "Salmo marmoratus", "Salmo trutta"]
    assert cleaned.synonyms.rows() == [
        ("Salmo fario", "Salmo trutta", 1),
        ("Salmo trutta", "Salmo marmoratus", 1),
    ]


def test_no_record_or_no_column() -> None:
    with pytest.raises(InputError, match="holds no record"):
        clean_records(records())
    with pytest.raises(InputError, match="lacks sequence"):
        clean_records(records().drop("sequence"))
