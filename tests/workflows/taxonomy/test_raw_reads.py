"""Primers in real MiFish reads, as they come from the sequencer: a few random bases, then the primer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.io.read import read_records
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.pcr import WHOLE_SITE, locate


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "strand"), [("DRR126155_1.fastq.gz", 1), ("DRR126155_2.fastq.gz", -1)])
def test_reads_begin_with_a_primer(name: str, strand: int, real_data: Path) -> None:
    """2 × 150 bases do not reach the other primer: one whole site near the start, the insert up to the end of the read."""
    reads = read_records(real_data / "mifish_fastq" / name, columns="none")
    sites = locate(reads.codes, reads.offsets, MARKERS["mifish"], lengths=(90, 220))
    held = sites.strand == strand
    assert held.mean() > 0.96
    assert (sites.kinds[held, 0] == WHOLE_SITE).mean() > 0.98  # before the insert, as the read runs
    assert 110 <= float(np.median((sites.end - sites.start)[held])) <= 130
