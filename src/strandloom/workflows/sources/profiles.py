"""How reads of known origin are answered: bins of answers, and the profile over them of every lineage in every regime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.practice import NOTHING, RELATED, SEEN, STRANGE

BINS = 400
LEAST_LOG = -7.0
"""Log probabilities below this are taken as this."""
BORROWED = 0.3
"""Weight of a lineage's profile in another environment than its own, of the reads that meet a relative."""
STRANGERS = 0.3
"""Share of reads of left-out groups in the profile of the reads that meet a relative: some relatives are far ones."""
_FITTED = 60_000


def answer_points(log_posterior: NDArray[np.floating], log_regime: NDArray[np.floating]) -> NDArray[np.float32]:
    """Answers as points: clipped log probabilities of environments and regimes, float32 ``(N, E + 4)``."""
    return np.maximum(np.concatenate([log_posterior, log_regime], 1), LEAST_LOG).astype(np.float32)


def exchanged(points: NDArray[np.float32], one: int, other: int) -> NDArray[np.float32]:
    """The same answers with two environments exchanged."""
    out = points.copy()
    out[:, [one, other]] = points[:, [other, one]]
    return out


@dataclass(frozen=True, eq=False)
class Bins:
    """A division of answers into cells: each answer belongs to the nearest centre.

    Parameters
    ----------
    centres
        float32 ``(B, D)``.
    """

    centres: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centres)

    @cached_property
    def _half(self) -> NDArray[np.float32]:
        return np.asarray((self.centres**2).sum(1) / 2, np.float32)

    def assign(self, points: NDArray[np.float32]) -> NDArray[np.int32]:
        """The bin of each point ``(N, D)``, int32 ``(N,)``."""
        return np.asarray((points @ self.centres.T - self._half).argmax(1), np.int32)

    def count(self, points: NDArray[np.float32]) -> NDArray[np.int64]:
        """Points in each bin, int64 ``(B,)``."""
        return np.bincount(self.assign(points), minlength=len(self))

    @staticmethod
    def fit(points: NDArray[np.float32], *, seed: int, bins: int = BINS) -> Bins:
        """Centres of k-means over points of practice."""
        from sklearn.cluster import MiniBatchKMeans

        rows = np.random.default_rng(seed).permutation(len(points))[:_FITTED]
        fitted = MiniBatchKMeans(min(bins, len(rows)), random_state=seed, n_init=1, batch_size=4096, max_iter=50)
        return Bins(np.asarray(fitted.fit(points[rows]).cluster_centers_, np.float32))


LEAST_WEIGHT = 0.2
"""Weight of a lineage that is not in a draw."""
ALIEN_STRANGERS = (0.0, 0.5)
"""Shares of reads of left-out groups in the profiles of what is unknown, beside which single lineages are weighed."""
_SEEN_PRIOR, _LINEAGE_PRIOR, _UNKNOWN_PRIOR = 0.3, 0.6, 0.1


class Components(NamedTuple):
    """The profiles that samples are mixtures of."""

    profiles: NDArray[np.float64]
    """float64 ``(C, B)``, rows summing to 1."""
    source: NDArray[np.int64]
    """int64 ``(C,)``: the environment of each; E for unknown."""
    regime: NDArray[np.int64]
    """int64 ``(C,)``."""


class LineageComponents(NamedTuple):
    """The profiles of single lineages, wherever they may live."""

    profiles: NDArray[np.float64]
    """float64 ``(C, B)``."""
    source: NDArray[np.int64]
    """int64 ``(C,)``: the environment of each; E for unknown."""
    prior: NDArray[np.float64]
    """float64 ``(R, C)``: what is expected of them before a read is seen, for R draws of lineages."""


class _Lineages(NamedTuple):
    profiles: NDArray[np.float64]
    """float64 ``(C, B)``."""
    source: NDArray[np.int64]
    """int64 ``(C,)``: the environment of each; E for unknown."""
    lineage: NDArray[np.int64]
    """int64 ``(C,)``: whose profile it is; -1: no single lineage's."""
    lent: NDArray[np.float64]
    """float64 ``(C,)``: how much it counts where it is."""
    group: NDArray[np.int64]
    """int64 ``(C,)``, ascending: components that share what is expected of their group."""
    whole: NDArray[np.float64]
    """float64: what is expected of each group before a read is seen."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Counts of practice answers.

    Parameters
    ----------
    counts
        float64 ``(G, 3, E, B)``: reads of each lineage, by what they met, in each bin; and as if the lineage lived in each environment
        (answers with the two environments exchanged). No reads where a regime cannot be practised.
    nothing
        float64 ``(K, B)``: reads that resemble nothing, by kind.
    environment
        int64 ``(G,)``.
    exchangeable
        Whether the model treats environments alike, so that lineages can lend their profiles to other environments.
    """

    counts: NDArray[np.float64]
    nothing: NDArray[np.float64]
    environment: NDArray[np.int64]
    exchangeable: bool = True

    @property
    def environments(self) -> int:
        """E."""
        return self.counts.shape[2]

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """Counts of each lineage in its own environment, float64 ``(G, 3, B)``."""
        return self.counts[np.arange(len(self.environment)), :, self.environment]

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """Probabilities of the bins, float64 ``(G, 3, E, B)``, smoothed by what all reads have."""
        return (self.counts + 2.0 * self._floor) / (self.counts.sum(3, keepdims=True) + 2.0)

    @cached_property
    def _floor(self) -> NDArray[np.float64]:
        summed = self.own.sum((0, 1)) + self.nothing.sum(0) + 1.0
        return np.asarray(summed / summed.sum())

    def unlike(self, strange: float = 0.0) -> NDArray[np.float64]:
        """Profiles of what is unknown, float64 ``(K, B)``: reads like nothing, mixed with a share of reads of left-out groups."""
        alone = (self.nothing + 2.0 * self._floor) / (self.nothing.sum(1, keepdims=True) + 2.0)
        met = self.own[:, STRANGE].sum(1) > 0
        if strange <= 0 or not met.any():
            return alone
        g = np.flatnonzero(met)
        left_out = self.rates[g, STRANGE, self.environment[g]].mean(0)
        return np.asarray((1 - strange) * alone + strange * left_out)

    def components(self, *, weights: NDArray[np.float64] | None = None, strange: float = 0.0) -> Components:
        """The profiles of environments whose members, or relatives of these, are in a sample, and of what is unknown.

        Parameters
        ----------
        weights
            float64 ``(G,)``: how much each lineage counts in its environment; None: all the same.
        strange
            Share of reads of left-out groups in what is unknown.
        """
        w = np.ones(len(self.environment)) if weights is None else weights
        profiles, source, regime = [], [], []
        for kind in (SEEN, RELATED):
            met = self.own[:, kind].sum(1) > 0
            for e in range(self.environments):
                home = self.environment == e
                use = w * met * np.where(home, 1.0, BORROWED if kind == RELATED and self.exchangeable else 0.0)
                if not use.sum():
                    continue
                own = use @ self.rates[:, kind, e] / use.sum()
                far = w * (self.own[:, STRANGE].sum(1) > 0)
                if kind == RELATED and far.any() and self.exchangeable:
                    own = (1 - STRANGERS) * own + STRANGERS * (far @ self.rates[:, STRANGE, e]) / far.sum()
                profiles.append(own)
                source.append(e)
                regime.append(kind)
        unknown = self.unlike(strange)
        return Components(
            np.array([*profiles, *unknown]),
            np.array([*source, *([self.environments] * len(unknown))]),
            np.array([*regime, *([NOTHING] * len(unknown))]),
        )

    @cached_property
    def _lineages(self) -> _Lineages | None:
        """What :meth:`by_lineage` says of every sample alike; None where lineages cannot lend their profiles."""
        practised = [kind for kind in (RELATED, STRANGE) if self.own[:, kind].sum() > 0]
        if not self.exchangeable or not practised:
            return None
        profiles, source, lineage, lent, group = [], [], [], [], []
        whole: list[float] = []

        def add(rows: NDArray[np.float64], home: int, who: NDArray[np.int64], borrowed: NDArray[np.float64]) -> None:
            profiles.append(rows)
            source.append(np.full(len(rows), home))
            lineage.append(who)
            lent.append(borrowed)
            group.append(np.full(len(rows), len(whole)))

        nobody = np.full(self.environments, -1)
        seen = self.own[:, SEEN].sum(1) > 0
        known = [e for e in range(self.environments) if (seen & (self.environment == e)).any()]
        for e in known:
            rows = self.rates[seen & (self.environment == e), SEEN, e].mean(0)
            add(rows[None], e, nobody[:1], np.ones(1))
        if known:
            whole.append(_SEEN_PRIOR)
        for kind in practised:
            g = np.flatnonzero(self.own[:, kind].sum(1) > 0)
            for e in range(self.environments):
                add(self.rates[g, kind, e], e, g, np.where(self.environment[g] == e, 1.0, BORROWED))
                whole.append(_LINEAGE_PRIOR / len(practised) / self.environments)
        alien = np.concatenate([self.unlike(share) for share in ALIEN_STRANGERS])
        add(alien, self.environments, np.full(len(alien), -1), np.ones(len(alien)))
        whole.append(_UNKNOWN_PRIOR)
        return _Lineages(
            np.concatenate(profiles),
            np.concatenate(source),
            np.concatenate(lineage),
            np.concatenate(lent),
            np.concatenate(group),
            np.array(whole),
        )

    def by_lineage(self, weights: NDArray[np.float64]) -> LineageComponents | None:
        """The profiles of single lineages whose relatives, or nothing but their environment, are in the collection.

        A sample's organisms are others than the collection's, and each is answered in its own way: like one of these, living in its own
        environment or in any other.

        Parameters
        ----------
        weights
            float64 ``(R, G)``: how much each lineage counts in each draw.

        Returns
        -------
        LineageComponents or None
            None where lineages cannot lend their profiles.
        """
        parts = self._lineages
        if parts is None:
            return None
        drawn = np.where(parts.lineage >= 0, weights[:, parts.lineage] + LEAST_WEIGHT, 1.0) * parts.lent
        starts = np.flatnonzero(np.diff(parts.group, prepend=-1))
        summed = np.maximum(np.add.reduceat(drawn, starts, axis=1), 1e-9)
        expected = drawn * (parts.whole / summed)[:, parts.group]
        return LineageComponents(parts.profiles, parts.source, expected / expected.sum(1, keepdims=True))
