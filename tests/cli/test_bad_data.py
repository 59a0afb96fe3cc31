"""Every kind of bad data at the command line: one message with file, line or record, what was allowed and a hint; nothing left behind."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_runs import Row, csv, listing, replaced, rows, strandloom

WHOLE = gzip.compress(csv(rows()))
BIT_FLIPPED = WHOLE[: len(WHOLE) // 2] + bytes([WHOLE[len(WHOLE) // 2] ^ 0xFF]) + WHOLE[len(WHOLE) // 2 + 1 :]


class Bad(NamedTuple):
    """A file, and what has to be said of it."""

    name: str
    content: bytes
    texts: tuple[str, ...]
    settings: tuple[str, ...] = ()
    readable: bool = False
    """The sequences are fine: only a training meets the fault."""


def every(**values: str) -> list[Row]:
    return [
        tuple(values.get(k, cell) for k, cell in zip(("id", "sequence", "label", "split"), row, strict=True))
        for row in rows()
    ]


CASES = {
    "empty file": Bad("a.csv", b"", ("a.csv: the file is empty", "hint: supported are FASTA")),
    "blank lines": Bad("a.csv", b"\n\n\r\n", ("a.csv: the file is empty",)),
    "empty gz": Bad("a.csv.gz", gzip.compress(b""), ("a.csv.gz: the file is empty",)),
    "header only": Bad("a.csv", csv([]), ("a.csv: the file has a header line but no rows", "hint: add at least one row")),
    "unknown letters": Bad(
        "a.csv",
        csv(replaced(4, sequence="ACGT!ACGT")),
        ("a.csv:6, record 'r4': '!' at position 5 is no DNA letter; allowed are A C G T U", "hint: "),
    ),
    "protein": Bad(
        "a.csv", csv(every(sequence="MKVLAAGIVGLLLAQW")), ("a.csv:2, record 'r0'", "hint: this looks like a protein")
    ),
    "protein FASTA": Bad(
        "a.fa", b">p1 some protein\nMKVLAAGIV\nGLLLAQW\n", ("a.fa:2, record 'p1'", "hint: this looks like a protein")
    ),
    "length 0": Bad("a.csv", csv(replaced(4, sequence="")), ("a.csv:6, record 'r4': the sequence is empty", "hint: ")),
    "length 0 in FASTA": Bad("a.fa", b">p1\nACGT\n>p2\n>p3\nAC\n", ("a.fa:3, record 'p2': the sequence is empty",)),
    "ragged rows": Bad(
        "a.csv", csv([*rows()[:3], (*rows()[3], "x")]), ("a.csv:5: the row has 5 fields, the header has 4", "hint: ")
    ),
    "no sequence column": Bad(
        "a.csv",
        csv([(r[0], r[2]) for r in rows()], header=("id", "label")),
        ("a.csv: ", "column", "id, label"),
    ),
    "missing sequence column": Bad(
        "a.csv",
        csv(rows(), header=("id", "sequense", "label", "split")),
        ("a.csv: there is no column 'sequence'; columns: id, sequense", "hint: did you mean 'sequense'?"),
        ("data.sequence=sequence",),
        readable=True,
    ),
    "truncated gz": Bad("a.csv.gz", WHOLE[:-40], ("a.csv.gz", "the gzip data end too early", "hint: copy or download")),
    "corrupt gz": Bad("a.csv.gz", BIT_FLIPPED, ("a.csv.gz", "the gzip data are damaged", "hint: ")),
    "Latin-1": Bad(
        "a.csv",
        csv(replaced(4, id="Gün")).decode().encode("latin-1"),
        ("a.csv:6: the byte 0xFC is not UTF-8 text", "hint: save the file as UTF-8"),
    ),
    "UTF-16": Bad("a.csv", csv(rows()).decode().encode("utf-16"), ("a.csv: this is UTF-16 text", "hint: save it as UTF-8")),
    "binary": Bad("a.csv", bytes(range(256)), ("a.csv: this is a binary file of an unknown kind",)),
    "not FASTA": Bad("a.fa", b"ACGT\nACGT\n", ("a.fa:1: no '>' at the start", "hint: every record begins")),
    "FASTQ without quality": Bad("a.fq", b"@r1\nACGT\n+\n", ("a.fq",)),
    "open quote": Bad("a.csv", b'id,sequence,label\n1,"ACGT,0\n2,ACGT,1\n', ("a.csv:2: a quote is opened and never",)),
    "two columns of one name": Bad("a.csv", b"id,sequence,id\n1,ACGT,0\n", ("a.csv:1: two columns are named 'id'",)),
    "N not allowed": Bad(
        "a.csv",
        csv(replaced(4, sequence="ACNNNNGT")),
        ("a.csv:6, record 'r4': 'N' at position 3", "hint: set data.letters.n to keep or skip"),
        ("data.letters.n=error",),
        readable=True,
    ),
    "gap not allowed": Bad(
        "a.csv",
        csv(replaced(4, sequence="AC--GT")),
        ("a.csv:6, record 'r4': '-' at position 3", "hint: set data.letters.gap to keep or skip"),
        ("data.letters.gap=error",),
        readable=True,
    ),
    "too long": Bad(
        "a.csv",
        csv(replaced(4, sequence="ACGT" * 20)),
        ("record 'r4'", "80 bases, longer than the window of 40", "hint: raise data.window.length"),
        ("data.window={length: 40, too_long: error}",),
        readable=True,
    ),
    "empty target": Bad(
        "a.csv", csv(replaced(4, label="")), ("a.csv:6, record 'r4': column 'label' is empty", "hint: "), readable=True
    ),
    "NaN target": Bad(
        "a.csv", csv(replaced(4, label="nan")), ("a.csv:6, record 'r4': column 'label' is 'nan'",), readable=True
    ),
    "infinite target": Bad(
        "a.csv", csv(replaced(4, label="inf")), ("a.csv:6, record 'r4': column 'label' is 'inf'",), readable=True
    ),
    "one class": Bad(
        "a.csv", csv(every(label="7")), ("a.csv: column 'label' holds one class only ('7')", "hint: "), readable=True
    ),
    "class absent from train": Bad(
        "a.csv",
        csv([(i, s, "rare" if part == "test" and y == "1" else y, part) for i, s, y, part in rows()]),
        ("split: absent from the training part: class 'rare'", "hint: "),
        readable=True,
    ),
    "fewer rows than folds": Bad(
        "a.csv",
        csv(rows(4)),
        ("split: 4 rows cannot make 10 parts", "hint: use at most 4 folds"),
        ("split={kind: folds, k: 10}",),
        readable=True,
    ),
    "no test rows": Bad(
        "a.csv", csv(every(split="train")), ("split.column: no row of column 'split' names the",), readable=True
    ),
    "missing target column": Bad(
        "a.csv",
        csv(rows()),
        ("a.csv: no column 'lable' (data.target)", "hint: did you mean 'label'?"),
        ("data.target=lable",),
        readable=True,
    ),
    "missing split column": Bad(
        "a.csv", csv(rows()), ("split.column: the table has no column 'splt'", "'split'?"), ("split.column=splt",), True
    ),
    "missing weight column": Bad(
        "a.csv", csv(rows()), ("no column 'w' (data.weight)",), ("data.weight=w",), readable=True
    ),
    "NaN weight": Bad(
        "a.csv",
        csv([(*r, "nan" if i == 3 else "1") for i, r in enumerate(rows())], header=("id", "sequence", "label", "split", "w")),
        ("a.csv:5, record 'r3': column 'w' is 'nan'; a weight must be a finite number",),
        ("data.weight=w",),
        readable=True,
    ),
}  # fmt: skip
UNREADABLE = {name: bad for name, bad in CASES.items() if not bad.readable}


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES)
def test_train(place: Path, bad: Bad) -> None:
    (place / bad.name).write_bytes(bad.content)
    before = listing(place)
    sets = [x for text in (f"data.table={bad.name}", *bad.settings) for x in ("--set", text)]
    if bad.name in ("a.fa", "a.fq") or b"sequen" not in bad.content:
        sets += ["--set", "data.sequence=null"]
    strandloom("train", "exp.yaml", "--out", "new/run", "-q", *sets).fails(1, *bad.texts)
    assert listing(place) == before


@pytest.mark.parametrize("bad", UNREADABLE.values(), ids=UNREADABLE)
def test_predict(place: Path, bundle: Path, bad: Bad) -> None:
    (place / bad.name).write_bytes(bad.content)
    before = listing(place)
    for out in ("new/p.tsv", "new/p.parquet", "new/p.ndjson.gz"):
        failed = strandloom("predict", bundle, bad.name, "--out", out, "-q").fails(1, bad.texts[0])
        assert "data.letters" not in failed.err  # there is no experiment file here
        assert listing(place) == before


@pytest.mark.parametrize("bad", UNREADABLE.values(), ids=UNREADABLE)
def test_check_init_and_evaluate(place: Path, bundle: Path, bad: Bad) -> None:
    (place / bad.name).write_bytes(bad.content)
    before = listing(place)
    checked = strandloom("data", "check", bad.name)
    if checked.code:
        checked.fails(1, bad.name)
    else:
        assert "cannot be read; the first: record" in checked.out
    strandloom("evaluate", bundle, bad.name, "--out", "new/judged").fails(1, bad.name)
    assert listing(place) == before
    started = strandloom("init", bad.name, "--out", "new/exp.yaml")
    if checked.code:  # init, too, looks past single bad rows
        started.fails(1, bad.name)
        assert listing(place) == before


def test_rows_that_cannot_be_read_are_skipped_and_counted_when_asked(place: Path, bundle: Path) -> None:
    (place / "a.csv").write_bytes(csv(replaced(4, sequence="AC!GT")))
    done = strandloom("predict", bundle, "a.csv", "--out", "p.tsv", "--on-bad-row", "skip").good()
    assert "1 row skipped:\n  record 'r4' (line 6): '!' is no DNA letter" in done.err
    assert len((place / "p.tsv").read_text().splitlines()) == 60
    (place / "b.csv").write_bytes(csv(every(sequence="MKVLAAGIV")))
    strandloom("predict", bundle, "b.csv", "--out", "q.tsv", "--on-bad-row", "skip").fails(
        1, "b.csv: no sequence to predict; all 60 rows were skipped: record 'r0' (line 2): 'L' is no DNA letter"
    )


@pytest.mark.parametrize(
    ("table", "texts"),
    [
        (
            csv(rows(), header=("id", "sequence", "truth", "split")),
            ("a.csv: no column 'label' (data.target)", "hint: "),
        ),
        (
            csv(replaced(4, label="3")),
            ("a.csv:6, record 'r4': class '3' in column 'label' is not one of the classes 0, 1",),
        ),
        (csv(replaced(4, label="")), ("a.csv:6, record 'r4': column 'label' is empty",)),
    ],
    ids=["no target", "unknown class", "empty target"],
)
def test_evaluate_on_a_table_that_does_not_fit(place: Path, bundle: Path, table: bytes, texts: tuple[str, ...]) -> None:
    (place / "a.csv").write_bytes(table)
    before = listing(place)
    strandloom("evaluate", bundle, "a.csv", "--out", "new/judged").fails(1, *texts)
    assert listing(place) == before


@pytest.mark.parametrize("name", ["nosuch.csv", "."])
def test_missing_file_and_folder_as_a_file(place: Path, bundle: Path, name: str) -> None:
    before = listing(place)
    said = "there is no such file" if name != "." else "this is a folder, not a file"
    strandloom("predict", bundle, name, "--out", "new/p.tsv").fails(1, said, "hint: ")
    strandloom("data", "check", name).fails(1, said, "hint: ")
    strandloom("init", name, "--out", "new/exp.yaml").fails(1, said, "hint: ")
    strandloom("evaluate", bundle, name, "--out", "new/judged").fails(1, said, "hint: ")
    code, said = (2, "data.table: no such data file: nosuch.csv") if name != "." else (1, said)
    strandloom("train", "exp.yaml", "--out", "run", "--set", f"data.table={name}", "-q").fails(code, said, "hint: ")
    assert listing(place) == before


def test_duplicate_ids_and_odd_letters_are_said_not_hidden(place: Path) -> None:
    odd = [(i, "acgtNN--" + s[8:], y, part) for i, s, y, part in replaced(4, id="r3")]
    (place / "table.csv").write_bytes(csv(odd))
    checked = strandloom("data", "check", "table.csv").good().out
    for text in (
        "an id that an earlier row has",
        "lower case (soft-masked repeats?)",
        "gaps: are these aligned",
        "are N or",
    ):
        assert text in checked
    said = strandloom("train", "exp.yaml", "--out", "run").good().err
    for text in (
        "an id that an earlier row has",
        "lower case (soft-masked repeats?)",
        "gaps: are these aligned",
        "are N or",
    ):
        assert text in said
