"""Compiled inner loop of the words; import it inside functions only (it loads numba)."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from strandloom.workflows.taxonomy.search_kernels import kmers

Array = Any


@nb.njit(cache=True, nogil=True)
def scores(
    codes: Array, offsets: Array, first: Array, species: Array, left_haplotype: Array, left_species: Array,
    own_offsets: Array, own_word: Array, word_offsets: Array, word: Array, count: Array, records: Array, prior: Array, k: int,
    out: Array,
) -> None:  # fmt: skip
    """See :meth:`~strandloom.workflows.taxonomy.words.SpeciesWords.scores`."""
    longest = k
    for q in range(len(offsets) - 1):
        longest = max(longest, offsets[q + 1] - offsets[q])
    ids = np.empty(longest, np.int64)
    asked = np.full(1 << (2 * k), -1, np.int64)
    gone = np.full(1 << (2 * k), -1, np.int64)
    for q in range(len(offsets) - 1):
        number = kmers(codes[offsets[q] : offsets[q + 1]], k, ids)
        distinct = 0
        for i in range(number):
            if ids[i] >= 0 and asked[ids[i]] != q:
                asked[ids[i]] = q
                distinct += 1
        if left_haplotype[q] >= 0:
            for i in range(own_offsets[left_haplotype[q]], own_offsets[left_haplotype[q] + 1]):
                gone[own_word[i]] = q
        for c in range(first[q], first[q + 1]):
            s = species[c]
            lost = 1.0 if s == left_species[q] else 0.0
            total = records[s] - lost
            score = -distinct * np.log(total + 1)
            for i in range(word_offsets[s], word_offsets[s + 1]):
                w = word[i]
                if asked[w] == q:
                    met = count[i]
                    if lost > 0 and gone[w] == q:
                        met -= 1
                    score += np.log((met + prior[w]) / prior[w])
            out[c] = score
