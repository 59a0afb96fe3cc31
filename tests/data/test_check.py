"""What ``data check`` finds in a file: problems are listed, only a file without any sequence is refused."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from strandloom.data.check import Checked, check_file
from strandloom.errors import InputError
from strandloom.io.read import read_blocks

HEADER = "id,sequence,label,dose,split"
Row = tuple[str, str, str, str, str]


def rows(count: int = 400) -> list[Row]:
    """Clean rows: random sequences, two even classes, a number, a split."""
    drawn = np.random.default_rng(0).choice(list("ACGT"), (count, 40))
    parts = ("train", "train", "validation", "test")
    return [
        (f"r{i}", "".join(letters), f"{i % 2}", f"{i / 7:.3f}", parts[i // 2 % 4]) for i, letters in enumerate(drawn)
    ]


def write(folder: Path, table: list[Row], name: str = "t.csv") -> Path:
    path = folder / name
    text = "\n".join([HEADER, *(",".join(row) for row in table)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def changed(table: list[Row], row: int, column: str, value: str) -> None:
    cells = list(table[row])
    cells[HEADER.split(",").index(column)] = value
    table[row] = (cells[0], cells[1], cells[2], cells[3], cells[4])


def said(found: Checked) -> str:
    return "\n".join(found.problems)


def test_a_clean_table_has_no_problem(tmp_path: Path) -> None:
    path = write(tmp_path, rows())
    found = check_file(path)
    assert found.problems == ()
    assert found.complete
    assert (found.path, found.size) == (path, path.stat().st_size)
    assert (found.detected.format, found.detected.compression) == ("csv", "none")
    assert (found.recognised.target, found.recognised.task, found.recognised.split_column) == (
        "label",
        "classes",
        "split",
    )
    assert (found.facts.rows, found.facts.task, found.facts.target) == (400, "classes", "label")
    assert [(one.name, one.rows) for one in found.facts.classes] == [("0", 200), ("1", 200)]


def test_as_dict_is_json(tmp_path: Path) -> None:
    path = write(tmp_path, rows(), "t.csv.gz")
    found = json.loads(json.dumps(check_file(str(path)).as_dict(), allow_nan=False))
    assert (found["path"], found["format"], found["compression"]) == (str(path), "csv", "gzip")
    assert (found["bytes"], found["complete"], found["problems"]) == (path.stat().st_size, True, [])
    assert found["recognised"]["target"] == "label"
    assert found["facts"]["length"]["median"] == 40


def test_a_fasta_file_has_facts_but_no_target(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text("".join(f">{row[0]}\n{row[1]}\n" for row in rows()))
    found = check_file(path)
    assert (found.facts.rows, found.facts.task, found.facts.classes) == (400, None, ())
    assert found.recognised.target is None
    assert found.problems == ()


def test_a_named_target_goes_before_the_recognised_one(tmp_path: Path) -> None:
    found = check_file(write(tmp_path, rows()), target="dose")
    assert (found.facts.task, found.facts.target) == ("value", "dose")
    assert found.facts.value is not None
    assert found.facts.value.highest == pytest.approx(57)


def test_labels_are_told_from_classes(tmp_path: Path) -> None:
    table = rows()
    for i in range(len(table)):
        changed(table, i, "label", ("a", "b", '"a,b"', "b")[i % 4])
    found = check_file(write(tmp_path, table))
    assert (found.recognised.task, found.facts.task) == ("labels", "labels")
    assert [(one.name, one.rows) for one in found.facts.classes] == [("a", 200), ("b", 300)]


def test_a_named_sequence_column(tmp_path: Path) -> None:
    """Two columns that could be it are an error that says how to choose; named, they are no problem."""
    path = tmp_path / "t.tsv"
    lines = [f"{row[1]}\t{row[1][:12]}\t{row[2]}" for row in rows()]
    path.write_text("\n".join(["left\tright\tlabel", *lines]) + "\n")
    with pytest.raises(InputError, match="several columns could be the sequence: left, right") as caught:
        check_file(path)
    assert "--sequence" in str(caught.value)
    assert check_file(path, sequence="right").facts.length.highest == 12


def test_unreadable_rows_are_counted_and_the_first_described(tmp_path: Path) -> None:
    table = rows()
    changed(table, 3, "sequence", "ACGT!CGT")
    changed(table, 9, "sequence", "")
    found = check_file(write(tmp_path, table))
    assert found.problems[0] == (
        "2 of 400 rows (0.5 %) cannot be read; the first: record 'r3' (line 5): '!' is no DNA letter"
    )
    assert found.facts.rows == found.facts.letters.rows == 398
    assert [one.rows for one in found.facts.classes] == [200, 198]


def test_the_warnings_of_the_facts_are_problems_too(tmp_path: Path) -> None:
    table = rows()
    changed(table, 8, "sequence", table[6][1])
    changed(table, 8, "id", "r6")
    found = check_file(write(tmp_path, table))
    assert set(found.facts.warnings) <= set(found.problems)
    assert "repeat the sequence of an earlier row" in said(found)
    assert "an id that an earlier row has" in said(found)


@pytest.mark.parametrize(
    ("row", "column", "value", "problem"),
    [
        (2, "label", "", "row 3: column 'label' is empty; every row needs a class — fill in the class"),
        (4, "dose", "inf", "row 5: column 'dose'"),
    ],
)
def test_a_target_that_cannot_be_used_is_a_problem_and_no_error(
    tmp_path: Path, row: int, column: str, value: str, problem: str
) -> None:
    """The rest of the file is still described; the hint stands on the same line."""
    table = rows()
    changed(table, row, column, value)
    found = check_file(write(tmp_path, table), target=column)
    assert problem in said(found)
    assert "hint:" not in said(found)
    assert all("\n" not in one for one in found.problems)
    assert (found.facts.rows, found.facts.task, found.facts.classes) == (400, None, ())


def test_one_class_only_is_a_problem(tmp_path: Path) -> None:
    table = rows()
    for i in range(len(table)):
        changed(table, i, "label", "yes")
    assert "column 'label' holds one class only ('yes')" in said(check_file(write(tmp_path, table)))


def test_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, rows(10))
    with pytest.raises(InputError) as caught:
        check_file(path, target="lable")
    message = str(caught.value)
    assert message.startswith(f"{path}: no column 'lable' (--target)\nhint: did you mean 'label'?")
    with pytest.raises(InputError, match="there is no column 'seqence'") as caught:
        check_file(path, sequence="seqence")
    assert caught.value.hint == "did you mean 'sequence'?"


def test_a_file_without_a_sequence_is_an_error_that_says_why(tmp_path: Path) -> None:
    path = tmp_path / "protein.fa"
    path.write_text(">a\nMEEP!LK\n>b\nQQQ!\n")
    with pytest.raises(InputError, match="no sequence could be read: record 'a'") as caught:
        check_file(path)
    assert caught.value.where == str(path)
    assert caught.value.hint == "is it a file of DNA sequences?"


def test_a_missing_or_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        check_file(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="the file is empty"):
        check_file(tmp_path / "empty.csv")


def test_a_file_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    """Leniency ends where the file itself is broken: half of it must not pass for the whole."""
    path = tmp_path / "x.fq"
    path.write_text("@a\nACGT\n+\nIIII\n@b\nACGT\n")
    with pytest.raises(InputError):
        check_file(path)


def test_a_long_file_is_judged_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, rows())
    monkeypatch.setattr("strandloom.data.check.read_blocks", partial(read_blocks, block_rows=50))
    whole = check_file(path)
    assert (whole.facts.rows, whole.complete, whole.problems) == (400, True, ())
    monkeypatch.setattr("strandloom.data.check.MOST_ROWS", 210)
    found = check_file(path)
    assert (found.facts.rows, found.complete) == (250, False)
    assert found.as_dict()["complete"] is False


def test_columns_are_named_as_they_were_read(tmp_path: Path) -> None:
    """The sequence and the id too, also beside another column of DNA."""
    path = tmp_path / "t.csv"
    path.write_text("id,sequence,utr5,label\n" + "".join(f"r{i},ACGTACGTAC,GGCCGGTTAA,{i % 2}\n" for i in range(6)))
    assert (check_file(path).recognised.sequence, check_file(path).recognised.id) == ("sequence", "id")
    assert check_file(path, sequence="utr5").recognised.sequence == "utr5"


def test_a_file_read_to_its_end_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.data.check.MOST_ROWS", 12)
    assert check_file(write(tmp_path, rows())).complete


def test_rows_that_cannot_be_read_shift_no_row_number(tmp_path: Path) -> None:
    """With unreadable rows before it, a bad label is named by its record, and the unreadable rows once."""
    table = rows()
    changed(table, 2, "sequence", "AC!T")
    changed(table, 5, "label", "")
    found = check_file(write(tmp_path, table), target="label")
    assert "record 'r5'" in said(found)
    assert "row 5" not in said(found)
    assert said(found).count("cannot be read") == 1
    assert "skipped as data.letters asks" not in said(found)
