"""The published form of the model, for comparison: one network to which bases and a map of the place go in and species come out.

It knows the species it was trained on and nothing else: it has no answer for what is not in the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray

from strandloom.alphabet import Codes
from strandloom.data.window import Window
from strandloom.errors import BundleError, UsageError
from strandloom.io.records import LetterCounts, Records
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.workflows.taxonomy.fusion_grid import FusionGrid
from strandloom.workflows.taxonomy.fusion_network import FusionNetwork
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.posterior import Calls, RankTally, Tally, call

PART = "taxonomy-fusion"
FORMAT = 1
BATCH = 512
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FusionModel:
    """A trained network with what it needs to be asked.

    Parameters
    ----------
    network
        In evaluation mode.
    grid
        The map of places.
    taxonomy
        The S species and the taxa above them.
    """

    network: FusionNetwork
    grid: FusionGrid
    taxonomy: Taxonomy

    def log_blocks(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        *,
        lat: ArrayLike | None = None,
        lon: ArrayLike | None = None,
        batch: int = BATCH,
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Blocks of rows with their log probabilities, float32 ``(b, S)``; parameters as for :meth:`probabilities`."""
        number = len(offsets) - 1
        north, east = _places(lat, number), _places(lon, number)
        wide = rectangle(codes, offsets, self.network.width)
        table = one_hot_table()
        for start in range(0, number, batch):
            rows = slice(start, min(start + batch, number))
            place = torch.from_numpy(self.grid.spread(north[rows], east[rows]))
            with torch.inference_mode():
                logs = self.network(one_hot(torch.from_numpy(wide[rows]), table), place)
            yield rows, logs.numpy()

    def probabilities(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        *,
        lat: ArrayLike | None = None,
        lon: ArrayLike | None = None,
        batch: int = BATCH,
    ) -> NDArray[np.float32]:
        """Probabilities of all species, float32 ``(N, S)``; the rows sum to 1.

        Parameters
        ----------
        codes, offsets
            N sequences, oriented and without primers: uint8 ``(total,)`` and int64 ``(N + 1,)``.
        lat, lon
            Degrees, ``(N,)``; NaN, or None for all: unknown, and the sequence alone decides.
        batch
            Rows computed at a time; it does not change the result.

        Raises
        ------
        UsageError
            There are not as many places as sequences.
        """
        out = np.zeros((len(offsets) - 1, len(self.taxonomy)), np.float32)
        for rows, logs in self.log_blocks(codes, offsets, lat=lat, lon=lon, batch=batch):
            np.exp(logs, out=out[rows])
        return out

    def calls(
        self,
        codes: Codes,
        offsets: NDArray[np.int64],
        *,
        threshold: float,
        lat: ArrayLike | None = None,
        lon: ArrayLike | None = None,
        batch: int = BATCH,
    ) -> Calls:
        """The best taxon of each rank, by the summed probabilities of its species, and the narrowest that is sure enough.

        The spreads are 0, as there is one network, and so is the probability of what the reference lacks, for which it has no answer.

        Parameters
        ----------
        codes, offsets, lat, lon, batch
            As for :meth:`probabilities`.
        threshold
            Probability from which a taxon is called, 0 to 1.
        """
        number = len(offsets) - 1
        taxon = np.full((len(RANKS), number), -1, np.int32)
        probability = np.zeros((len(RANKS), number))
        for rows, logs in self.log_blocks(codes, offsets, lat=lat, lon=lon, batch=batch):
            each = np.exp(logs, dtype=np.float64)  # (b, S)
            for rank, (order, starts) in enumerate(self._members):
                if len(starts):
                    sums = np.add.reduceat(each[:, order], starts, axis=1)  # (b, taxa)
                    taxon[rank, rows], probability[rank, rows] = sums.argmax(axis=1), sums.max(axis=1)
        ranks = []
        for names, best in zip(taxon, probability, strict=True):
            known = np.flatnonzero(names >= 0)
            ranks.append(RankTally(known, names[known], best[known], best[known] ** 2))
        return call(Tally(number, tuple(ranks), np.zeros(number)), threshold=threshold)

    @cached_property
    def _members(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For each rank the species by taxon (those of unknown taxon left out), and where each taxon begins."""
        found = []
        for rank in RANKS:
            taxa = self.taxonomy.taxa(rank)
            order = np.argsort(taxa.index, kind="stable")
            order = order[taxa.index[order] >= 0]
            found.append((order, np.searchsorted(taxa.index[order], np.arange(len(taxa.names)))))
        return found

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """As arrays and plain facts, for a part of a bundle; the taxonomy lies in the bundle already."""
        facts = {
            "format": FORMAT,
            "width": self.network.width,
            "grid": asdict(self.grid),
            "species": self.network.species,
        }
        return {name: value.numpy().copy() for name, value in self.network.state_dict().items()}, facts

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], *, taxonomy: Taxonomy) -> Self:
        """The model that :meth:`state` wrote.

        Raises
        ------
        BundleError
            It is incomplete, of a newer version, or of another taxonomy.
        """
        try:
            if int(facts["format"]) > FORMAT:
                raise BundleError("the model was written by a newer version of strandloom", hint="update strandloom")
            grid = FusionGrid(**facts["grid"])
            network = FusionNetwork(int(facts["width"]), grid.cells, int(facts["species"]))
            network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise BundleError(f"the model is incomplete: {error}", hint="copy the bundle again") from None
        if network.species != len(taxonomy):
            raise BundleError(
                f"the model knows {network.species:,} species, its taxonomy {len(taxonomy):,}",
                hint="copy the bundle again",
            )
        return cls(network.eval(), grid, taxonomy)


def rectangle(codes: Codes, offsets: NDArray[np.int64], width: int) -> Codes:
    """Sequences padded, or cropped, on the right: uint8 ``(N, width)``."""
    no_ids = pl.Series(dtype=pl.String)
    records = Records(codes, offsets, ids=no_ids, columns=pl.DataFrame(), letters=LetterCounts())
    return Window(width).place(records).codes


def _places(degrees: ArrayLike | None, number: int) -> Doubles:
    """float64 ``(N,)``, NaN where unknown."""
    values = np.full(number, np.nan) if degrees is None else np.asarray(degrees, np.float64)
    if values.shape != (number,):
        raise UsageError(
            f"{values.size:,} places for {number:,} sequences", hint="give a place, or NaN, for every sequence"
        )
    return values
