"""What the page of assigned sequences is made of: plain facts, counted by whoever assigned them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from strandloom.report.cautions import Caution
from strandloom.report.map import MapCell
from strandloom.report.motif_inputs import PageLink

Reason = Literal["shared", "near", "outside", "new", "unsure"]
"""Why a sequence was not called to species: several species have it, candidates differ by few bases, the best match is not known from
there, no reference sequence is close, or none of these: no species reached the threshold."""


@dataclass(frozen=True)
class Totals:
    """Counts over all sequences, whatever the page lists of them.

    Parameters
    ----------
    sequences
        Sequences assigned.
    called
        Of them, those called to each rank, narrowest first: ``{"species": 561, "genus": 61}``.
    unknown
        Those called at no rank: nothing in the reference, or no rank is sure enough.
    not_fish
        Those called to mammals, birds and other animals that are no fish.
    species
        Different fish species called.
    reads, species_reads
        Reads of all sequences and of those called to species; None without a count table.
    samples, located
        Field samples and those of them with coordinates; None without samples: places are then those of sequences.
    moved
        Sequences of which location changed the best species, whatever rank they were called at; None where no location was given.
    """

    sequences: int
    called: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    not_fish: int = 0
    species: int = 0
    reads: int | None = None
    species_reads: int | None = None
    samples: int | None = None
    located: int | None = None
    moved: int | None = None


@dataclass(frozen=True)
class TaxonTotal:
    """A taxon over all samples.

    Parameters
    ----------
    taxon, rank
        Its name and rank.
    family
        The family it belongs to; empty where that is not known.
    sequences, reads, samples
        How many were called to it; None where not known.
    highest, mean
        Probability of the surest of its sequences, and their mean.
    fish
        Whether it is a fish.
    """

    taxon: str
    rank: str
    sequences: int
    highest: float
    mean: float
    family: str = ""
    reads: int | None = None
    samples: int | None = None
    fish: bool = True


@dataclass(frozen=True)
class Call:
    """One sequence and what it was called.

    Parameters
    ----------
    id
        As in the input.
    rank, taxon, probability
        The call; rank ``unknown`` and no taxon where no rank is sure enough.
    species, species_probability
        The best species, also where the call is wider.
    family
        Most probable family.
    sequence_species, sequence_probability
        The best species without location.
    moved
        Whether location changed the best species.
    differences, nearest
        Fewest differences to the reference, and the species of that record.
    reads, samples
        None where not known.
    fish, note
        As in ``assignments.tsv``.
    """

    id: str
    rank: str
    taxon: str
    probability: float
    species: str = ""
    species_probability: float | None = None
    family: str = ""
    sequence_species: str = ""
    sequence_probability: float | None = None
    moved: bool = False
    differences: int | None = None
    nearest: str = ""
    reads: int | None = None
    samples: int | None = None
    fish: bool = True
    note: str = ""


@dataclass(frozen=True)
class Candidate:
    """A species that a sequence may be.

    Parameters
    ----------
    species, probability, sequence_probability
        With location and without it.
    range_score
        Log odds that location added; None without location.
    differences, records
        Fewest differences to its reference records, and how many it has.
    distance_km
        To the nearest known occurrence.
    range
        ``listed here``, ``nearby``, ``far`` or ``no data``; empty without location.
    """

    species: str
    probability: float
    sequence_probability: float | None = None
    range_score: float | None = None
    differences: int | None = None
    records: int | None = None
    distance_km: float | None = None
    range: str = ""


@dataclass(frozen=True)
class Moved:
    """A call whose best species location changed: the best without location, the best with it."""

    id: str
    before: Candidate
    after: Candidate
    samples: tuple[str, ...] = ()
    reads: int | None = None


@dataclass(frozen=True)
class Undecided:
    """A sequence that was not called to species, why, and its top candidates (best first)."""

    id: str
    rank: str
    taxon: str
    probability: float
    why: tuple[Reason, ...]
    candidates: tuple[Candidate, ...] = ()
    reads: int | None = None


@dataclass(frozen=True)
class SamplePlace:
    """A field sample (without samples: a sequence) with coordinates: its name, degrees, different taxa and reads in it."""

    sample: str
    lat: float
    lon: float
    taxa: int | None = None
    reads: int | None = None


@dataclass(frozen=True)
class SpeciesRange:
    """A called species: where it is known, and the samples it was called in.

    Parameters
    ----------
    species
        Its name.
    sequences, reads
        How many were called to it.
    places
        Samples with coordinates in which it was called.
    cells
        Where it is known to occur; empty where nothing is known.
    words
        What to say of its range here, one sentence.
    """

    species: str
    sequences: int
    places: tuple[SamplePlace, ...]
    cells: tuple[MapCell, ...] = ()
    reads: int | None = None
    words: str = ""


@dataclass(frozen=True)
class ControlFlag:
    """Something that blanks or positive controls say of a sequence or a sample; empty strings where it concerns no one."""

    flag: str
    reason: str
    sample: str = ""
    id: str = ""
    taxon: str = ""
    rank: str = ""
    reads: int | None = None


@dataclass(frozen=True)
class TaxonomyPage:
    """The page of ``strandloom taxonomy assign``.

    Parameters
    ----------
    name
        What was assigned, for the heading.
    totals
        Counts over all sequences.
    threshold
        Probability that a call needs.
    marker, reference
        In words: the marker, and the reference with its size.
    taxa
        All taxa, most reads (or sequences) first.
    calls
        Sequences in the order to list them; the page shows the first of them.
    places
        All field samples with coordinates; without samples the first sequences with coordinates.
    ranges
        The most abundant species, most abundant first.
    moved, undecided
        Those to list, most reads first.
    cautions
        What the reader should know first: trouble with coordinates, controls, names.
    flags
        What controls say.
    read, decided
        Names and values: what was read (letters, turned sequences, trimmed primers, samples without coordinates), how calls were made.
    files
        Files beside the page.
    whole
        The file that lists all sequences.
    command, version, date
        How the page came about.
    """

    name: str
    totals: Totals
    threshold: float
    marker: str = ""
    reference: str = ""
    taxa: tuple[TaxonTotal, ...] = ()
    calls: tuple[Call, ...] = ()
    places: tuple[SamplePlace, ...] = ()
    ranges: tuple[SpeciesRange, ...] = ()
    moved: tuple[Moved, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    cautions: tuple[Caution, ...] = ()
    flags: tuple[ControlFlag, ...] = ()
    read: tuple[tuple[str, str], ...] = ()
    decided: tuple[tuple[str, str], ...] = ()
    files: tuple[PageLink, ...] = ()
    whole: str = "assignments.tsv"
    command: str = ""
    version: str = ""
    date: str = ""
