"""``init`` writes what can be trained, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from test_tour import SETS
from tiny_runs import csv, rows, strandloom


@pytest.mark.parametrize("names", [("site", "decoy"), ("0", "1")], ids=["names", "numbers"])
def test_rows_without_a_class_are_left_out(place: Path, names: tuple[str, str]) -> None:
    """Empty, NA and nan are no classes; the filter that init writes trains."""
    table = [list(row) for row in rows(120)]
    for number, row in enumerate(table):
        row[2] = names[int(row[2])]
        if number in (3, 40, 77):
            row[2] = {3: "", 40: "NA", 77: "nan"}[number]
    (place / "t.csv").write_bytes(csv([tuple(row) for row in table]))
    begun = strandloom("init", "t.csv", "--out", "t.yaml").good()
    assert "target: label (2 classes)" in begun.err
    assert "3 of 120 rows looked at have no class" in begun.err
    assert sorted(map(str, yaml.safe_load((place / "t.yaml").read_text())["data"]["filter"]["label"])) == sorted(names)
    strandloom("train", "t.yaml", "--out", "run", *SETS).good()


def test_one_class_is_nothing_to_train_on(place: Path) -> None:
    table = [(*row[:2], "1", *row[3:]) for row in rows(60)]
    (place / "t.csv").write_bytes(csv(table))
    strandloom("init", "t.csv", "--out", "t.yaml").fails(1, "the column 'label' holds one class only: '1'", "hint: ")
    assert not (place / "t.yaml").exists()


def test_what_init_writes_for_values_trains(tmp_path: Path) -> None:
    """Headings with nothing but comments below them mean their defaults."""
    import random

    draw = random.Random(1)
    lines = [
        "sequence,growth",
        *(f"{''.join(draw.choice('ACGT') for _ in range(20))},{draw.gauss(0, 1):.3f}" for _ in range(120)),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    strandloom("init", tmp_path / "t.csv", "--out", tmp_path / "e.yaml").good()
    quick = ("--set", "training.epochs=1", "--set", "model={kind: multiscale, filters: 4, dense: [4]}")
    for source, out in (("e.yaml", "run"), ("t.csv", "run2")):
        done = strandloom("train", tmp_path / source, "--out", tmp_path / out, *quick)
        assert done.code == 0, done.err
