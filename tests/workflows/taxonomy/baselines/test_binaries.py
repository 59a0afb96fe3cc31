"""vsearch beside a tiny reference, and how its tables are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.evaluation.baselines.base import Unfit
from strandloom.workflows.taxonomy.baselines.binaries import Vsearch, sintax_calls
from strandloom.workflows.taxonomy.baselines.matches import majority
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.reference import COLUMNS, Reference

RNG = np.random.default_rng(1)
ROOT = RNG.integers(0, 4, (3, 160))


def text(bases: np.ndarray) -> str:
    return "".join("ACGT"[b] for b in bases)


def changed(bases: np.ndarray, *places: int) -> np.ndarray:
    out = bases.copy()
    out[list(places)] = (out[list(places)] + 1) % 4
    return out


def reference() -> Reference:
    """Two species of one sequence, a third of their family, a fourth alone whose order is unknown."""
    own = [text(ROOT[0]), text(ROOT[0]), text(ROOT[0]), text(ROOT[1]), text(ROOT[2])]
    rows = [
        ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
        ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
        ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
        ("Sprattus sprattus", "Sprattus", "Clupeidae", "Clupeiformes", "Actinopteri"),
        ("Perca fluviatilis", "Perca", "Percidae", "", "Actinopteri"),
    ]
    frame = pl.DataFrame(
        [
            (f"r{i}", *row[::-1], sequence, "pcr", False)
            for i, (row, sequence) in enumerate(zip(rows, own, strict=True))
        ],
        schema=COLUMNS,
        orient="row",
    )
    return Reference.from_frame(frame, name="tiny", marker=MARKERS["mifish"])


def test_a_missing_or_failing_program_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="no-such-program is not installed"):
        Vsearch("no-such-program").version()
    broken = tmp_path / "vsearch"
    broken.write_text("#!/bin/sh\necho Fatal error: no memory >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(Unfit, match=r"--usearch_global failed \(exit code 3\): Fatal error: no memory"):
        Vsearch(str(broken)).top_hits(reference(), [text(ROOT[0])])


def test_the_tables_of_a_program_are_read(tmp_path: Path) -> None:
    fake = tmp_path / "vsearch"
    fake.write_text(
        "#!/bin/sh\n"
        'while [ $# -gt 0 ]; do case "$1" in --userout) printf "1\\t0\\n1\\t2\\n1\\t1\\n" > "$2";;'
        ' --tabbedout) printf "1\\tc:0(1.00),s:2(0.57)\\t+\\n0\\t\\n" > "$2";; --version) echo vsearch v2.99.1_x;; esac;'
        " shift; done\n"
    )
    fake.chmod(0o755)
    program = Vsearch(str(fake))
    assert program.version() == "vsearch 2.99.1"
    shares = program.top_hits(reference(), ["AC", "GT"])
    assert shares.offsets.tolist() == [0, 0, 2]
    assert shares.species.tolist() == [0, 1]
    assert shares.probability == pytest.approx([2 / 3, 1 / 3])
    calls = program.sintax(reference(), ["AC", "GT"])
    assert calls.taxon["species"].tolist() == [-1, 2]
    assert calls.confidence["species"].tolist() == [0, 0.57]
    assert calls.taxon["class"].tolist() == [-1, 0]


def test_sintax_text() -> None:
    found = pl.DataFrame({"0": ["2", "0"], "1": ["c:0(1.00),o:0(0.99),f:1(0.90),g:2(0.5),s:3(0.33)", None]})
    calls = sintax_calls(found, queries=3)
    assert [calls.taxon[rank].tolist()[2] for rank in RANKS] == [3, 2, 1, 0, 0]
    assert [calls.confidence[rank].tolist()[2] for rank in RANKS] == [0.33, 0.5, 0.9, 0.99, 1]
    assert (calls.taxon["class"][:2] == -1).all()


@pytest.mark.skipif(shutil.which("vsearch") is None, reason="vsearch is not installed")
def test_vsearch_itself() -> None:
    program, tiny = Vsearch(), reference()
    assert program.version().startswith("vsearch 2.")
    queries = [
        text(changed(ROOT[0], 40)),
        text(ROOT[1]),
        text(ROOT[2][10:]),
        text(np.random.default_rng(9).integers(0, 4, 160)),
    ]
    shares = program.top_hits(tiny, queries)
    assert shares.offsets.tolist() == [0, 2, 3, 4, 4]
    assert shares.probability == pytest.approx([2 / 3, 1 / 3, 1, 1])
    calls = majority(shares, tiny.taxonomy)
    names = [("", *tiny.taxonomy.species)[i + 1] for i in calls.taxon["species"]]
    assert names == ["Clupea harengus", "Sprattus sprattus", "Perca fluviatilis", ""]
    found = program.sintax(tiny, queries)
    assert found.taxon["genus"][:3].tolist() == calls.taxon["genus"][:3].tolist()
    assert found.taxon["order"].tolist()[2] == -1
    assert (found.confidence["class"][:3] > 0.9).all()
    again = program.sintax(tiny, queries)
    assert all(np.array_equal(found.confidence[rank], again.confidence[rank]) for rank in RANKS)
    assert program.top_hits(tiny, queries[3:]).offsets.tolist() == [0, 0], "a table without a line"
