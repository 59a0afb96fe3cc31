"""Rows of many requests computed together: one thread a model takes what waits, up to a limit."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strandloom.serve.problems import Problem
from strandloom.serve.settings import BatchSettings

J = TypeVar("J")
R = TypeVar("R")


@dataclass(eq=False)
class _Waiting(Generic[J, R]):
    job: J
    rows: int
    done: Future[R] = field(default_factory=Future)


class Batcher(Generic[J, R]):
    """A queue in front of a function that is fastest for many rows at once.

    Parameters
    ----------
    compute
        Jobs to results, one each, in order; called in a thread of its own, never twice at a time.
    settings
        How many rows wait, and how many are computed together.
    name
        What its thread is called after.
    observe
        Hears the rows of each batch and its seconds.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[J]], Sequence[R]],
        settings: BatchSettings,
        *,
        name: str = "model",
        observe: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        self._compute, self._settings, self._observe = compute, settings, observe
        self._queue: deque[_Waiting[J, R]] = deque()
        self._rows = 0
        self._closed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"batches of {name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows in the queue."""
        return self._rows

    def submit(self, job: J, *, rows: int, wait: bool = False) -> Future[R]:
        """Put a job into the queue.

        Parameters
        ----------
        wait
            Where the queue is full: wait for room (a file that is read block by block) instead of refusing.

        Raises
        ------
        Problem
            503: the queue is full, or the service is about to stop.
        """
        one: _Waiting[J, R] = _Waiting(job, rows)
        most = self._settings.queue_rows
        with self._change:
            while wait and self._rows and self._rows + rows > most and not self._closed:
                self._change.wait()
            if self._closed:
                raise Problem(503, "stopping", "the service is about to stop", retry_after=5)
            if self._rows and self._rows + rows > most:
                raise Problem(
                    503, "busy", f"{self._rows:,} rows wait already", hint="try again in a moment", retry_after=1
                )
            self._queue.append(one)
            self._rows += rows
            self._change.notify_all()
        return one.done

    async def ask(self, job: J, *, rows: int) -> R:
        """As :meth:`submit`, and wait for the result."""
        return await asyncio.wrap_future(self.submit(job, rows=rows))

    def close(self) -> None:
        """As :meth:`retire`; returns when that is done."""
        self.retire()
        self._thread.join()

    def retire(self) -> None:
        """Finish what waits, then stop; returns at once."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _work(self) -> None:
        while batch := self._next():
            began = time.perf_counter()
            self._run(batch)
            self._observe(sum(one.rows for one in batch), time.perf_counter() - began)

    def _next(self) -> list[_Waiting[J, R]]:
        """The jobs of the next batch; none when all is done."""
        with self._change:
            while True:
                while not self._queue and not self._closed:
                    self._change.wait()
                if self._queue and self._settings.wait_ms and not self._closed:
                    until = time.monotonic() + self._settings.wait_ms / 1000
                    while self._rows < self._settings.rows and (left := until - time.monotonic()) > 0:
                        self._change.wait(left)
                batch = self._taken()
                if batch or (self._closed and not self._queue):
                    return batch

    def _taken(self) -> list[_Waiting[J, R]]:
        """Jobs out of the queue, those left out that were given up."""
        batch: list[_Waiting[J, R]] = []
        rows = 0
        while self._queue and (not batch or rows + self._queue[0].rows <= self._settings.rows):
            one = self._queue.popleft()
            self._rows -= one.rows
            if one.done.set_running_or_notify_cancel():
                rows += one.rows
                batch.append(one)
        self._change.notify_all()
        return batch

    def _run(self, batch: Sequence[_Waiting[J, R]]) -> None:
        try:
            results = self._compute([one.job for one in batch])
        except Exception as error:  # one job must not fail the others: each is tried alone
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            for one in batch:
                self._run([one])
            return
        for one, result in zip(batch, results, strict=True):
            one.done.set_result(result)
