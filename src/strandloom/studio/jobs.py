"""Runs as processes of their own: a queue, start, pause, resume, cancel; what they are is read from their folders.

A training outlives the studio. What the database says of it is a wish or a memory; whether it runs is asked of the machine (number and
beginning of its process), whether it is finished of its folder (``verdict.txt``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from strandloom.errors import StrandloomError, UsageError
from strandloom.experiment import Experiment, to_yaml
from strandloom.io.write import replacing
from strandloom.run.folder import RunFolder
from strandloom.studio.store import Deployment, Run, Share, Store, Version, now
from strandloom.studio.workspace import Workspace, slug

State = Literal["created", "queued", "running", "paused", "completed", "cancelled", "failed"]
STATES: tuple[State, ...] = get_args(State)
EXPERIMENT, LOG, RUN = "experiment.yaml", "run.log", "run"
PATIENCE = 15.0
"""Seconds that a training has to stop after it was asked to, before it is told more firmly."""
log = logging.getLogger("strandloom.studio")
EVERY = 0.5
"""Seconds between two looks at the processes."""
_TAIL = 1 << 15


@dataclass(frozen=True, eq=False)
class Look:
    """A run as it is now.

    Parameters
    ----------
    run
        What the database says.
    folder
        Its run folder.
    home
        The folder around that: experiment, log.
    """

    run: Run
    folder: RunFolder
    home: Path

    @property
    def log(self) -> Path:
        """What the training said."""
        return self.home / LOG

    @property
    def verdict(self) -> str:
        """The report's first sentence; empty before the end."""
        return self.folder.verdict.read_text().strip() if self.folder.finished else ""


class Queue:
    """The runs of a workspace.

    Parameters
    ----------
    space, store
        Where they are.
    at_once
        How many train at the same time.
    """

    def __init__(self, space: Workspace, store: Store, *, at_once: int = 1) -> None:
        self.space, self.store, self.at_once = space, store, at_once
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._told: dict[int, float] = {}
        self._sent: dict[int, int] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look after the queue until :meth:`close`."""
        self._thread = threading.Thread(target=self._watch, name="queue of runs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking after the queue; trainings go on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def create(
        self,
        experiment: Experiment,
        *,
        project: int,
        version: int | None,
        author: str,
        seeds: int = 1,
        parent: int | None = None,
    ) -> int:
        """A new run, not yet in the queue; its number."""
        folder = slug(experiment.name, taken=self.space.runs, known=self.folders())
        home = self.space.runs / folder
        home.mkdir(parents=True)
        with replacing(home / EXPERIMENT, text=True) as handle:
            handle.write(to_yaml(experiment))
        with self.store.begin() as session:
            run = Run(
                project_id=project, version_id=version, name=experiment.name, folder=f"{self.space.runs.name}/{folder}", seeds=seeds,
                author=author, parent=parent,
            )  # fmt: skip
            session.add(run)
            session.flush()
            return run.id

    def folders(self) -> set[str]:
        """Names of the folders of all runs, of those in the trash too."""
        with self.store.begin() as session:
            return {Path(x).name for x in session.scalars(select(Run.folder))}

    def look(self, number: int) -> Look:
        """A run.

        Raises
        ------
        UsageError
            There is none of this number.
        """
        with self.store.begin() as session:
            run = session.get(
                Run, number, options=[joinedload(Run.project), joinedload(Run.version).joinedload(Version.dataset)]
            )
            if run is None or run.deleted:
                raise UsageError("there is no such run")
            home = self.space.inside(run.folder)
            return Look(run, RunFolder(home / RUN), home)

    def every(self, *, project: int | None = None) -> list[Run]:
        """All runs, newest first."""
        with self.store.begin() as session:
            query = select(Run).where(Run.deleted == "").order_by(Run.id.desc()).options(joinedload(Run.project))
            if project is not None:
                query = query.where(Run.project_id == project)
            return list(session.scalars(query))

    def command(self, look: Look) -> str:
        """What to type for the same run."""
        home = Path(look.run.folder)
        words = ["strandloom", "train", str(home / EXPERIMENT), "--out", str(home / RUN), "--resume"]
        return shlex.join([*words, *(["--seeds", str(look.run.seeds)] if look.run.seeds > 1 else [])])

    def start(self, number: int) -> None:
        """Put a run into the queue, or one that is paused, failed or cancelled back into it: it goes on where it stopped.

        Raises
        ------
        UsageError
            It runs, waits or is finished.
        """
        with self._changing(number, "created", "paused", "failed", "cancelled") as run:
            run.state, run.wish, run.message = "queued", "", ""
            run.position = self._last() + 1
        self.step()

    def pause(self, number: int) -> None:
        """Stop a run after its present epoch; one that waits leaves the queue.

        Raises
        ------
        UsageError
            It does neither run nor wait.
        """
        with self._changing(number, "running", "queued") as run:
            if run.state == "queued":
                run.state = "paused"
            else:
                run.wish = "pause"
                run.message = str(self._epochs(run))
        self.step()

    def cancel(self, number: int) -> None:
        """Stop a run without waiting for its epoch to end; what is trained stays, and it can be started again.

        Raises
        ------
        UsageError
            It does neither run, wait nor pause.
        """
        with self._changing(number, "running", "queued", "paused") as run:
            if run.state == "running":
                run.wish = "cancel"
            else:
                run.state = "cancelled"
        self.step()

    def delete(self, number: int) -> None:
        """Put a run into the trash; :meth:`restore` brings it back.

        Raises
        ------
        UsageError
            It runs, or is deployed.
        """
        with self._lock:
            with self._changing(number, *(x for x in STATES if x not in ("running", "queued"))) as run:
                if self._deployed(number):
                    raise UsageError("the run is deployed", hint="switch the deployment off and delete it first")
                run.deleted = now()
                home = self.space.inside(run.folder)
            place = self.space.trash / f"run-{number}"
            shutil.rmtree(place, ignore_errors=True)
            if home.exists():
                home.rename(place)

    def restore(self, number: int) -> None:
        """Bring a run back out of the trash.

        Raises
        ------
        UsageError
            It is not there.
        """
        with self._lock, self.store.begin() as session:
            run = session.get(Run, number)
            place = self.space.trash / f"run-{number}"
            home = None if run is None else self.space.inside(run.folder)
            if run is None or home is None or not run.deleted or not (place.is_dir() or home.is_dir()):
                raise UsageError("the run is not in the trash")
            if place.is_dir():
                place.rename(home)
            run.deleted = ""

    def purge(self, number: int) -> None:
        """Take a run of the trash off the disk.

        Raises
        ------
        UsageError
            It is not in the trash.
        """
        with self._lock, self.store.begin() as session:
            run = session.get(Run, number)
            if run is None or not run.deleted:
                raise UsageError("the run is not in the trash")
            for share in session.scalars(select(Share).where(Share.run_id == number)):
                session.delete(share)
            session.delete(run)
            shutil.rmtree(self.space.trash / f"run-{number}", ignore_errors=True)

    def deleted(self) -> list[Run]:
        """Runs in the trash, the last one first."""
        with self.store.begin() as session:
            query = select(Run).where(Run.deleted != "").order_by(Run.deleted.desc()).options(joinedload(Run.project))
            return list(session.scalars(query))

    def step(self) -> None:
        """One look: end what has ended, do what is wished, begin what may begin."""
        with self._lock:
            for number in self._in("running"):
                self._attend(number)
            free = self.at_once - len(self._in("running"))
            for number in self._in("queued")[: max(free, 0)]:
                try:
                    self._launch(number)
                except (OSError, StrandloomError) as error:  # this run's fault must not hold up those behind it
                    self._fail(number, f"it could not be started: {error}")

    def _fail(self, number: int, message: str) -> None:
        with self.store.begin() as session:
            run = session.get_one(Run, number)
            run.state, run.wish, run.message, run.pid, run.begun = "failed", "", message, None, None

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.step()
            except Exception:  # a disk or a database that fails now may not later
                log.exception("the queue could not be looked at")

    def _in(self, state: State) -> list[int]:
        with self.store.begin() as session:
            return list(
                session.scalars(select(Run.id).where(Run.state == state, Run.deleted == "").order_by(Run.position))
            )

    def _last(self) -> int:
        with self.store.begin() as session:
            return max(session.scalars(select(Run.position)), default=0)

    def _deployed(self, number: int) -> bool:
        with self.store.begin() as session:
            return session.scalars(select(Deployment.id).where(Deployment.run_id == number)).first() is not None

    @contextlib.contextmanager
    def _changing(self, number: int, *allowed: str) -> Any:
        """A run that is in one of some states, to be changed."""
        with self._lock, self.store.begin() as session:
            run = session.get(Run, number)
            if run is None or run.deleted:
                raise UsageError("there is no such run")
            if run.state not in allowed:
                raise UsageError(f"the run is {run.state}", hint=f"this can be done when it is {' or '.join(allowed)}")
            yield run

    def _launch(self, number: int) -> None:
        with self.store.begin() as session:
            run = session.get_one(Run, number)
            home = self.space.inside(run.folder)
            words = [
                sys.executable,
                "-m",
                "strandloom.cli.main",
                "train",
                str(home / EXPERIMENT),
                "--out",
                str(home / RUN),
            ]
            words += ["--resume", "--seeds", str(run.seeds)]
            if self.at_once > 1:  # trainings side by side share the cores
                words = ["env", f"OMP_NUM_THREADS={max(1, (os.cpu_count() or 1) // self.at_once)}", *words]
            with (home / LOG).open("ab") as log:
                process = subprocess.Popen(
                    words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.space.root
                )
            self._children[process.pid] = process
            run.state, run.wish, run.message = "running", "", ""
            run.pid, run.begun = process.pid, begun(process.pid)

    def _attend(self, number: int) -> None:
        with self.store.begin() as session:
            run = session.get_one(Run, number)
            home = self.space.inside(run.folder)
            if self._alive(run):
                if run.wish == "cancel" or (run.wish == "pause" and self._epochs(run) > int(run.message or 0)):
                    self._stop_process(run)
                return
            told = self._told.pop(run.pid or 0, None)
            self._children.pop(run.pid or 0, None)
            if RunFolder(home / RUN).finished:
                run.state, run.message = "completed", ""
            elif run.wish and (told is not None or run.wish == "cancel"):
                run.state, run.message = {"pause": "paused", "cancel": "cancelled"}[run.wish], ""
            else:
                run.state, run.message = "failed", last_error(home / LOG)
            run.wish, run.pid, run.begun = "", None, None

    def _stop_process(self, run: Run) -> None:
        """Ask a training to stop, once; one that does not is ended."""
        pid = run.pid or 0
        since = self._told.setdefault(pid, time.monotonic())
        waited = time.monotonic() - since
        which = signal.SIGKILL if waited > 2 * PATIENCE else signal.SIGTERM if waited > PATIENCE else signal.SIGINT
        if self._sent.get(pid) != which:
            self._sent[pid] = which
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, which)

    def _alive(self, run: Run) -> bool:
        if run.pid is None:
            return False
        child = self._children.get(run.pid)
        if child is not None:
            return child.poll() is None
        return run.begun is not None and begun(run.pid) == run.begun

    def _epochs(self, run: Run) -> int:
        """Epochs that a run has behind it, over all its networks."""
        home = self.space.inside(run.folder) / RUN
        found = 0
        for path in (home / "metrics.jsonl", *home.glob("members/*/metrics.jsonl")):
            with contextlib.suppress(OSError):
                found += path.read_bytes().count(b"\n")
        return found


def begun(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; None: there is none, or it is a dead one that nobody has buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def last_error(log: Path) -> str:
    """What a failed training said last: its error and hint, else its last line."""
    lines = [x for x in tail(log) if x.strip()]
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].startswith("error: "):
            return "\n".join(lines[i:]).removeprefix("error: ")
    return (
        lines[-1].strip()
        if lines
        else "the training ended without a word: it was killed, or the machine ran out of memory"
    )


def tail(log: Path, *, lines: int = 200) -> list[str]:
    """The last lines of a log; of a line that was overwritten by carriage returns its last state, without colours."""
    try:
        with log.open("rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - _TAIL))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        return []
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line.rstrip("\r").rpartition("\r")[2] for line in plain.split("\n")][-lines:]
