"""Tables as text: separators, comments, headers of R, lines of rows, every fault with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.frames import find_column, key, listed, read_text_frame, text_frame_blocks


def write(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.txt", "a.tsv.gz"])
def test_separators_and_newlines(tmp_path: Path, separator: str, newline: str, name: str) -> None:
    rows = [["sample id", "depth"], ["a", " 10 m "], ["b", ""]]
    path = write(tmp_path / name, "\ufeff" + newline.join(separator.join(row) for row in rows) + newline)
    table = read_text_frame(path)
    assert table.frame.to_dict(as_series=False) == {"sample id": ["a", "b"], "depth": ["10 m", None]}
    assert table.where(1) == f"{path}:3"


def test_semicolons_leave_decimal_commas_alone(tmp_path: Path) -> None:
    table = read_text_frame(write(tmp_path / "a.csv", "id;lat;lon\na;39,4;9,5\n"))
    assert table.frame.row(0) == ("a", "39,4", "9,5")


def test_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id,note\na,"x, ""y""\nz"\nb,39°25\'31"N\n')
    table = read_text_frame(path)
    assert table.frame["note"].to_list() == ['x, "y"\nz', "39°25'31\"N"]
    assert table.where(1) == f"{path}:4"


def test_comments_and_blank_lines(tmp_path: Path) -> None:
    text = "# Constructed from biom file\n\n#OTU ID\tS1\tS2\n\nA\t1\t2\n\t\t\nB\t3\t4\n"
    path = write(tmp_path / "a.tsv", text)
    table = read_text_frame(path)
    assert table.frame.columns == ["#OTU ID", "S1", "S2"]
    assert table.frame["S1"].to_list() == ["1", "3"]
    assert [table.where(i) for i in range(2)] == [f"{path}:5", f"{path}:7"]


def test_the_first_marked_line_is_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "#SampleID\tlat\n#q2:types\tnumeric\na\t1\n")
    assert read_text_frame(path).frame.rows() == [("#q2:types", "numeric"), ("a", "1")]


def test_a_header_one_name_short_is_from_r(tmp_path: Path) -> None:
    table = read_text_frame(write(tmp_path / "a.tsv", '"S1"\t"S2"\n"A"\t1\t2\n'))
    assert table.frame.to_dict(as_series=False) == {"column_1": ["A"], "S1": ["1"], "S2": ["2"]}


def test_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "A\tx\nB\ty\n")
    table = read_text_frame(path, headed=lambda fields: "id" in fields)
    assert table.frame.to_dict(as_series=False) == {"column_1": ["A", "B"], "column_2": ["x", "y"]}
    assert table.where(0) == f"{path}:1"


def test_long_files_come_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.io.frames._CHUNK", 7)
    path = write(tmp_path / "a.csv", "id,x\n" + "".join(f"{i},{'y' * (i % 20)}z\n" for i in range(50)))
    table = read_text_frame(path)
    assert table.frame["id"].to_list() == [str(i) for i in range(50)]
    assert table.lines.tolist() == list(range(2, 52))


def test_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a", " "], "n": [1, None], "list": [[1], [2]]}).write_parquet(tmp_path / "a.parquet")
    table = read_text_frame(tmp_path / "a.parquet")
    assert table.frame.to_dict(as_series=False) == {"id": ["a", None], "n": ["1", None]}
    assert table.where(1) == f"{tmp_path / 'a.parquet'}, row 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", ":3: the row has 1 fields, the header has 2"),
        ("a,b\n1,2\n3,4,5\n", ":3: the row has 3 fields, the header has 2"),
        ("a,a\n1,2\n", ":1: two columns are named 'a'"),
        ('a,b\n1,2\n"3,4\n', ":3: a quote is opened and never closed"),
        (b"a,b\n1,\xe9\n", ":2: the byte 0xE9 is not UTF-8 text"),
        ("a,b\n", "a header line but no rows"),
        ("", "the file is empty"),
        ("<html>", "an HTML or XML file"),
        (b"\x1f\x8b\x08\x00", "cut short"),
        (b"PAR1xxxx", "the Parquet file is damaged"),
        (b"a\0b", "binary file"),
    ],
)
def test_faults(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as caught:
        read_text_frame(path)
    assert message in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_text_frame(tmp_path / "a.tsv")


def test_an_empty_parquet_table(tmp_path: Path) -> None:
    pl.DataFrame({"id": pl.Series([], dtype=pl.String)}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no rows"):
        read_text_frame(tmp_path / "a.parquet")


def test_names() -> None:
    assert key("#Sample ID") == key("sample-id") == key("SampleID") == "sampleid"
    assert find_column(["x", "Sample_ID"], ("sample", "sampleid")) == "Sample_ID"
    assert find_column(["x"], ("sample",)) is None
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg"), most=2) == "a, b, … (7 in all)"


@pytest.mark.parametrize("size", [2000, 70_000, 1 << 22])
@pytest.mark.parametrize("packed", [False, True])
def test_pieces_of_a_table_are_the_table(tmp_path: Path, size: int, packed: bool) -> None:
    rows = "".join(f'I\t{i}\t"a\nb{i}"\n\nII\t{i}\t\nIII\t300\t"c ""d"""\n' for i in range(4000))
    path = write(tmp_path / ("t.tsv.gz" if packed else "t.tsv"), "# a comment\nchrom\tstart\tname\n" + rows)
    whole, pieces = read_text_frame(path), list(text_frame_blocks(path, size=size))
    assert len(pieces) > 1 or size > 1 << 20
    assert pl.concat([x.frame for x in pieces]).equals(whole.frame)
    assert np.concatenate([x.lines for x in pieces]).tolist() == whole.lines.tolist()
    assert pieces[-1].where(pieces[-1].frame.height - 1) == whole.where(whole.frame.height - 1)


@pytest.mark.parametrize("tail", [b"", b"I\t1\t2\n", b"I\t\xff\n", b'I\t"open\n'])
@pytest.mark.parametrize("rows", [0, 30_000])
def test_faults_of_a_table_in_pieces_are_those_of_the_table(tmp_path: Path, tail: bytes, rows: int) -> None:
    path = write(tmp_path / "t.tsv", b"chrom\tstart\n" + b"I\t12\n" * rows + tail)
    said = []
    for read in (read_text_frame, lambda x: list(text_frame_blocks(x, size=20_000))):
        try:
            read(path)
            said.append("read")
        except InputError as error:
            said.append(str(error))
    assert said[0] == said[1]
