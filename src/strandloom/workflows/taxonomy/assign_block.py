"""A block of sequences to tables: calls per sequence, calls per sequence and sample, and the candidates behind them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.workflows.taxonomy.evidence import SPECIES, Evidence
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.places import Places
from strandloom.workflows.taxonomy.posterior import UNKNOWN, Calls, Posterior, call, tally
from strandloom.workflows.taxonomy.queries import Queries
from strandloom.workflows.taxonomy.settings import AssignSettings
from strandloom.workflows.taxonomy.sightings import Sightings, sightings

RANK_NAMES = (*RANKS, "unknown")
MASK_RATE = 0.02
"""Bases read as N in each bootstrap."""
BOOTSTRAP_ROWS = 20_000


class Tables(NamedTuple):
    """What a block gives: frames as in docs/formats.md; ``by_sample`` is empty where no counts were given."""

    assignments: pl.DataFrame
    by_sample: pl.DataFrame
    candidates: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Assigner:
    """A model and how it is asked.

    Parameters
    ----------
    model
        Reference, ranges and networks.
    settings
        Threshold, bootstraps, candidates shown.
    found
        Counts joined with samples: ``sample, id, reads, lat, lon``; None: no counts.
    elsewhere
        The place of what has none.
    threads
        For the search.
    """

    model: TaxonomyModel
    settings: AssignSettings
    found: pl.DataFrame | None = None
    elsewhere: tuple[float, float] | None = None
    threads: int = 1

    def block(self, queries: Queries) -> Tables:
        """Assign a block of sequences; blocks do not affect each other."""
        model, number = self.model, len(queries)
        evidence = model.evidence(queries.codes, queries.offsets, threads=self.threads)
        scores = model.sequence_scores(evidence)
        taxa = model.taxa(evidence)
        seen = sightings(queries.ids, queries.lat, queries.lon, self.found, elsewhere=self.elsewhere)
        places = None
        if model.ranges is not None and len(seen.lat):
            places = model.ranges.places(seen.lat, seen.lon, values=seen.values)
        alone = model.posterior(evidence, scores)
        rows = model.posterior(evidence, scores, query=seen.query, place=seen.place, places=places)
        threshold = self.settings.threshold
        by_row = call(tally(rows, evidence, taxa), threshold=threshold)
        sequence = call(tally(alone, evidence, taxa), threshold=threshold)
        alike = sequence
        if self.settings.bootstraps:
            best, alike = self._bootstrapped(queries, seen, places)
        else:
            best = call(
                tally(rows, evidence, taxa, group=seen.query, groups=number, weight=seen.weight), threshold=threshold
            )
        main = _main_rows(seen, number)
        reads = np.bincount(seen.sample_query, seen.samples["reads"].to_numpy().astype(np.float64), number)
        place = seen.place[main]
        assignments = self._frame(best, alike, evidence, np.arange(number)).with_columns(
            queries.ids.alias("id"),
            reads=pl.Series(reads).cast(pl.Int64) if self.found is not None else pl.lit(None, pl.Int64),
            lat=_at(seen.lat, place), lon=_at(seen.lon, place), note=queries.note,
        ).select("id", *_CALLS, "reads", *_REST)  # fmt: skip
        by_sample = self._frame(
            _take(by_row, seen.sample_row), _take(sequence, seen.sample_query), evidence, seen.sample_query
        ).with_columns(
            seen.samples["id"], seen.samples["sample"], seen.samples["reads"], lat=seen.samples["lat"], lon=seen.samples["lon"],
            note=queries.note.gather(seen.sample_query),
        ).select("id", "sample", *_CALLS, "reads", *_REST)  # fmt: skip
        shown = self._candidates(queries, evidence, alone, rows, seen, main, places, sequence)
        return Tables(assignments, by_sample, shown)

    def _frame(self, calls: Calls, sequence: Calls, evidence: Evidence, query: NDArray[np.int64]) -> pl.DataFrame:
        names = [pl.Series(list(own) or [""], dtype=pl.String) for own in self.model.names]
        best = [
            names[r].gather(np.maximum(calls.taxon[r], 0)).zip_with(pl.Series(calls.taxon[r] >= 0), pl.Series([""]))
            for r in range(len(RANKS))
        ]
        taxon = np.full(len(calls), "", object)
        probability = calls.unknown.copy()
        spread = np.zeros(len(calls))
        for rank in range(len(RANKS)):
            own = calls.rank == rank
            taxon[own] = best[rank].to_numpy()[own]
            probability[own], spread[own] = calls.probability[rank][own], calls.spread[rank][own]
        fish = self.model.match.reference.taxonomy.is_fish
        moved = (calls.taxon[0] != sequence.taxon[0]) & (calls.taxon[0] >= 0)
        last = evidence.offsets[query + 1] - 1  # the answer "nothing", which knows the fewest differences
        first = evidence.candidates.offsets
        some = first[query + 1] > first[query]
        listed = np.append(evidence.candidates.species, -1)
        nearest = np.where(some, listed[first[query]], -1)
        columns: dict[str, object] = {
            "rank": pl.Series(np.array(RANK_NAMES, object)[calls.rank], dtype=pl.String),
            "taxon": pl.Series(taxon, dtype=pl.String),
            "probability": np.where(calls.rank == UNKNOWN, calls.unknown, probability),
        }
        for r, name in enumerate(RANKS):
            columns[name], columns[f"{name}_probability"] = best[r], calls.probability[r]
        columns |= {
            "unknown_probability": calls.unknown,
            "fish": np.where(calls.taxon[0] >= 0, fish[np.maximum(calls.taxon[0], 0)], False),
            "sequence_species": names[0]
            .gather(np.maximum(sequence.taxon[0], 0))
            .zip_with(pl.Series(sequence.taxon[0] >= 0), pl.Series([""])),
            "sequence_probability": sequence.probability[0],
            "moved": moved,
            "differences": pl.Series(np.where(some, evidence.differences[last], -1)).cast(pl.Int32),
            "nearest": names[0].gather(np.maximum(nearest, 0)).zip_with(pl.Series(nearest >= 0), pl.Series([""])),
            "sd": spread,
        }
        frame = pl.DataFrame(columns)
        return frame.with_columns(differences=pl.when(pl.col("differences") >= 0).then(pl.col("differences")))

    def _candidates(
        self, queries: Queries, evidence: Evidence, alone: Posterior, rows: Posterior, seen: Sightings, main: NDArray[np.int64],
        places: Places | None,
        sequence: Calls,
    ) -> pl.DataFrame:  # fmt: skip
        """The most probable species of each sequence, with what the sequence and the place of most reads say of them."""
        number = len(queries)
        weight = seen.weight / np.maximum(np.bincount(seen.query, seen.weight, number)[seen.query], 1e-300)
        row = rows.row
        inside = np.arange(len(rows.answer)) - rows.offsets[:-1][row]
        target = alone.offsets[:-1][rows.query[row]] + inside
        total = np.bincount(seen.query, seen.weight, number)
        own = np.where(total[seen.query] > 0, weight, 1 / np.bincount(seen.query, minlength=number)[seen.query])[row]
        mixed = np.bincount(target, rows.mean * own, len(alone.answer))
        score = np.bincount(target, rows.place_score * own, len(alone.answer))
        species = np.flatnonzero(evidence.kind == SPECIES)
        query = evidence.query[species]
        order = species[np.lexsort((evidence.taxon[species], -mixed[species], query))]
        query = evidence.query[order]
        rank = np.arange(len(order)) - np.searchsorted(query, np.arange(number))[query]
        kept = (rank < self.settings.candidates) & ((mixed[order] >= self.settings.least) | (rank == 0))
        kept |= evidence.taxon[order] == sequence.taxon[0][query]  # the best one by the sequence is always there
        order, query, rank = order[kept], query[kept], rank[kept]
        taxon = evidence.taxon[order]
        position = np.searchsorted(species, order)  # species answers are the candidates, in order
        place = seen.place[main][query]
        km, words = np.full(len(order), np.nan), np.full(len(order), "", object)
        if places is not None and self.model.ranges is not None:
            at = np.flatnonzero(place >= 0)
            km[at], words[at] = self.model.ranges.nearness(places, taxon[at], place[at])
        return pl.DataFrame(
            {
                "id": queries.ids.gather(query),
                "order_number": pl.Series(rank + 1).cast(pl.Int32),
                "species": pl.Series(list(self.model.names[0]), dtype=pl.String).gather(taxon),
                "probability": mixed[order],
                "sequence_probability": alone.mean[order],
                "range_score": score[order],
                "differences": pl.Series(evidence.differences[order]).cast(pl.Int32),
                "records": pl.Series(self.model.match.records.per_species[taxon]).cast(pl.Int32),
                "equal_records": pl.Series(evidence.candidates.nearest_records[position]).cast(pl.Int32),
                "distance_km": pl.Series(km).fill_nan(None),
                "range": pl.Series(words, dtype=pl.String),
            }
        )

    def _bootstrapped(self, queries: Queries, seen: Sightings, places: Places | None) -> tuple[Calls, Calls]:
        """Calls from copies of each sequence with masked bases, each at a place drawn by reads, and from the same without places."""
        model, draws, number = self.model, self.settings.bootstraps, len(queries)
        step = max(BOOTSTRAP_ROWS // draws, 1)
        parts: list[tuple[Calls, Calls]] = []
        sizes = np.diff(queries.offsets)
        for start in range(0, number, step):
            own = np.arange(start, min(start + step, number))
            seeds = [zlib.crc32(str(x).encode()) for x in queries.ids[start : start + step]]
            picked = np.repeat(own, draws)
            codes, offsets = _copies(queries.codes, queries.offsets, picked)
            drawn_rows = np.zeros(len(picked), np.int64)
            for i, (query, mark) in enumerate(zip(own.tolist(), seeds, strict=True)):  # each sequence draws by itself
                rng = np.random.default_rng((self.settings.seed, int(mark), int(sizes[query])))
                low, high = offsets[i * draws], offsets[(i + 1) * draws]
                hit = rng.random(high - low) < MASK_RATE
                codes[low:high][hit] = DNA.any
                rows = np.flatnonzero(seen.query == query)
                share = seen.weight[rows] if seen.weight[rows].sum() > 0 else np.ones(len(rows))
                drawn_rows[i * draws : (i + 1) * draws] = rng.choice(rows, draws, p=share / share.sum())
            evidence = model.evidence(codes, offsets, threads=self.threads)
            scores, taxa = model.sequence_scores(evidence), model.taxa(evidence)
            group = np.repeat(np.arange(len(own)), draws)
            placed = model.posterior(evidence, scores, place=seen.place[drawn_rows], places=places)
            both = [
                call(tally(x, evidence, taxa, group=group, groups=len(own)), threshold=self.settings.threshold)
                for x in (placed, model.posterior(evidence, scores))
            ]
            parts.append((both[0], both[1]))
        return _joined([part[0] for part in parts]), _joined([part[1] for part in parts])


def _joined(parts: list[Calls]) -> Calls:
    """Calls of one block after the other."""
    names = ("taxon", "probability", "spread", "unknown", "rank")
    return Calls(*(np.concatenate([getattr(x, name) for x in parts], axis=-1) for name in names))


_CALLS = (
    "rank", "taxon", "probability", *(column for rank in RANKS for column in (rank, f"{rank}_probability")),
    "unknown_probability", "fish",
)  # fmt: skip
_REST = ("sequence_species", "sequence_probability", "moved", "differences", "nearest", "sd", "lat", "lon", "note")


def _copies(
    codes: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from strandloom.io.records import take_ragged

    copies, bounds = take_ragged(codes, offsets, rows)
    return copies.copy(), bounds


def _take(calls: Calls, rows: NDArray[np.int64]) -> Calls:
    return Calls(
        calls.taxon[:, rows], calls.probability[:, rows], calls.spread[:, rows], calls.unknown[rows], calls.rank[rows]
    )


def _main_rows(seen: Sightings, number: int) -> NDArray[np.int64]:
    """The row of each sequence with most weight, the first of equals."""
    order = np.lexsort((np.arange(len(seen.query)), -seen.weight, seen.query))
    first = np.searchsorted(seen.query[order], np.arange(number))
    return order[first]


def _at(values: NDArray[np.float64], place: NDArray[np.int64]) -> pl.Series:
    known = place >= 0
    out = np.full(len(place), np.nan)
    out[known] = values[place[known]]
    return pl.Series(out).fill_nan(None)
