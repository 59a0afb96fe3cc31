"""Torch's threads on cores of their own while a network trains.

Torch's threads wait for each other after every operation. Where another process wants the same cores, the system moves them about
and each waits for one that is not running: two trainings of two threads on two cores ran at a sixtieth of their speed
(docs/performance.md); pinned, at a third to a seventh. Only the steps are pinned: other libraries' threads would inherit the one core.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from strandloom.training.runtime import core_of


@contextmanager
def pinned() -> Iterator[bool]:
    """Pin the calling thread and the other threads of torch, each to its own physical core, for as long as the block runs.

    A thread that is started inside the block inherits the core of the one that starts it, so there should be none.

    Yields
    ------
    bool
        Whether they are: on Linux with GNU OpenMP, and only where torch has as many threads as this process has cores (fewer
        threads are left to the system, which knows the free cores).
    """
    threads = torch.get_num_threads()
    library = _openmp()
    if library is None or threads < 2:
        yield False
        return
    allowed = os.sched_getaffinity(0)
    siblings: dict[str, set[int]] = {}
    for cpu in sorted(allowed):
        siblings.setdefault(core_of(cpu), set()).add(cpu)
    if len(siblings) != threads:
        yield False
        return
    _in_each(library, threads, list(siblings.values()))
    try:
        yield True
    finally:
        _in_each(library, threads, [allowed] * threads)


def _openmp() -> ctypes.CDLL | None:
    """The GNU OpenMP library that torch has loaded; None for another one or another system."""
    with suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            path = line.split(maxsplit=5)[-1]
            if "torch" in path and "libgomp" in Path(path).name:
                return ctypes.CDLL(path)
    return None


def _in_each(library: ctypes.CDLL, threads: int, cores: list[set[int]]) -> None:
    """Give each thread of the calling thread's team, by its number, the cores it may run on."""

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def work(_: object) -> None:
        with suppress(OSError):  # a core that was taken away meanwhile
            os.sched_setaffinity(0, cores[library.omp_get_thread_num()])

    library.GOMP_parallel(work, None, threads, 0)
