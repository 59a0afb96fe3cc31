"""Per-row numbers of ragged sequences, vectorised over blocks: composition, complexity and a hash of each strand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.data.dataset import Dataset
from strandloom.io.records import Records
from strandloom.kmers import mix64

_BLOCK_BASES = 1 << 22
_BLOCK_ROWS = 1 << 16
_WORDS = 64  # trinucleotides
_FEW_WORDS = 12  # shorter rows have no measurable complexity
_LOW_ENTROPY = 0.5  # of the most that a row of that length could have


@dataclass(frozen=True, eq=False)
class RowProfile:
    """Numbers of N rows, each ``(N,)``."""

    length: NDArray[np.int64]
    gc: NDArray[np.float64]
    """Fraction of G and C among A, C, G and T; NaN where there is none of them."""
    unknown: NDArray[np.int64]
    """N and other ambiguity codes."""
    gaps: NDArray[np.int64]
    low_complexity: NDArray[np.bool_]
    """Trinucleotide entropy below half of what the length allows: mostly a short repeat."""
    sequence: NDArray[np.uint64]
    """64-bit hash of the sequence."""
    other_strand: NDArray[np.uint64]
    """64-bit hash of its reverse complement."""


def profile_rows(data: Dataset | Records) -> RowProfile:
    """Profile N sequences block by block; memory beyond the result stays flat."""
    parts = [_profile(codes, offsets) for codes, offsets in _ragged_blocks(data)]
    if not parts:
        parts = [_profile(np.zeros(0, np.uint8), np.zeros(1, np.int64))]
    return RowProfile(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in RowProfile.__dataclass_fields__)
    )


def _ragged_blocks(data: Dataset | Records) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Codes ``(bases,)`` and offsets ``(rows + 1,)`` of some thousands of rows at a time."""
    if isinstance(data, Dataset):
        step = max(1, min(_BLOCK_ROWS, _BLOCK_BASES // max(1, data.length)))
        for start in range(0, len(data), step):
            block = np.asarray(data.codes[start : start + step])
            there = block != DNA.pad  # not `lengths`: a window over an end of a contig is longer than its bases
            yield block[there], np.concatenate(([0], np.cumsum(there.sum(axis=1, dtype=np.int64))))
        return
    start = 0
    while start < len(data):
        fits = int(np.searchsorted(data.offsets, data.offsets[start] + _BLOCK_BASES, side="right")) - 1
        end = min(max(start + 1, fits), start + _BLOCK_ROWS, len(data))
        offsets = data.offsets[start : end + 1]
        yield data.codes[offsets[0] : offsets[-1]], offsets - offsets[0]
        start = end


def _profile(codes: NDArray[np.uint8], offsets: NDArray[np.int64]) -> RowProfile:
    length = np.diff(offsets)
    bases = _sums(codes < 4, offsets)
    strong = _sums((codes == 1) | (codes == 2), offsets)
    gaps = _sums(codes == DNA.gap, offsets)
    gc = np.full(len(length), np.nan)
    np.divide(strong, bases, out=gc, where=bases > 0)
    position = np.arange(len(codes)) - np.repeat(offsets[:-1], length)
    from_end = np.repeat(length, length) - 1 - position
    return RowProfile(
        length=length,
        gc=gc,
        unknown=length - bases - gaps,
        gaps=gaps,
        low_complexity=_low_complexity(codes, position, offsets),
        sequence=_hash(codes, position, offsets),
        other_strand=_hash(DNA.complement(codes), from_end, offsets),
    )


def _sums(values: NDArray[np.bool_] | NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum per row; unlike ``reduceat`` right for empty rows."""
    running = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=running[1:])
    return running[offsets[1:]] - running[offsets[:-1]]


def _hash(codes: NDArray[np.uint8], position: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Multilinear hash: the sum over bases of (number of the position) × (number of the code), modulo 2^64."""
    longest = int(np.diff(offsets).max(initial=0))
    at = mix64(np.arange(1, longest + 1, dtype=np.uint64))
    letter = mix64(np.arange(1_000_003, 1_000_003 + DNA.size, dtype=np.uint64))
    running = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(
        at[position] * letter[codes], out=running[1:]
    )  # wraps around, and so does the difference: exact modulo 2^64
    return mix64(running[offsets[1:]] - running[offsets[:-1]] + np.diff(offsets).astype(np.uint64))


def _low_complexity(
    codes: NDArray[np.uint8], position: NDArray[np.int64], offsets: NDArray[np.int64]
) -> NDArray[np.bool_]:
    rows = len(offsets) - 1
    if len(codes) < 3:
        return np.zeros(rows, bool)
    first, second, third = codes[:-2], codes[1:-1], codes[2:]
    inside = (np.maximum(np.maximum(first, second), third) < 4) & (position[2:] >= 2)
    word = (first.astype(np.int64) * 4 + second) * 4 + third
    row = np.repeat(np.arange(rows), np.diff(offsets))[:-2]
    counts = np.bincount((row * _WORDS + word)[inside], minlength=rows * _WORDS).reshape(rows, _WORDS)  # (rows, 64)
    total = counts.sum(axis=1)
    share = counts / np.maximum(total, 1)[:, None]
    entropy = -(share * np.log2(np.where(counts > 0, share, 1))).sum(axis=1)
    most = np.log2(np.clip(total, 2, _WORDS))
    return (total >= _FEW_WORDS) & (entropy < _LOW_ENTROPY * most)
