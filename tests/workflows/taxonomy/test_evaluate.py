"""Judging a model on a labelled table: sections, baselines, places, and tables that do not say enough."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from strandloom.errors import InputError, UsageError
from strandloom.workflows.taxonomy.evaluate import ALONE, KERNEL, PLACED, evaluate_file


@pytest.fixture
def table(tiny: SimpleNamespace, tmp_path: Path) -> Path:
    """Every species at home, in sequences with one difference."""
    import numpy as np

    rows, lives = tiny.world()
    rng = np.random.default_rng(5)
    first = {row[0]: row[5] for row in rows}
    path = tmp_path / "table.tsv"
    lines = []
    for i, (name, text) in enumerate(first.items()):
        lat, lon = tiny.centres[lives[name][0]]
        lines.append(f"q{i}\t{name}\t{tiny.changed(text, rng, 1) if i % 2 else text}\t{lat}\t{lon}")
    path.write_text("id\tspecies\tsequence\tlat\tlon\n" + "\n".join(lines) + "\n")
    return path


def test_location_helps_and_is_judged_beside_simpler_methods(
    trained: SimpleNamespace, table: Path, tmp_path: Path
) -> None:
    done = evaluate_file(trained.folder / "run" / "bundle", table, out=tmp_path / "out", baselines="fast", threads=1)
    titles = [section.title for section in done.sections]
    assert titles == ["By sequence alone", "With location", "As if its species were not known from there"]
    alone, placed, _ = done.sections
    assert list(alone.judged.systems) == [ALONE, "majority", "consensus", "lca"]
    assert {PLACED, ALONE, KERNEL} <= set(placed.judged.systems)
    right = {name: x.ranks["species"].measures["accuracy"].value for name, x in placed.judged.systems.items()}
    assert right[PLACED] > right[ALONE]
    facts = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert len(facts["sections"]) == 3
    assert "right species" in done.sentence
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_naive_bayes_is_fitted_on_the_reference(trained: SimpleNamespace, table: Path, tmp_path: Path) -> None:
    done = evaluate_file(trained.folder / "run" / "bundle", table, out=tmp_path / "out", threads=1)
    assert done.sections[0].judged.systems["naive Bayes"].ranks["genus"].measures["accuracy"].value > 0.8


def test_species_may_stand_in_a_table_of_their_own(trained: SimpleNamespace, table: Path, tmp_path: Path) -> None:
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    fasta, truth = tmp_path / "q.fasta", tmp_path / "truth.csv"
    fasta.write_text("".join(f">{row[0]}\n{row[2]}\n" for row in rows))
    truth.write_text("id,species\n" + "".join(f"{row[0]},{row[1]}\n" for row in rows[:10]))
    done = evaluate_file(
        trained.folder / "run" / "bundle", fasta, out=tmp_path / "out", truth=truth, baselines="none", threads=1
    )
    assert done.sections[0].judged.queries == 10
    assert len(done.sections) == 1


def test_nobody_says_what_the_sequences_are(trained: SimpleNamespace, table: Path, tmp_path: Path) -> None:
    bundle = trained.folder / "run" / "bundle"
    with pytest.raises(UsageError, match="all, fast or none"):
        evaluate_file(bundle, table, out=tmp_path / "out", baselines="some")
    bare = tmp_path / "bare.fasta"
    bare.write_text(">a\n" + "ACGT" * 30 + "\n")
    truth = tmp_path / "truth.csv"
    truth.write_text("id,species\nb,Alpha australis\n")
    with pytest.raises(InputError, match="nobody says"):
        evaluate_file(bundle, bare, out=tmp_path / "out", truth=truth)
    assert not (tmp_path / "out").exists()
