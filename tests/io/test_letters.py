"""Every policy for every kind of letter, counted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.read import read_blocks, read_records
from strandloom.io.records import LetterCounts, Records
from strandloom.io.settings import LetterPolicy

TEXT = ">a\nACGT\n>b\nacgu\n>c\nARYN\n>d\nA-C.\n>e\nnnAC\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.fa"
    file.write_text(TEXT)
    return file


def texts(records: Records) -> list[str]:
    o = records.offsets
    return [DNA.decode(records.codes[o[i] : o[i + 1]]) for i in range(len(records))]


def test_everything_is_counted(path: Path) -> None:
    got = read_records(path)
    assert texts(got) == ["ACGT", "ACGT", "ARYN", "A-C-", "NNAC"]
    expected = LetterCounts(rows=5, bases=20, lower_case=6, uracil=1, ambiguous=2, n=3, gaps=2)
    assert asdict(got.letters) == asdict(expected)
    for rows in (1, 2, 3):
        parts = [asdict(b.letters) for b in read_blocks(path, block_rows=rows)]
        assert sum(x["bases"] for x in parts) == 20
    assert asdict(sum((b.letters for b in read_blocks(path, block_rows=2)), LetterCounts())) == asdict(expected)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"ambiguous": "skip"}, ["ACGT", "ACGT", "A-C-", "NNAC"]),
        ({"n": "skip"}, ["ACGT", "ACGT", "A-C-"]),
        ({"gap": "skip"}, ["ACGT", "ACGT", "ARYN", "NNAC"]),
        ({"gap": "remove"}, ["ACGT", "ACGT", "ARYN", "AC", "NNAC"]),
        ({"lower_case": "n"}, ["ACGT", "NNNN", "ARYN", "A-C-", "NNAC"]),
    ],
)
def test_policies(path: Path, policy: dict[str, Any], expected: list[str]) -> None:
    for size in (1, 1 << 20):
        got = Records.concat(list(read_blocks(path, policy=LetterPolicy(**policy), block_bytes=size)))
        assert texts(got) == expected
        assert got.letters.rows == len(expected)
        assert got.letters.rows + got.letters.skipped_rows == 5
        assert len(got.letters.skipped) == got.letters.skipped_rows


@pytest.mark.parametrize(("name", "record", "line"), [("ambiguous", "c", 6), ("n", "c", 6), ("gap", "d", 8)])
def test_errors(path: Path, name: str, record: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        read_records(path, policy=LetterPolicy.model_validate({name: "error"}))
    assert caught.value.where == f"{path}:{line}, record '{record}'"
    assert f"data.letters.{name}" in str(caught.value)


def test_unknown_letters_and_empty_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">a\nACXT\n>b\n>c\nACGT\n>d\n--\n")
    got = read_records(path, policy=LetterPolicy(unknown="skip", empty="skip", gap="remove"))
    assert got.ids.to_list() == ["c"]
    assert got.letters.skipped == (
        "record 'a' (line 1): 'X' is no DNA letter",
        "record 'b' (line 3): the sequence is empty",
        "record 'd' (line 6): the sequence is empty",
    )
    kept = read_records(path, policy=LetterPolicy(unknown="n", empty="skip"))
    assert texts(kept)[0] == "ACNT"
    assert kept.letters.unknown == 1
    assert kept.letters.n == 0


def test_a_file_of_skipped_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text("".join(f">{i}\nACXT\n" for i in range(30)))
    (block,) = read_blocks(path, policy=LetterPolicy(unknown="skip"))
    assert (len(block), block.letters.skipped_rows, len(block.letters.skipped)) == (0, 30, 20)


def test_take_and_concat(path: Path) -> None:
    records = read_records(path)
    assert texts(records.take([4, 0, 0])) == ["NNAC", "ACGT", "ACGT"]
    assert texts(records.take(np.array([True, False, True, False, False]))) == ["ACGT", "ARYN"]
    assert len(records.take([])) == 0
    both = Records.concat([records.take([0]), records.take([3, 2])])
    assert texts(both) == ["ACGT", "A-C-", "ARYN"]
    assert both.columns.height == 3
    assert len(Records.concat([])) == 0
