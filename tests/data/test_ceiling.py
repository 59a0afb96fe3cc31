"""The ceiling of a table's own rows, found through its note, and never from a stale one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from strandloom.data.ceiling import ceiling, ceiling_for, note_path
from strandloom.data.dataset import Dataset
from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import Simulated, simulate, write_simulation
from strandloom.data.targets import Target, classes_target
from strandloom.data.window import Window
from strandloom.io.records import LetterCounts

SETTINGS = MotifSimulation(n=600, length=80)


@pytest.fixture
def simulated(tmp_path: Path) -> tuple[Simulated, Dataset]:
    made = simulate(SETTINGS, 5)
    write_simulation(made, tmp_path / "sim.tsv")
    data = Dataset(
        codes=made.codes,
        lengths=np.full(600, 80, np.int32),
        ids=made.frame["id"],
        columns=made.frame.drop("id", "sequence"),
        target=classes_target(made.frame["label"], path="sim.tsv"),
        weights=None,
        window=Window(80),
        letters=LetterCounts(),
        source=(str(tmp_path / "sim.tsv"),),
    )
    return made, data


def test_scores_equal_scikit_learn() -> None:
    made = simulate(SETTINGS, 9)
    truth = made.frame["label"].to_numpy()
    shown = np.clip(made.ratios.one_strand, -1e9, 1e9)
    assert made.ceiling.accuracy == accuracy_score(truth, shown > 0)
    assert made.ceiling.roc_auc == pytest.approx(roc_auc_score(truth, shown))
    assert made.ceiling.strand_symmetric_accuracy == accuracy_score(truth, made.ratios.both_strands > 0)


def test_the_ceiling_of_test_rows(simulated: tuple[Simulated, Dataset]) -> None:
    made, data = simulated
    everything = ceiling_for(data)
    assert everything.ceiling == made.ceiling
    rows = np.flatnonzero((made.frame["split"] == "test").to_numpy())
    found = ceiling_for(data, rows)
    assert found.ceiling is not None
    assert found.ceiling.rows == 120
    assert "exact" in found.note
    again = simulate(SETTINGS, 5)
    part = type(again.ratios)(again.ratios.one_strand[rows], again.ratios.both_strands[rows])
    assert found.ceiling == ceiling(part, made.frame["label"].to_numpy()[rows] == 1, SETTINGS)
    note = json.loads(note_path(data.source[0]).read_text())
    assert note["seed"] == 5
    assert note["ceiling"]["accuracy"] == made.ceiling.accuracy


def test_swapped_class_names_do_not_matter(simulated: tuple[Simulated, Dataset]) -> None:
    made, data = simulated
    assert data.target is not None
    swapped = Target("classes", 1 - data.target.values, ("1", "0"), "label")
    assert ceiling_for(replace(data, target=swapped)).ceiling == made.ceiling


def test_a_table_without_a_note(simulated: tuple[Simulated, Dataset], tmp_path: Path) -> None:
    _, data = simulated
    assert ceiling_for(replace(data, source=(str(tmp_path / "other.tsv"),))) == (None, "")
    assert ceiling_for(replace(data, source=(*data.source, "more.tsv"))) == (None, "")


@pytest.mark.parametrize("damage", ["table", "json", "format", "version", "settings", "target", "length"])
def test_a_note_that_does_not_fit_is_not_believed(simulated: tuple[Simulated, Dataset], damage: str) -> None:
    _, data = simulated
    table, note = Path(data.source[0]), note_path(data.source[0])
    about = json.loads(note.read_text())
    if damage == "table":
        table.write_text(table.read_text().replace("A", "C", 1))
    elif damage == "json":
        note.write_text("{")
    elif damage == "target":
        data = replace(data, target=Target("classes", np.zeros(600, np.int64), ("CAAT", ""), "motif"))
    elif damage == "length":
        data = replace(data, codes=data.codes[:, :79], window=Window(79))
    else:
        about[damage] = {"motifs": []} if damage == "settings" else "else"
        note.write_text(json.dumps(about))
    found = ceiling_for(data)
    assert found.ceiling is None
    assert found.note
