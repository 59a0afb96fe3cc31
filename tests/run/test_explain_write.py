"""Files of a hand-made explanation: places in sequences and in the genome, names, what stands in which file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.evaluation.decision import ClassPredictions
from strandloom.evaluation.results import Interval
from strandloom.explain.attribution import AttributionMap, Check, Output
from strandloom.explain.motif import Motif, Sites
from strandloom.explain.patterns import Patterns
from strandloom.explain.seqlets import find_seqlets
from strandloom.io.motifs import read_motifs
from strandloom.io.plain import read_json
from strandloom.report.motif_inputs import ExplainedSequences, FoundMotif, KnownMatch, MarginalEffect, MotifPage
from strandloom.run.explain_output import OutputExplained, strength, usual_place
from strandloom.run.explain_question import Question
from strandloom.run.explain_rows import Rows
from strandloom.run.explain_write import output_slugs, write_explanation

PREDICTOR: Any = SimpleNamespace(manifest=SimpleNamespace(name="hand-made"))
WHOLE = ("GGTTGACAGG", "CCTGTCAACC")
"""Two sequences of 10 bases; TTGACA stands at 2 forward, and at 2 on the other strand."""


def explained(
    label: str = "b", *, cropped: int = 0, strands: tuple[str, str] = ("+", "-"), matched: bool = True
) -> OutputExplained:
    """One motif with a site in each sequence; the model sees the sequences without their first ``cropped`` bases."""
    codes = np.stack([DNA.encode(text[cropped:]) for text in WHOLE])
    length = codes.shape[1]
    scores = np.zeros((2, 4, length), np.float32)
    start = np.array([2, 2]) - cropped
    sites = Sites(np.array([0, 1]), start, start + 6, np.array([False, True]), np.array([2.0, 1.5]))
    matrix = np.eye(4)[DNA.encode("TTGACA")]
    match = (KnownMatch("MA1 box, minus 35", matrix, 1e-6),) if matched else ()
    effect = MarginalEffect(Interval(2.0, 1.5, 2.5), Interval(0.1, 0.0, 0.2), 20)
    motif = Motif("pattern-1", matrix, sites, matrix)
    output = Output(1, label)
    found = AttributionMap(codes, scores, output, "gradient", np.array([1.0, -1.0], np.float32), Check())
    where = pl.DataFrame({"chrom": ["chr1", "chr2"], "start": [100, 200], "end": [110, 210], "strand": list(strands)})
    rows = Rows(
        codes, np.full(2, length, np.int32), ("one", "two"), np.array([1, 0]), where, np.full(2, cropped),
        np.zeros(2, np.int64), "2 sequences",
    )  # fmt: skip
    page = MotifPage(
        "hand-made", output, "gradient", Check(), "log odds", ExplainedSequences(codes, rows.ids, rows.truth),
        classes=("a", label), motifs=(FoundMotif(motif, match, effect=effect),),
    )  # fmt: skip
    answers = ClassPredictions(np.array([[0.2, 0.8], [0.7, 0.3]]), np.array([1, 0]), np.array([False, True]))
    patterns = Patterns((motif,), 2, 2, None)
    question = Question(output, page.classes, 1, answers, rows.truth, "others", "log odds", "taken for it")
    return OutputExplained(
        rows, found, find_seqlets(found), patterns, page, question, lambda _: np.zeros((4, length), np.float32)
    )


def write(folder: Path, *outputs: OutputExplained, pages: int = 2) -> pl.DataFrame:
    folder.mkdir()
    write_explanation(folder, outputs, predictor=PREDICTOR, pages=pages)
    return pl.read_csv(folder / "sites.tsv", separator="\t")


@pytest.mark.parametrize("cropped", [0, 1, 2])
def test_places_are_those_of_the_whole_sequence(tmp_path: Path, cropped: int) -> None:
    sites = write(tmp_path / "out", explained(cropped=cropped))
    assert sites.select("id", "start", "end", "strand", "sequence").rows() == [
        ("one", 2, 8, "+", "TTGACA"),
        ("two", 2, 8, "-", "TTGACA"),
    ]
    # the second sequence is read from the minus strand: its base 2 is the third from the end, and its minus strand is the plus strand
    assert sites.select("chrom", "chrom_start", "chrom_end", "chrom_strand").rows() == [
        ("chr1", 102, 108, "+"),
        ("chr2", 202, 208, "+"),
    ]
    bed = (tmp_path / "out" / "sites.bed").read_text().splitlines()
    assert bed == ["chr1\t102\t108\tMA1 box, minus 35\t1000\t+", "chr2\t202\t208\tMA1 box, minus 35\t500\t+"]


def test_an_unknown_strand_is_the_plus_strand(tmp_path: Path) -> None:
    sites = write(tmp_path / "out", explained(strands=(".", "+")))
    assert sites["chrom_strand"].to_list() == ["+", "-"]


def test_without_coordinates_there_is_no_bed(tmp_path: Path) -> None:
    found = explained()
    sites = write(tmp_path / "out", replace(found, rows=replace(found.rows, where=None)))
    assert "chrom" not in sites.columns
    assert not (tmp_path / "out" / "sites.bed").exists()


def test_several_outputs_do_not_share_names(tmp_path: Path) -> None:
    sites = write(tmp_path / "out", explained("α"), explained("β"), explained("a b"), explained("a-b", matched=False))
    motifs = read_motifs(tmp_path / "out" / "motifs.meme")
    assert len(motifs) == 4
    assert read_motifs(tmp_path / "out" / "motifs.jaspar").keys() == motifs.keys()
    assert [name.split()[0] for name in motifs] == sites["motif"].unique(maintain_order=True).to_list()
    told = read_json(tmp_path / "out" / "explanation.json")
    assert [one["motifs"][0]["name"] for one in told["outputs"]] == [name.split()[0] for name in motifs]
    assert {one["page"] for one in told["outputs"]} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert len({one["page"] for one in told["outputs"]}) == 4


def test_slugs_differ() -> None:
    assert output_slugs(["CTCF", "a b", "a-b", "α", "β"]) == ["CTCF", "a-b", "a-b-2", "x", "x-2"]


def test_pages_say_what_the_model_says(tmp_path: Path) -> None:
    write(tmp_path / "out", explained())
    one, two = (next((tmp_path / "out" / "sequences").glob(f"*-{name}.html")).read_text() for name in ("one", "two"))
    assert "0.800" in one or "0.80" in one
    assert "abstain" in two
    assert "abstain" not in one


def test_strength_is_the_size_of_the_effect() -> None:
    (found,) = explained().page.motifs
    assert strength(found) == 2.0
    assert strength(replace(found, effect=MarginalEffect(Interval(-3.0, -4.0, -2.0)))) == 3.0
    assert strength(replace(found, effect=None)) == 0.0


def test_usual_place() -> None:
    def motif(starts: list[int]) -> Motif:
        at = np.array(starts)
        none = np.zeros(len(at), np.int64)
        return Motif("m", np.eye(4), Sites(none, at, at + 4, none > 0, none * 1.0))

    assert usual_place(motif([30, 31, 31, 32, 31, 90, 5])) == 31
    assert usual_place(motif(list(range(0, 200, 7)))) is None
    assert usual_place(motif([])) is None
