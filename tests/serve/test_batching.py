"""Rows computed together: in order, never failing one another, refused when too many wait."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from strandloom.serve.batching import Batcher
from strandloom.serve.problems import Problem
from strandloom.serve.settings import BatchSettings


class Slow:
    """Doubles numbers, when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, jobs: Sequence[int]) -> list[int]:
        self.may.wait(10)
        self.batches.append(list(jobs))
        if 13 in jobs:
            raise RuntimeError("thirteen")
        return [2 * x for x in jobs]


def test_what_waits_is_computed_together() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, BatchSettings(rows=4))
    first = batcher.submit(0, rows=1)
    while batcher.waiting:
        pass
    others = [batcher.submit(i, rows=1) for i in range(1, 8)]
    slow.may.set()
    assert [x.result(10) for x in [first, *others]] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert slow.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    batcher.close()


def test_one_failure_is_one_failure() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, BatchSettings(rows=8))
    jobs = [batcher.submit(i, rows=1) for i in (1, 13, 2)]
    slow.may.set()
    assert jobs[0].result(10) == 2
    assert jobs[2].result(10) == 4
    with pytest.raises(RuntimeError, match="thirteen"):
        jobs[1].result(10)
    batcher.close()


def test_a_full_queue_refuses_and_a_large_job_passes_when_it_is_empty() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, BatchSettings(queue_rows=10))
    first = batcher.submit(1, rows=1)
    while batcher.waiting:
        pass
    large = batcher.submit(2, rows=100)
    with pytest.raises(Problem) as refused:
        batcher.submit(3, rows=1)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    waiting = threading.Thread(target=lambda: batcher.submit(4, rows=5, wait=True).result(10))
    waiting.start()
    slow.may.set()
    assert (first.result(10), large.result(10)) == (2, 4)
    waiting.join(10)
    assert not waiting.is_alive()
    batcher.close()


def test_given_up_jobs_are_not_computed_and_closing_answers_the_rest() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, BatchSettings(rows=2, wait_ms=5))
    first = batcher.submit(1, rows=2)
    while batcher.waiting:
        pass
    gone, kept = batcher.submit(2, rows=1), batcher.submit(3, rows=1)
    assert gone.cancel()
    closing = threading.Thread(target=batcher.close)
    closing.start()
    slow.may.set()
    closing.join(10)
    assert (first.result(0), kept.result(0)) == (2, 6)
    assert [x for batch in slow.batches for x in batch] == [1, 3]
    with pytest.raises(Problem, match="about to stop"):
        batcher.submit(5, rows=1)
