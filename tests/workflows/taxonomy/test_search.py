"""Nearest reference sequences."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.kmers import kmer_ids
from strandloom.workflows.taxonomy import search as searching
from strandloom.workflows.taxonomy import search_kernels
from strandloom.workflows.taxonomy.ragged import encoded
from strandloom.workflows.taxonomy.search import MASKS, SLACK, Hits, Index
from strandloom.workflows.taxonomy.search_kernels import differences_of, profile


def index_of(texts: list[str], *, k: int = 8) -> Index:
    return Index(*encoded(pl.Series(texts)), k=k)


def found(index: Index, texts: list[str], **given: object) -> list[list[tuple[int, int, int]]]:
    """Haplotype, differences and columns of the hits of each query."""
    return listed(index.search(*encoded(pl.Series(texts, dtype=pl.String)), **given))  # type: ignore[arg-type]


def listed(hits: Hits) -> list[list[tuple[int, int, int]]]:
    rows = list(zip(hits.haplotype.tolist(), hits.differences.tolist(), hits.columns.tolist(), strict=True))
    return [rows[a:b] for a, b in zip(hits.offsets[:-1], hits.offsets[1:], strict=True)]


def words_of(text: str, k: int) -> set[int]:
    return {x for x in kmer_ids(DNA.encode(text)[None], k)[0].tolist() if x >= 0}


def slow_search(references: list[str], query: str, *, margin: int, most: int, k: int = 8) -> list[tuple[int, int, int]]:
    """Every sequence that shares a k-mer, aligned; of equal ones those that share more k-mers first."""
    own = words_of(query, k)
    mask = MASKS[DNA.encode(query)]
    size = (len(query) + 63) >> 6
    peq, plus, minus = np.empty((16, size), np.uint64), np.empty(size, np.uint64), np.empty(size, np.uint64)
    profile(mask, peq)
    rows = []
    for number, text in enumerate(references):
        shared = len(own & words_of(text, k))
        if shared:
            target = MASKS[DNA.encode(text)]
            differences = int(differences_of(peq, len(query), target, SLACK, plus, minus))
            rows.append((differences, -shared, number, min(len(text), len(query))))
    rows.sort()
    return [(h, d, c) for d, _, h, c in rows if d <= rows[0][0] + margin][:most]


@pytest.fixture(scope="module")
def references(tiny: SimpleNamespace) -> list[str]:
    texts = [row[5] for seed in (1, 2) for row in tiny.random_rows(seed, species=14)]
    return list(dict.fromkeys(texts))


@pytest.fixture(scope="module")
def queries(tiny: SimpleNamespace, references: list[str]) -> list[str]:
    rng = np.random.default_rng(6)
    texts = [tiny.changed(references[i], rng, int(rng.integers(0, 9))) for i in rng.integers(0, len(references), 20)]
    texts += [text[:40] + "N" + text[41:60] + "RYN" + text[63:] for text in texts[:4]]
    texts += [text[5:-7] for text in texts[:4]] + ["GATTACAGG" + text for text in texts[:4]]
    return [*texts, "N" * 50, tiny.bases(rng, 120), "ACGTA"]


def test_hits_are_those_of_the_slow_twin(references: list[str], queries: list[str]) -> None:
    index = index_of(references)
    for given in ({"margin": 8, "most": 64}, {"margin": 2, "most": 64}, {"margin": 30, "most": 5}):
        assert found(index, queries, **given) == [slow_search(references, text, **given) for text in queries]


def test_an_exact_copy_comes_first(references: list[str]) -> None:
    for number, hits in enumerate(found(index_of(references), references)):
        assert hits[0][1:] == (0, len(references[number]))
        assert next(h for h, d, _ in hits if d == 0) == number or references[number] in references[hits[0][0]]
        differences = [d for _, d, _ in hits]
        assert differences == sorted(differences)


def test_neither_neighbours_nor_blocks_nor_threads_matter(
    references: list[str], queries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_of(references)
    whole = found(index, queries)
    assert [found(index, [text])[0] for text in queries] == whole
    assert found(index, queries[::-1]) == whole[::-1]
    monkeypatch.setattr(searching, "_BLOCK", 5)
    assert found(index, queries) == whole
    assert found(index, queries, threads=2) == whole


def test_banned_sequences_are_as_if_they_were_not_there(references: list[str], queries: list[str]) -> None:
    key = (np.arange(len(references)) % 3).astype(np.int32)
    banned = (np.arange(len(queries)) % 4 - 1).astype(np.int32)
    got = found(index_of(references), queries, key=key, banned=banned)
    for own in range(-1, 3):
        left = np.flatnonzero(key != own)
        expected = found(index_of([references[i] for i in left]), queries)
        rows = np.flatnonzero(banned == own)
        assert [got[i] for i in rows] == [[(int(left[h]), d, c) for h, d, c in expected[i]] for i in rows]


def test_fewer_are_aligned_than_there_are(references: list[str], queries: list[str]) -> None:
    index = index_of(references)
    few = found(index, queries, aligned=4)
    assert max(map(len, few)) <= 4
    for own, every in zip(few, found(index, queries), strict=True):
        assert {h: d for h, d, _ in own}.items() <= {h: d for h, d, _ in every}.items() or own[0][1] >= every[0][1]


def test_no_query_and_nothing_to_compare(references: list[str]) -> None:
    index = index_of(references)
    assert len(found(index, [])) == 0
    assert found(index, ["", "ACG", "NNNNNNNNNNNN"]) == [[], [], []]
    assert found(Index(np.zeros(0, np.uint8), np.zeros(1, np.int64)), [references[0]]) == [[]]
    assert found(index_of(["ACGT"]), ["ACGT"]) == [[]]  # shorter than a k-mer


def test_what_most_sequences_have_chooses_none_of_them(tiny: SimpleNamespace) -> None:
    rng = np.random.default_rng(3)
    common = tiny.bases(rng, 30)
    texts = [common + tiny.bases(rng, 140) for _ in range(300)]
    index = index_of(texts)
    assert index.common.sum() > 10
    assert found(index, [common]) == [[]]
    hits = found(index, [texts[7]])[0]
    assert hits[0] == (7, 0, 170)


def test_short_queries_and_many_sequences_stay_in_their_work_space(tiny: SimpleNamespace) -> None:
    """Run as plain Python, in which an index out of bounds is an error."""
    rng = np.random.default_rng(8)
    root = tiny.bases(rng, 50)
    codes, offsets = encoded(pl.Series(list(dict.fromkeys(tiny.changed(root, rng, 1) for _ in range(90)))))
    index = Index(codes, offsets)
    query, bounds = encoded(pl.Series([root]))
    shape = (1, 64)
    outputs = np.zeros(1, np.int64), np.zeros(shape, np.int32), np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    search_kernels.search.py_func(
        query, bounds, MASKS[query], index.masks, index.offsets, index.posting_offsets, index.postings, index.common,
        8, 160, 8, 64, SLACK, np.full(len(index), -1, np.int32), np.full(1, -1, np.int32), *outputs,
    )  # fmt: skip
    assert outputs[0].tolist() == [64]
    assert (outputs[2] <= 1).all()
