"""Shared sequences and likely mislabelled records."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.ragged import encoded
from strandloom.workflows.taxonomy.suspects import (
    NEARER_FAMILY,
    OTHER_FAMILY,
    OTHER_GENUS,
    shared_sequences,
    suspect_records,
)

RNG = np.random.default_rng(11)
ONE, TWO, FAR = ("".join(RNG.choice(list("ACGT"), 80)) for _ in range(3))
NEAR_ONE = ONE[:40] + ("A" if ONE[40] != "A" else "C") + ONE[41:]


def judged(*rows: tuple[str, str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Shared and suspect records of ``(species, family, sequence)``."""
    frame = pl.DataFrame(rows, schema=["species", "family", "sequence"], orient="row").with_columns(
        pl.col("species").str.extract(r"^(\S+)").alias("genus")
    )
    distinct = frame["sequence"].unique(maintain_order=True)
    frame = frame.with_columns(
        pl.Series("haplotype", [distinct.to_list().index(x) for x in frame["sequence"]], pl.Int32),
        pl.Series("record_id", [f"r{i}" for i in range(len(rows))]),
    )
    return shared_sequences(frame), suspect_records(frame, *encoded(distinct))


def test_the_minority_family_is_suspect() -> None:
    shared, suspects = judged(("A a", "X", ONE), ("A b", "X", ONE), ("B b", "Y", ONE), ("B b", "Y", TWO))
    assert suspects.rows() == [(2, "r2", "B b", "Y", OTHER_FAMILY, "X", 2)]
    assert shared.select("group", "species", "records", "kind").rows() == [
        (1, species, 1, "different families") for species in ("A a", "A b", "B b")
    ]


def test_a_tie_is_decided_by_what_is_near() -> None:
    tie = (("A a", "X", ONE), ("B b", "Y", ONE))
    assert judged(*tie, ("A a", "X", NEAR_ONE), ("B b", "Y", TWO))[1]["record_id"].to_list() == ["r1"]
    assert judged(*tie, ("A a", "X", NEAR_ONE))[1]["reason"].to_list() == [NEARER_FAMILY]
    assert judged(*tie)[1].is_empty(), "nothing tells which is right"


def test_another_genus_of_the_family() -> None:
    many = tuple(("A a", "X", ONE) for _ in range(3))
    assert judged(*many, ("B b", "X", ONE), ("B b", "X", FAR))[1].select("record_id", "reason", "other").rows() == [
        ("r3", OTHER_GENUS, "A")
    ]
    assert judged(*many, ("B b", "X", ONE))[1].is_empty(), "the species is known by this record only"
    assert judged(*many, ("B b", "X", ONE), ("B b", "X", NEAR_ONE))[1].is_empty(), "its other records are near"
    assert judged(*many, ("A c", "X", ONE), ("A c", "X", FAR))[1].is_empty(), "the same genus"


def test_kinds_of_sharing() -> None:
    shared, _ = judged(
        ("A a", "X", ONE), ("A b", "X", ONE), ("B b", "X", TWO), ("C c", "X", TWO), ("D d", "", FAR), ("E e", "Z", FAR),
        ("F f", "Z", NEAR_ONE),
    )  # fmt: skip
    assert shared.group_by("kind").agg("species").sort("kind").rows() == [
        ("same family", ["B b", "C c", "D d", "E e"]),
        ("same genus", ["A a", "A b"]),
    ]
