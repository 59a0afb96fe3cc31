"""k-mers of code matrices: ids, canonical ids, counts and MinHash sketches.

A k-mer id is the number whose base-4 digits are the codes ``A C G T`` = 0 1 2 3, first base most significant. The
complement of a base is ``3 - code``, so the reverse complement of an id is pure arithmetic. A canonical id is the
smaller of an id and its reverse complement: both strands of a sequence have the same canonical k-mers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.errors import SettingsError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Ids = NDArray[np.int32] | NDArray[np.int64]

MAX_K = 31
MAX_COUNT_K = 12
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_BLOCK_CELLS = 1 << 24


def kmer_ids(codes: Codes, k: int) -> Ids:
    """The id of every window of k bases.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    k
        Window length in bases, 1 to 31.

    Returns
    -------
    ids
        ``(N, max(L - k + 1, 0))``, int32 for k ≤ 15 and int64 above; -1 where the window holds anything but A, C, G, T.

    Raises
    ------
    SettingsError
        ``k`` is out of range.
    """
    _check_k(k, MAX_K)
    rows, length = codes.shape
    width = max(length - k + 1, 0)
    ids = np.zeros((rows, width), np.int32 if k <= 15 else np.int64)
    bad = np.zeros((rows, width), np.bool_)
    for first in range(k if width else 0):
        column = codes[:, first : first + width]
        ids <<= 2
        ids |= column & 3
        bad |= column > 3
    ids[bad] = -1
    return ids


def reverse_complement_ids(ids: Ids, k: int) -> Ids:
    """The ids of the same k-mers read on the other strand; -1 stays -1. Any shape."""
    _check_k(k, MAX_K)
    rest = ids.copy()
    out = np.zeros_like(ids)
    for _ in range(k):
        out <<= 2
        out |= 3 - (rest & 3)
        rest >>= 2
    out[ids < 0] = -1
    return out


def canonical_ids(ids: Ids, k: int) -> Ids:
    """The smaller of each id and its reverse complement; -1 stays -1. Any shape."""
    return np.minimum(ids, reverse_complement_ids(ids, k))


def canonical_columns(k: int) -> NDArray[np.int32]:
    """k-mer id to its column among the canonical k-mers in rising order, int32 ``(4**k,)``."""
    _check_k(k, MAX_COUNT_K)
    canonical = canonical_ids(np.arange(4**k, dtype=np.int32), k)
    own = canonical == np.arange(4**k, dtype=np.int32)
    return (np.cumsum(own, dtype=np.int32) - 1)[canonical]


def num_canonical(k: int) -> int:
    """How many canonical k-mers there are (palindromes, for even k, are their own partners)."""
    return (4**k + (4 ** (k // 2) if k % 2 == 0 else 0)) // 2


def kmer_counts(codes: Codes, k: int, *, canonical: bool = False) -> csr_matrix:
    """How often each k-mer occurs in each row; windows with anything but A, C, G, T do not count.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    k
        1 to 12, and at most L.
    canonical
        Count both strands of a k-mer in one column.

    Returns
    -------
    counts
        float32 CSR ``(N, 4**k)``, or ``(N, num_canonical(k))`` under ``canonical``, with sorted column indices.

    Raises
    ------
    SettingsError
        ``k`` is out of range or longer than the sequences.
    """
    from scipy.sparse import csr_matrix

    _check_k(k, MAX_COUNT_K)
    rows, length = codes.shape
    check_fits(k, length)
    table = canonical_columns(k) if canonical else None
    num_columns = num_canonical(k) if canonical else 4**k
    indices, data, per_row = [], [], []
    block = max(1, _BLOCK_CELLS // length)
    for start in range(0, rows, block):
        ids = kmer_ids(codes[start : start + block], k)
        if table is not None:
            ids = np.where(ids >= 0, table[ids], np.int32(-1))
        ids.sort(axis=1)
        first = np.ones(ids.shape, np.bool_)
        first[:, 1:] = ids[:, 1:] != ids[:, :-1]
        run = np.diff(np.flatnonzero(first), append=first.size)
        kept = ids[first] >= 0
        indices.append(ids[first][kept])
        data.append(run[kept].astype(np.float32))
        per_row.append((first & (ids >= 0)).sum(axis=1))
    offsets = np.zeros(rows + 1, np.int64)
    if rows:
        np.cumsum(np.concatenate(per_row), out=offsets[1:])
    return csr_matrix(
        (_join(data, np.float32), _join(indices, np.int32), offsets), shape=(rows, num_columns), dtype=np.float32
    )


def mix64(values: NDArray[np.uint64] | Ids) -> NDArray[np.uint64]:
    """The fixed 64-bit mixing hash of every sketch (the finaliser of SplitMix64, a bijection). Any shape.

    References
    ----------
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    x = np.asarray(values).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """Ragged sets of hashes: the canonical k-mers of each row whose hash is small enough (FracMinHash).

    Parameters
    ----------
    hashes
        uint64 ``(total,)``, rising within each row, no repeats.
    offsets
        int64 ``(N + 1,)``: row i owns ``hashes[offsets[i]:offsets[i + 1]]``.
    k
        k-mer length.
    scaled
        One hash in ``scaled`` is kept; sketches compare only at equal ``k`` and ``scaled``.
    """

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    k: int
    scaled: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, index: int) -> NDArray[np.uint64]:
        """The hashes of one row, rising."""
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]


def sketch(codes: Codes, k: int, *, scaled: int = 1) -> Sketches:
    """FracMinHash sketch of every row: its distinct canonical k-mers with ``hash < 2**64 / scaled``.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    k
        1 to 31, at most L.
    scaled
        1 keeps every k-mer (exact sets), 100 about one in a hundred.

    References
    ----------
    Irber et al., "Lightweight compositional analysis of metagenomes with FracMinHash", bioRxiv 2022.
    """
    check_fits(k, codes.shape[1])
    if scaled < 1:
        raise SettingsError(f"scaled must be 1 or more, not {scaled}", where="scaled")
    hashes = _row_hashes(codes, k)
    limit = np.uint64((1 << 64) // scaled - 1)
    first = np.ones(hashes.shape, np.bool_)
    first[:, 1:] = hashes[:, 1:] != hashes[:, :-1]
    kept = first & (hashes <= limit) & (hashes != EMPTY)
    offsets = np.zeros(len(codes) + 1, np.int64)
    np.cumsum(kept.sum(axis=1), out=offsets[1:])
    return Sketches(hashes[kept], offsets, k, scaled)


def minhash(codes: Codes, k: int, *, size: int = 64) -> NDArray[np.uint64]:
    """Bottom-``size`` MinHash of the canonical k-mers of every row.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``.
    k
        1 to 31, at most L.
    size
        Hashes kept per row.

    Returns
    -------
    sketch
        uint64 ``(N, size)``, rising in each row; rows with fewer distinct k-mers end in ``EMPTY``.
    """
    check_fits(k, codes.shape[1])
    if size < 1:
        raise SettingsError(f"size must be 1 or more, not {size}", where="size")
    hashes = _row_hashes(codes, k)
    repeat = np.zeros(hashes.shape, np.bool_)
    repeat[:, 1:] = hashes[:, 1:] == hashes[:, :-1]
    hashes[repeat] = EMPTY
    hashes.sort(axis=1)
    out = np.full((len(codes), size), EMPTY, np.uint64)
    width = min(size, hashes.shape[1])
    out[:, :width] = hashes[:, :width]
    return out


def minhash_jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Jaccard similarity of paired bottom-s sketches, float64 ``(N,)``; 0 where both are empty.

    The bottom s of the union are found, and the share of them present in both is the estimate (Broder 1997).

    Parameters
    ----------
    a, b
        uint64 ``(N, s)`` from ``minhash`` with the same k and size.
    """
    size = a.shape[1]
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    twin = np.zeros(both.shape, np.bool_)
    twin[:, 1:] = (both[:, 1:] == both[:, :-1]) & (both[:, 1:] != EMPTY)
    fresh = ~twin & (both != EMPTY)
    rank = np.cumsum(fresh, axis=1)
    union = np.minimum(rank[:, -1], size)
    shared = (twin & (rank <= size)).sum(axis=1)
    return np.divide(shared, union, out=np.zeros(len(a)), where=union > 0)


def containment(a: NDArray[np.uint64] | Ids, b: NDArray[np.uint64] | Ids) -> float:
    """Share of the smaller set that is in the larger one, 0 to 1; 0 when either is empty.

    Parameters
    ----------
    a, b
        Distinct values ``(n,)`` and ``(m,)``: k-mer ids or sketch hashes.
    """
    if len(a) == 0 or len(b) == 0:
        return 0.0
    return len(np.intersect1d(a, b, assume_unique=True)) / min(len(a), len(b))


def check_fits(k: int, length: int) -> None:
    """Raise SettingsError when no sequence of ``length`` bases holds a k-mer."""
    if k > length:
        raise SettingsError(
            f"k = {k} is longer than the sequences ({length} bases)", where="k", hint=f"choose k from 1 to {length}"
        )


def _row_hashes(codes: Codes, k: int) -> NDArray[np.uint64]:
    """Hashes of each row's canonical k-mers, rising, uint64 ``(N, L - k + 1)``; EMPTY for windows that don't count."""
    canonical = canonical_ids(kmer_ids(codes, k), k)
    hashes = mix64(canonical)
    hashes[canonical < 0] = EMPTY
    hashes.sort(axis=1)
    return hashes


def _check_k(k: int, largest: int) -> None:
    if not 1 <= k <= largest:
        raise SettingsError(f"k must be from 1 to {largest}, not {k}", where="k")


def _join(parts: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(0, dtype)
