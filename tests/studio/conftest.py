"""A workspace, its database and a small table."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tiny_runs import csv, rows

from strandloom.studio.store import Store, sqlite_url
from strandloom.studio.workspace import Workspace, open_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return open_workspace(tmp_path / "studio")


@pytest.fixture
def store(space: Workspace) -> Iterator[Store]:
    """Its database."""
    found = Store(sqlite_url(space.database))
    yield found
    found.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small labelled table."""
    path = tmp_path / "table.csv"
    path.write_bytes(csv(rows()))
    return path


@contextmanager
def running(folder: Path, *words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``strandloom studio`` on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "strandloom.cli.main", "studio", str(folder), "--port", "0", *map(str, words)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("the studio is at "):
            break
    reading = threading.Thread(target=lambda: seen.extend(process.stderr or ()), daemon=True)
    reading.start()
    try:
        assert "".join(seen[-1:]).startswith("the studio is at "), "".join(seen)
        address = seen[-1].split()[-1]
        for _ in range(300):
            try:
                with urlopen(f"{address}/healthz", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield process, address
    finally:
        process.terminate()
        process.wait(30)
        reading.join(10)
        process.stderr.close()
    log = "".join(seen)
    assert "strandloom/studio/pages" not in log, log[-4000:]  # (a browser that leaves early is no fault of a page)


@pytest.fixture(scope="session")
def studio_process() -> Callable[..., Any]:
    """Runs ``strandloom studio`` as a process: ``with studio_process(folder, …) as (process, address)``."""
    return running
