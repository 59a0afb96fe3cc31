"""``explain``: what it prints and writes, and a mistake in each argument becomes one message."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import strandloom

QUICK = ("--rows", "20", "--pages", "1", "--method", "gradient")


def test_pages_are_written_and_named(bundle: Path, place: Path) -> None:
    done = strandloom("explain", bundle, "table.csv", "--out", "why", *QUICK)
    done.good()
    assert "motifs: why/motifs.html" in done.out
    assert (place / "why" / "motifs.html").is_file()
    assert len(list((place / "why" / "sequences").iterdir())) == 1
    strandloom("explain", bundle, "table.csv", "--out", "why", *QUICK).fails(
        1, "the folder exists already", "hint: choose another --out, or add --force"
    )
    strandloom("explain", bundle, "table.csv", "--out", "why", "--force", *QUICK).good()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--method", "magic"], 2, ["no method is called 'magic'", "hint: one of auto, gradient"]),
        (["--output", "c"], 2, ["the model has no output 'c'", "hint: its outputs: "]),
        (["--page", "nobody"], 1, ["no sequence is called 'nobody'"]),
        (["--target", "colour"], 1, ["no column 'colour'"]),
        (["--motifs", "absent.meme"], 1, ["absent.meme", "cannot be read"]),
        (["--motifs", "broken.meme"], 1, ["broken.meme:4", "not four numbers"]),
    ],
)
def test_mistakes(bundle: Path, place: Path, words: list[str], code: int, said: list[str]) -> None:
    (place / "broken.meme").write_text(
        "MEME version 4\nMOTIF x\nletter-probability matrix: alength= 4 w= 2\n0.5 0.5 0\n0.25 0.25 0.25 0.25\n"
    )
    strandloom("explain", bundle, "table.csv", "--out", "why", "--rows", "20", *words).fails(code, *said)
    assert not (place / "why").exists()


def test_a_sequence_without_bases(bundle: Path, place: Path) -> None:
    (place / "n.fa").write_text(">good\n" + "ACGT" * 10 + "\n>empty\n" + "N" * 40 + "\n")
    strandloom("explain", bundle, "n.fa", "--out", "why", *QUICK).fails(1, "record 'empty'", "nothing to explain")
