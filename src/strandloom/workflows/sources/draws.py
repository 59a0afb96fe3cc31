"""Reads drawn from genomes: places, strands, lengths and errors, each from a seed, so that no read needs to be kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from strandloom.alphabet import DNA, Codes
from strandloom.kmers import mix64
from strandloom.settings import Settings
from strandloom.workflows.sources.pool import Pool


class ReadProfile(Settings):
    """What drawn reads look like."""

    length: int = Field(80, ge=20, le=1000)
    """Bases of a read (the mean where ``length_sd`` is above 0)."""
    length_sd: float = Field(0.0, ge=0, le=300)
    """Standard deviation of the length, bases; lengths are cut to 20 … 2 × length."""
    substitution: float = Field(0.005, ge=0, lt=0.5)
    """Share of the bases that are wrong."""
    rise: float = Field(1.0, ge=1, le=100)
    """How many times as likely a wrong base is at the end of a read as at its start (1: everywhere the same)."""
    insertion: float = Field(0.0, ge=0, lt=0.2)
    """Inserted bases per base."""
    deletion: float = Field(0.0, ge=0, lt=0.2)
    """Missing bases per base."""

    @model_validator(mode="after")
    def _possible(self) -> ReadProfile:
        if self.substitution * 2 * self.rise / (1 + self.rise) >= 0.75:
            raise ValueError("substitution and rise make the last bases wrong in three of four reads")
        return self

    @property
    def longest(self) -> int:
        """L: bases of the longest read."""
        return 2 * self.length if self.length_sd else self.length

    def rates(self) -> NDArray[np.float64]:
        """Chance of a wrong base at each position, float64 ``(L,)``; its mean over a read of mean length is ``substitution``."""
        ramp = np.linspace(1.0, self.rise, self.length)
        ramp *= self.substitution / ramp.mean()
        return np.concatenate([ramp, np.full(self.longest - self.length, ramp[-1])])


class Reads(NamedTuple):
    """N reads."""

    codes: Codes
    """uint8 ``(N, L)``, padded on the right."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``."""
    contig: NDArray[np.int64]
    """int64 ``(N,)``: contig of the pool."""
    start: NDArray[np.int64]
    """int64 ``(N,)``: first base in the contig, from 0, on its forward strand."""
    reverse: NDArray[np.bool_]
    """bool ``(N,)``: read from the other strand."""


def draw_reads(pool: Pool, member: NDArray[np.integer], *, profile: ReadProfile, seed: int) -> Reads:
    """One read from each of the given members, at a place drawn evenly over the bases that can begin one.

    Read i depends on ``seed``, i and ``member[i]`` alone.

    Parameters
    ----------
    pool
        The genomes.
    member
        int ``(N,)``: whose read each is.
    profile
        Length and errors.
    seed
        0 to 2⁶³.
    """
    from strandloom.workflows.sources.draw_kernels import cut

    rows = np.arange(len(member), dtype=np.uint64)
    base = mix64(np.array([seed], np.uint64))[0]
    streams = mix64(rows + base)
    wanted = np.full(len(member), profile.length, np.int64)
    if profile.length_sd:
        normal = _normal(streams)
        wanted = np.clip(np.rint(profile.length + profile.length_sd * normal), 20, profile.longest).astype(np.int64)
    slack = int(np.ceil(profile.longest * profile.deletion * 2)) + (2 if profile.deletion else 0)
    places = np.maximum(pool.lengths - profile.longest - slack + 1, 1)  # (C,) where a read may begin
    ends = np.cumsum(places)
    before = np.concatenate(([0], ends))[pool.bounds]  # (G + 1,)
    owner = np.asarray(member, np.int64)
    room = before[owner + 1] - before[owner]
    target = before[owner] + (_unit(mix64(streams + np.uint64(1))) * room).astype(np.int64)
    contig = np.searchsorted(ends, target, side="right")
    start = target - (ends[contig] - places[contig])
    reverse = (mix64(streams + np.uint64(2)) >> np.uint64(63)).astype(np.bool_)
    first = pool.starts[contig] + start
    last = np.minimum(first + wanted + slack, pool.starts[contig] + pool.lengths[contig])
    out = np.empty((len(owner), profile.longest), np.uint8)
    lengths = np.empty(len(owner), np.int32)
    cut(
        pool.codes, first, last, reverse, wanted, mix64(streams + np.uint64(3)), profile.rates(),
        profile.insertion, profile.deletion, DNA.pad, out, lengths,
    )  # fmt: skip
    return Reads(out, lengths, contig, start, reverse)


def draw_members(weights: NDArray[np.floating], count: int, *, seed: int) -> NDArray[np.int32]:
    """Members drawn by weight, int32 ``(count,)``."""
    shares = np.cumsum(np.asarray(weights, np.float64))
    chance = _unit(mix64(np.arange(count, dtype=np.uint64) + mix64(np.array([seed, 7], np.uint64)).sum()))
    return np.minimum(np.searchsorted(shares, chance * shares[-1], side="right"), len(shares) - 1).astype(np.int32)


def _unit(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Random bits to [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) / (1 << 53)


def _normal(streams: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard normal numbers (Box and Muller 1958)."""
    one, two = _unit(mix64(streams + np.uint64(4))), _unit(mix64(streams + np.uint64(5)))
    return np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * two)
