from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from strandloom import kmers
from strandloom.alphabet import DNA
from strandloom.errors import SettingsError

CODES = arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.integers(0, 16))


def text_rows(codes):
    return [DNA.decode_table[row].tobytes().decode() for row in codes]


def words(text, k):
    return [text[i : i + k] for i in range(len(text) - k + 1)]


def reverse(word):
    return word[::-1].translate(str.maketrans("ACGT", "TGCA"))


def number(word):
    return int("".join(str("ACGT".index(x)) for x in word), 4)


@given(CODES, st.sampled_from([1, 2, 3, 8, 15, 16, 31]))
def test_ids_are_base_4_numbers_of_the_text(codes, k):
    ids = kmers.kmer_ids(codes, k)
    assert ids.shape == (len(codes), max(codes.shape[1] - k + 1, 0))
    assert ids.dtype == (np.int32 if k <= 15 else np.int64)
    for row, text in zip(ids.tolist(), text_rows(codes), strict=True):
        assert row == [number(w) if set(w) <= set("ACGT") else -1 for w in words(text, k)]


@given(CODES, st.sampled_from([1, 2, 5, 15, 31]))
def test_canonical_ids_do_not_see_the_strand(codes, k):
    ids = kmers.canonical_ids(kmers.kmer_ids(codes, k), k)
    other = kmers.canonical_ids(kmers.kmer_ids(DNA.reverse_complement(codes), k), k)
    assert np.array_equal(ids, other[:, ::-1])


@given(st.text("ACGT", min_size=1, max_size=31))
def test_reverse_complement_of_an_id(word):
    ids = np.array([number(word), -1], np.int64)
    assert kmers.reverse_complement_ids(ids, len(word)).tolist() == [number(reverse(word)), -1]


@given(CODES, st.integers(1, 4), st.booleans())
def test_counts_equal_a_loop(codes, k, canonical):
    if k > codes.shape[1]:
        with pytest.raises(SettingsError, match="longer than the sequences"):
            kmers.kmer_counts(codes, k)
        return
    counts = kmers.kmer_counts(codes, k, canonical=canonical)
    assert counts.dtype == np.float32
    assert counts.has_sorted_indices
    column = {w: i for i, w in enumerate(sorted({min(number(w), number(reverse(w))) for w in all_words(k)}))}
    expected = np.zeros(counts.shape)
    for i, text in enumerate(text_rows(codes)):
        for w in words(text, k):
            if set(w) <= set("ACGT"):
                j = column[min(number(w), number(reverse(w)))] if canonical else number(w)
                expected[i, j] += 1
    assert counts.shape[1] == (len(column) if canonical else 4**k)
    assert np.array_equal(counts.toarray(), expected)


def all_words(k):
    return [""] if k == 0 else [w + x for w in all_words(k - 1) for x in "ACGT"]


def test_counts_do_not_depend_on_the_block_size(monkeypatch):
    codes = np.random.default_rng(0).integers(0, 5, (50, 30)).astype(np.uint8)
    whole = kmers.kmer_counts(codes, 3)
    monkeypatch.setattr(kmers, "_BLOCK_CELLS", 70)
    assert (whole != kmers.kmer_counts(codes, 3)).nnz == 0


def test_counts_of_no_rows():
    assert kmers.kmer_counts(np.zeros((0, 9), np.uint8), 3).shape == (0, 64)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_number_of_canonical_kmers(k):
    assert kmers.num_canonical(k) == kmers.canonical_columns(k).max() + 1


def test_the_hash_is_fixed_and_one_to_one():
    assert kmers.mix64(np.array([0, 1], np.uint64)).tolist() == [0xE220A8397B1DCDAF, 0x910A2DEC89025CC1]
    assert len(np.unique(kmers.mix64(np.arange(100_000)))) == 100_000


@given(CODES)
def test_full_sketches_are_the_canonical_sets(codes):
    k = min(4, codes.shape[1])
    sketches = kmers.sketch(codes, k)
    assert len(sketches) == len(codes)
    for i, text in enumerate(text_rows(codes)):
        own = {min(number(w), number(reverse(w))) for w in words(text, k) if set(w) <= set("ACGT")}
        assert sketches.row(i).tolist() == sorted(kmers.mix64(np.array(sorted(own), np.int64)).tolist())


def test_scaled_sketches_estimate_containment():
    generator = np.random.default_rng(1)
    whole = generator.integers(0, 4, (1, 40_000)).astype(np.uint8)
    mixed = np.concatenate([whole[:, :10_000], generator.integers(0, 4, (1, 10_000)).astype(np.uint8)], axis=1)
    a, b = kmers.sketch(whole, 15, scaled=20), kmers.sketch(mixed, 15, scaled=20)
    assert len(a.hashes) == pytest.approx(2000, rel=0.1)
    assert kmers.containment(a.row(0), b.row(0)) == pytest.approx(0.5, abs=0.05)
    assert kmers.containment(a.row(0), a.row(0)[:0]) == 0


def test_minhash_estimates_jaccard():
    generator = np.random.default_rng(2)
    a = generator.integers(0, 4, (20, 2000)).astype(np.uint8)
    b = np.concatenate([a[:, :1000], generator.integers(0, 4, (20, 1000)).astype(np.uint8)], axis=1)
    sketches = kmers.minhash(a, 12, size=256), kmers.minhash(b, 12, size=256)
    assert kmers.minhash_jaccard(*sketches).mean() == pytest.approx(1 / 3, abs=0.03)
    assert kmers.minhash_jaccard(sketches[0], kmers.minhash(DNA.reverse_complement(a), 12, size=256)).min() == 1


@given(CODES, CODES)
def test_wide_minhash_is_the_exact_jaccard(a, b):
    k = 3
    if min(a.shape[1], b.shape[1]) < k:
        return
    a, b = a[:1], b[:1]
    x, y = (set(kmers.sketch(c, k).row(0).tolist()) for c in (a, b))
    exact = len(x & y) / len(x | y) if x | y else 0
    found = kmers.minhash_jaccard(kmers.minhash(a, k, size=100), kmers.minhash(b, k, size=100))
    assert found[0] == pytest.approx(exact)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: kmers.kmer_ids(c, 0),
        lambda c: kmers.kmer_ids(c, 32),
        lambda c: kmers.kmer_counts(c, 13),
        lambda c: kmers.sketch(c, 12),
        lambda c: kmers.sketch(c, 3, scaled=0),
        lambda c: kmers.minhash(c, 3, size=0),
    ],
)
def test_bad_arguments_say_so(call):
    with pytest.raises(SettingsError):
        call(np.zeros((2, 10), np.uint8))
