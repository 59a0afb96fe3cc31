"""Whole inserts placed by alignment, against a slow twin."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.workflows.taxonomy.ragged import encoded
from strandloom.workflows.taxonomy.search import MASKS, Index
from strandloom.workflows.taxonomy.whole import place
from strandloom.workflows.taxonomy.whole_kernels import fit

RNG = np.random.default_rng(3)


def random_bases(length: int) -> str:
    return "".join(RNG.choice(list("ACGT"), length))


INSERT = random_bases(60)


def placed(text: str) -> tuple[int, int, int, float, list[int]]:
    found = place(*encoded(pl.Series([text])), Index(*encoded(pl.Series([random_bases(60), INSERT]))), least_shared=8)
    return (
        int(found.template[0]), int(found.start[0]), int(found.end[0]), float(found.identity[0]), found.missing[0].tolist()
    )  # fmt: skip


def test_where_an_insert_lies() -> None:
    assert placed(INSERT) == (1, 0, 60, 1.0, [0, 0])
    assert placed(random_bases(25) + INSERT + random_bases(30)) == (1, 25, 85, 1.0, [0, 0])
    assert placed(INSERT[2:] + "ACGT") == (1, 0, 58, 1.0, [2, 0])
    assert placed("ACGT" + INSERT[:-10]) == (1, 4, 54, 1.0, [0, 10])
    assert placed(random_bases(80))[0] == -1
    changed = INSERT[:30] + INSERT[31:40] + "A" + INSERT[40:]  # a base lost, a base gained
    template, start, end, identity, missing = placed("TT" + changed + "GG")
    assert (template, start, end, missing) == (1, 2, 62, [0, 0])
    assert 0.95 < identity < 1


def twin(row: str, target: str) -> int:
    """Fewest differences of all of ``target`` to any part of ``row``; bases that hang over count."""
    best = len(target)
    for i in range(len(row) + 1):
        for j in range(i, len(row) + 1):
            best = min(best, _distance(row[i:j], target))
    return best


def _distance(a: str, b: str) -> int:
    line = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        line, before = [i], line
        for j, y in enumerate(b, start=1):
            line.append(min(before[j - 1] + (x != y), before[j] + 1, line[-1] + 1))
    return line[-1]


def test_kernel_and_twin_agree() -> None:
    for _ in range(60):
        row, target = random_bases(int(RNG.integers(1, 14))), random_bases(int(RNG.integers(1, 10)))
        masks = [MASKS[encoded(pl.Series([text]))[0]] for text in (row, target)]
        work = np.zeros((2, len(row) + 1), np.int32)
        start, end, differences, before, after = fit(*masks, work, work.copy())
        assert differences == twin(row, target)
        inside = target[before : len(target) - after]
        assert _distance(row[start:end], inside) + before + after == differences
