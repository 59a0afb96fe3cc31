"""In-silico PCR against a slow twin, and primers that are still attached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.io.read import read_records
from strandloom.workflows.taxonomy.markers import MARKERS, Marker
from strandloom.workflows.taxonomy.pcr import HALF, NONE, ONE, PAIR, PARTS, PcrSettings, locate, trim_primers
from strandloom.workflows.taxonomy.ragged import cut, decoded, encoded

OWN = Marker(name="own", forward="ACGTTGCATCGA", reverse="GGCTATTCGACC", min_length=20, max_length=40)
RIGHT = "GGTCGAATAGCC"
"""The reverse primer as it stands in the reference strand."""
RNG = np.random.default_rng(5)


def random_bases(length: int) -> str:
    return "".join(RNG.choice(list("ACGT"), length))


def other_strand(text: str) -> str:
    return DNA.decode(DNA.reverse_complement(DNA.encode(text)))


INSERT = "TTTAAACCCGGGTTTAAACCCGGGTTTAAA"
FLANK = "CACACACACA"


def found(text: str, *, settings: PcrSettings | None = None) -> tuple[int, str, int]:
    """Quality, insert in the reference's orientation, strand."""
    codes, offsets = encoded(pl.Series([text]))
    sites = locate(codes, offsets, OWN, settings=settings)
    if sites.quality[0] == NONE:
        return NONE, "", int(sites.strand[0])
    insert = decoded(*cut(codes, offsets, sites.start, sites.end, sites.strand))[0]
    return int(sites.quality[0]), insert, int(sites.strand[0])


def test_both_strands() -> None:
    whole = FLANK + OWN.forward + INSERT + RIGHT + FLANK
    assert found(whole) == (PAIR, INSERT, 1)
    assert found(other_strand(whole)) == (PAIR, INSERT, -1)


def test_ambiguity_letters_fit_where_a_base_is_shared() -> None:
    assert found(OWN.forward.replace("T", "Y") + INSERT + RIGHT.replace("G", "N"))[:2] == (PAIR, INSERT)
    strict = PcrSettings(mismatches=0)
    assert found(OWN.forward.replace("T", "R") + INSERT + RIGHT, settings=strict)[0] != PAIR, "R is A or G, not T"


def test_mismatches_and_the_inner_end() -> None:
    two = "TCGTAGCATCGA"  # two of 12 differ, both far from the insert
    assert found(two + INSERT + RIGHT)[0] == PAIR
    assert found("TCGTAGGATCGA" + INSERT + RIGHT)[0] != PAIR, "three of 12 are more than a fifth"
    inner = OWN.forward[:-2] + "TT"
    assert found(inner + INSERT + RIGHT)[:2] == (PAIR, INSERT)
    assert found(inner + INSERT + RIGHT, settings=PcrSettings(inner_mismatches=1))[0] != PAIR
    right = "CC" + RIGHT[2:]
    assert found(OWN.forward + INSERT + right, settings=PcrSettings(inner_mismatches=1))[0] != PAIR


def test_length_window_and_the_best_of_several_sites() -> None:
    assert found(OWN.forward + INSERT[:19] + RIGHT)[0] != PAIR
    assert found(OWN.forward + INSERT + INSERT[:11] + RIGHT)[0] != PAIR
    worse = "TCGTAGCATCGA"
    text = worse + INSERT[:5] + OWN.forward + INSERT[:20] + RIGHT
    assert found(text)[:2] == (PAIR, INSERT[:20])


def test_parts_of_primers_and_ends_of_the_sequence() -> None:
    assert found(OWN.forward + INSERT) == (ONE, INSERT, 1)
    assert found(other_strand(OWN.forward + INSERT)) == (ONE, INSERT, -1)
    assert found(FLANK + OWN.forward + INSERT + RIGHT[:4]) == (HALF, INSERT, 1)
    assert found(OWN.forward[-3:] + INSERT + RIGHT + FLANK) == (HALF, INSERT, 1)
    assert found(OWN.forward[-11:] + INSERT + RIGHT[:11]) == (PARTS, INSERT, 1)
    assert found(OWN.forward[-5:] + INSERT + RIGHT[:5])[0] == NONE, "short parts alone prove nothing"
    assert found(FLANK * 8 + OWN.forward + INSERT * 2) == (NONE, "", 1), "the other end is not there"


def twin(text: str, marker: Marker, settings: PcrSettings) -> tuple[int, int, int, int] | None:
    """The best pair of sites, written down plainly: mismatches, strand order, left and right position."""
    best = None
    for order, (left, right) in enumerate(
        ((marker.forward, other_strand(marker.reverse)), (marker.reverse, other_strand(marker.forward)))
    ):
        for i in range(len(text) - len(left) + 1):
            a = _differing(text[i : i + len(left)], left, settings, inner=slice(len(left) - settings.inner, None))
            if a is None:
                continue
            for j in range(i + len(left) + marker.min_length, i + len(left) + marker.max_length + 1):
                b = None
                if j + len(right) <= len(text):
                    b = _differing(text[j : j + len(right)], right, settings, inner=slice(0, settings.inner))
                if b is not None and (best is None or (a + b, order, i, j) < best):
                    best = (a + b, order, i, j)
    return best


def _differing(part: str, primer: str, settings: PcrSettings, *, inner: slice) -> int | None:
    off = [not set(DNA.members[x]) & set(DNA.members[y]) for x, y in zip(part, primer, strict=True)]
    allowed = sum(off) <= int(settings.mismatches * len(primer)) and sum(off[inner]) <= settings.inner_mismatches
    return sum(off) if allowed else None


def test_kernel_and_twin_agree() -> None:
    settings = PcrSettings(mismatches=0.35)
    short = Marker(name="short", forward="ACGTTGCA", reverse="GGCTRTTC", min_length=10, max_length=25)
    letters = list("ACGT" * 6 + "NRY")
    texts = []
    for _ in range(150):
        text = "".join(RNG.choice(letters, RNG.integers(5, 60)))
        if RNG.random() < 0.5:
            text += short.forward + "".join(RNG.choice(letters, RNG.integers(8, 28))) + other_strand(short.reverse)
        texts.append(text + "".join(RNG.choice(letters, RNG.integers(0, 20))))
    sites = locate(*encoded(pl.Series(texts)), short, settings=settings)
    for i, text in enumerate(texts):
        expected = twin(text, short, settings)
        assert (sites.quality[i] == PAIR) == (expected is not None)
        if expected is not None:
            total, order, left, right = expected
            assert sites.mismatches[i].sum() == total
            assert (sites.strand[i], sites.start[i], sites.end[i]) == (1 - 2 * order, left + 8, right)
    assert 40 < (sites.quality == PAIR).sum() < 150


def test_queries_are_trimmed_and_turned_or_left_alone() -> None:
    texts = [
        FLANK + OWN.forward + INSERT + RIGHT + FLANK,
        other_strand(OWN.forward[-6:] + INSERT + RIGHT + FLANK),
        INSERT,
        OWN.forward + INSERT[:15] + RIGHT,  # not of the marker's length, and still it has primers
    ]
    trimmed = trim_primers(*encoded(pl.Series(texts)), OWN)
    assert decoded(trimmed.codes, trimmed.offsets).to_list() == [INSERT, INSERT, INSERT, INSERT[:15]]
    assert trimmed.strand.tolist() == [1, -1, 0, 1]
    assert trimmed.cut.tolist() == [[22, 22], [22, 6], [0, 0], [12, 12]]
    assert (trimmed.trimmed, trimmed.turned) == (3, 1)


def test_a_sequence_is_judged_by_itself() -> None:
    texts = [random_bases(60) for _ in range(5)] + [FLANK + OWN.forward + INSERT + RIGHT]
    together = locate(*encoded(pl.Series(texts)), OWN)
    for i, text in enumerate(texts):
        alone = locate(*encoded(pl.Series([text])), OWN)
        assert (alone.quality[0], alone.start[0], alone.end[0]) == (
            together.quality[i],
            together.start[i],
            together.end[i],
        )
    assert len(locate(*encoded(pl.Series([], dtype=pl.String)), OWN)) == 0


@pytest.mark.realdata
def test_published_asvs_with_primers_and_adapters(real_data: Path) -> None:
    """Berlengas: primers and adapter at one end, a part of the other primer at the other end, three in reverse orientation."""
    records = read_records(real_data / "edna_berlengas" / "asvs.fasta.gz")
    trimmed = trim_primers(records.codes, records.offsets, MARKERS["mifish"])
    lengths = np.diff(trimmed.offsets)
    assert trimmed.trimmed == 568
    assert trimmed.turned == 3
    assert ((lengths >= 160) & (lengths <= 175)).mean() > 0.98
    starts = decoded(trimmed.codes, trimmed.offsets).str.slice(0, 4)
    assert (starts == "CACC").mean() > 0.97


@pytest.mark.realdata
def test_sequences_without_primers_are_not_touched(real_data: Path) -> None:
    for study in ("edna_nbs23", "edna_nearshore_mock"):
        records = read_records(real_data / study / "asvs.fasta.gz")
        trimmed = trim_primers(records.codes, records.offsets, MARKERS["mifish"])
        assert trimmed.trimmed == 0
        assert np.array_equal(trimmed.codes, records.codes)
    table = pl.read_csv(real_data / "fish12s_mifish" / "mifish_reference.tsv.gz", separator="\t", columns=["sequence"])
    trimmed = trim_primers(*encoded(table["sequence"]), MARKERS["mifish"])
    (only,) = np.flatnonzero(trimmed.strand)  # a primer does stand in that one, and the insert begins again behind it
    assert table["sequence"][int(only)][24:32] == "CACCGCGG"
