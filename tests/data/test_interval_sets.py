"""Interval kernels against base-by-base twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.data.bins import label_bins
from strandloom.data.interval_sets import coverage, merge, overlaps, resized, shuffled, sort, subtract, without
from strandloom.errors import InputError
from strandloom.io.genome import open_genome
from strandloom.io.intervals import Intervals, make_intervals

SIZE = 120
NAMES = ("a", "b", "c")


def drawn(seed: int, count: int, *, names: tuple[str, ...] = NAMES, labels: int = 1) -> Intervals:
    generator = np.random.default_rng(seed)
    start = generator.integers(0, SIZE - 1, count)
    end = np.minimum(start + generator.integers(0, 25, count), SIZE)
    return make_intervals(
        generator.choice(names, count).tolist(), start, end, strand=generator.integers(-1, 2, count).tolist(),
        label=[f"f{i}" for i in generator.integers(0, labels, count)],
    )  # fmt: skip


def bases(intervals: Intervals) -> dict[str, np.ndarray]:
    """Whether each base of each contig is covered."""
    found = {name: np.zeros(SIZE, bool) for name in NAMES}
    for contig, start, end in zip(intervals.contig, intervals.start, intervals.end, strict=True):
        found[intervals.names[contig]][start:end] = True
    return found


@pytest.mark.parametrize("seed", range(6))
def test_overlaps_are_every_pair_that_shares_a_base(seed: int) -> None:
    left, right = drawn(seed, 40), drawn(seed + 100, 50, names=("b", "x", "a"))
    expected = []
    for i in range(40):
        for j in range(50):
            if left.names[left.contig[i]] != right.names[right.contig[j]]:
                continue
            shared = min(left.end[i], right.end[j]) - max(left.start[i], right.start[j])
            if shared > 0:
                expected.append((i, j, shared))
    found = overlaps(left, right)
    assert list(zip(found.left.tolist(), found.right.tolist(), found.shared.tolist(), strict=True)) == expected


@pytest.mark.parametrize("seed", range(6))
def test_merged_coverage_and_subtraction_base_by_base(seed: int) -> None:
    left, right = drawn(seed, 30), drawn(seed + 50, 12)
    flat = merge(right)
    assert sort(flat).start.tolist() == flat.start.tolist()
    for name in NAMES:
        np.testing.assert_array_equal(bases(flat)[name], bases(right)[name])
    for contig in range(3):
        own = flat.contig == contig
        assert (flat.start[own][1:] > flat.end[own][:-1]).all()
    covered = bases(right)
    expected = [covered[left.names[c]][s:e].sum() for c, s, e in zip(left.contig, left.start, left.end, strict=True)]
    assert coverage(left, right).tolist() == expected
    rest = subtract(left, right)
    assert not (overlaps(rest, right).left).size
    assert rest.lengths.sum() == left.lengths.sum() - sum(expected)
    assert set(rest.label) <= set(left.label)
    kept = without(left, right)
    assert kept.start.tolist() == [s for s, n in zip(left.start.tolist(), expected, strict=True) if n == 0]


def test_merge_by_strand_and_gap() -> None:
    made = make_intervals(["a"] * 4, [0, 5, 8, 30], [5, 7, 10, 40], strand=[1, -1, 1, 1])
    assert merge(made).lengths.tolist() == [7, 2, 10]
    assert merge(made, gap=1).lengths.tolist() == [10, 10]
    by_strand = merge(made, stranded=True, gap=3)
    places = zip(by_strand.start.tolist(), by_strand.end.tolist(), by_strand.strand.tolist(), strict=True)
    assert list(places) == [(0, 10, 1), (5, 7, -1), (30, 40, 1)]


def test_resized_around_the_centre() -> None:
    made = resized(make_intervals(["a", "a"], [10, 3], [21, 4]), 8)
    assert list(zip(made.start.tolist(), made.end.tolist(), strict=True)) == [(11, 19), (-1, 7)]


def test_shuffled_places_match_in_length_and_composition(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    halves = ["".join(generator.choice(list("ACGT"), 4000, p=p)) for p in ([0.4, 0.1, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1])]
    (tmp_path / "g.fa").write_text(f">a\n{halves[0]}\n>b\n{halves[1]}\n")
    genome = open_genome(tmp_path / "g.fa")
    made = make_intervals(["a", "b", "b"], [100, 50, 900], [160, 140, 1000])
    exclude = make_intervals(["a"], [0], [2000])
    found = shuffled(made, genome, seed=5, exclude=exclude)
    assert found.lengths.tolist() == made.lengths.tolist()
    assert not overlaps(found, exclude).left.size
    gc = lambda x, i: np.isin(  # noqa: E731
        genome.windows(genome.numbers([x.names[x.contig[i]]]), x.start[[i]], length=int(x.lengths[i])).codes, (1, 2)
    ).mean()
    assert all(abs(gc(found, i) - gc(made, i)) <= 0.05 for i in range(3))
    again = shuffled(made, genome, seed=5, exclude=exclude)
    assert found.start.tolist() == again.start.tolist()
    with pytest.raises(InputError, match="longer than every contig"):
        shuffled(make_intervals(["a"], [0], [5000]), genome, seed=1)


@pytest.mark.parametrize(("rule", "seed"), [("half", 1), ("any", 2), ("half", 3)])
def test_bins_are_labelled_base_by_base(rule: str, seed: int) -> None:
    peaks = drawn(seed, 60, labels=4)
    sizes = {"a": SIZE, "b": 125, "c": 129}
    found = label_bins(peaks, sizes, size=10, rule=rule, empty=True)  # type: ignore[arg-type]
    matrix, at = found.matrix(), 0
    for name, size in sizes.items():
        covered = np.zeros((len(found.labels), SIZE + 10), bool)
        for i in range(60):
            if peaks.names[peaks.contig[i]] == name and peaks.end[i] <= size:
                covered[found.labels.index(peaks.label[i]), peaks.start[i] : peaks.end[i]] = True
        for start in range(0, size - 9, 10):
            inside = covered[:, start : start + 10].sum(1)
            np.testing.assert_array_equal(matrix[at], inside > 5 if rule == "half" else inside > 0)
            assert (found.names[found.contig[at]], found.start[at]) == (name, start)
            at += 1
    assert at == len(found)
    some = label_bins(peaks, sizes, size=10, rule=rule)  # type: ignore[arg-type]
    kept = matrix.any(1)
    np.testing.assert_array_equal(some.matrix(), matrix[kept])
    assert some.start.tolist() == found.start[kept].tolist()
    assert some.texts()[0] == ",".join(np.array(found.labels)[matrix[kept][0] > 0])
    assert some.positives().tolist() == matrix.sum(0).tolist()


def test_faults_of_peaks() -> None:
    peaks = make_intervals(["a", "chr9"], [0, 3], [10, 9], label=["x", "y"])
    found = label_bins(peaks, {"a": 100}, size=10)
    assert found.dropped == 1
    assert found.labels == ("x",)
    with pytest.raises(InputError, match="no peak lies on a contig"):
        label_bins(make_intervals(["chr1"], [0], [5], label=["x"]), {"1": 50})
    with pytest.raises(InputError, match="beyond its contig 'a' of 5 bases"):
        label_bins(peaks, {"a": 5})
    with pytest.raises(InputError, match="no name to be its label"):
        label_bins(make_intervals(["a"], [0], [5]), {"a": 50})
    with pytest.raises(InputError, match="no peak is called 'z'"):
        label_bins(peaks, {"a": 100}, labels=["x", "z"])
