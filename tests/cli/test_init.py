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


def genome(folder: Path) -> tuple[Path, Path]:
    """Four contigs with TGACTCA planted, and its places as peaks of two labels."""
    import random

    draw, peaks, lines = random.Random(1), [], []
    for contig in ("I", "II", "III", "IV"):
        letters = [draw.choice("ACGT") for _ in range(12_000)]
        for at in range(200, 11_800, 200):
            if draw.random() < 0.8:
                letters[at + 90 : at + 97] = list("TGACTCA")
                peaks.append(f"{contig}\t{at + 90}\t{at + 97}\tGcn4")
            if draw.random() < 0.2:
                peaks.append(f"{contig}\t{at + 10}\t{at + 60}\tother")
        lines.append(f">{contig}\n{''.join(letters)}\n")
    (folder / "g.fa").write_text("".join(lines))
    (folder / "peaks.bed").write_text("\n".join(peaks) + "\n")
    return folder / "g.fa", folder / "peaks.bed"


def test_from_a_genome_and_peaks_to_a_model_in_two_commands(tmp_path: Path) -> None:
    fasta, peaks = genome(tmp_path)
    done = strandloom("data", "label", fasta, "--peaks", peaks, "--rule", "any", "--out", tmp_path / "bins.tsv").good()
    assert "2 labels" in done.out
    quick = (
        "--set",
        "training.epochs=1",
        "--set",
        "evaluation.resamples=20",
        "--set",
        "model={kind: multiscale, filters: 4, dense: [4]}",
    )
    trained = strandloom(
        "train", tmp_path / "bins.tsv", "--genome", fasta, "--window", 300, "--out", tmp_path / "run", *quick
    )
    assert trained.code == 0, trained.err
    assert "target: labels (2 labels, separated by commas)" in trained.err
    assert "split: by chromosome" in trained.err
    assert "2 labels with mean AUPRC" in trained.out
    written = yaml.safe_load((tmp_path / "run/experiment.yaml").read_text())
    assert written["task"] == "labels"
    assert written["data"]["window"]["length"] == 300
    with_genome = ("--genome", fasta)
    strandloom(
        "predict", tmp_path / "run/bundle", tmp_path / "bins.tsv", "--out", tmp_path / "p.tsv", *with_genome
    ).good()
    assert (tmp_path / "p.tsv").read_text().splitlines()[0] == "id\tGcn4\tother\tlabels"
    strandloom("evaluate", tmp_path / "run/bundle", tmp_path / "bins.tsv", "--out", tmp_path / "E", *with_genome).good()
    done = strandloom(
        "explain",
        tmp_path / "run/bundle",
        tmp_path / "bins.tsv",
        "--out",
        tmp_path / "WHY",
        "--rows",
        40,
        "--output",
        "Gcn4",
        *with_genome,
    )
    assert done.code == 0, done.err
    strandloom("init", tmp_path / "bins.tsv", "--genome", fasta, "--out", tmp_path / "e.yaml").good()
    assert yaml.safe_load((tmp_path / "e.yaml").read_text())["data"]["window"] == {"length": 1000, "anchor": "centre"}


def test_a_bed_file_with_a_track_line_is_a_table_of_places(tmp_path: Path) -> None:
    fasta, peaks = genome(tmp_path)
    peaks.write_text(f"track name=peaks\n{peaks.read_text()}")
    quick = ("--set", "training.epochs=1", "--set", "evaluation.resamples=20")
    small = ("--set", "model={kind: multiscale, filters: 4, dense: [4]}")
    trained = strandloom("train", peaks, "--genome", fasta, "--window", 100, "--out", tmp_path / "run", *quick, *small)
    assert trained.code == 0, trained.err
    assert "target: column_4 (2 classes)" in trained.err
    assert "split: by chromosome" in trained.err
    bundle = tmp_path / "run/bundle"
    explained = strandloom("explain", bundle, peaks, "--genome", fasta, "--rows", 40, "--out", tmp_path / "WHY")
    assert explained.code == 0, explained.err
    strandloom("predict", bundle, peaks, "--out", tmp_path / "p.tsv").fails(
        1, "these are places on a genome", "--genome FASTA"
    )


def test_a_misspelled_part_is_an_error_and_no_other_split(tmp_path: Path) -> None:
    fasta, peaks = genome(tmp_path)
    files = ("--peaks", peaks, "--rule", "any", "--test", "III", "--validation", "II", "--out", tmp_path / "bins.tsv")
    strandloom("data", "label", fasta, *files).good()
    text = (tmp_path / "bins.tsv").read_text()
    (tmp_path / "bins.tsv").write_text(text.replace("\ttrain\t", "\ttran\t", 1))
    done = strandloom(
        "train", tmp_path / "bins.tsv", "--genome", fasta, "--window", 100, "--out", tmp_path / "run", "--quiet"
    )
    done.fails(1, "values that name no part: 'tran' (first in row 1)", "split.train")


def test_options_of_a_table_do_not_fit_an_experiment_file(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("data: {table: t.csv}\n")
    for option, value in (("--genome", "g.fa"), ("--window", 100)):
        strandloom("train", tmp_path / "e.yaml", option, value, "--out", tmp_path / "run").fails(
            2, "names its", "hint: use --set"
        )
