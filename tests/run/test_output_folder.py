"""Folders that a command makes: never over something else, never half-made."""

from __future__ import annotations

from pathlib import Path

import pytest

from strandloom.errors import OutputError
from strandloom.run.output_folder import check_free, new_folder


def test_what_may_be_made(tmp_path: Path) -> None:
    check_free(tmp_path / "new", mark="a.json", what="an a", force=False)
    check_free(tmp_path, mark="a.json", what="an a", force=False)
    (tmp_path / "a.json").touch()
    with pytest.raises(OutputError, match="add --force"):
        check_free(tmp_path, mark="a.json", what="an a", force=False)
    check_free(tmp_path, mark="a.json", what="an a", force=True)
    with pytest.raises(OutputError, match="something else than a b"):
        check_free(tmp_path, mark="b.json", what="a b", force=True)
    (tmp_path / "experiment.yaml").touch()
    with pytest.raises(OutputError):
        check_free(tmp_path, mark="a.json", what="an a", force=True)


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_folder(tmp_path / "x" / "y", mark="a.json", what="an a", force=False) as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "x").exists()


def test_what_was_there_stays_until_its_successor_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with new_folder(folder, mark="mark.json", what="a thing", force=False) as fresh:
        (fresh / "mark.json").write_text("old")

    def interrupted() -> None:
        with new_folder(folder, mark="mark.json", what="a thing", force=True) as fresh:
            (fresh / "mark.json").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (folder / "mark.json").read_text() == "old"
    with new_folder(folder, mark="mark.json", what="a thing", force=True) as fresh:
        (fresh / "mark.json").write_text("new")
        assert (folder / "mark.json").read_text() == "old"
    assert (folder / "mark.json").read_text() == "new"
    assert [x.name for x in tmp_path.iterdir()] == ["out"]
