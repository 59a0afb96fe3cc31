"""Words of sequences as evidence: how well the 8-mers of a query fit all records of a species together.

The score of the RDP classifier (Wang et al. 2007, Appl. Environ. Microbiol. 73:5261): words are taken for independent, and each is as
likely in a species as it is common in its records, smoothed by how common it is in all. Beside the nearest record it says what the others
say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.kmers import kmer_ids
from strandloom.workflows.taxonomy.candidates import Candidates, Left

K = 8


class SpeciesWords:
    """Words of every species, by how many of its records have them.

    Parameters
    ----------
    codes, offsets
        H distinct sequences one after the other, uint8 ``(total,)`` and int64 ``(H + 1,)``.
    haplotype, species, records
        Pairs of a sequence and a species that has it, int32 ``(P,)`` each, and the records that do, int32 ``(P,)``.
    species_count
        S.
    """

    def __init__(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        *,
        haplotype: NDArray[np.int32],
        species: NDArray[np.int32],
        records: NDArray[np.int32],
        species_count: int,
    ) -> None:
        ids = kmer_ids(codes[None], K)[0].astype(np.int64) if len(codes) >= K else np.zeros(0, np.int64)
        owner = np.searchsorted(offsets, np.arange(len(ids)), side="right") - 1
        inside = (ids >= 0) & (np.arange(len(ids)) + K <= offsets[owner + 1])
        pairs = np.unique((owner[inside] << 32) | ids[inside])  # a word counts once per sequence
        self.own_word = (pairs & 0xFFFFFFFF).astype(np.int64)
        self.own_offsets = np.searchsorted(pairs >> 32, np.arange(len(offsets))).astype(np.int64)
        sizes = np.diff(self.own_offsets)[haplotype]
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        at = np.repeat(self.own_offsets[:-1][haplotype] - bounds[:-1], sizes) + np.arange(bounds[-1])
        keys = (np.repeat(species.astype(np.int64), sizes) << 32) | self.own_word[at]
        both, inverse = np.unique(keys, return_inverse=True)
        self.word = (both & 0xFFFFFFFF).astype(np.int64)
        self.count = np.bincount(inverse, np.repeat(records, sizes), len(both))
        self.offsets = np.searchsorted(both >> 32, np.arange(species_count + 1)).astype(np.int64)
        self.records = np.bincount(species, records, species_count)
        everywhere = np.bincount(self.word, self.count, 4**K)
        self.prior = (everywhere + 0.5) / (self.records.sum() + 1)

    def scores(
        self, codes: Codes, offsets: NDArray[np.int64], candidates: Candidates, left: Left
    ) -> NDArray[np.float64]:
        """Log likelihood of each query's words in each candidate species, less that in records at large: float64 ``(candidates,)``.

        Parameters
        ----------
        codes, offsets
            N queries one after the other.
        candidates
            Of the same queries.
        left
            The record that does not count for each query.
        """
        from strandloom.workflows.taxonomy.word_kernels import scores

        out = np.zeros(len(candidates.species))
        scores(
            codes, offsets, candidates.offsets, candidates.species, left.haplotype, left.species, self.own_offsets, self.own_word,
            self.offsets, self.word, self.count, self.records, self.prior, K, out,
        )  # fmt: skip
        return out
