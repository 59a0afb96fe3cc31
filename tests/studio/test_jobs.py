"""The queue of runs: trainings are processes of their own, and what is said of them is true, whatever was killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_runs import SETTINGS

from strandloom.errors import UsageError
from strandloom.experiment import Experiment, read_experiment
from strandloom.studio.jobs import Queue, begun, last_error, tail
from strandloom.studio.progress import progress_of, read_curves
from strandloom.studio.store import Store
from strandloom.studio.workspace import Workspace


@pytest.fixture
def queue(space: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = Queue(space, store)
    yield found
    for run in found.every():
        if run.pid:
            os.killpg(run.pid, signal.SIGKILL)


@pytest.fixture
def experiment(table: Path, tmp_path: Path) -> Callable[..., Experiment]:
    """A tiny experiment on the table, with changes."""

    def make(*changes: str) -> Experiment:
        path = tmp_path / "exp.yaml"
        path.write_text(SETTINGS)
        return read_experiment(path, [f"data.table={table}", *changes])

    return make


def until(queue: Queue, number: int, *states: str, seconds: float = 120) -> str:
    for _ in range(int(seconds / 0.1)):
        queue.step()
        state = queue.look(number).run.state
        if state in states:
            return state
        time.sleep(0.1)
    raise AssertionError(f"{queue.look(number).run.state}: {tail(queue.look(number).log)}")


def test_a_run_goes_through_the_queue_to_its_end(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    first = queue.create(experiment(), project=1, version=None, author="Ada")
    second = queue.create(experiment(), project=1, version=None, author="Ada")
    assert queue.look(first).run.state == "created"
    queue.start(first)
    queue.start(second)
    assert [queue.look(x).run.state for x in (first, second)] == ["running", "queued"]
    queue.pause(second)
    assert queue.look(second).run.state == "paused"
    assert until(queue, first, "completed", "failed") == "completed"
    look = queue.look(first)
    assert look.verdict
    assert look.folder.bundle.is_dir()
    assert read_curves(look.folder.path)[0].best
    assert progress_of(look.folder, epochs=2).left is None
    with pytest.raises(UsageError, match="the run is completed"):
        queue.start(first)
    assert queue.command(look).startswith("strandloom train runs/")


def test_pause_cancel_and_go_on(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    number = queue.create(
        experiment("training.epochs=400", "training.patience=null"), project=1, version=None, author="Ada"
    )
    queue.start(number)
    while not read_curves(queue.look(number).folder.path):
        time.sleep(0.05)
    queue.pause(number)
    assert until(queue, number, "paused", "failed") == "paused"
    stopped = len(read_curves(queue.look(number).folder.path)[0].epochs)
    assert 0 < stopped < 400
    queue.start(number)
    assert until(queue, number, "running") == "running"
    while len(read_curves(queue.look(number).folder.path)[0].epochs) <= stopped:
        time.sleep(0.05)
    progress = progress_of(queue.look(number).folder, epochs=400)
    assert progress.planned == 400
    assert (progress.left or 0) > 0
    queue.cancel(number)
    assert until(queue, number, "cancelled", "failed") == "cancelled"


def test_a_training_outlives_the_studio(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    number = queue.create(
        experiment("training.epochs=400", "training.patience=null"), project=1, version=None, author="Ada"
    )
    queue.start(number)
    other = Queue(queue.space, queue.store)  # the studio was killed and begins anew: it knows no children
    other.step()
    assert other.look(number).run.state == "running"
    pid = other.look(number).run.pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    queue._children[pid].wait(30)
    other.step()
    assert other.look(number).run.state == "failed"
    assert "killed" in other.look(number).run.message or other.look(number).run.message


def test_a_failed_run_says_why(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    number = queue.create(experiment("data.target=nothing"), project=1, version=None, author="Ada")
    queue.start(number)
    assert until(queue, number, "failed", "completed") == "failed"
    assert "nothing" in queue.look(number).run.message
    assert "Traceback" not in queue.look(number).run.message


def test_a_run_that_cannot_start_holds_up_nobody(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    first = queue.create(experiment(), project=1, version=None, author="Ada")
    second = queue.create(experiment(), project=1, version=None, author="Ada")
    queue.look(first).home.rename(queue.space.root / "elsewhere")
    queue.start(first)
    assert queue.look(first).run.state == "failed"
    assert "could not be started" in queue.look(first).run.message
    queue.start(second)
    assert until(queue, second, "completed", "failed") == "completed"


def test_the_trash(queue: Queue, experiment: Callable[..., Experiment]) -> None:
    number = queue.create(experiment(), project=1, version=None, author="Ada")
    home = queue.look(number).home
    queue.delete(number)
    assert not home.exists()
    assert queue.every() == []
    with pytest.raises(UsageError, match="no such run"):
        queue.look(number)
    again = queue.create(experiment(), project=1, version=None, author="Ada")  # of the same name, meanwhile
    assert queue.look(again).home != home
    queue.restore(number)
    assert home.is_dir()
    assert [x.id for x in queue.every()] == [again, number]
    with pytest.raises(UsageError, match="not in the trash"):
        queue.purge(number)
    queue.delete(number)
    queue.purge(number)
    assert not home.exists()
    assert queue.deleted() == []
    assert list(queue.space.trash.iterdir()) == []


def test_a_thousand_runs_are_listed_quickly(queue: Queue, store: Store) -> None:
    from strandloom.studio.store import Run

    with store.begin() as session:
        session.add_all(Run(project_id=1, name=f"r{i}", folder=f"runs/{i}", author="Ada") for i in range(1000))
    assert len(queue.every()) == 1000


def test_logs_and_processes(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"\x1b[31merror: \x1b[0mno such file\nhint: look\n")
    assert last_error(log) == "no such file\nhint: look"
    log.write_bytes(b"10 %\r50 %\r100 %\ndone\n")
    assert tail(log) == ["100 %", "done", ""]
    assert "without a word" in last_error(tmp_path / "none")
    assert begun(os.getpid()) == begun(os.getpid()) is not None
    assert begun(1 << 30) is None
