"""A source model in a studio: taken in, asked about samples, and the shares that its page shows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.io.records import LetterCounts, Records
from strandloom.studio.charts import stacked
from strandloom.studio.samples import Given, ask_model, compositions, take_in
from strandloom.studio.workspace import open_workspace
from strandloom.workflows.sources.reads import longest_known
from strandloom.workflows.sources.train import Trained


def test_a_table_of_samples_names_no_file_of_the_machine(
    trained: tuple[Path, Trained], genomes: Path, tmp_path: Path
) -> None:
    space = open_workspace(tmp_path / "studio")
    model = take_in(space, trained[0], "waters")
    table = tmp_path / "table"
    table.write_text(f"sample\tfile\nA\t{genomes.parent / 'foreign.fa.gz'}\n")
    with pytest.raises(UsageError, match="was not given"):
        ask_model(space, model, Given(((table, "samples.tsv"),)), name="x", author="Ada")
    assert list(space.answers.iterdir()) == []


def test_stretches_of_known_bases() -> None:
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("ACGTN"), n, p=[0.23, 0.23, 0.23, 0.23, 0.08])) for n in (1, 7, 60, 80, 3)]
    texts += ["N", "NNN", "ACGT"]
    codes = np.concatenate([DNA.encode(x) for x in texts])
    offsets = np.concatenate(([0], np.cumsum([len(x) for x in texts])))
    block = Records(
        codes, offsets, pl.Series("id", [str(i) for i in range(len(texts))]), pl.DataFrame(), LetterCounts()
    )
    assert longest_known(block).tolist() == [max(map(len, x.split("N"))) for x in texts]


def test_shares_of_two_samples(trained: tuple[Path, Trained], genomes: Path, tmp_path: Path) -> None:
    space = open_workspace(tmp_path / "studio")
    model = take_in(space, trained[0], "waters")
    files = []
    for name in ("mouth00", "gut00"):
        letters = gzip.decompress((genomes.parent / f"{name}.fa.gz").read_bytes()).decode().splitlines()[1]
        path = tmp_path / f"{name}.part"
        path.write_text("".join(f">r{i}\n{letters[60 * i : 60 * i + 80]}\n" for i in range(250)))
        files.append((path, f"{name}.fa"))
    made = ask_model(space, model, Given(tuple(files)), name="both", author="Ada")
    shares = compositions(made)
    assert shares["sample"].unique(maintain_order=True).to_list() == ["mouth00", "gut00"]
    assert shares.group_by("sample").agg(pl.sum("proportion"))["proportion"].to_list() == pytest.approx(
        [1, 1], abs=1e-4
    )
    most = {row["sample"]: row["source"] for row in shares.sort("proportion").iter_rows(named=True)}
    assert most == {"mouth00": "mouth", "gut00": "gut"}
    chart = stacked(["a", "b"], {"gut": [0.25, 1.0], "unknown": [0.75, 0.0]})
    assert [(x["name"], x["data"]) for x in chart["series"]] == [("gut", [0.25, 1.0]), ("unknown", [0.75, 0.0])]
