"""How well the species of a mock community are found, and how far its shares of reads are from what was put in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

SHARE = 0.001
"""A species with a larger share of the reads of a community counts as found."""


@dataclass(frozen=True)
class Detection:
    """Species found in communities of known composition.

    Parameters
    ----------
    expected, found, right
        Pairs of community and species: put in, found, both.
    precision, recall, f1
        Of all pairs together; NaN where nothing was found, or put in.
    """

    expected: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that was put in."""
        return self.right / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """Share of what was put in that was found."""
        return self.right / self.expected if self.expected else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where nothing was right."""
        return 2 * self.right / (self.found + self.expected) if self.found + self.expected else float("nan")


def detection(
    reads: pl.DataFrame, expected: pl.DataFrame, *, share: float = SHARE
) -> tuple[Detection, dict[str, Detection]]:
    """Species precision and recall of all communities together, and of each.

    Parameters
    ----------
    reads
        ``community, taxon, reads``; rows of a pair are added, and reads of an empty or null taxon count among those of the community
        but are no taxon. Communities that nobody expects anything of are passed over.
    expected
        ``community, taxon``.
    share
        A taxon is found where it has more than this share of the reads of the community.
    """
    wanted = expected.select("community", "taxon").unique().filter(_named())
    own = reads.join(wanted.select("community").unique(), on="community", how="semi")
    sums = own.group_by("community", "taxon").agg(pl.col("reads").sum())
    total = pl.col("reads").sum().over("community")
    found = sums.filter(_named() & (pl.col("reads") > share * total)).select("community", "taxon")
    both = found.join(wanted, on=["community", "taxon"], how="semi")
    each = {
        name: Detection(*((x["community"] == name).sum() for x in (wanted, found, both)))
        for name in wanted["community"].unique().sort().to_list()
    }
    return Detection(wanted.height, found.height, both.height), each


def bray_curtis(a: ArrayLike, b: ArrayLike) -> float:
    """Bray-Curtis dissimilarity of the shares of T taxa in two communities: 0 the same, 1 nothing in common, NaN where one is empty.

    Parameters
    ----------
    a, b
        Amounts ``(T,)``, not negative; each is taken for its shares, so numbers of reads do not matter.
    """
    one, other = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not (one.sum() > 0 and other.sum() > 0):
        return float("nan")
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def _named() -> pl.Expr:
    return pl.col("taxon").fill_null("") != ""
