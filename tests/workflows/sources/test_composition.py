"""Profiles of single lineages, and the shares that they divide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strandloom.workflows.sources.calibrate import Calibration
from strandloom.workflows.sources.composition import _divided, estimate
from strandloom.workflows.sources.practice import RELATED, SEEN, STRANGE
from strandloom.workflows.sources.profiles import Bins, Profiles
from strandloom.workflows.sources.settings import EstimateSettings

QUICK = EstimateSettings(resamples=40)
BINS = 9


@pytest.fixture
def profiles() -> Profiles:
    """Five lineages in two environments; the last environment has one lineage, which nothing is strange to."""
    generator = np.random.default_rng(2)
    environment = np.array([0, 0, 0, 0, 1])
    counts = generator.multinomial(1000, generator.dirichlet(np.ones(BINS), (5, 3, 2))).astype(np.float64)
    counts[4, STRANGE] = 0
    nothing = generator.multinomial(1000, generator.dirichlet(np.ones(BINS), 3)).astype(np.float64)
    return Profiles(counts, nothing, environment)


def calibration(profiles: Profiles) -> Calibration:
    centres = np.eye(BINS, dtype=np.float32)
    return Calibration(Bins(centres), profiles, np.eye(2), np.array([0.01, 0.02]))


def test_profiles_of_single_lineages(profiles: Profiles) -> None:
    weights = np.array([[1.0, 1, 1, 1, 1], [0, 0, 0, 4, 1]])
    found = profiles.by_lineage(weights)
    assert found is not None
    np.testing.assert_allclose(found.profiles.sum(1), 1)
    np.testing.assert_allclose(found.prior.sum(1), 1)
    assert found.profiles.shape == (len(found.source), BINS)
    seen, related, strange, alien = 2, 5 * 2, 4 * 2, 3 * 2
    assert len(found.source) == seen + related + strange + alien
    assert (found.source[-alien:] == 2).all()
    first = found.prior[
        1, seen : seen + 5
    ]  # relatives in the first environment: the lineage drawn four times counts the most
    assert first.argmax() == 3


def test_lineages_that_cannot_move_give_none(profiles: Profiles) -> None:
    assert replace(profiles, exchangeable=False).by_lineage(np.ones((1, 5))) is None
    only_seen = profiles.counts.copy()
    only_seen[:, [RELATED, STRANGE]] = 0
    assert replace(profiles, counts=only_seen).by_lineage(np.ones((1, 5))) is None


def test_only_what_is_neither_member_nor_unknown_is_divided(profiles: Profiles) -> None:
    generator = np.random.default_rng(3)
    shares = generator.dirichlet(np.ones(3), 4)
    counts = generator.multinomial(500, np.full(BINS, 1 / BINS), 4)
    parts = profiles.by_lineage(np.ones((4, 5)))
    known = shares[:, :2].sum(1)
    same = _divided(shares, known, counts, parts)
    np.testing.assert_allclose(same, shares)
    other = _divided(shares, np.zeros(4), counts, parts)
    np.testing.assert_allclose(other.sum(1), 1)
    np.testing.assert_allclose(other[:, 2], shares[:, 2])
    assert np.abs(other - shares).max() > 0.01


def test_samples_of_members_are_exact_and_odd_ones_unsure(profiles: Profiles) -> None:
    known = calibration(profiles)
    sample = np.round(4000 * (0.7 * profiles.rates[:4, SEEN, 0].mean(0) + 0.3 * profiles.rates[4, SEEN, 1])).astype(int)
    found = estimate(sample, np.zeros(2, int), known, settings=QUICK)
    assert found.misfit < 0.01
    assert found.shares["em"].value.argmax() == 0
    odd = np.zeros(BINS, int)
    odd[int(profiles.rates[:, :, :, :].mean((0, 1, 2)).argmin())] = 4000
    other = estimate(odd, np.zeros(2, int), known, settings=QUICK)
    assert other.misfit > 0.5
    wide = [(x.shares["em"].high - x.shares["em"].low).sum() for x in (found, other)]
    assert wide[1] > 0.3


def test_no_read_gives_no_share(profiles: Profiles) -> None:
    found = estimate(np.zeros(BINS, int), np.zeros(2, int), calibration(profiles), settings=QUICK)
    for shares in found.shares.values():
        assert np.isnan(shares.value).all()
