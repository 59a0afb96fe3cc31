"""A working folder with a tiny experiment, and one tiny trained bundle for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from tiny_runs import SETTINGS, csv, rows, strandloom


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty working folder with ``exp.yaml`` and the good table ``table.csv``."""
    (tmp_path / "exp.yaml").write_text(SETTINGS)
    (tmp_path / "table.csv").write_bytes(csv(rows()))
    with chdir(tmp_path):
        yield tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, its experiment and its table beside it: ``exp.yaml``, ``table.csv``, ``run/``."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "exp.yaml").write_text(SETTINGS.replace("baselines: none", "baselines: [majority, composition]"))
    (folder / "table.csv").write_bytes(csv(rows()))
    strandloom("train", folder / "exp.yaml", "--out", folder / "run", "--quiet").good()
    return folder


@pytest.fixture
def bundle(trained: Path) -> Path:
    """The bundle of the finished run; do not change it."""
    return trained / "run" / "bundle"
