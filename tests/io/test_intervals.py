"""Interval files: BED, narrowPeak, GFF3 and GTF, and their faults by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from strandloom.errors import InputError
from strandloom.io.intervals import make_intervals, read_intervals, write_bed

GTF = (
    '#!genome\nI\tens\tgene\t11\t20\t.\t-\t.\tgene_id "YAL1"; gene_name "A";\n'
    'I\tens\texon\t11\t15\t.\t-\t.\tgene_id "YAL1";\nII\tens\tgene\t1\t9\t.\t+\t.\tgene_id "YBL2";\n'
)


def test_bed(tmp_path: Path) -> None:
    path = tmp_path / "p.bed.gz"
    text = "track name=x\n#c\nchr2\t5\t10\tReb1\t0\t-\r\n\nchr1\t0\t3\tAbf1\t7\t+\nchr2\t1\t1\tReb1\t0\t.\n"
    path.write_bytes(gzip.compress(text.encode()))
    found = read_intervals(path)
    assert [found.names[i] for i in found.contig] == ["chr2", "chr1", "chr2"]
    assert found.start.tolist() == [5, 0, 1]
    assert found.lengths.tolist() == [5, 3, 0]
    assert found.strand.tolist() == [-1, 1, 0]
    assert found.label.to_list() == ["Reb1", "Abf1", "Reb1"]
    assert found.columns["score"].to_list() == ["0", "7", "0"]
    assert found.where(1) == f"{path}:5"
    assert found.take(found.start > 0).label.to_list() == ["Reb1", "Reb1"]


def test_narrow_peak(tmp_path: Path) -> None:
    path = tmp_path / "p.narrowPeak"
    path.write_text("1\t100\t200\tpeak_1\t500\t.\t7.5\t3.2\t1.1\t40\n")
    found = read_intervals(path)
    assert found.columns.row(0, named=True) == {"score": "500", "signal": "7.5", "p": "3.2", "q": "1.1", "peak": "40"}


def test_gtf_and_gff3(tmp_path: Path) -> None:
    path = tmp_path / "g.gtf"
    path.write_text(GTF)
    genes = read_intervals(path, feature="gene", attribute="gene_id")
    assert genes.start.tolist() == [10, 0]
    assert genes.end.tolist() == [20, 9]
    assert genes.label.to_list() == ["YAL1", "YBL2"]
    assert genes.strand.tolist() == [-1, 1]
    assert read_intervals(path).label.to_list() == ["gene", "exon", "gene"]
    path.write_text("I\tx\tgene\t1\t4\t.\t+\t.\tID=g1;Name=ABC\n")
    assert read_intervals(path, attribute="Name").label.to_list() == ["ABC"]
    with pytest.raises(InputError, match="no record is of the type 'mRNA'"):
        read_intervals(path, feature="mRNA")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("c\t1\t2\nc\t5\t3\n", 2, "ends at 3, before it begins at 5"),
        ("c\t-1\t2\n", 1, "begins before its contig"),
        ("#x\nc\tone\t2\n", 2, "the start 'one' is no whole number"),
        ("c\t1\t2\nc\t1\n", 2, "2 columns, where the first record has 3"),
        ("c 1 2\n", 1, "at least three columns, separated by tabs"),
        ("#only\n", None, "holds no interval"),
    ],
)
def test_faults_are_told_by_line(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    path = tmp_path / "p.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_intervals(path)
    assert str(caught.value).startswith(f"{path}:{line}" if line else str(path))


def test_written_and_read_again(tmp_path: Path) -> None:
    made = make_intervals(["a", "b", "a"], [1, 2, 3], [4, 5, 6], strand=[1, -1, 0], label=["x", "", "y"])
    write_bed(tmp_path / "o.bed", made)
    assert (tmp_path / "o.bed").read_text() == "a\t1\t4\tx\t0\t+\nb\t2\t5\t.\t0\t-\na\t3\t6\ty\t0\t.\n"
    write_bed(tmp_path / "p.bed", make_intervals(["a"], [1], [4]))
    assert (tmp_path / "p.bed").read_text() == "a\t1\t4\n"
