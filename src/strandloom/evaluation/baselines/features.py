"""Feature matrices of the baselines: base composition, scaled k-mer counts, k-mers at their positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.evaluation.baselines.base import PREDICT_ROWS
from strandloom.evaluation.ranking import Floats
from strandloom.kmers import kmer_counts, kmer_ids


def composition_features(codes: Codes, lengths: NDArray[np.integer]) -> Floats:
    """Shares of A, C, G, T among the bases and the log length, float64 ``(N, 5)``."""
    counts = np.stack([(codes == base).sum(axis=1) for base in range(4)], axis=1).astype(np.float64)
    length = np.maximum(np.asarray(lengths, np.float64), 1)
    return np.column_stack([counts / length[:, None], np.log(length)])


def scaled_kmers(codes: Codes, *, k: int, canonical: bool) -> Any:
    """Square roots of k-mer counts, each row divided by its Euclidean norm: sparse float32 ``(N, F)``.

    The square root tames repeats (a run of A counts once too often), the norm takes the length out. On GUE's tf_1
    and tf_2 (train to dev, 6-mers of both strands) its validation log loss was .502 and .463, raw counts gave .506
    and .468, binary ones .502 and .466: the choice matters little there. The norm itself was not tested, those rows
    have one length.
    """
    counts = kmer_counts(codes, k, canonical=canonical)
    per_row = np.diff(counts.indptr)
    totals = np.asarray(counts.sum(axis=1), np.float32).reshape(-1)  # Σ √c² = Σ c
    counts.data = np.sqrt(counts.data / np.repeat(totals, per_row))
    return counts


def position_kmers(codes: Codes, *, sizes: Sequence[int]) -> Any:
    """One-hot of the k-mer that starts at each position, for each k: sparse float32 ``(N, Σ (L - k + 1) 4**k)``.

    Rows are scaled by a constant so that a full row has norm 1; windows with anything but A, C, G, T are zeros.
    """
    from scipy import sparse

    rows, length = codes.shape
    blocks, start = [], 0
    for k in sizes:
        width = length - k + 1
        ids = kmer_ids(codes, k).astype(np.int32)
        column = ids + (np.arange(width, dtype=np.int32) << 2 * k) + start
        column[ids < 0] = -1
        blocks.append(column)
        start += width << 2 * k
    columns = np.concatenate(blocks, axis=1)
    met = columns >= 0
    indptr = np.concatenate([[0], np.cumsum(met.sum(axis=1))])
    data = np.full(int(indptr[-1]), 1 / np.sqrt(columns.shape[1]), np.float32)
    return sparse.csr_array((data, columns[met], indptr), shape=(rows, start))


def in_blocks(rows: int, score: Callable[[slice], Floats], *, classes: int) -> Floats:
    """Probabilities ``(N, K)`` block by block, so that features of a large table never exist at once."""
    out = np.empty((rows, classes))
    for block in blocks_of(rows):
        out[block] = score(block)
    return out


def blocks_of(rows: int, *, size: int = PREDICT_ROWS) -> Iterator[slice]:
    """Slices that cover ``rows`` rows."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
