"""Records: ids that are made when they are first read."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.io.read import read_blocks
from strandloom.io.records import LetterCounts, Records


def test_ids_are_made_once_and_only_when_read() -> None:
    made: list[int] = []

    def ids() -> pl.Series:
        made.append(1)
        return pl.Series("id", ["a", "b"])

    records = Records(np.zeros(3, np.uint8), np.array([0, 1, 3]), ids, pl.DataFrame(), LetterCounts())
    assert len(records) == 2
    assert not made
    assert records.ids.to_list() == records.take([1, 0]).ids.to_list()[::-1] == ["a", "b"]
    assert len(made) == 1
    assert replace(records, ids=pl.Series("id", ["c", "d"])).ids.to_list() == ["c", "d"]
    assert Records.concat([records, replace(records, id_name="x")]).ids.to_list() == ["a", "b"] * 2


def test_records_of_a_reader_can_be_pickled(tmp_path: Path) -> None:
    path = tmp_path / "reads.fastq"
    path.write_text("@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n")
    (records,) = read_blocks(path)
    again = pickle.loads(pickle.dumps(records))
    assert again.ids.to_list() == ["a", "b"]
    assert again.codes.tolist() == records.codes.tolist()
