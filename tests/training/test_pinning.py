"""Torch's threads on cores of their own."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
import torch

from strandloom.training.pinning import pinned
from strandloom.training.runtime import physical_cores


def _masks() -> list[set[int]]:
    found = []
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError):  # a thread that ended meanwhile
            found.append(os.sched_getaffinity(int(task)))
    return found


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_each_thread_has_its_own_core_and_all_come_back() -> None:
    allowed, before = os.sched_getaffinity(0), torch.get_num_threads()
    cores = physical_cores()
    try:
        torch.set_num_threads(cores)
        with pinned() as done:
            if cores < 2:
                assert not done
            if done:
                parts = {frozenset(mask) for mask in _masks() if mask < allowed}
                assert os.sched_getaffinity(0) in parts
                assert len(parts) == cores
                assert sum(map(len, parts)) == len(frozenset().union(*parts))  # none shares a core
            torch.ones(1 << 20).add_(1)
        assert os.sched_getaffinity(0) == allowed
        assert all(mask == allowed for mask in _masks())
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_fewer_threads_than_cores_are_left_alone() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pinned() as done:
            assert not done
            assert len(os.sched_getaffinity(0)) >= 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_an_error_puts_the_threads_back() -> None:
    allowed = os.sched_getaffinity(0)
    with pytest.raises(RuntimeError), pinned():
        raise RuntimeError
    assert os.sched_getaffinity(0) == allowed
