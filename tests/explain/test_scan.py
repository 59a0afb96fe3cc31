"""Scanning for a motif: p-values against enumeration, sites against a slow twin, what can never match."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.explain import scan as module
from strandloom.explain.motif import Motif
from strandloom.explain.scan import STEP, Scanned, find_sites, load_compiled, scan, score_steps, tail_probabilities
from strandloom.pwm import UNIFORM, Matrix, log_odds, reverse_complement

SKEWED = np.array([0.35, 0.1, 0.2, 0.35])


def motif(width: int, *, seed: int = 0, concentration: float = 0.15) -> Matrix:
    return np.random.default_rng(seed).dirichlet([concentration] * 4, width)


def bases(n: int, length: int, *, seed: int = 1, p: NDArray[np.float64] = UNIFORM) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).choice(4, (n, length), p=p).astype(np.uint8)


def rows(found: Scanned) -> list[tuple[int, int, bool]]:
    return list(zip(found.sites.row.tolist(), found.sites.start.tolist(), found.sites.reverse.tolist(), strict=True))


def slow_twin(
    codes: NDArray[np.uint8], matrix: Matrix, *, p: float, background: NDArray[np.float64] = UNIFORM
) -> dict[tuple[int, int, bool], tuple[float, float]]:
    """Every window in turn: (sequence, start, reverse) to score and p-value."""
    found = {}
    for reverse, turned in ((False, matrix), (True, reverse_complement(matrix))):
        steps = score_steps(turned, background=background)
        tail = tail_probabilities(steps, background=background)
        lowest = int(steps.min(axis=1).sum())
        for n, row in enumerate(codes):
            left = next((i for i, code in enumerate(row) if code != DNA.pad), 0)
            for start in range(len(row) - len(matrix) + 1):
                window = row[start : start + len(matrix)]
                if (window > 3).any():
                    continue
                score = int(steps[np.arange(len(matrix)), window].sum())
                if tail[score - lowest] <= p * (1 + 1e-9):
                    found[n, start - left, reverse] = (score * STEP, float(tail[score - lowest]))
    return found


@pytest.mark.parametrize("background", [UNIFORM, SKEWED], ids=["uniform", "skewed"])
@pytest.mark.parametrize("width", [1, 4, 7])
def test_tail_against_every_word(width: int, background: NDArray[np.float64]) -> None:
    steps = score_steps(motif(width), background=background)
    words = np.array(list(itertools.product(range(4), repeat=width)))
    scores = steps[np.arange(width), words].sum(axis=1)
    chances = background[words].prod(axis=1)
    tail = tail_probabilities(steps, background=background)
    lowest = steps.min(axis=1).sum()
    assert len(tail) == steps.max(axis=1).sum() - lowest + 1
    for k in range(0, len(tail), 7):
        assert tail[k] == pytest.approx(chances[scores >= lowest + k].sum(), rel=1e-9, abs=1e-15)
    assert tail[0] == pytest.approx(1)


def test_tail_of_a_wide_motif_keeps_its_precision() -> None:
    steps = score_steps(np.eye(4)[np.arange(40) % 4])
    assert tail_probabilities(steps)[-1] == pytest.approx(0.25**40, rel=1e-9)


def test_score_is_within_rounding_of_the_log_odds() -> None:
    matrix = motif(12)
    np.testing.assert_allclose(score_steps(matrix) * STEP, log_odds(matrix), atol=STEP / 2)


@pytest.mark.parametrize("width", [3, 8, 9, 15])
@pytest.mark.parametrize("background", [UNIFORM, SKEWED], ids=["uniform", "skewed"])
def test_sites_against_a_slow_twin(width: int, background: NDArray[np.float64]) -> None:
    matrix = motif(width, seed=width, concentration=0.4)
    codes = bases(30, 90, p=background)
    codes[np.random.default_rng(4).random(codes.shape) < 0.02] = DNA.any
    codes[3, :20], codes[4, 60:], codes[5] = DNA.pad, DNA.pad, DNA.pad
    codes[6, :5] = DNA.gap
    expected = slow_twin(codes, matrix, p=0.02, background=background)
    found = scan(codes, matrix, p=0.02, background=background)
    assert len(expected) > 20
    assert rows(found) == sorted(expected)
    scores, p_values = np.array([expected[key] for key in sorted(expected)]).T
    np.testing.assert_allclose(found.sites.score, scores)
    np.testing.assert_allclose(found.p_values, p_values)
    assert (found.sites.end - found.sites.start == width).all()
    valid = np.lib.stride_tricks.sliding_window_view(codes < 4, width, axis=1).all(axis=2)
    assert found.windows == 2 * valid.sum()


def test_compiled_and_plain_loop_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, matrix = bases(5, 60), motif(10)
    compiled = scan(codes, matrix, p=0.01)
    monkeypatch.setattr(module, "load_compiled", lambda: find_sites)
    plain = scan(codes, matrix, p=0.01)
    assert rows(plain) == rows(compiled)
    np.testing.assert_array_equal(plain.p_values, compiled.p_values)


def test_blocks_and_room_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, matrix = bases(200, 50), motif(6)
    whole = scan(codes, matrix, p=0.05)
    monkeypatch.setattr(module, "BLOCK", 300)
    monkeypatch.setattr(module, "ROOM", 1)
    parts = scan(codes, matrix, p=0.05)
    assert rows(parts) == rows(whole)
    assert parts.windows == whole.windows
    assert len(whole) > 500


def test_memory_mapped_codes(tmp_path: Path) -> None:
    codes, matrix = bases(20, 50), motif(6)
    np.save(tmp_path / "codes.npy", codes)
    assert rows(scan(np.load(tmp_path / "codes.npy", mmap_mode="r"), matrix, p=0.01)) == rows(
        scan(codes, matrix, p=0.01)
    )


def test_turning_the_sequences_turns_the_sites() -> None:
    codes, matrix = bases(40, 70), motif(9)
    turned = (3 - codes)[:, ::-1].copy()
    mine, theirs = scan(codes, matrix, p=0.005), scan(turned, matrix, p=0.005)
    expected = sorted((n, 70 - 9 - start, not reverse) for n, start, reverse in rows(mine))
    assert rows(theirs) == expected
    one = scan(codes, matrix, p=0.005, both_strands=False)
    assert rows(one) == [site for site in rows(mine) if not site[2]]
    assert one.windows * 2 == mine.windows


def test_as_many_sites_by_chance_as_promised() -> None:
    for background in (UNIFORM, SKEWED):
        found = scan(bases(2000, 500, p=background), motif(12), p=1e-3, background=background)
        assert found.windows == 2 * 2000 * 489
        assert len(found) / found.windows == pytest.approx(1e-3, rel=0.1)
        assert (found.p_values <= 1e-3).all()


def test_threshold_and_a_motif_too_short_to_be_rare() -> None:
    best = np.eye(4)[[0, 1, 2, 3]]
    codes = np.array([[0, 1, 2, 3, 3]], np.uint8)
    short = scan(codes, best, p=1e-4)
    assert (len(short), short.threshold) == (0, float("inf"))
    exact = scan(codes, best, p=4**-4)
    assert rows(exact) == [(0, 0, False), (0, 0, True)]  # ACGT is its own reverse complement
    assert exact.p_values == pytest.approx([4**-4] * 2)
    assert exact.threshold <= exact.sites.score.min()
    lenient = scan(bases(50, 60), motif(8), p=0.01)
    assert lenient.sites.score.min() >= lenient.threshold


def test_motif_nothing_short_and_empty() -> None:
    matrix = motif(6)
    codes = bases(10, 40)
    given = Motif("m", matrix, scan(codes, matrix).sites)
    assert rows(scan(codes, given, p=0.01)) == rows(scan(codes, matrix, p=0.01))
    for nothing in (codes[:0], codes[:, :5], codes[:, :0], np.full((3, 20), DNA.pad, np.uint8)):
        found = scan(nothing, matrix, p=1.0)
        assert (len(found), found.windows) == (0, 0)


def test_wrong_arguments() -> None:
    codes, matrix = bases(2, 20), motif(6)
    with pytest.raises(UsageError, match="codes uint8"):
        scan(codes.astype(np.int64), matrix)
    with pytest.raises(UsageError, match="a matrix"):
        scan(codes, matrix.T)
    with pytest.raises(UsageError, match="background"):
        scan(codes, matrix, background=np.array([0.5, 0.5, 0, 0]))
    with pytest.raises(UsageError, match="p is a probability"):
        scan(codes, matrix, p=0)


def test_against_memelite() -> None:
    """FIMO as memelite has it: bins of 0.1 bits and another pseudocount, so the two differ at the edge."""
    fimo = pytest.importorskip("memelite").fimo
    matrix, codes = motif(11, concentration=0.3), bases(300, 200)
    one_hot = np.eye(4, dtype=np.int8)[codes].transpose(0, 2, 1)
    theirs = fimo({"m": np.ascontiguousarray(matrix.T)}, one_hot, threshold=1e-3)[0]
    expected = {
        (int(a), int(b), c == "-")
        for a, b, c in zip(theirs["sequence_name"], theirs["start"], theirs["strand"], strict=True)
    }
    found = scan(codes, matrix, p=1e-3)
    mine = set(rows(found))
    assert len(expected) > 60
    assert len(mine & expected) / len(mine | expected) > 0.9
    chance = dict(zip(rows(found), found.p_values, strict=True))
    pairs = [
        (chance[int(a), int(b), c == "-"], p)
        for a, b, c, p in zip(
            theirs["sequence_name"], theirs["start"], theirs["strand"], theirs["p-value"], strict=True
        )
        if (int(a), int(b), c == "-") in chance
    ]
    ratio = np.log10(np.array(pairs)).T
    assert np.abs(ratio[0] - ratio[1]).max() < 0.15


def test_compiled_once() -> None:
    assert load_compiled() is load_compiled()
