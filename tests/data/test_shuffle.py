"""Shuffles: what they keep, that they are uniform, and that they follow from seed and row alone."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise, permutations, product

import numpy as np
import pytest

from strandloom.alphabet import DNA, Codes
from strandloom.data.shuffle import dinucleotide_shuffle, shuffle
from strandloom.errors import InputError, UsageError

MASK = 2**64 - 1


class Stream:
    """The kernel's random stream in Python integers."""

    def __init__(self, row: list[int], seed: int) -> None:
        self.state = self.mix(seed + 0x9E3779B97F4A7C15 & MASK)
        for code in row:
            if code != DNA.pad:
                self.state = self.mix(self.state + code + 1 & MASK)

    @staticmethod
    def mix(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
        return x ^ (x >> 31)

    def below(self, bound: int) -> int:
        while True:
            self.state = self.state + 0x9E3779B97F4A7C15 & MASK
            x = self.mix(self.state)
            if x < MASK - MASK % bound:
                return x % bound

    def permute(self, values: list[int]) -> None:
        for i in range(len(values) - 1, 0, -1):
            j = self.below(i + 1)
            values[i], values[j] = values[j], values[i]


def slow(row: list[int], copies: int, seed: int) -> list[list[int]]:
    """The slow twin of the dinucleotide shuffle of one row."""
    stream = Stream(row, seed)
    out = [list(row) for _ in range(copies)]
    runs: list[tuple[int, int]] = []
    first = None
    for j, code in enumerate([*row, DNA.pad]):
        if code < 4 and first is None:
            first = j
        elif code >= 4 and first is not None:
            runs.append((first, j))
            first = None
    for start, end in runs:
        run = row[start:end]
        if len(run) < 4:
            continue
        after: dict[int, list[int]] = {}
        for a, b in pairwise(run):
            after.setdefault(a, []).append(b)
        trees, weights = [], []
        for digits in product(range(4), repeat=4):
            tree = dict(enumerate(digits[::-1]))  # the first base's choice changes fastest
            weight = 1
            for base in range(4):
                if base == run[-1] or base not in after:
                    weight *= tree[base] == 0
                else:
                    weight *= after[base].count(tree[base])
            reaches = all(run[-1] in _path(tree, base, run[-1]) for base in after)
            if weight and reaches:
                trees.append(tree)
                weights.append(weight)
        for copy in out:
            left, chosen = stream.below(sum(weights)), 0
            while left >= weights[chosen]:
                left -= weights[chosen]
                chosen += 1
            order: dict[int, list[int]] = {}
            for base in range(4):
                edges = sorted(after.get(base, []))
                final = [trees[chosen][base]] if edges and base != run[-1] else []
                for x in final:
                    edges.remove(x)
                stream.permute(edges)
                order[base] = edges + final
            here = run[0]
            for j in range(start + 1, end):
                here = order[here].pop(0)
                copy[j] = here
    return out


def _path(tree: dict[int, int], base: int, last: int) -> list[int]:
    seen = [base]
    while seen[-1] != last and len(seen) < 5:
        seen.append(tree[seen[-1]])
    return seen


def random_codes(rows: int, length: int, seed: int = 0, *, bases: int = 4) -> Codes:
    return np.random.default_rng(seed).integers(0, bases, (rows, length)).astype(np.uint8)


def pairs(row: Codes) -> Counter[tuple[int, int]]:
    return Counter(pairwise(row.tolist()))


@pytest.mark.parametrize("bases", [2, 3, 4, 17])
def test_the_kernel_equals_its_slow_twin(bases: int) -> None:
    codes = random_codes(12, 60, bases, bases=bases)
    found = dinucleotide_shuffle(codes, copies=3, seed=5)
    assert found.tolist() == [slow(row, 3, 5) for row in codes.tolist()]


def test_pairs_and_ends_are_kept() -> None:
    codes = random_codes(20, 101, 1)
    found = dinucleotide_shuffle(codes, copies=4, seed=1)
    assert found.shape == (20, 4, 101)
    assert found.dtype == np.uint8
    for row, copies in zip(codes, found, strict=True):
        for copy in copies:
            assert pairs(copy) == pairs(row)
            assert (copy[0], copy[-1]) == (row[0], row[-1])
            assert (copy != row).any()


def test_other_letters_gaps_and_pads_keep_their_places_and_part_the_runs() -> None:
    codes = random_codes(6, 120, 2)
    codes[:, 40] = DNA.encode("N")[0]
    codes[:, 80] = DNA.gap
    codes[:, 110:] = DNA.pad
    found = dinucleotide_shuffle(codes, copies=3, seed=1)
    still = codes > 3
    assert (found[:, :, still[0]] == codes[:, None, still[0]]).all()
    for start, end in ((0, 40), (41, 80), (81, 110)):
        for row, copies in zip(codes[:, start:end], found[:, :, start:end], strict=True):
            assert all(pairs(copy) == pairs(row) for copy in copies)
            assert all((copy[0], copy[-1]) == (row[0], row[-1]) for copy in copies)


@pytest.mark.parametrize("text", ["ACGTACAGTGA", "AACAGACATA", "CCAGCACGC", "TGATGATCATC"])
def test_every_sequence_with_the_same_pairs_is_as_likely(text: str) -> None:
    from scipy.stats import chisquare

    row = DNA.encode(text)
    inner = set(permutations(row[1:-1].tolist()))
    whole = [np.array([row[0], *x, row[-1]], np.uint8) for x in inner]
    possible = {tuple(x.tolist()) for x in whole if pairs(x) == pairs(row)}
    assert len(possible) > 2
    found = Counter(map(tuple, dinucleotide_shuffle(row[None], copies=200 * len(possible), seed=3)[0].tolist()))
    assert set(found) == possible
    assert chisquare([found[x] for x in possible]).pvalue > 1e-3


def test_long_stretches_of_one_base_are_no_trouble() -> None:
    row = DNA.encode("A" * 300 + "C" * 300 + "G" * 300 + "T")
    assert (dinucleotide_shuffle(row[None], copies=2, seed=1) == row).all()  # only one order has these pairs


@pytest.mark.parametrize("make", [shuffle, dinucleotide_shuffle])
def test_rows_do_not_depend_on_each_other_nor_on_padding(make) -> None:  # type: ignore[no-untyped-def]
    codes = random_codes(9, 50, 4)
    found = make(codes, copies=3, seed=2)
    assert (make(codes[4:6], copies=3, seed=2) == found[4:6]).all()
    padded = np.pad(codes, ((0, 0), (7, 3)), constant_values=DNA.pad)
    assert (make(padded, copies=3, seed=2)[:, :, 7:-3] == found).all()
    assert (make(codes, copies=3, seed=3) != found).any(axis=2).all()
    assert (make(codes, copies=2, seed=2)[:, 0] == found[:, 0]).all()


def test_mononucleotide_shuffle_is_uniform_and_keeps_what_is_no_base() -> None:
    from scipy.stats import chisquare

    row = DNA.encode("ACNCG-A")
    found = shuffle(row[None], copies=9000, seed=1)[0]
    assert (found[:, [2, 5]] == row[[2, 5]]).all()
    counts = Counter(map(tuple, found.tolist()))
    assert len(counts) == 30  # 5! / (2! 2!)
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_empty_and_tiny_input() -> None:
    assert dinucleotide_shuffle(np.empty((0, 5), np.uint8), copies=2, seed=1).shape == (0, 2, 5)
    assert dinucleotide_shuffle(np.empty((2, 0), np.uint8), copies=2, seed=1).shape == (2, 2, 0)
    codes = np.full((1, 6), DNA.encode("N")[0])
    assert (dinucleotide_shuffle(codes, copies=2, seed=1) == codes).all()


@pytest.mark.parametrize("make", [shuffle, dinucleotide_shuffle])
def test_mistakes_are_told(make, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"codes must be uint8 \(N, L\), not float64") as caught:
        make(np.zeros((2, 3)), copies=1, seed=1)
    assert caught.value.hint
    monkeypatch.setattr("strandloom.data.shuffle.LONGEST", 4)
    with pytest.raises(InputError, match="rows of 5 bases are too long"):
        make(random_codes(1, 5), copies=1, seed=1)


def test_numba_is_loaded_by_the_first_call_only() -> None:
    program = (
        "import sys, strandloom.data.shuffle as module, numpy as np\n"
        "before = 'numba' in sys.modules\n"
        "module.shuffle(np.zeros((1, 4), np.uint8), copies=1, seed=1)\n"
        "print(before, 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
