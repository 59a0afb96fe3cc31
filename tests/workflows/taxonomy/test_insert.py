"""The insert of each record, with and without primer sites."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.alphabet import DNA
from strandloom.workflows.taxonomy.insert import AMPLICON, NOT_WHOLE, PCR, REASONS, TOO_SHORT, UNLIKE, find_inserts
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.ragged import cut, decoded, encoded

RNG = np.random.default_rng(8)
OWN = Marker(name="own", forward="ACGTTGCATCGA", reverse="GGCTATTCGACC", min_length=60, max_length=100)
RIGHT = "GGTCGAATAGCC"
CORE = "".join(RNG.choice(list("ACGT"), 80))


def random_bases(length: int) -> str:
    return "".join(RNG.choice(list("ACGT"), length))


def mutated(text: str, count: int = 4) -> str:
    letters = list(text)
    for at in RNG.choice(np.arange(8, len(text) - 8), count, replace=False):
        letters[at] = "ACGT"["ACGT".index(letters[at]) - 1]
    return "".join(letters)


def other_strand(text: str) -> str:
    return DNA.decode(DNA.reverse_complement(DNA.encode(text)))


FLANKED = [random_bases(30) + OWN.forward + mutated(CORE) + RIGHT + random_bases(30) for _ in range(25)]


def inserts(texts: list[str]) -> list[tuple[int, str]]:
    """How each of ``texts`` was found, and the insert; its reason where there is none."""
    codes, offsets = encoded(pl.Series(texts))
    found = find_inserts(codes, offsets, OWN)
    parts = decoded(*cut(codes, offsets, found.start, np.where(found.how > 0, found.end, found.start), found.strand))
    return [(int(how), parts[i] if how else REASONS[found.reason[i]]) for i, how in enumerate(found.how)]


def test_records_without_sites_are_held_against_those_with() -> None:
    core = mutated(CORE)
    texts = [
        core,
        other_strand(core),
        core[2:],
        core[5:],
        random_bases(50) + core + random_bases(50),
        random_bases(20) + OWN.forward + core,
        other_strand(OWN.forward + core + random_bases(40)),
        random_bases(80),
        core[:40],
    ]
    assert inserts([*FLANKED, *texts])[25:] == [
        (AMPLICON, core),
        (AMPLICON, core),
        (AMPLICON, core[2:]),
        (0, NOT_WHOLE),
        (AMPLICON, core),
        (AMPLICON, core),
        (AMPLICON, core),
        (0, UNLIKE),
        (0, TOO_SHORT),
    ]
    assert [how for how, _ in inserts(FLANKED)] == [PCR] * 25


def test_bare_amplicons_count_by_their_length() -> None:
    bare = [mutated(CORE) for _ in range(30)]
    texts = [other_strand(bare[0]), *bare[1:], OWN.forward + bare[0], random_bases(200)]
    assert inserts(texts) == [(AMPLICON, text) for text in bare] + [(AMPLICON, bare[0]), (0, UNLIKE)]
