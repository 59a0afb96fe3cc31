"""Frames put aside on disk."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import OutputError
from strandloom.io.spill import Spill

FRAMES = [pl.DataFrame({"id": ["a", None], "n": [1, 2]}), pl.DataFrame({"id": ["b"], "n": [3]})]


def test_frames_come_back_as_often_as_wanted_and_leave_nothing(tmp_path: Path) -> None:
    with Spill(tmp_path) as spill:
        for frame in (FRAMES[0], FRAMES[0].clear(), FRAMES[1]):
            spill.add(frame)
        assert len(spill) == 2
        for _ in range(2):
            assert [x.to_dict(as_series=False) for x in spill] == [x.to_dict(as_series=False) for x in FRAMES]
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Spill(tmp_path) as spill:
            spill.add(FRAMES[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"), Spill(tmp_path / "none"):
        pass
