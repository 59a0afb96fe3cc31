"""The published network."""

from __future__ import annotations

import numpy as np

from strandloom.models.build import build, parameter_count
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.model import padded
from strandloom.workflows.sources.published import LENGTH, NETWORK


def test_it_has_the_published_weights() -> None:
    network = build(NETWORK, channels=4, length=LENGTH, outputs=4)
    assert parameter_count(network).total == 5_285_636


def test_reads_are_cropped_and_padded() -> None:
    block = ReadBlock.ragged(np.arange(4).repeat(30).astype(np.uint8), np.array([0, 100, 120]))
    codes, lengths = padded(block, LENGTH)
    assert codes.shape == (2, 80)
    assert lengths.tolist() == [80, 20]
    assert (codes[0] == np.arange(4).repeat(30)[:80]).all()
    assert (codes[1, :20] == 3).all()
    assert (codes[1, 20:] == 16).all()
