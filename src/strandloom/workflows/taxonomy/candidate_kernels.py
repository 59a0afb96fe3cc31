"""Compiled inner loops of the candidates; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any


@nb.njit(cache=True, nogil=True)
def gather(
    offsets: Array, haplotype: Array, differences: Array,
    owner_offsets: Array, owner_species: Array, owner_records: Array,
    left_haplotype: Array, left_species: Array, key: Array, banned: Array,
    first: Array, most: int, columns: Array,
) -> int:  # fmt: skip
    """Species of the hits of each query, nearest first; see :meth:`~strandloom.workflows.taxonomy.candidates.Records.candidates`.

    ``columns`` int32 ``(5, room)`` receives species, differences, records at that distance, records among the hits, and the
    haplotype; ``first (N + 1,)`` where each query begins. Returns the number of candidates.
    """
    species_count = len(key)
    slot = np.full(species_count, -1, np.int64)
    used = 0
    for q in range(len(offsets) - 1):
        first[q] = used
        for hit in range(offsets[q], offsets[q + 1]):
            h, d = haplotype[hit], differences[hit]
            for pair in range(owner_offsets[h], owner_offsets[h + 1]):
                s, n = owner_species[pair], owner_records[pair]
                if banned[q] >= 0 and key[s] == banned[q]:
                    continue
                if h == left_haplotype[q] and s == left_species[q]:
                    n -= 1
                if n <= 0:
                    continue
                at = slot[s]
                if at < first[q] or at >= used or columns[0, at] != s:
                    if used - first[q] >= most:
                        continue
                    at = used
                    slot[s] = at
                    used += 1
                    columns[0, at] = s
                    columns[1, at] = d
                    columns[2, at] = 0
                    columns[3, at] = 0
                    columns[4, at] = h
                if columns[1, at] == d:
                    columns[2, at] += n
                columns[3, at] += n
    first[len(offsets) - 1] = used
    return used
