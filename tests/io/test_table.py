"""Tables: csv and polars as oracles, any block size, quotes, types, every fault with its place."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.errors import InputError, SettingsError
from strandloom.io.read import column_names, read_blocks, read_records
from strandloom.io.records import Records

CELL = st.text('ab", \né;x', max_size=6)
ROWS = st.lists(st.tuples(st.text("ACGT", min_size=6, max_size=9), CELL, CELL), min_size=1, max_size=8)


def texts(records: Records) -> list[str]:
    o = records.offsets
    return [DNA.decode(records.codes[o[i] : o[i + 1]]) for i in range(len(records))]


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@given(
    ROWS,
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.integers(1, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_quoted_tables_equal_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    separator: str,
    newline: str,
    block_bytes: int,
    block_rows: int,
    everything: bool,
) -> None:
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=separator, lineterminator=newline, quoting=quoting)
    writer.writerows([("sequence", "note", "other"), *rows])
    path = write(tmp_path_factory.getbasetemp() / "q.csv", out.getvalue())
    got = Records.concat(list(read_blocks(path, block_bytes=block_bytes, block_rows=block_rows)))
    assert texts(got) == [r[0] for r in rows]
    assert got.columns["note"].to_list() == [r[1] or None for r in rows]
    assert got.columns["other"].to_list() == [r[2] or None for r in rows]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("block_bytes", [3, 64, 1 << 20])
def test_types_equal_polars_for_every_block_size(tmp_path: Path, block_bytes: int, zipped: bool) -> None:
    lines = ["id,sequence,whole,part,text,code,empty"]
    lines += [f"r{i},ACGTAC,{i - 3},{i / 8 if i > 2 else i},{'x' if i == 9 else i},{i:03d}," for i in range(10)]
    data = ("\n".join(lines) + "\n").encode()
    path = write(tmp_path / ("t.csv.gz" if zipped else "t.csv"), gzip.compress(data) if zipped else data)
    got = Records.concat(list(read_blocks(path, block_bytes=block_bytes, block_rows=3)))
    expected = pl.read_csv(data, schema_overrides={"code": pl.String, "empty": pl.String}).drop("id", "sequence")
    assert got.columns.equals(expected)
    assert got.columns.schema == expected.schema
    assert got.id_name == "id"
    assert got.ids.to_list() == [f"r{i}" for i in range(10)]


def test_stray_quotes_are_letters(tmp_path: Path) -> None:
    """As in the csv module: a quote in the middle of a field means nothing."""
    rows = ['ACGTAC\t5" tile\tx', 'ACGTAA\t"a ""b"" c"\ty', "ACGTAT\t6' 2\"\tz"]
    data = "sequence\tnote\tq\n" + "\n".join(rows) + "\n"
    got = read_records(write(tmp_path / "a.tsv", data))
    assert got.columns["note"].to_list() == [r[1] for r in csv.reader(rows, delimiter="\t")]


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        ("id", ["a", "b"]),
        ("ID", ["a", "b"]),
        ("name", ["a", "b"]),
        ("record_id", ["a", "b"]),
        ("gene", ["1", "2"]),
    ],
)
def test_ids(tmp_path: Path, header: str, ids: list[str]) -> None:
    path = write(tmp_path / "a.csv", f"{header},sequence\na,ACGTAC\nb,ACGTAC\n")
    assert read_records(path).ids.to_list() == ids


def test_names_that_repeat_are_no_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "name,sequence\na,ACGTAC\na,ACGTAC\n")
    got = read_records(path)
    assert got.ids.to_list() == ["1", "2"]
    assert got.columns["name"].to_list() == ["a", "a"]
    assert read_records(path, id_column="name").ids.to_list() == ["a", "a"]
    assert read_records(write(path, "id,sequence\n007,ACGTAC\n")).ids.to_list() == ["007"]


def test_the_sequence_is_found_by_name_then_by_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Seq,x\nACGTACGT,GGGGGGGG\n")
    assert texts(read_records(path)) == ["ACGTACGT"]
    assert texts(read_records(path, sequence="x")) == ["GGGGGGGG"]
    assert texts(read_records(write(path, "reads,read,window\nacg,5,ACGTACGT\n"))) == ["ACGTACGT"]
    assert column_names(path) == ["reads", "read", "window"]


def test_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "ACGT\r\nacgu\nNNRY\n\n\n")
    for size in (1, 7, 1 << 20):
        got = Records.concat(list(read_blocks(path, block_bytes=size)))
        assert texts(got) == ["ACGT", "ACGT", "NNRY"]
        assert got.ids.to_list() == ["1", "2", "3"]
        assert got.columns.width == 0
    with pytest.raises(InputError, match="the sequence is empty") as caught:
        read_records(write(path, "ACGT\n\nACGT\n"))
    assert (caught.value.where or "").endswith(":2, record '2'")


def test_columns_none_leaves_the_other_columns_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,sequence,x\na,ACGTAC,1\n")
    (block,) = read_blocks(path, columns="none")
    assert block.ids.to_list() == ["a"]
    assert block.columns.width == 0


@pytest.mark.parametrize("name", ["a.parquet", "a.ndjson", "a.ndjson.gz"])
@pytest.mark.parametrize("block_rows", [1, 4, 1000])
def test_parquet_and_ndjson(tmp_path: Path, name: str, block_rows: int) -> None:
    frame = pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(9)],
            "sequence": ["ACGTAC", "acgtnn", "AC-TUU"] * 3,
            "y": [0.5 * i for i in range(9)],
        }
    )
    path = tmp_path / name
    if name == "a.parquet":
        frame.write_parquet(path)
    else:
        data = frame.write_ndjson().encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    got = Records.concat(list(read_blocks(path, block_rows=block_rows, block_bytes=20)))
    assert texts(got) == ["ACGTAC", "ACGTNN", "AC-TTT"] * 3
    assert got.columns.equals(frame.select("y"))
    assert got.ids.to_list() == frame["id"].to_list()
    assert asdict(got.letters)["lower_case"] == 18
    assert asdict(got.letters)["uracil"] == 6


FAULTS = {
    "empty": (b"", "a.csv", "the file is empty"),
    "header only": (b"sequence,label\n", "a.csv", "no rows"),
    "short row": (b"sequence,label\nACGTAC,1\nACGTAC\n", ":3", "1 fields, the header has 2"),
    "long row": (b"sequence,label\nr1,ACGTAC,1\n", ":2", "row name without"),
    "no sequence": (b"a,b\n1,2\n", "a.csv", "columns: a, b"),
    "no header": (b"ACGTACGTACGTACGT,1\nACGTACGTACGTACGA,0\n", ":1", "not column names"),
    "two": (b"a,b\nACGTACGT,ACGTACGT\n", "a.csv", "several columns"),
    "twice": (b"sequence,x,x\nACGTACGT,1,1\n", ":1", "two columns are named 'x'"),
    "Latin-1": (b"sequence,place\nACGTAC,Paris\nACGTAC,Orl\xe9ans\n", ":3", "iconv"),
    "Latin-1 header": (b"sequence,pl\xe9\nACGTAC,x\n", ":1", "0xE9"),
    "open quote": (b'sequence,x\nACGTAC,1\nACGTAC,"x\nACGTAC,2\n', ":3", "never closed"),
    "letter": (b"id,sequence\na,ACGTAC\nb,AC!TAC\n", ":3, record 'b'", "'!' at position 3"),
    "protein": (b"id,sequence\na,MKVLEF\n", ":2, record 'a'", "protein"),
    "empty sequence": (b"id,sequence\na,ACGTAC\nb,\n", ":3, record 'b'", "the sequence is empty"),
    "UTF-16": ("sequence,label\nACGT,1\n".encode("utf-16"), "a.csv", "UTF-16"),
    "binary": (b"abc\0def", "a.csv", "binary"),
}


@pytest.mark.parametrize(("data", "where", "words"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_faults(tmp_path: Path, data: bytes, where: str, words: str, block_bytes: int) -> None:
    with pytest.raises(InputError) as caught:
        list(read_blocks(write(tmp_path / "a.csv", data), block_bytes=block_bytes))
    assert (caught.value.where or "").endswith(where)
    assert words in str(caught.value)


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,sequence\na,ACGTAC\n")
    with pytest.raises(InputError, match="did you mean 'sequence'"):
        read_records(path, sequence="sequense")
    with pytest.raises(InputError, match=r"data\.id"):
        read_records(path, id_column="zzz")
    with pytest.raises(SettingsError, match="belongs to arrays"):
        read_records(path, order="ACGT")
    with pytest.raises(InputError, match="no such file"):
        read_records(tmp_path / "none.csv")
    with pytest.raises(InputError, match="a folder"):
        read_records(tmp_path)


def test_a_damaged_parquet_and_a_bad_json_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        read_records(write(tmp_path / "a.parquet", b"PAR1" + b"x" * 50))
    with pytest.raises(InputError) as caught:
        read_records(write(tmp_path / "a.ndjson", '{"id": "a", "sequence": "ACGTAC"}\n{"id": oops}\n'))
    assert (caught.value.where or "").endswith("a.ndjson:2")


@pytest.mark.realdata
def test_real_table_equals_polars(real_data: Path) -> None:
    path = real_data / "human_utr_mrl" / "utr_mrl.tsv.gz"
    got = read_records(path)
    expected = pl.read_csv(path, separator="\t", infer_schema_length=None)
    assert texts(got) == expected["sequence"].to_list()
    assert got.columns.equals(expected.drop("sequence"))


@pytest.mark.realdata
def test_real_lines(real_data: Path) -> None:
    path = real_data / "splice42" / "at.don.txt.gz"
    assert texts(read_records(path)) == gzip.decompress(path.read_bytes()).decode().split()
