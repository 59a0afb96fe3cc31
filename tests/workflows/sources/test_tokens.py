"""The network of tokens."""

from __future__ import annotations

import numpy as np
import torch

from strandloom.alphabet import DNA
from strandloom.kmers import canonical_ids, kmer_ids
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.tokens import K, TokenModel, TokenNetwork, tokens_of


def reads() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    codes = generator.integers(0, 4, (40, 70)).astype(np.uint8)
    codes[5, 30] = 14
    lengths = generator.integers(5, 71, 40)
    codes[np.arange(70) >= lengths[:, None]] = DNA.pad
    return codes, lengths


def test_equal_words_have_equal_tokens() -> None:
    codes, lengths = reads()
    tokens, offsets = tokens_of(ReadBlock.rectangle(codes, lengths), bits=30)
    ids = canonical_ids(kmer_ids(codes, K), K)
    kept = [row[row >= 0] for row in ids]
    assert np.diff(np.append(offsets, len(tokens))).tolist() == [len(row) for row in kept]
    flat = np.concatenate(kept)
    assert (
        len({*zip(flat.tolist(), tokens.tolist(), strict=True)}) == len(set(flat.tolist())) == len(set(tokens.tolist()))
    )


def test_both_strands_and_the_rest_of_the_block_mean_nothing() -> None:
    codes, lengths = reads()
    torch.manual_seed(1)
    model = TokenModel(("a", "b", "c"), TokenNetwork(3, bits=10).eval())
    whole = model.answer(ReadBlock.rectangle(codes, lengths)).log_posterior
    for i in (0, 5, 17):
        own = codes[i, : lengths[i]]
        for strand in (own, DNA.reverse_complement(own)):
            alone = model.answer(ReadBlock.rectangle(strand[None], lengths[i : i + 1])).log_posterior
            np.testing.assert_allclose(alone[0], whole[i], atol=1e-5)
    np.testing.assert_allclose(np.exp(whole).sum(1), 1, atol=1e-5)
    assert len(model.answer(ReadBlock.rectangle(codes[:0], lengths[:0])).log_posterior) == 0
