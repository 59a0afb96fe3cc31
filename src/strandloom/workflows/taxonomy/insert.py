"""The marker's insert in every record of a reference: by its primer sites, or by likeness to inserts that primers have cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from strandloom.alphabet import Codes
from strandloom.settings import Settings
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.orient import Orientation
from strandloom.workflows.taxonomy.pcr import NONE, PAIR, PcrSettings, Sites, locate
from strandloom.workflows.taxonomy.ragged import Offsets, cut
from strandloom.workflows.taxonomy.search import Index
from strandloom.workflows.taxonomy.whole import place

METHODS = ("", "pcr", "amplicon")
"""How an insert was found, by its code: not at all, between two primer sites, otherwise."""
PCR, AMPLICON = 1, 2
TOO_SHORT = "shorter than the marker"
UNLIKE = "no stretch that looks like the marker"
NOT_WHOLE = "only a part of the marker"
ODD_LENGTH = "the insert has not the length of the marker"
REASONS = ("", TOO_SHORT, UNLIKE, NOT_WHOLE, ODD_LENGTH)
"""Why a record has no insert, by its code."""
_SNAP = 5
_FEWEST_TEMPLATES, _SHARE_OF_BARE = 20, 0.02


class InsertSettings(Settings):
    """What counts as a whole insert."""

    pcr: PcrSettings = PcrSettings()
    """How much a primer site may differ from the primer."""
    identity: float = Field(0.8, ge=0.5, le=1)
    """Where primer sites are missing: likeness to an insert that primers have cut."""
    bare_identity: float = Field(0.65, ge=0.5, le=1)
    """The same for records that are of marker length as they are, or have one of the sites."""
    missing: int = Field(2, ge=0)
    """Bases of the insert that may be missing at either end."""


@dataclass(frozen=True, eq=False)
class Inserts:
    """The insert of each of N records."""

    how: NDArray[np.int8]
    """int8 ``(N,)``: a number in :data:`METHODS`."""
    strand: NDArray[np.int8]
    """int8 ``(N,)``: -1 where the other strand is taken."""
    start: NDArray[np.int64]
    """int64 ``(N,)``: first base, in the record as deposited."""
    end: NDArray[np.int64]
    """int64 ``(N,)``: one past the last."""
    trimmed: NDArray[np.bool_]
    """bool ``(N,)``: an amplicon that still had a primer."""
    reason: NDArray[np.int8]
    """int8 ``(N,)``: a number in :data:`REASONS`."""


def find_inserts(
    codes: Codes,
    offsets: Offsets,
    marker: Marker,
    *,
    groups: NDArray[np.integer] | None = None,
    settings: InsertSettings | None = None,
) -> Inserts:
    """The insert of each record, as PCR would cut it.

    Records without a pair of primer sites are held against the inserts of those that have one: such a record counts where a whole
    insert lies in it. Where there are hardly any pairs (a reference of bare amplicons), marker length alone has to do.

    Parameters
    ----------
    codes, offsets
        N records one after the other, uint8 ``(total,)`` and int64 ``(N + 1,)``.
    marker
        The primers and the length of the insert.
    groups
        int ``(N,)``: the genus of each record; one insert of each serves as a pattern.
    settings
        What counts as a whole insert.
    """
    settings = settings or InsertSettings()
    sizes = np.diff(offsets)
    number = len(sizes)
    sites = locate(codes, offsets, marker, settings=settings.pcr)
    pair = sites.quality == PAIR
    bare = (sites.strand == 0) & (sizes >= marker.min_length) & (sizes <= marker.max_length)
    result = Inserts(
        how=np.where(pair, PCR, 0).astype(np.int8),
        strand=np.where(pair, sites.strand, 1).astype(np.int8),
        start=np.where(pair, sites.start, 0),
        end=np.where(pair, sites.end, 0),
        trimmed=np.zeros(number, np.bool_),
        reason=np.where(pair, 0, np.where(sizes < marker.min_length, 1, 2)).astype(np.int8),
    )
    if pair.sum() >= max(_FEWEST_TEMPLATES, _SHARE_OF_BARE * bare.sum()):
        rest = np.flatnonzero(~pair & (sizes >= marker.min_length - 2 * settings.missing))
        keys = np.arange(number) if groups is None else groups
        _by_likeness(codes, offsets, marker, settings, sites, pair, bare, rest, keys, result)
    else:
        _by_length(codes, offsets, sites, pair, bare, result)
    return result


def _by_likeness(
    codes: Codes,
    offsets: Offsets,
    marker: Marker,
    settings: InsertSettings,
    sites: Sites,
    pair: NDArray[np.bool_],
    bare: NDArray[np.bool_],
    rest: NDArray[np.int64],
    groups: NDArray[np.integer],
    result: Inserts,
) -> None:
    """Fill ``result`` for the records ``rest`` that have no pair of sites."""
    held = np.flatnonzero(pair)
    patterns = held[np.unique(groups[held], return_index=True)[1]]
    orientation = Orientation(*_parts(codes, offsets, held, sites.start[held], sites.end[held], sites.strand[held]))
    templates = Index(
        *_parts(codes, offsets, patterns, sites.start[patterns], sites.end[patterns], sites.strand[patterns])
    )
    sizes = np.diff(offsets)[rest]
    whole = _parts(codes, offsets, rest, np.zeros_like(sizes), sizes, np.ones_like(sizes))
    strand = orientation.strands(*whole)
    turned = cut(*whole, np.zeros_like(sizes), sizes, strand)
    placed = place(*turned, templates, least_shared=max(3, marker.min_length // 12))
    # what lies before and after the insert in the turned record
    back = strand == -1
    agree = (sites.strand[rest] == strand) & (sites.quality[rest] > NONE)
    site_start = np.where(back, sizes - sites.end[rest], sites.start[rest])
    site_end = np.where(back, sizes - sites.start[rest], sites.end[rest])
    kinds = np.where(back[:, None], sites.kinds[rest][:, ::-1], sites.kinds[rest])
    at_start = agree & (kinds[:, 0] > 0) & (np.abs(site_start - placed.start) <= _SNAP)
    at_end = agree & (kinds[:, 1] > 0) & (np.abs(site_end - placed.end) <= _SNAP)
    # an amplicon as deposited ends where it ends: bounds that the alignment puts beside an end of the record are that end
    start = np.where(at_start, site_start, np.where(placed.start <= settings.missing, 0, placed.start))
    end = np.where(at_end, site_end, np.where(sizes - placed.end <= settings.missing, sizes, placed.end))
    least = np.where(bare[rest] | at_start | at_end, settings.bare_identity, settings.identity)
    like = (strand != 0) & (placed.template >= 0) & (placed.identity >= least)
    lengths = end - start
    fits = (lengths >= marker.min_length) & (lengths <= marker.max_length)
    lacks = ~((placed.missing[:, 0] <= settings.missing) | at_start) | ~(
        (placed.missing[:, 1] <= settings.missing) | at_end
    )
    good = like & fits & ~lacks
    result.how[rest] = np.where(good, AMPLICON, 0)
    result.strand[rest] = np.where(back, -1, 1)
    result.start[rest] = np.where(back, sizes - end, start)
    result.end[rest] = np.where(back, sizes - start, end)
    result.trimmed[rest] = good & (at_start | at_end)
    result.reason[rest] = np.select([good, ~like, lacks], [0, 2, 3], 4)


def _by_length(
    codes: Codes, offsets: Offsets, sites: Sites, pair: NDArray[np.bool_], bare: NDArray[np.bool_], result: Inserts
) -> None:
    """Fill ``result`` for records without a pair of sites by what is left of the primers, else by length alone."""
    sizes = np.diff(offsets)
    partial = ~pair & (sites.quality > NONE)
    result.how[partial | bare] = AMPLICON
    result.strand[partial], result.trimmed[partial] = sites.strand[partial], True
    result.start[partial], result.end[partial] = sites.start[partial], sites.end[partial]
    result.end[bare] = sizes[bare]
    result.reason[partial | bare] = 0
    used = np.flatnonzero(pair | partial | bare)
    orientation = Orientation(*_parts(codes, offsets, used, result.start[used], result.end[used], result.strand[used]))
    rows = np.flatnonzero(bare)
    strand = orientation.strands(
        *_parts(codes, offsets, rows, np.zeros(len(rows), np.int64), sizes[rows], result.strand[rows])
    )
    result.strand[rows] = np.where(strand == -1, -1, 1)


def _parts(
    codes: Codes,
    offsets: Offsets,
    rows: NDArray[np.integer],
    start: NDArray[np.integer],
    end: NDArray[np.integer],
    strand: NDArray[np.integer],
) -> tuple[Codes, Offsets]:
    """:func:`~strandloom.workflows.taxonomy.ragged.cut` of some rows."""
    first = offsets[:-1][rows]
    bounds = np.concatenate((first, offsets[-1:]))  # only the beginnings are read
    return cut(codes, bounds, start, end, strand)
