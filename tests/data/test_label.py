"""From genome and peaks to a table of labelled bins."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from strandloom.data.label import label_genome
from strandloom.errors import InputError, UsageError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "g.fa").write_text(f">I\n{'ACGT' * 25}\n>II\n{'GGCC' * 10}\n")
    (tmp_path / "p.bed").write_text("chrI\t0\t8\tReb1\nchrI\t12\t20\tAbf1\nchrII\t31\t40\tReb1\nchrX\t1\t2\tReb1\n")
    (tmp_path / "alias.tsv").write_text("I\tchrI\nII\tchrII\n")
    (tmp_path / "Rap1.bed").write_text("I\t0\t100\n")
    return tmp_path


def test_bins_with_labels_and_parts(place: Path) -> None:
    found = label_genome(
        place / "g.fa", [place / "p.bed", place / "Rap1.bed"], out=place / "t.tsv", size=10, alias=place / "alias.tsv", test=["II"]
    )  # fmt: skip
    frame = pl.read_csv(place / "t.tsv", separator="\t")
    assert frame.columns == ["chrom", "start", "end", "split", "labels"]
    assert frame.row(0) == ("I", 0, 10, "train", "Rap1,Reb1")
    assert frame.row(1) == ("I", 10, 20, "train", "Abf1,Rap1")
    assert frame.row(-1) == ("II", 30, 40, "test", "Reb1")
    assert len(frame) == 11
    assert "1 of 5 peaks left out, on contigs that the genome does not have (chrX)" in found.lines[-2]
    assert "11 bins of 10 bases with 3 labels (1 to 10 bins each)" in found.lines[-1]


def test_few_labels_blacklist_and_empty_bins(place: Path) -> None:
    (place / "black.bed").write_text("chrI\t15\t16\n")
    found = label_genome(
        place / "g.fa", [place / "p.bed"], out=place / "t.csv", size=10, least=2, alias=place / "alias.tsv",
        blacklist=place / "black.bed", empty=True,
    )  # fmt: skip
    frame = pl.read_csv(place / "t.csv")
    assert len(frame) == 13
    assert (10, 20) not in frame.select("start", "end").filter(frame["chrom"] == "I").rows()
    assert any("1 label with fewer than 2 bins left out: Abf1" in line for line in found.lines)
    with pytest.raises(InputError, match="no label has 50 bins"):
        label_genome(
            place / "g.fa", [place / "p.bed"], out=place / "u.csv", size=10, least=50, alias=place / "alias.tsv"
        )


def test_contigs_without_a_peak_are_said_where_their_bins_are_kept(place: Path) -> None:
    (place / "one.bed").write_text("chrI\t0\t10\tReb1\nchrI\t3\t9\tReb1\n")
    files = {"genome": place / "g.fa", "peaks": [place / "one.bed"], "alias": place / "alias.tsv", "size": 10}
    found = label_genome(**files, out=place / "t.tsv", empty=True)  # type: ignore[arg-type]
    assert (
        "careful: no peak lies on II, whose 4 bins count as without a label; --blacklist BED leaves places out"
        in found.lines
    )
    assert not any("careful" in line for line in label_genome(**files, out=place / "u.tsv").lines)  # type: ignore[arg-type]
    (place / "black.bed").write_text("II\t0\t40\n")
    found = label_genome(**files, out=place / "t.tsv", empty=True, blacklist=place / "black.bed")  # type: ignore[arg-type]
    assert not any("careful" in line for line in found.lines)


def test_some_labels_and_a_draw_of_the_other_bins(place: Path) -> None:
    files = {
        "genome": place / "g.fa",
        "peaks": [place / "p.bed", place / "Rap1.bed"],
        "alias": place / "alias.tsv",
        "size": 10,
    }
    found = label_genome(**files, out=place / "t.tsv", labels=["Reb1", "Abf1"], negatives=3)  # type: ignore[arg-type]
    frame = pl.read_csv(place / "t.tsv", separator="\t")
    named = lambda frame: [x for x in frame["labels"].to_list() if x]  # noqa: E731
    assert named(frame) == ["Reb1", "Abf1", "Reb1"]
    assert len(frame) == 6
    assert "3 of 8 bins without a label kept, drawn by seed 1" in found.lines
    label_genome(**files, out=place / "u.tsv", labels=["Reb1", "Abf1"], negatives=3)  # type: ignore[arg-type]
    assert (place / "u.tsv").read_bytes() == (place / "t.tsv").read_bytes()
    label_genome(**files, out=place / "all.tsv", labels=["Reb1", "Abf1"], least=2)  # type: ignore[arg-type]
    assert named(pl.read_csv(place / "all.tsv", separator="\t")) == ["Reb1", "Reb1"]
    with pytest.raises(UsageError, match="no peak is called 'Abf'") as caught:
        label_genome(**files, out=place / "v.tsv", labels=["Abf"])  # type: ignore[arg-type]
    assert "Abf1" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="no peak is called 'REB1'") as caught:
        label_genome(**files, out=place / "v.tsv", labels=["REB1"])  # type: ignore[arg-type]
    assert caught.value.hint == "did you mean 'Reb1'?"
    with pytest.raises(UsageError, match="none can be drawn") as caught:
        label_genome(**files, out=place / "v.tsv", negatives=3)  # type: ignore[arg-type]
    assert caught.value.hint == "add --empty"
    found = label_genome(**files, out=place / "e.tsv", negatives=2, empty=True, seed=2)  # type: ignore[arg-type]
    assert "2 of 3 bins without a label kept, drawn by seed 2" in found.lines
    assert len(pl.read_csv(place / "e.tsv", separator="\t")) == 13


def test_what_is_said_is_what_is_written(place: Path) -> None:
    """Labels asked for twice count once; bins on the blacklist are neither positives nor negatives."""
    (place / "black.bed").write_text("I\t0\t10\nI\t40\t100\n")
    files = {
        "genome": place / "g.fa",
        "peaks": [place / "p.bed", place / "Rap1.bed"],
        "alias": place / "alias.tsv",
        "size": 10,
    }
    found = label_genome(
        **files,
        out=place / "t.tsv",
        labels=["Reb1", "Reb1"],
        negatives=9,
        blacklist=place / "black.bed",  # type: ignore[arg-type]
    )
    frame = pl.read_csv(place / "t.tsv", separator="\t")
    assert found.bins.labels == ("Reb1",)
    assert found.bins.positives().tolist() == [1]
    assert len(frame) == len(found.bins) == 4
    assert "4 bins of 10 bases with 1 label (1 bin each)" in found.lines[-1]
    with pytest.raises(InputError, match="fewer than 2 bins have Reb1"):
        label_genome(**files, out=place / "u.tsv", labels=["Reb1"], least=2, blacklist=place / "black.bed")  # type: ignore[arg-type]


def test_other_names_are_suggested(place: Path) -> None:
    with pytest.raises(InputError, match="no peak lies on a contig of the genome") as caught:
        label_genome(place / "g.fa", [place / "p.bed"], out=place / "t.tsv")
    assert "--alias TABLE" in str(caught.value)
    assert not (place / "t.tsv").exists()


@pytest.mark.realdata
def test_the_bins_of_the_yeast_set(real_data: Path, tmp_path: Path) -> None:
    """Locations are single bases: any overlap. The 120 labels with 300 locations, and their bins, are those of the derived table."""
    folder = real_data / "yeast_epigenome"
    known = pl.read_csv(folder / "multilabel_bins.tsv.gz", separator="\t")
    names = (folder / "multilabel_names.txt").read_text().split()
    rows = pl.read_csv(folder / "chexmix_locations.bed.gz", separator="\t", has_header=False)
    rows.filter(pl.col("column_3").is_in(names)).write_csv(tmp_path / "peaks.bed", separator="\t", include_header=False)
    label_genome(
        folder / "S_cerevisiae.R64-1-1.fa.gz", [tmp_path / "peaks.bed"], out=tmp_path / "t.tsv", rule="any",
        test=["VIII", "XI", "XIV"], validation=["III", "IX"], cache=tmp_path / "genome",
    )  # fmt: skip
    made = pl.read_csv(tmp_path / "t.tsv", separator="\t")
    order = ["chrom", "start", "end"]
    assert made.select(order).sort(order).equals(known.select(order).sort(order))
    as_sets = lambda frame: [sorted(x.split(",")) for x in frame.sort(order)["labels"].to_list()]  # noqa: E731
    assert as_sets(made) == as_sets(known)
    parts = known.sort(order)["split"].replace({"valid": "validation"}).to_list()
    assert made.sort(order)["split"].to_list() == parts


def test_a_window_makes_the_table_stand_alone(place: Path) -> None:
    label_genome(place / "g.fa", [place / "p.bed"], out=place / "t.tsv", size=10, alias=place / "alias.tsv", window=30)
    frame = pl.read_csv(place / "t.tsv", separator="\t")
    first = frame.row(0, named=True)
    assert (first["chrom"], first["start"]) == ("I", 0)
    assert first["sequence"] == "N" * 10 + ("ACGT" * 25)[:20]
    second = frame.row(1, named=True)
    assert second["sequence"] == ("ACGT" * 25)[second["start"] + 5 - 15 : second["start"] + 5 + 15]


def test_names_that_are_none_or_hold_commas(place: Path) -> None:
    (place / "CTCF.bed").write_text("I\t0\t100\t.\nI\t20\t30\t.\n")
    label_genome(place / "g.fa", [place / "CTCF.bed"], out=place / "t.tsv", size=10)
    assert set(pl.read_csv(place / "t.tsv", separator="\t")["labels"]) == {"CTCF"}
    (place / "two.bed").write_text("I\t0\t100\tH3K4me3,rep1\n")
    with pytest.raises(InputError, match=r"two\.bed:1: the name 'H3K4me3,rep1' holds a comma"):
        label_genome(place / "g.fa", [place / "two.bed"], out=place / "u.tsv", size=10)
    with pytest.raises(UsageError, match="I cannot be in two parts"):
        label_genome(place / "g.fa", [place / "CTCF.bed"], out=place / "v.tsv", size=10, test=["I"], validation=["I"])


def test_short_peaks_need_the_other_rule(place: Path) -> None:
    (place / "points.bed").write_text("I\t3\t4\tReb1\n")
    with pytest.raises(InputError, match="covers more than half of a bin of 10 bases") as caught:
        label_genome(place / "g.fa", [place / "points.bed"], out=place / "t.tsv", size=10)
    assert "--rule any" in (caught.value.hint or "")
    found = label_genome(place / "g.fa", [place / "points.bed"], out=place / "t.tsv", size=10, rule="any", test=["II"])
    assert "careful: no bin lies on II, which was to be held out" in found.lines
