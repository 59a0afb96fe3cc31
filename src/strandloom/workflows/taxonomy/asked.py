"""Sequences of known species: what they are, and where they were sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.errors import InputError
from strandloom.io.darwin_core import LATITUDE_KEYS, LONGITUDE_KEYS
from strandloom.io.frames import find_column, listed, read_text_frame
from strandloom.words import plural
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.names import KnownNames, parse_name
from strandloom.workflows.taxonomy.queries import ID_KEYS, Queries, QueryReader
from strandloom.workflows.taxonomy.ranges.columns import places as read_places

NAMED = 5


@dataclass(frozen=True, eq=False)
class Asked:
    """Sequences of known species, in the orientation of the reference.

    Parameters
    ----------
    queries
        N sequences with their places.
    names
        Columns ``species`` and, where known, the ranks above; N rows.
    notes
        What is to be known of them, in plain words.
    """

    queries: Queries
    names: pl.DataFrame
    notes: tuple[str, ...] = ()


def read_asked(
    model: TaxonomyModel, table: str | Path, *, truth: str | Path | None = None, locations: str | Path | None = None
) -> Asked:
    """Sequences with what they are and where they were sampled; those of which nobody says what they are are left out, and counted.

    Parameters
    ----------
    model
        Its reference says which strand is which, which species are known, and which records would be met again.
    table, truth, locations
        As for :func:`~strandloom.workflows.taxonomy.evaluate.evaluate_file`.

    Raises
    ------
    InputError
        A file cannot be read, no sequence is of known species, or none of the species is in the reference.
    """
    reference = model.match.reference
    parts = list(QueryReader(reference).blocks(table))
    if not parts:
        raise InputError("there is no sequence to judge", where=table)
    queries = Queries.concat(parts)
    ids = queries.ids.to_frame("id")
    said = _named(Path(truth if truth is not None else table), given=truth is not None)
    names = ids.join(said, on="id", how="left", maintain_order="left")
    notes: list[str] = []
    if locations is not None:
        queries = _placed(queries, Path(locations), notes)
    known = np.flatnonzero((names["species"].fill_null("") != "").to_numpy())
    if not len(known):
        raise InputError(
            "nobody says of any sequence which species it is",
            where=truth or table,
            hint="a column species is needed, and the same ids as the sequences have",
        )
    if len(known) < len(queries):
        notes.append(
            f"{plural(len(queries) - len(known), 'sequence')} of unknown species left out: nobody says what they are"
        )
    asked = Asked(queries.take(known), names[known])
    _check_species(asked.names["species"], reference.taxonomy.species, Path(truth or table), notes)
    again = set(asked.queries.ids.to_list()) & set(reference.record_ids)
    if again:
        notes.append(
            f"{len(again):,} of the sequences have the name of a record of the reference (such as {min(again)}): what they are is no "
            "secret to the model; build the reference with --exclude and train again"
        )
    return Asked(asked.queries, asked.names, tuple(notes))


def _named(path: Path, *, given: bool) -> pl.DataFrame:
    frame = read_text_frame(path).frame
    key, species = find_column(frame.columns, ID_KEYS), find_column(frame.columns, ("species",))
    if key is None or species is None:
        hint = "its columns are id and species" if given else "give --truth TABLE with the columns id and species"
        raise InputError("no columns id and species that say what each sequence is", where=path, hint=hint)
    ranks = {rank: column for rank in RANKS if (column := find_column(frame.columns, (rank,)))}
    told = frame.select(
        pl.col(key).cast(pl.String).alias("id"),
        *(pl.col(column).cast(pl.String).alias(rank) for rank, column in ranks.items()),
    )
    plain = {name: parse_name(name).binomial or name for name in told["species"].unique().to_list() if name}
    return told.with_columns(pl.col("species").replace_strict(plain, default=None, return_dtype=pl.String)).unique(
        "id", keep="first", maintain_order=True
    )


def _check_species(species: pl.Series, known: Sequence[str], path: Path, notes: list[str]) -> None:
    """Species that the reference lacks are said, the first ones with the nearest name; all of them are an error."""
    wanted = species.unique(maintain_order=True)
    strange = wanted.filter(~wanted.is_in(list(known))).to_list()
    if not strange:
        return
    nearest = KnownNames(known)
    told = [
        f"'{name}' (nearest: '{close}')" if (close := nearest.nearest(name)) else f"'{name}'"
        for name in strange[:NAMED]
    ]
    if len(strange) == len(wanted):
        raise InputError(
            f"none of the {len(wanted):,} species is in the reference: {listed(told)}",
            where=path,
            hint="are these the names of this reference?",
        )
    number = int(species.is_in(strange).sum())
    notes.append(
        f"{plural(number, 'sequence is', 'sequences are')} of {len(strange):,} species that the reference does not have "
        f"under this name: {listed(told, most=NAMED)}"
    )


def _placed(queries: Queries, path: Path, notes: list[str]) -> Queries:
    """The sequences at the places of a table ``id, lat, lon``."""
    table = read_text_frame(path)
    columns = table.frame.columns
    key, lat, lon = (find_column(columns, keys) for keys in (ID_KEYS, LATITUDE_KEYS, LONGITUDE_KEYS))
    if key is None or lat is None or lon is None:
        raise InputError(
            "no columns id, lat and lon", where=path, hint="one row a sequence: id, lat, lon in decimal degrees"
        )
    read = read_places(table, lat, lon)
    notes += read.notes
    places = pl.DataFrame({"id": table.frame[key].cast(pl.String), "lat": read.lat, "lon": read.lon}).unique(
        "id", keep="first", maintain_order=True
    )
    own = queries.ids.to_frame("id").join(places, on="id", how="left", maintain_order="left")
    north, east = (own[x].fill_null(np.nan).to_numpy() for x in ("lat", "lon"))
    whole = np.isfinite(north) & np.isfinite(east)
    if not whole.any():
        raise InputError(
            "no place is of one of the sequences", where=path, hint=f"its ids are such as '{places['id'][0]}'"
        )
    strange = places.filter(~pl.col("id").is_in(queries.ids.to_list())).height
    if strange:
        notes.append(f"{plural(strange, 'place is', 'places are')} of other sequences")
    return queries.placed(np.where(whole, north, queries.lat), np.where(whole, east, queries.lon))
