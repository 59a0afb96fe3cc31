"""The table of a collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection, read_collection


def table(folder: Path, text: str, files: tuple[str, ...] = ()) -> Path:
    for name in files:
        (folder / name).write_text(">a\nACGT\n")
    (folder / "t.tsv").write_text(text)
    return folder / "t.tsv"


def test_genomes_with_their_defaults(collection: Collection) -> None:
    assert collection.kind == "genomes"
    assert collection.environments == ("mouth", "gut", "skin")
    assert len(collection) == 12
    assert len(collection.genera) == 6
    assert collection.members[0].file.name == "mouth00.fa.gz"
    assert collection.members[0].genus == "Mouthella0"


def test_samples_of_reads(tmp_path: Path) -> None:
    path = table(tmp_path, "environment\tsample\tfile\nA\ts1\tx.fa\nB\ts2\ty.fa\n", ("x.fa", "y.fa"))
    found = read_collection(path)
    assert found.kind == "reads"
    assert [m.file.name for m in found.members] == ["x.fa", "y.fa"]
    assert found.genera == ("s1", "s2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("genome_id\tfile\na\tx.fa\n", "needs the columns environment and genome_id"),
        ("environment\tgenome_id\nA\tg1\nA\tg2\n", "one environment"),
        ("environment\tgenome_id\nA\tg1\nB\tg1\n", "stands twice"),
        ("environment\tgenome_id\nA\tg1\nB\tnowhere\n", "1 of 2 have no file: nowhere"),
        ("environment\tgenome_id\nA\tg1\n\tg2\n", "is empty"),
        ("environment\tgenome_id\nA\tg1\nUnknown\tg2\n", "no environment may be called 'Unknown'"),
        ("environment\tgenome_id\tweight\nA\tg1\t-1\nB\tg2\t1\n", "is no weight"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = table(tmp_path, text, ("g1.fa", "g2.fa"))
    with pytest.raises(InputError, match=words):
        read_collection(path)
