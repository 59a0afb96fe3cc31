"""One tree."""

from __future__ import annotations

import polars as pl

from strandloom.workflows.taxonomy.repair import repair_lineages

COLUMNS = ("record_id", "class", "order", "family", "genus", "species", "given_genus", "named_genus")


def frame(*rows: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def row(name: str, family: str, order: str = "O", class_: str = "C", *, genus: str | None = None) -> tuple[str, ...]:
    first = name.split()[0]
    return ("r", class_, order, family, first, name, first if genus is None else genus, first)


def test_the_majority_is_taken_and_the_others_are_told() -> None:
    repaired = repair_lineages(
        frame(row("A a", "X"), row("A a", "Y"), row("A a", "Y"), row("B b", "Z"), row("B b", "W"))
    )
    assert repaired.frame["family"].to_list() == ["Y", "Y", "Y", "W", "W"]
    assert repaired.broken.rows() == [("A a", "family", "Y", 2, "X", 1), ("B b", "family", "W", 1, "Z", 1)]


def test_empty_ranks_come_from_relatives() -> None:
    repaired = repair_lineages(
        frame(row("A a", "X"), row("A b", "", ""), row("C c", "X", "", ""), row("D d", "", "", ""), row("A a", "X"))
    )
    assert repaired.frame.select("species", "family", "order", "class").rows() == [
        ("A a", "X", "O", "C"),
        ("A b", "X", "O", "C"),
        ("C c", "X", "O", "C"),
        ("D d", "", "", ""),
        ("A a", "X", "O", "C"),
    ]
    assert repaired.filled.rows() == [
        ("A b", "family", "X", "A", 2),
        ("A b", "order", "O", "X", 2),
        ("C c", "class", "C", "O", 3),
        ("C c", "order", "O", "X", 2),
    ]


def test_each_taxon_stands_under_one_wider_taxon() -> None:
    rows = [row("A a", "X"), row("A b", "Y"), row("A c", "Y"), row("B b", "Y", "P"), row("C c", "Z", "O", "D")]
    repaired = repair_lineages(frame(*rows))
    assert repaired.frame.select("family", "order", "class").rows() == [("Y", "O", "C")] * 4 + [("Z", "O", "C")]
    assert repaired.divided.rows() == [
        ("O", "class", "C", 2, "D", 1),
        ("A", "family", "Y", 2, "X", 1),
        ("Y", "order", "O", 2, "P", 1),
    ]
    assert repaired.broken.is_empty()


def test_only_what_records_state_counts() -> None:
    """Neither ranks that were filled nor those of a taxon that was found wrong have a vote."""
    stated = [row("A a", "Y", "O"), row("B b", "Y", "P"), row("B b", "Y", "P")]
    empty = [row(f"A n{i}", "", "") for i in range(9)]
    repaired = repair_lineages(frame(*stated, *empty))
    assert set(repaired.frame["order"]) == {"P"}
    assert repaired.divided.rows() == [("Y", "order", "P", 2, "O", 1)]
    moved = [row("A a", "X", "P")] * 5 + [row("A b", "Y", "")] * 6 + [row("B b", "Y", "O")] * 3
    repaired = repair_lineages(frame(*moved))
    assert set(repaired.frame["family"]) == {"Y"}
    assert set(repaired.frame["order"]) == {"O"}
    assert repaired.divided.rows() == [("A", "family", "Y", 6, "X", 5)]


def test_unknown_ranks_are_skipped() -> None:
    repaired = repair_lineages(
        frame(
            row("A a", "", "O"), row("A b", "", "P"), row("A b", "", "P"), row("B b", "X", "", "C"), row("C c", "X", "", "D"),
            row("C c", "X", "", "D"),
        )
    )  # fmt: skip
    assert set(repaired.frame.filter(pl.col("genus") == "A")["order"]) == {"P"}
    assert set(repaired.frame.filter(pl.col("family") == "X")["class"]) == {"D"}
    assert repaired.divided.rows() == [("X", "class", "D", 2, "C", 1), ("A", "order", "P", 2, "O", 1)]


def test_the_name_tells_the_genus() -> None:
    repaired = repair_lineages(frame(row("A a", "X", genus="B"), row("A a", "X", genus="a")))
    assert repaired.frame["genus"].to_list() == ["A", "A"]
    assert repaired.genus_mismatch.rows() == [("A a", "B", 1)]
