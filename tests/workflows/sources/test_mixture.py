"""Shares by expectation maximisation."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.workflows.sources.mixture import deviance, many_shares, shares_near, shares_of

PROFILES = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.6, 0.2, 0.1], [0.05, 0.05, 0.2, 0.7]])
TRUTH = np.array([0.5, 0.2, 0.3])


def test_exact_counts_give_exact_shares() -> None:
    found = shares_of(TRUTH @ PROFILES * 1e6, PROFILES)
    assert found.shares == pytest.approx(TRUTH, abs=1e-4)
    assert found.expected == pytest.approx(TRUTH @ PROFILES, abs=1e-5)


def test_the_likelihood_is_at_its_top() -> None:
    generator = np.random.default_rng(1)
    counts = generator.multinomial(300, TRUTH @ PROFILES)
    best = shares_of(counts, PROFILES).shares
    score = lambda s: float(counts @ np.log(s @ PROFILES))  # noqa: E731
    for _ in range(200):
        other = np.clip(best + generator.normal(0, 0.02, 3), 1e-6, None)
        assert score(other / other.sum()) <= score(best) + 1e-6


def test_many_are_each_alone() -> None:
    generator = np.random.default_rng(2)
    counts = generator.multinomial(500, TRUTH @ PROFILES, size=6)
    profiles = np.array([generator.dirichlet(np.ones(4), 3) for _ in range(6)])
    together = many_shares(counts, profiles)
    for own, c, p in zip(together, counts, profiles, strict=True):
        assert own == pytest.approx(shares_of(c, p).shares, abs=5e-3)


def test_no_reads_say_nothing() -> None:
    assert shares_of(np.zeros(4), PROFILES).shares == pytest.approx(np.full(3, 1 / 3))
    assert deviance(np.zeros(4), np.full(4, 0.25)) == 0


def test_deviance_of_what_fits_is_nothing() -> None:
    generator = np.random.default_rng(3)
    p = TRUTH @ PROFILES
    assert deviance(generator.multinomial(20_000, p), p) < 3e-4
    assert deviance(generator.multinomial(20_000, PROFILES[0]), p) > 0.1


def test_a_prior_holds_shares_back() -> None:
    counts = np.round(TRUTH @ PROFILES * 1e5)[None]
    prior = np.array([[0.2, 0.6, 0.2]])
    free = shares_near(counts, PROFILES, prior, weight=0, steps=2000)[0]
    assert free == pytest.approx(TRUTH, abs=1e-3)
    held = shares_near(counts, PROFILES, prior, weight=1, steps=2000)[0]
    bound = shares_near(counts, PROFILES, prior, weight=1000, steps=2000)[0]
    assert np.abs(free - prior).sum() > np.abs(held - prior).sum() > np.abs(bound - prior).sum()
    assert bound == pytest.approx(prior[0], abs=1e-2)
    assert shares_near(counts * 10, PROFILES, prior, weight=1, steps=2000)[0] == pytest.approx(held, abs=1e-6)
