"""Kill -9 of the studio while it trains and while a file arrives: nothing is lost, and what it says afterwards is true."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tiny_runs import SETTINGS

from strandloom.experiment import read_experiment
from strandloom.studio.datasets import import_file
from strandloom.studio.jobs import Queue, begun
from strandloom.studio.progress import read_curves
from strandloom.studio.store import Store, sqlite_url
from strandloom.studio.tidy import datasets
from strandloom.studio.workspace import open_workspace


def wait_for(what: Any, *, seconds: float = 120) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def half_an_upload(address: str) -> socket.socket:
    """A file of a megabyte of which half is sent."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80))
    head = (
        f"POST /studio/upload HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Name: half.csv\r\nContent-Length: 4000000\r\n\r\n"
    )
    connection.sendall(head.encode() + b"sequence,label\n" + b"ACGT,a\n" * 300_000)
    return connection


def test_a_killed_studio_loses_nothing(tmp_path: Path, table: Path, studio_process: Any) -> None:
    folder = tmp_path / "studio"
    space = open_workspace(folder)
    store = Store(sqlite_url(space.database))
    queue = Queue(space, store)
    version = import_file(space, store, table, name="reads", project=1, sent_as="table.csv", author="me")
    path = tmp_path / "exp.yaml"
    path.write_text(SETTINGS)
    changes = [f"data.table={space.inside(version.file)}", "training.epochs=150", "training.patience=null"]
    number = queue.create(read_experiment(path, changes), project=1, version=version.id, author="me")
    with store.begin() as session:  # as the page does; the studio that starts finds it in the queue
        from strandloom.studio.store import Run

        session.get_one(Run, number).state = "queued"
    with studio_process(folder) as (process, address):
        wait_for(lambda: read_curves(queue.look(number).folder.path))
        with half_an_upload(address):
            wait_for(lambda: any(x.stat().st_size > 1 << 20 for x in space.uploads.glob(".*.part")))
            process.kill()
            process.wait(30)
    run = queue.look(number).run
    assert run.state == "running"
    assert begun(run.pid or 0) == run.begun  # the training knows nothing of it
    with studio_process(folder) as (_, address):
        assert list(space.uploads.glob(".*")) == []
        assert [x.name for x in datasets(store)] == ["reads"]
        wait_for(lambda: queue.look(number).run.state == "completed")
        assert queue.look(number).verdict
        assert len(read_curves(queue.look(number).folder.path)[0].epochs) == 150
    store.close()
