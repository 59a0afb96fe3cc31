"""Draws of records, places and changed copies for the published form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from strandloom.alphabet import DNA
from strandloom.workflows.taxonomy.fusion_draws import changed_copies, draw_records, split_records, training_places
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.ranges.ranges import POINTS, Ranges


def test_split_holds_out_records_of_species_that_keep_one() -> None:
    species = np.repeat(np.arange(40), np.arange(40) % 5 + 1).astype(np.int32)
    held = split_records(species, 0.15, np.random.default_rng(1))
    several = np.bincount(species)[species] > 1
    assert held.sum() == round(0.15 * several.sum())
    assert not held[~several].any()
    assert np.bincount(species[~held], minlength=40).all()
    most = split_records(species, 0.49999, np.random.default_rng(1))
    assert np.bincount(species[~most], minlength=40).all()


def test_square_root_draws() -> None:
    species = np.repeat([0, 1, 2], [400, 100, 25])
    once = draw_records(species, "records", np.random.default_rng(2))
    assert sorted(once.tolist()) == list(range(525))
    drawn = draw_records(species, "square root", np.random.default_rng(2))
    assert len(drawn) == 525
    share = np.bincount(species[drawn]) / 525
    np.testing.assert_allclose(share, np.array([20, 10, 5]) / 35, atol=0.01)
    times = np.bincount(drawn[drawn >= 500])[500:]
    assert set(times.tolist()) <= {3}  # every record of the rarest alike


def test_places_lie_in_the_range_or_are_missing() -> None:
    at = {0: (60.0, -5.0), 1: (55.0, -150.0), 2: (-10.0, 179.0)}  # nothing is known of species 3
    rows = [(species, lat + d, lon, 1.0) for species, (lat, lon) in at.items() for d in (-2.0, 0.0, 2.0)]
    known = RangeEvidence(replace(Ranges.empty(), points=pl.DataFrame(rows, schema=POINTS, orient="row")), 4)
    species = np.repeat(np.arange(4), 400)
    lat, lon = training_places(known, species, np.random.default_rng(1), missing=0.4)
    assert np.isnan(lat).mean() == pytest.approx(0.4, abs=0.03)
    np.testing.assert_array_equal(np.isnan(lat), np.isnan(lon))
    for number, (north, east) in at.items():
        rows_at = (species == number) & ~np.isnan(lat)
        assert np.abs(lat[rows_at] - north).max() < 2.5
        assert np.abs((lon[rows_at] - east + 180) % 360 - 180).max() < 0.5
    assert np.ptp(lat[(species == 3) & ~np.isnan(lat)]) > 60  # anywhere that others live
    assert np.isnan(training_places(None, species, np.random.default_rng(1), missing=0.0)).all()


def test_copies_are_masked_and_misread_and_originals_stay() -> None:
    codes = torch.full((4000, 50), 2, dtype=torch.uint8)
    codes[:, -5:] = DNA.pad
    out = changed_copies(codes, rate=0.04, share=0.25, generator=torch.Generator().manual_seed(1))
    assert (out[:, -5:] == DNA.pad).all()
    bases = out[:, :45]
    rows = (bases != 2).any(dim=1)
    assert float(rows.float().mean()) == pytest.approx(0.25 * (1 - 0.96**45), abs=0.02)
    masked, misread = (bases == DNA.any).float().mean(), ((bases < 4) & (bases != 2)).float().mean()
    assert float(masked) == pytest.approx(0.005, rel=0.15)
    assert float(misread) == pytest.approx(0.005, rel=0.15)
    assert torch.equal(changed_copies(codes, rate=0.0, share=1.0, generator=torch.Generator()), codes)
