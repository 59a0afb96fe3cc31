"""Words of genomes: each compiled loop beside a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.kmers import canonical_ids, kmer_ids
from strandloom.workflows.sources import word_kernels as kernels
from strandloom.workflows.sources.evidence import ReadBlock, gather, gather_without
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.pool import Pool
from strandloom.workflows.sources.tables import (
    LONG_DNA,
    LONG_PROTEIN,
    SHORT,
    Tables,
    build_tables,
    count_short,
    genetic_code,
)

CODE = {
    "ATG": "M", "TGG": "W", "TTT": "F", "AAA": "K", "GGC": "G", "CGA": "R",
    "AGC": "S", "CCC": "P", "GAT": "D", "CAC": "H", "ATA": "I", "TAT": "Y",
}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> tuple[Pool, Lineages, np.ndarray, Tables]:
    """Three lineages in two environments; the second is a piece of the first and more."""
    generator = np.random.default_rng(2)
    one, two = generator.integers(0, 4, 900).astype(np.uint8), generator.integers(0, 4, 700).astype(np.uint8)
    parts = [one, np.concatenate([one[200:500], two[:200]]), two]
    lengths = np.array([len(x) for x in parts], np.int64)
    codes = np.concatenate([np.append(x, DNA.pad) for x in parts]).astype(np.uint8)
    pool = Pool(codes, np.concatenate(([0], np.cumsum(lengths + 1)[:-1])), lengths, np.arange(3, dtype=np.int32), 3)
    lineages = Lineages(np.array([0, 0, 1]), np.array([0, 1, 2]), 2)
    lineage = np.arange(3)
    return pool, lineages, lineage, build_tables(pool, lineage, lineages, count_short(pool, lineage, lineages), bits=14)


@pytest.fixture(scope="module")
def reads(made: tuple[Pool, Lineages, np.ndarray, Tables]) -> np.ndarray:
    pool = made[0]
    generator = np.random.default_rng(3)
    rows = [pool.codes[s : s + 60] for s in generator.integers(0, 800, 30)]
    rows += [generator.integers(0, 4, 60).astype(np.uint8) for _ in range(10)]
    found = np.array(rows)
    found[found > 3] = 14
    found[3, 20] = 14
    return found


def test_genetic_code() -> None:
    table = genetic_code()
    for codon, letter in CODE.items():
        number = int(kmer_ids(DNA.encode(codon)[None], 3)[0, 0])
        assert "ACDEFGHIKLMNPQRSTVWY"[table[number]] == letter
    stops = [codon for codon in ("TAA", "TAG", "TGA") if table[int(kmer_ids(DNA.encode(codon)[None], 3)[0, 0])] == 255]
    assert len(stops) == 3
    assert (table == 255).sum() == 3


def test_short_words_are_counted_on_both_strands(made: tuple[Pool, Lineages, np.ndarray, Tables]) -> None:
    pool, lineages, lineage, _ = made
    counts = count_short(pool, lineage, lineages)
    for k, found in zip(SHORT, counts.counts, strict=True):
        for g in range(3):
            ids = canonical_ids(kmer_ids(pool.of(g)[None, :-1], k), k)[0]
            assert (found[:, g] == np.bincount(ids, minlength=4**k)).all()


def test_long_words_are_found_where_they_are(
    made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray
) -> None:
    pool, lineages, _, tables = made
    assert tables.dna.keep == 256
    block = ReadBlock.rectangle(reads, np.full(len(reads), 60))
    best, union = np.empty((2, len(reads), 2), np.uint16)
    kernels.dna_hits(
        *block, LONG_DNA, 256, tables.dna.prints, tables.dna.numbers, tables.dna.sets, lineages.environment, lineages.within,
        np.zeros(1, np.uint64), True, best, union, np.zeros(3, np.int64), np.empty(60, np.uint64),
    )  # fmt: skip
    words = [set(canonical_ids(kmer_ids(pool.of(g)[None, :-1], LONG_DNA), LONG_DNA)[0].tolist()) for g in range(3)]
    for i, read in enumerate(reads):
        own = [x for x in canonical_ids(kmer_ids(read[None], LONG_DNA), LONG_DNA)[0].tolist() if x >= 0]
        hits = [sum(x in words[g] for x in own) for g in range(3)]
        assert best[i].tolist() == [max(hits[0], hits[1]), hits[2]]
        assert union[i].tolist() == [sum(x in words[0] | words[1] for x in own), hits[2]]


def test_proteins_are_read_in_open_frames() -> None:
    generator = np.random.default_rng(4)
    gene = DNA.encode("ATG" + "".join(generator.choice(list(CODE), 120)) + "TAA")
    for strand in (gene, DNA.reverse_complement(gene)):
        room = np.empty((50, 3), np.int64)
        frames = room[: kernels.open_frames(strand, 0, len(strand), genetic_code(), 60, room)]
        assert [0 if strand is gene else 1, 0, 121] in frames.tolist()
        assert (frames[:, 2] >= 60).all()


def test_longer_frames_win() -> None:
    frames = np.array([[0, 0, 100], [0, 30, 60], [1, 0, 80]])
    order = np.argsort(-frames[:, 2], kind="stable")
    kept = np.empty(3, np.bool_)
    kernels.longest_frames(frames, order, 600, np.zeros(600, np.bool_), kept)
    assert kept.tolist() == [True, False, True]  # the second lies in the first; the third on the other half


def test_evidence_is_that_of_all_lineages_seen(
    made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray
) -> None:
    pool, lineages, lineage, tables = made
    block = ReadBlock.rectangle(reads, np.full(len(reads), 60))
    whole = gather(tables, block)
    view = np.full(len(reads), lineages.all)
    again = gather_without(tables, count_short(pool, lineage, lineages), block, view, threads=2)
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_evidence_without_a_lineage_is_that_of_a_collection_without_it(
    made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray
) -> None:
    pool, lineages, lineage, tables = made
    block = ReadBlock.rectangle(reads, np.full(len(reads), 60))
    hidden = gather_without(
        tables, count_short(pool, lineage, lineages), block, np.full(len(reads), lineages.all & ~lineages.own[1])
    )
    smaller = pool.take([0, 2])
    rest = Lineages(np.array([0, 1]), np.array([0, 2]), 2)
    own = build_tables(smaller, np.arange(2), rest, count_short(smaller, np.arange(2), rest), bits=14)
    for one, other in zip(hidden, gather(own, block), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_both_strands_say_the_same(made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray) -> None:
    tables = made[3]
    lengths = np.full(len(reads), 60)
    forward = gather(tables, ReadBlock.rectangle(reads, lengths))
    backward = gather(tables, ReadBlock.rectangle(DNA.reverse_complement(reads), lengths))
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_ragged_reads_are_those_of_a_rectangle(
    made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray
) -> None:
    tables = made[3]
    lengths = np.arange(len(reads)) % 20 + 41
    padded = reads.copy()
    padded[np.arange(60) >= lengths[:, None]] = DNA.pad
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    flat = np.concatenate([read[:n] for read, n in zip(reads, lengths, strict=True)])
    rectangle, ragged = (
        gather(tables, block) for block in (ReadBlock.rectangle(padded, lengths), ReadBlock.ragged(flat, offsets))
    )
    np.testing.assert_array_equal(rectangle.environments, ragged.environments)
    np.testing.assert_array_equal(rectangle.read, ragged.read)


def test_a_small_table_keeps_a_sample_of_the_words(made: tuple[Pool, Lineages, np.ndarray, Tables]) -> None:
    pool, lineages, lineage, _ = made
    small = build_tables(pool, lineage, lineages, count_short(pool, lineage, lineages), bits=9)
    assert small.dna.keep < 256
    assert len(small.dna.prints) == 512
    assert LONG_PROTEIN == 7


def test_composition_sums_log_probabilities(made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray) -> None:
    tables = made[3]
    block = ReadBlock.rectangle(reads, np.full(len(reads), 60))
    for k, logs, counts in zip(SHORT, tables.logs, tables.counts, strict=True):
        found = np.empty((len(reads), 2), np.float32)
        words = np.empty(len(reads), np.int32)
        kernels.composition(*block, k, logs, found, words)
        share = (counts + 0.5) / (counts.sum(0) + 0.5 * 4**k / 2)
        for read, own in zip(reads, found, strict=True):
            ids = canonical_ids(kmer_ids(read[None], k), k)[0]
            np.testing.assert_allclose(own, np.log(share[ids[ids >= 0]]).sum(0), rtol=1e-4)


def proteins(codes: np.ndarray, *, least: int) -> list[str]:
    """Stretches of a sequence without a stop on both strands, as residue letters."""
    table = genetic_code()
    found = []
    for strand in (codes, DNA.reverse_complement(codes)):
        for frame in range(3):
            own = strand[frame : frame + 3 * ((len(strand) - frame) // 3)].reshape(-1, 3)
            letters = [
                "*"
                if (codon > 3).any() or table[int(codon @ [16, 4, 1])] == 255
                else "ACDEFGHIKLMNPQRSTVWY"[table[int(codon @ [16, 4, 1])]]
                for codon in own.astype(int)
            ]
            found += [x for x in "".join(letters).split("*") if len(x) >= least]
    return found


def test_protein_words_are_found_where_they_are() -> None:
    generator = np.random.default_rng(8)
    genes = [DNA.encode("".join(generator.choice(list(CODE), 150))) for _ in range(3)]
    lengths = np.array([len(x) for x in genes], np.int64)
    codes = np.concatenate([np.append(x, DNA.pad) for x in genes]).astype(np.uint8)
    pool = Pool(codes, np.concatenate(([0], np.cumsum(lengths + 1)[:-1])), lengths, np.arange(3, dtype=np.int32), 3)
    lineages = Lineages(np.array([0, 0, 1]), np.array([0, 1, 2]), 2)
    sets = build_tables(pool, np.arange(3), lineages, count_short(pool, np.arange(3), lineages), bits=14).protein
    assert sets.keep == 256
    reads = np.array(
        [g[s : s + 75] for g in genes for s in (0, 31, 200)] + [generator.integers(0, 4, 75) for _ in range(5)]
    )
    reads = np.concatenate([reads, DNA.reverse_complement(reads.astype(np.uint8))]).astype(np.uint8)
    block = ReadBlock.rectangle(reads, np.full(len(reads), 75))
    best, union = np.empty((2, len(reads), 2), np.uint16)
    opened = np.empty(len(reads), np.float32)
    kernels.protein_hits(
        *block, genetic_code(), 20, LONG_PROTEIN, 256, sets.prints, sets.numbers, sets.sets, lineages.environment, lineages.within,
        np.zeros(1, np.uint64), True, best, union, np.zeros(3, np.int64),
        np.empty(151, np.uint64), np.empty((2, 75), np.uint8), opened,
    )  # fmt: skip

    def words(protein: str) -> list[str]:
        return [protein[i : i + LONG_PROTEIN] for i in range(len(protein) - LONG_PROTEIN + 1)]

    entered = []
    for gene in genes:
        frames = sorted(proteins(gene, least=60), key=len, reverse=True)
        entered.append({w for p in frames for w in words(p)})
    for i, read in enumerate(reads):
        own = [w for p in proteins(read, least=18) for w in words(p)]
        most = [sum(w in entered[g] for w in own) for g in range(3)]
        assert best[i, 0] <= max(most[0], most[1])  # of overlapping frames only the longest were entered
        assert best[i, 1] <= most[2]
    assert opened.tolist() == [len(proteins(read, least=18)) for read in reads]
    whole = best[:9].copy()
    assert (whole[[0, 1, 2], 0] > 10).all()
    assert (whole[[6, 7, 8], 1] > 10).all()
    np.testing.assert_array_equal(best[: len(reads) // 2], best[len(reads) // 2 :])  # the other strand


def test_an_ambiguous_base_does_not_change_what_a_read_is_like(
    made: tuple[Pool, Lineages, np.ndarray, Tables], reads: np.ndarray
) -> None:
    tables = made[3]
    codes = np.where(reads > 3, 0, reads).astype(np.uint8)
    cut = codes.copy()
    cut[:, 30] = 14
    left = gather(tables, ReadBlock.rectangle(cut[:, :30].copy(), np.full(len(cut), 30))).read
    whole = gather(tables, ReadBlock.rectangle(cut, np.full(len(cut), 60))).read
    words = np.array([30 - 6 + 1, 29 - 6 + 1])
    right = gather(tables, ReadBlock.rectangle(cut[:, 31:].copy(), np.full(len(cut), 29))).read
    expected = (left[:, 0] * words[0] + right[:, 0] * words[1]) / words.sum()
    np.testing.assert_allclose(whole[:, 0], expected, atol=1e-4)
