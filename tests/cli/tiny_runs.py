"""The command line called in this process, and tiny tables."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from strandloom.cli.main import main

Row = tuple[str, ...]
HEADER: Row = ("id", "sequence", "label", "split")
SETTINGS = """\
name: tiny
data: {table: table.csv, sequence: sequence, target: label, strand: one}
split: {kind: column, column: split}
model: {kind: multiscale, filters: 4, widths: [3], heads: 1, dense: [4]}
training: {epochs: 1, batch_size: 16, augmentation: {shift: 0}}
evaluation: {baselines: none, resamples: 0}
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def good(self) -> Outcome:
        """It did what it was asked."""
        assert self.code == 0, self.err
        assert "error" not in self.err
        return self

    def fails(self, code: int, *texts: str) -> Outcome:
        """One clear message on stderr that holds all the texts, nothing on stdout, no traceback, no name of a temporary file."""
        assert self.code == code, (self.code, self.out, self.err)
        assert self.out == ""
        lines = self.err.splitlines()
        assert sum(line.startswith("error: ") for line in lines) == 1, self.err
        assert sum(line.startswith("hint: ") for line in lines) <= 1, self.err
        assert sum(not line.startswith("careful: ") for line in lines) <= 3, self.err
        assert "Traceback" not in self.err
        assert ".part" not in self.err
        for text in texts:
            assert text in self.err, f"{text!r} is not in {self.err!r}"
        return self


def strandloom(*arguments: object) -> Outcome:
    """Run ``strandloom …`` in this process."""
    before = sys.argv
    sys.argv = ["strandloom", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        sys.argv = before
    return Outcome(code, out.getvalue(), err.getvalue())


def rows(count: int = 60, *, length: int = 30, seed: int = 1) -> list[Row]:
    """Rows ``id, sequence, label, split``: two classes, all three parts; class 1 is rich in G."""
    draw = random.Random(seed)
    parts = ["train", "train", "train", "validation", "test"]
    found = []
    for i in range(count):
        letters = "ACGT" if i % 2 == 0 else "ACGGGT"
        sequence = "".join(draw.choice(letters) for _ in range(length))
        found.append((f"r{i}", sequence, str(i % 2), parts[(i // 2) % 5]))
    return found


def replaced(row: int, **values: str) -> list[Row]:
    """The usual rows with some cells of one replaced."""
    found = rows()
    found[row] = tuple(values.get(name, cell) for name, cell in zip(HEADER, found[row], strict=True))
    return found


def csv(table: Sequence[Row], *, header: Row = HEADER, separator: str = ",", end: str = "\n") -> bytes:
    """A table as text."""
    return "".join(separator.join(row) + end for row in (header, *table)).encode()


def listing(folder: Path) -> list[str]:
    """Everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
