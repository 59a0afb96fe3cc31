"""The planted-motif generator as a probability model: its settings and exact likelihood ratio.

A positive is uniform background with one motif drawn into one uniform place; a negative is background,
sometimes with one homopolymer. Both likelihoods are finite sums over motifs and places, so the best possible
classifier is known exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from strandloom.alphabet import DNA
from strandloom.settings import Settings

Column = tuple[float, float, float, float]
_BLOCK = 512  # rows scored at once: the working set stays in cache


class MotifSimulation(Settings):
    """Sequences with and without a planted motif. The defaults are the published tutorial's generator."""

    n: int = Field(10_000, ge=2)
    """Sequences."""

    length: int = Field(200, ge=1)
    """Bases per sequence."""

    motifs: dict[str, str | tuple[Column, ...]] | tuple[str, ...] = ("TATAAA", "CAAT", "GGGCGG", "TTGACA")
    """Motifs as texts (IUPAC letters stand for any of their bases), or names with a text or a (w, 4) matrix of
    A, C, G, T probabilities."""

    motif_rates: tuple[float, ...] | None = None
    """Relative frequency of each motif among planted ones; null: equal."""

    planted_rate: float = Field(1.0, ge=0, le=1)
    """Fraction of positives that really carry a motif."""

    positive_fraction: float = Field(0.5, gt=0, lt=1)
    """Fraction of sequences that are positive."""

    gc: float = Field(0.5, gt=0, lt=1)
    """G + C probability of the background."""

    homopolymer_rate: float = Field(0.3, ge=0, le=1)
    """Fraction of negatives with a homopolymer at a random place, of a random base."""

    homopolymer_length: int = Field(7, ge=1)
    """Bases of the homopolymer."""

    validation: float = Field(0.16, ge=0, lt=1)
    """Fraction of rows in the validation part."""

    test: float = Field(0.2, ge=0, lt=1)
    """Fraction of rows in the test part."""

    @field_validator("motifs")
    @classmethod
    def _check_motifs(cls, motifs: dict[str, str | tuple[Column, ...]] | tuple[str, ...]) -> object:
        named = motifs if isinstance(motifs, dict) else {x: x for x in motifs}
        if not named or (isinstance(motifs, tuple) and len(named) != len(motifs)):
            raise ValueError("give at least one motif, each once")
        for name, motif in named.items():
            if len(motif) == 0:
                raise ValueError(f"motif '{name}' is empty")
            if isinstance(motif, str):
                strange = [x for x in motif if not DNA.members.get(x)]
                if strange:
                    raise ValueError(f"motif '{name}' has the letter '{strange[0]}'; allowed are {DNA.letters[:-1]}")
                continue
            for number, column in enumerate(motif, start=1):
                if min(column) < 0 or abs(sum(column) - 1) > 0.01:
                    raise ValueError(
                        f"row {number} of matrix '{name}' is no probability: four values ≥ 0 that sum to 1 are needed"
                    )
        return motifs

    @model_validator(mode="after")
    def _fits(self) -> MotifSimulation:
        widest = max(len(m) for m in self.matrices().values())
        if widest > self.length:
            raise ValueError(f"the longest motif ({widest}) does not fit into {self.length} bases")
        if self.homopolymer_rate > 0 and self.homopolymer_length > self.length:
            raise ValueError(f"a homopolymer of {self.homopolymer_length} does not fit into {self.length} bases")
        if self.motif_rates is not None:
            if len(self.motif_rates) != len(self.motifs):
                raise ValueError(f"motif_rates has {len(self.motif_rates)} values for {len(self.motifs)} motifs")
            if min(self.motif_rates) < 0 or sum(self.motif_rates) <= 0:
                raise ValueError("motif_rates must be ≥ 0 and not all 0")
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave rows to train on (sum below 1)")
        if not 0 < self.positives < self.n:
            raise ValueError(f"positive_fraction {self.positive_fraction} of {self.n} sequences leaves a class empty")
        return self

    @property
    def positives(self) -> int:
        """Number of positive sequences."""
        return round(self.n * self.positive_fraction)

    def matrices(self) -> dict[str, NDArray[np.float64]]:
        """Name to base probabilities ``(w, 4)``, order ``ACGT``."""
        named = self.motifs if isinstance(self.motifs, dict) else {x: x for x in self.motifs}
        table = DNA.one_hot_table.astype(np.float64)
        found: dict[str, NDArray[np.float64]] = {}
        for name, motif in named.items():
            matrix = table[DNA.encode(motif)] if isinstance(motif, str) else np.array(motif, np.float64)
            found[name] = matrix / matrix.sum(axis=1, keepdims=True)
        return found

    def rates(self) -> NDArray[np.float64]:
        """Probability of each motif among planted ones, ``(motifs,)``."""
        rates = np.ones(len(self.motifs)) if self.motif_rates is None else np.array(self.motif_rates, np.float64)
        return rates / rates.sum()

    def background(self) -> NDArray[np.float64]:
        """Base probabilities of the background, ``(4,)``."""
        return np.array([1 - self.gc, self.gc, self.gc, 1 - self.gc]) / 2


class LogRatios(NamedTuple):
    """log P(x | positive) − log P(x | negative) per sequence; −inf where no motif can be in it."""

    one_strand: NDArray[np.float64]
    """float64 ``(N,)``: for a classifier that reads the sequence."""
    both_strands: NDArray[np.float64]
    """float64 ``(N,)``: for one that sees the sequence and its reverse complement without knowing which is which."""


def log_ratios(codes: NDArray[np.uint8], settings: MotifSimulation) -> LogRatios:
    """Exact log-likelihood ratios of sequences under the generator.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, every code one of A, C, G, T.
    settings
        The generator; ``L`` is its length.

    Raises
    ------
    ValueError
        Another length, or a code that the generator cannot produce.
    """
    if codes.ndim != 2 or codes.shape[1] != settings.length:
        raise ValueError(f"codes of shape {codes.shape} are not sequences of {settings.length} bases")
    if codes.size and int(codes.max()) > 3:
        raise ValueError("the generator makes A, C, G and T only")
    forward, backward = np.empty((2, len(codes))), np.empty((2, len(codes)))
    for start in range(0, len(codes), _BLOCK):
        block = np.asarray(codes[start : start + _BLOCK])
        forward[:, start : start + _BLOCK] = _relative_likelihoods(block, settings)
        backward[:, start : start + _BLOCK] = _relative_likelihoods(DNA.reverse_complement(block), settings)
    # The background is its own reverse complement (A as likely as T, C as G), so ratios to it add up over strands.
    both = forward + backward
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 = −inf is meant
        return LogRatios(np.log(forward[0]) - np.log(forward[1]), np.log(both[0]) - np.log(both[1]))


def _relative_likelihoods(codes: NDArray[np.uint8], settings: MotifSimulation) -> NDArray[np.float64]:
    """P(x | positive) and P(x | negative), each over P(x | background), float64 ``(2, N)``."""
    background = settings.background()
    planted = np.zeros(len(codes))
    for matrix, rate in zip(settings.matrices().values(), settings.rates(), strict=True):
        planted += rate * _mean_over_places(codes, matrix / background)
    positive = (1 - settings.planted_rate) + settings.planted_rate * planted
    run = np.zeros(len(codes))
    width = settings.homopolymer_length
    if settings.homopolymer_rate > 0:
        same = np.zeros((len(codes), codes.shape[1]), np.int32)
        np.cumsum(codes[:, 1:] == codes[:, :-1], axis=1, out=same[:, 1:])
        places = codes.shape[1] - width + 1
        uniform = same[:, width - 1 :] - same[:, :places] == width - 1  # (N, places): windows of one base
        run = np.where(uniform, background[codes[:, :places]] ** -float(width), 0).mean(axis=1) / 4
    return np.stack([positive, (1 - settings.homopolymer_rate) + settings.homopolymer_rate * run])


def _mean_over_places(codes: NDArray[np.uint8], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over places of the product of ``ratio`` ``(w, 4)`` along the window, float64 ``(N,)``."""
    mean: NDArray[np.float64] = _products(codes, ratio).mean(axis=1)
    return mean


def _products(codes: NDArray[np.uint8], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of ``ratio`` ``(w, 4)`` along the window at every place, float64 ``(N, L - w + 1)``."""
    places = codes.shape[1] - len(ratio) + 1
    product = ratio[0][codes[:, :places]]
    for offset in range(1, len(ratio)):
        product *= ratio[offset][codes[:, offset : offset + places]]
    return product


def site_posterior(codes: NDArray[np.uint8], settings: MotifSimulation) -> NDArray[np.float64]:
    """Probability that each base lies inside the planted motif, for sequences known to be positive: float64 ``(N, L)``.

    What exact knowledge of the generator can say of the bases: nothing that looks at the sequences alone tells them better.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, every code one of A, C, G, T.
    settings
        The generator; ``L`` is its length.
    """
    rows, length = codes.shape
    background = settings.background()
    inside = np.zeros((rows, length + 1))
    total = np.full(rows, 1 - settings.planted_rate)
    for matrix, rate in zip(settings.matrices().values(), settings.rates(), strict=True):
        products = _products(codes, matrix / background)  # (N, places)
        weights = products * (settings.planted_rate * rate / products.shape[1])
        inside[:, : weights.shape[1]] += weights
        inside[:, len(matrix) :] -= weights[:, : length + 1 - len(matrix)]
        total += weights.sum(axis=1)
    return np.cumsum(inside[:, :length], axis=1) / np.maximum(total, np.finfo(float).tiny)[:, None]
