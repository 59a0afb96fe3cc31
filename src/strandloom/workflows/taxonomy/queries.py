"""Sequences to be assigned: read in blocks, primers cut off, turned as the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import InputError
from strandloom.io.coordinate_text import Axis, parse_coordinates
from strandloom.io.detect import detect
from strandloom.io.frames import find_column
from strandloom.io.qiime import is_artifact, open_artifact
from strandloom.io.read import column_names, read_blocks
from strandloom.io.records import LetterCounts, Records, take_ragged
from strandloom.io.settings import LetterPolicy
from strandloom.workflows.taxonomy.orient import Orientation
from strandloom.workflows.taxonomy.pcr import trim_primers
from strandloom.workflows.taxonomy.ragged import decoded, turned
from strandloom.workflows.taxonomy.reference import Reference

BLOCK_ROWS = 2_048
SHORTEST = 0.5
"""Shorter than this share of the reference's median length, a sequence is not judged: a stub fits too many."""
ID_KEYS = (
    "id",
    "asvid",
    "featureid",
    "otuid",
    "recordid",
    "accession",
    "name",
    "asv",
    "feature",
    "otu",
    "queryid",
    "seqid",
)
"""Columns that name sequences, the likeliest first; case and punctuation do not matter."""
_SETTING = re.compile(r"(,? or )?(set|name (it|one) with) data\.[\w.]+.*$")
_LATITUDE = ("lat", "latitude", "decimallatitude")
_LONGITUDE = ("lon", "long", "longitude", "decimallongitude")


@dataclass(frozen=True, eq=False)
class Queries:
    """A block of N sequences.

    Parameters
    ----------
    ids
        String ``(N,)``.
    codes, offsets
        As the reference runs, without primers: uint8 ``(total,)``, int64 ``(N + 1,)``.
    lat, lon
        Where each was sampled, where the table says so; NaN elsewhere. Degrees, ``(N,)``.
    note
        What was done to each, String ``(N,)``; empty: nothing.
    """

    ids: pl.Series
    codes: Codes
    offsets: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    note: pl.Series

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def concat(cls, parts: Sequence[Queries]) -> Self:
        """Blocks one after the other."""
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            pl.concat([part.ids for part in parts]),
            np.concatenate([part.codes for part in parts]),
            np.concatenate(([0], np.cumsum(lengths))),
            np.concatenate([part.lat for part in parts]),
            np.concatenate([part.lon for part in parts]),
            pl.concat([part.note for part in parts]),
        )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Some of them, in the order of ``rows``."""
        codes, offsets = take_ragged(self.codes, self.offsets, np.asarray(rows, np.int64))
        return type(self)(self.ids.gather(rows), codes, offsets, self.lat[rows], self.lon[rows], self.note.gather(rows))

    def placed(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Self:
        """The same at other places, degrees ``(N,)``, NaN where unknown."""
        return replace(self, lat=lat, lon=lon)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """``id, sequence`` as they are compared."""
        return pl.DataFrame({"id": self.ids, "sequence": decoded(self.codes, self.offsets)})


@dataclass
class QueryFacts:
    """What was met in all blocks read so far."""

    sequences: int = 0
    trimmed: int = 0
    turned: int = 0
    unclear: int = 0
    short: int = 0
    located: int = 0
    letters: LetterCounts = field(default_factory=LetterCounts)


class QueryReader:
    """Reads sequences and makes them ready for a reference.

    Parameters
    ----------
    reference
        Its marker's primers are cut off, and its strand is the one that sequences are turned to.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.orientation = Orientation(reference.codes, reference.offsets)
        self.facts = QueryFacts()

    def blocks(self, path: str | Path, *, block_rows: int = BLOCK_ROWS) -> Iterator[Queries]:
        """The sequences of a file, block by block, in order.

        Parameters
        ----------
        path
            FASTA, or a table with the columns ``id, sequence`` and, where known, ``lat, lon``.
        block_rows
            Sequences read at a time; the result does not depend on it.

        Raises
        ------
        InputError
            The file or a row of it cannot be read, or an id stands there twice.
        """
        seen: set[str] = set()
        for records in raw_blocks(path, block_rows=block_rows):
            if not len(records):
                continue
            ids = records.ids.cast(pl.String)
            fresh = set(ids.to_list())
            if len(fresh) < len(ids) or fresh & seen:
                twice = next(iter(fresh & seen), None) or ids.filter(ids.is_duplicated())[0]
                raise InputError(
                    f"the sequence '{twice}' stands there twice", where=path, hint="give every ASV a name of its own"
                )
            seen |= fresh
            lat, lon = _places(records.columns, ids, path)
            yield self.prepare(ids, records.codes, records.offsets, lat, lon, letters=records.letters)

    def prepare(
        self,
        ids: pl.Series,
        codes: Codes,
        offsets: NDArray[np.int64],
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        *,
        letters: LetterCounts | None = None,
    ) -> Queries:
        """Cut primers off N sequences and turn them as the reference runs."""
        cut = trim_primers(codes, offsets, self.reference.marker)
        bare = cut.strand == 0
        strand = np.where(bare, self.orientation.strands(cut.codes, cut.offsets), 1)
        ready = turned(cut.codes, cut.offsets, strand) if (strand == -1).any() else cut.codes
        trimmed, back = ~bare, (cut.strand == -1) | (strand == -1)
        facts = self.facts
        facts.sequences += len(ids)
        facts.trimmed += int(trimmed.sum())
        facts.turned += int(back.sum())
        facts.unclear += int((strand == 0).sum())
        facts.located += int(np.isfinite(lat).sum())
        facts.letters = facts.letters + (letters or LetterCounts())
        short = np.diff(cut.offsets) < SHORTEST * float(np.median(np.diff(self.reference.offsets)))
        if short.any():
            ready = np.where(np.repeat(short, np.diff(cut.offsets)), np.uint8(DNA.any), ready)
        facts.short += int(short.sum())
        words = np.char.add(
            np.where(trimmed, "primers cut off", ""),
            np.where(back, np.where(trimmed, "; turned round", "turned round"), ""),
        )
        words = np.where(
            short,
            np.where(words == "", "too short to be judged", np.char.add(words, "; too short to be judged")),
            words,
        )
        return Queries(
            ids.rename("id"), ready, cut.offsets, lat, lon, pl.Series("note", words.astype(object), pl.String)
        )


def raw_blocks(path: str | Path, *, block_rows: int = BLOCK_ROWS) -> Iterator[Records]:
    """The sequences of a file as they are, block by block; a QIIME 2 artefact of sequences is unpacked."""
    policy = LetterPolicy(gap="remove")
    try:
        if is_artifact(path):
            with open_artifact(path, accepted=("FeatureData[Sequence]", "FeatureData[AlignedSequence]")) as artifact:
                yield from read_blocks(artifact.data, policy=policy, block_rows=block_rows)
            return
        table = detect(path).format in ("csv", "tsv", "parquet", "ndjson")
        named = find_column(column_names(path), ID_KEYS) if table else None
        yield from read_blocks(path, policy=policy, id_column=named, block_rows=block_rows)
    except InputError as error:  # there is no experiment file to change here
        hint = _SETTING.sub("", error.hint or "").strip(" ,;") or "correct the sequence, or leave it out"
        raise InputError(error.message, where=error.where, hint=hint) from error


class FoundPlaces(NamedTuple):
    """Where N sequences were sampled, as a table says it."""

    lat: NDArray[np.float64]
    """Degrees ``(N,)``, NaN where unknown."""
    lon: NDArray[np.float64]
    """Degrees ``(N,)``, NaN where unknown."""
    unread: dict[int, str]
    """Rows whose text is no coordinate, and why."""
    outside: NDArray[np.int64]
    """Rows whose place is not on the globe."""
    half: NDArray[np.int64]
    """Rows with one of the two: no place."""

    @property
    def faults(self) -> dict[int, str]:
        """Every row without a usable place that has one, and why."""
        return {
            **{
                row: f"latitude {self.lat[row]:g}, longitude {self.lon[row]:g} is no place on the globe"
                for row in self.outside.tolist()
            },
            **self.unread,
        }


def places_of(columns: pl.DataFrame, number: int) -> FoundPlaces:
    """Latitude and longitude of each of N rows; half a place is none."""
    named = {name.strip().lower().replace("_", ""): name for name in columns.columns}
    found = [next((named[x] for x in names if x in named), None) for names in (_LATITUDE, _LONGITUDE)]
    if found[0] is None or found[1] is None:
        none = np.zeros(0, np.int64)
        return FoundPlaces(np.full(number, np.nan), np.full(number, np.nan), {}, none, none)
    axes: tuple[Axis, Axis] = ("latitude", "longitude")
    read = [
        parse_coordinates(columns[x].cast(pl.String), axis)
        for x, axis in zip(found, axes, strict=True)
        if x is not None
    ]
    lat, lon = (column.values for column in read)
    unread = {row: fault.fault or "" for column in read for row, fault in column.faults.items()}
    outside = np.flatnonzero((np.abs(lat) > 90) | (np.abs(lon) > 180))
    whole = np.isfinite(lat) & np.isfinite(lon)
    half = np.flatnonzero(np.isfinite(lat) != np.isfinite(lon))
    whole[outside] = True  # what is wrong is told as it stands there
    return FoundPlaces(np.where(whole, lat, np.nan), np.where(whole, lon, np.nan), unread, outside, half)


def _places(columns: pl.DataFrame, ids: pl.Series, path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitude and longitude of each row, NaN where the table has none."""
    found = places_of(columns, len(ids))
    for row, fault in found.unread.items():
        raise InputError(fault, where=f"{path}, record '{ids[row]}'", hint="write decimal degrees, such as 39.425")
    lat, lon, wrong = found.lat, found.lon, found.outside
    if len(wrong):
        swapped = bool(((np.abs(lat[wrong]) > 90) & (np.abs(lon[wrong]) <= 90)).all())
        raise InputError(
            f"{len(wrong)} places are not on the globe, the first at latitude {lat[wrong[0]]:g}, longitude {lon[wrong[0]]:g}",
            where=f"{path}, record '{ids[int(wrong[0])]}'",
            hint="latitude and longitude look swapped: exchange the two columns"
            if swapped
            else "latitude lies between -90 and 90, longitude between -180 and 180",
        )
    return lat, lon
