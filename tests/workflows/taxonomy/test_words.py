"""Words of species beside a slow twin of dictionaries."""

from __future__ import annotations

from math import log
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.io.records import take_ragged
from strandloom.workflows.taxonomy.candidates import Left
from strandloom.workflows.taxonomy.practice import Match


def words_of(text: str) -> set[str]:
    words = {text[i : i + 8] for i in range(len(text) - 7)}
    return {word for word in words if set(word) <= set("ACGT")}


@pytest.mark.parametrize("leave", [False, True])
def test_they_are_those_of_the_slow_twin(leave: bool, tiny: SimpleNamespace) -> None:
    match = Match(tiny.reference(tiny.random_rows(2)))
    reference = match.reference
    texts = [reference.sequences[h] for h in reference.haplotype]
    codes, offsets = take_ragged(reference.codes, reference.offsets, reference.haplotype.astype(np.int64))
    codes = codes.copy()
    codes[::31] = 14
    none = np.full(len(reference), -1, np.int32)
    left = Left.nothing(len(reference), len(reference.taxonomy))
    if leave:
        left = Left(reference.haplotype, reference.species, left.key, none)
    candidates = match.records.candidates(match.index.search(codes, offsets), left=left)
    got = match.words.scores(codes, offsets, candidates, left)
    own = [words_of(text) for text in texts]
    for row, (query, species) in enumerate(zip(candidates.query.tolist(), candidates.species.tolist(), strict=True)):
        asked = words_of("".join("ACGT----------N"[c] for c in codes[offsets[query] : offsets[query + 1]]))
        records = [i for i in range(len(texts)) if reference.species[i] == species and not (leave and i == query)]
        expected = 0.0
        for word in asked:
            prior = (sum(word in x for x in own) + 0.5) / (len(texts) + 1)
            expected += log((sum(word in own[i] for i in records) + prior) / (len(records) + 1)) - log(prior)
        assert got[row] == pytest.approx(expected, abs=1e-9)


def test_sequences_shorter_than_a_word(tiny: SimpleNamespace) -> None:
    match = Match(tiny.reference([("A b", "A", "", "", "", "ACGT"), ("C d", "C", "", "", "", "TTTTT")]))
    evidence = match.evidence(match.reference.codes, match.reference.offsets)
    assert np.diff(evidence.offsets).tolist() == [1, 1]
