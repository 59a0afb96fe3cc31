"""Rows are drawn from a file block by block, evenly, with those that are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.predict import Predictor, load
from strandloom.run import RunResult
from strandloom.run import explain_rows as module
from strandloom.run.explain_rows import read_rows


@pytest.fixture(scope="module")
def predictor(full_run: RunResult) -> Predictor:
    """The small run's bundle."""
    return load(full_run.bundle, device="cpu")


def test_a_file_that_fits_is_read_whole(predictor: Predictor, table: Path) -> None:
    frame = pl.read_csv(table, separator="\t")
    rows = read_rows(predictor, table, most=1000, seed=1)
    assert list(rows.ids) == frame["id"].to_list()
    assert rows.truth is not None
    assert rows.truth.tolist() == frame["label"].to_list()
    assert rows.data == "300 sequences of sim.tsv"
    assert rows.where is None


def test_draws_are_even_and_keep_what_is_asked_for(
    predictor: Predictor, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module.read_blocks
    monkeypatch.setattr(module, "read_blocks", lambda *a, **k: whole(*a, **k, block_rows=16))
    counts = dict.fromkeys(pl.read_csv(table, separator="\t")["id"].to_list(), 0)
    last = list(counts)[-1]
    for seed in range(100):
        rows = read_rows(predictor, table, most=30, seed=seed, ids=[last])
        assert len(rows) == 30
        assert list(rows.ids) == sorted(rows.ids)
        for name in rows.ids:
            counts[name] += 1
    assert counts.pop(last) == 100
    drawn = np.array(list(counts.values()))
    assert abs(drawn[:150].sum() - drawn[150:].sum()) < 4 * np.sqrt(2900)
    assert drawn.max() < 30


def test_crops_and_padding_are_known(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(f"id,sequence\nlong,{'A' * 50}\nshort,{'C' * 30}\n")
    rows = read_rows(predictor, path, most=10, seed=1)
    assert rows.lengths.tolist() == [40, 30]
    assert rows.cropped.tolist() == [0, 0]  # anchored left
    assert rows.columns.tolist() == [0, 0]
    assert rows.truth is None
    assert rows.notes == (
        "1 sequence longer than the 40 bases that the model reads: only the first 40 are explained",
        "1 sequence shorter than the 40 bases that the model reads, down to 30: the rest is padding",
    )
