"""Blanks and positive controls against rules written out row by row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.contamination import (
    NATIVE_SHARE,
    contaminants,
    flag_below_blanks,
    flag_blanks,
    flag_positives,
)

FIELD = ("sample", "unknown")
CELLS = {"sample": pl.String, "id": pl.String, "reads": pl.Int64, "kind": pl.String}


def cells(*rows: tuple[str, str, int, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CELLS, orient="row")


def drawn(seed: int) -> pl.DataFrame:
    """A study at random: 12 samples of all kinds, 10 ASVs."""
    rng = np.random.default_rng(seed)
    kinds = [*FIELD, "blank", "positive", "mock"]
    rows = []
    for s in range(12):
        kind = kinds[int(rng.integers(len(kinds)))]
        for a in range(10):
            reads = int(rng.integers(0, 40) * rng.integers(0, 2))
            if reads:
                rows.append((f"s{s}", f"a{a}", reads, kind))
    return cells(*rows)


def reads_by_id(frame: pl.DataFrame, *kinds: str) -> Iterator[tuple[str, list[int]]]:
    for name in sorted(set(frame["id"])):
        yield name, [reads for _, own, reads, kind in frame.rows() if own == name and kind in kinds]


@pytest.mark.parametrize("seed", range(5))
def test_contaminants_and_doubted_detections(seed: int) -> None:
    frame = drawn(seed)
    blanks = frame.filter(pl.col("kind") == "blank")["sample"].n_unique() + 1
    found = contaminants(frame, blanks=blanks)
    inside, field = dict(reads_by_id(frame, "blank")), dict(reads_by_id(frame, *FIELD))
    expected = [
        (
            name,
            len(own),
            len(own) / blanks,
            sum(own),
            max(own),
            sum(field[name]),
            max(field[name], default=0),
            sum(own) / (sum(own) + sum(field[name])),
        )
        for name, own in inside.items()
        if own
    ]
    expected.sort(key=lambda row: (-row[4], row[0]))
    assert [pytest.approx(row[1:]) for row in expected] == [row[1:] for row in found.rows()]
    assert found["id"].to_list() == [row[0] for row in expected]
    flags = flag_blanks(found, blanks=blanks)
    assert flags.select("flag", "sample", "id", "reads").rows() == [
        ("in_blank", None, row[0], row[3]) for row in found.rows()
    ]
    for factor in (0.0, 0.5, 1.0, 3.0):
        low = flag_below_blanks(frame, found, factor=factor)
        assert low.select("sample", "id", "reads").rows() == [
            (sample, name, reads)
            for sample, name, reads, kind in frame.rows()
            if kind in FIELD and inside[name] and reads < factor * max(inside[name])
        ]


@pytest.mark.parametrize("seed", range(5))
def test_positive_controls(seed: int) -> None:
    frame, share = drawn(seed), 0.1
    jumps, flags = flag_positives(frame, share=share)
    inside, outside = dict(reads_by_id(frame, "positive")), dict(reads_by_id(frame, *FIELD, "blank"))
    total = sum(sum(own) for own in inside.values())
    own = [name for name, x in inside.items() if sum(x) and sum(x) >= share * total]
    native = [x for x in own if sum(inside[x]) < NATIVE_SHARE * (sum(inside[x]) + sum(outside[x]))]
    made = [name for name in own if name not in native]
    assert sorted(jumps.ids) == own
    assert sorted(jumps.native) == native
    gone, kept = sum(sum(outside[x]) for x in made), sum(sum(inside[x]) for x in made)
    assert jumps.leaving == (pytest.approx(gone / (gone + kept)) if made else None)
    entering = sum(sum(x) for name, x in inside.items() if name not in own)
    assert jumps.entering == (pytest.approx(entering / total) if total else None)
    assert flags.select("sample", "id", "reads").rows() == [
        row[:3] for row in frame.rows() if row[3] in FIELD and row[1] in own
    ]


def test_reasons() -> None:
    frame = cells(
        ("S1", "A", 100, "sample"), ("S2", "A", 3, "unknown"), ("B1", "A", 5, "blank"), ("B1", "C", 2, "blank"),
        ("P1", "P", 990, "positive"), ("P1", "A", 10, "positive"), ("S1", "P", 1, "sample"), ("M1", "P", 500, "mock"),
    )  # fmt: skip
    found = contaminants(frame, blanks=4)
    assert flag_blanks(found, blanks=4)["reason"].to_list() == [
        "seen in 1 of 4 blanks; most reads in a blank: 5, in a field sample: 100; 4.63 % of its reads are in blanks",
        "seen in 1 of 4 blanks; most reads in a blank: 2, none in field samples",
    ]
    low = flag_below_blanks(frame, found, factor=2)
    assert low.rows() == [("below_blank", "S2", "A", 3, "fewer reads (3) than 2 times the most in a blank (5)")]
    once = flag_below_blanks(frame, found, factor=1)
    assert once["reason"].to_list() == ["fewer reads (3) than the most in a blank (5)"]
    jumps, flags = flag_positives(frame, share=0.05)
    assert jumps == (("P",), (), pytest.approx(1 / 991), pytest.approx(0.01))
    assert flags["reason"].to_list() == [
        "an ASV of the positive control (reads there: 990, here: 1): reads that may have jumped between libraries"
    ]
    jumps, flags = flag_positives(frame.with_columns(pl.col("reads").replace(1, 5_000)), share=0.05)
    assert (jumps.native, jumps.leaving) == (("P",), None)
    assert flags["reason"][0].endswith("most of its reads are in field samples, so it may live there")


def test_a_study_without_controls() -> None:
    frame = cells(("S1", "A", 100, "sample"))
    found = contaminants(frame, blanks=0)
    assert found.is_empty()
    assert flag_blanks(found, blanks=0).is_empty()
    assert flag_below_blanks(frame, found, factor=1).is_empty()
    jumps, flags = flag_positives(frame, share=0.01)
    assert jumps == ((), (), None, None)
    assert flags.is_empty()
