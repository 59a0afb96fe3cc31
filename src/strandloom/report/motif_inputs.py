"""What the pages of an explanation are made of: plain facts and arrays; no torch, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.evaluation.results import Interval
from strandloom.explain.attribution import Check, Method, Output
from strandloom.explain.motif import Motif
from strandloom.pwm import Matrix, consensus

if TYPE_CHECKING:
    from strandloom.explain.effects import Effect
    from strandloom.explain.match import Match

SURE = 1e-4
"""Largest q-value of a match that takes the place of a motif's consensus."""
LONGEST = 16
"""Letters of a consensus that stands for a name."""


@dataclass(frozen=True, eq=False)
class KnownMatch:
    """A motif of the file that resembles a found one.

    Parameters
    ----------
    name
        As in the file: ``MA0139.1 CTCF``.
    matrix
        Base probabilities ``(w, 4)`` as in the file.
    q
        Share of false matches to expect among those as good (Benjamini–Hochberg).
    offset
        Position of the match, as it is drawn, at which the found motif's first position lies; below 0 where the found one stands out.
    reverse
        Whether the match is drawn turned round.
    """

    name: str
    matrix: Matrix
    q: float
    offset: int = 0
    reverse: bool = False

    @classmethod
    def of(cls, match: Match, matrix: Matrix) -> KnownMatch:
        """A match with the matrix ``(w, 4)`` of its target."""
        return cls(match.target, matrix, match.q_value, match.offset, match.reverse)

    @property
    def short(self) -> str:
        """The name without its accession: ``CTCF``."""
        return self.name.split(maxsplit=1)[-1]


@dataclass(frozen=True)
class MarginalEffect:
    """Change of the explained score when a motif is put into backgrounds.

    Parameters
    ----------
    inserted
        Mean change with its interval.
    control
        The same for a shuffled copy; None where it was not measured.
    backgrounds
        Sequences that it was put into.
    words
        Which sequences, where: ``dinucleotide-shuffled sequences, at their centre``.
    excess
        Inserted minus control, paired; None where it was not measured.
    notes
        What limits the figures.
    """

    inserted: Interval
    control: Interval | None = None
    backgrounds: int = 0
    words: str = ""
    excess: Interval | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, effect: Effect, *, words: str = "") -> MarginalEffect:
        """As :func:`strandloom.explain.effects.marginal_effect` gives it."""
        inserted = Interval(effect.value, effect.low, effect.high)
        return cls(inserted, effect.control, effect.n, words, effect.excess, effect.notes)


@dataclass(frozen=True, eq=False)
class FoundMotif:
    """A motif with what is known of it.

    Parameters
    ----------
    motif
        Matrix, sites and mean contributions.
    matches
        Known motifs below the limit of q, best first; the first three are shown.
    nearest
        The best known motif where none is below the limit.
    effect
        Its marginal effect, where measured.
    note
        A further sentence.
    """

    motif: Motif
    matches: tuple[KnownMatch, ...] = ()
    nearest: KnownMatch | None = None
    effect: MarginalEffect | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The short name of the best match where it is beyond doubt, else the consensus: short motifs resemble many."""
        return self.matches[0].short if self.matches and self.matches[0].q <= SURE else self.consensus

    @property
    def consensus(self) -> str:
        """IUPAC letters of its bases; the middle of a long one left out."""
        text = consensus(self.motif.matrix)
        return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"

    @property
    def raises(self) -> bool | None:
        """Whether it speaks for the output, by its contributions, else by its effect; None where neither says."""
        if self.motif.contributions is not None:
            total = float(np.sum(self.motif.contributions))
        elif self.effect is not None:
            total = self.effect.inserted.value
        else:
            return None
        return None if total == 0 or not np.isfinite(total) else total > 0


@dataclass(frozen=True, eq=False)
class ExplainedSequences:
    """The sequences that were explained.

    Parameters
    ----------
    codes
        uint8 ``(N, L)``, padded as the network sees them.
    ids
        N names.
    labels
        int64 ``(N,)``: true class of each sequence, an index into the classes of the page; -1 or None where not known.
    cropped
        int64 ``(N,)``: bases that were cropped from the start of each sequence, so that positions count from the first base of the
        whole one; None: none were.
    """

    codes: Codes
    ids: Sequence[str]
    labels: NDArray[np.int64] | None = None
    cropped: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Sequences N."""
        return len(self.codes)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Column of the first base of each sequence, ``(N,)``."""
        return np.asarray((self.codes != DNA.pad).argmax(axis=1), np.int64)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Bases of each sequence, ``(N,)``, from the first to the last that is no padding."""
        seen = self.codes != DNA.pad
        last = seen.shape[1] - seen[:, ::-1].argmax(axis=1)
        return np.where(seen.any(axis=1), last - self.first, 0).astype(np.int64)

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """Bases of each whole sequence before the first that is here, ``(N,)``."""
        return np.zeros(len(self), np.int64) if self.cropped is None else np.asarray(self.cropped, np.int64)

    def sequence(self, row: int) -> Codes:
        """The codes of one sequence without padding."""
        return self.codes[row, self.first[row] : self.first[row] + self.lengths[row]]


@dataclass(frozen=True)
class PageLink:
    """A file beside the page: relative address, name, and what it is."""

    href: str
    name: str
    words: str = ""


@dataclass(frozen=True, eq=False)
class MotifPage:
    """Everything ``motifs.html`` shows.

    Parameters
    ----------
    name
        Heading: the experiment or the bundle.
    model, data
        What was explained, in words: ``residual network, 3 members``; ``1,000 test rows of ctcf_pu1.tsv``.
    output, method, check
        The explained score, how, and whether to trust the map.
    unit, score_note
        Of the explained score: ``log odds of CTCF``; and how it stands to the probabilities of the model: ``the network's own log
        odds, before calibration``.
    sequences
        What the sites refer to.
    drawn
        How these sequences were chosen of all, in words: ``as many that the model takes for CTCF as others``.
    classes
        Names of the classes; empty for labels and values.
    motifs
        Most important first.
    ranked_by
        What the order follows, in words.
    source
        How the motifs were found, in words.
    nothing
        Why there is no motif, in words; needed where ``motifs`` is empty.
    known
        Name of the file of known motifs; empty where none was given.
    q_limit
        Matches with a larger q are not named.
    filters, filters_note
        Matrices of first-layer kernels and how they were made (activation threshold).
    zero, zero_words
        Number of the first base of a whole sequence, as :func:`strandloom.report.tracks.position_number` counts (without a 0 where it
        is negative), and what positions count from (``distance from the TSS``): 1 counts from the start.
    cautions
        Further sentences for the careful reader, besides those of the check.
    average, average_words
        Mean contribution of each base in each column float64 ``(L, 4)``, where columns mean the same in every sequence; and of which
        sequences.
    outputs
        Pages of the other outputs of the same model.
    pages, files
        Pages of single sequences, and the files beside this page.
    version, date
        Of strandloom; when it was made. Nothing here reads a clock.
    """

    name: str
    output: Output
    method: Method
    check: Check
    unit: str
    sequences: ExplainedSequences
    model: str = ""
    data: str = ""
    classes: tuple[str, ...] = ()
    motifs: tuple[FoundMotif, ...] = ()
    ranked_by: str = ""
    source: str = ""
    nothing: str = ""
    known: str = ""
    q_limit: float = 0.05
    filters: tuple[FoundMotif, ...] = ()
    filters_note: str = ""
    zero: int = 1
    zero_words: str = "position in the sequence"
    cautions: tuple[str, ...] = ()
    average: Matrix | None = None
    average_words: str = ""
    outputs: tuple[PageLink, ...] = ()
    pages: tuple[PageLink, ...] = ()
    files: tuple[PageLink, ...] = ()
    version: str = ""
    date: str = ""
    drawn: str = ""
    score_note: str = ""


@dataclass(frozen=True)
class NamedSite:
    """A motif in a sequence: name, 0-based start and end, strand, and the address of the motif (``../motifs.html#motif-1``)."""

    name: str
    start: int
    end: int
    reverse: bool = False
    href: str = ""


@dataclass(frozen=True, eq=False)
class SequencePage:
    """Everything the page of one sequence shows.

    Parameters
    ----------
    id
        Name of the sequence.
    codes
        uint8 ``(L,)``; padding at the ends is taken off, from the arrays as well.
    contributions
        ``(L,)``: what each base contributes to the score.
    output, method, check, unit, score_note
        As for :class:`MotifPage`; the check is that of the whole map.
    score
        The explained score of the sequence.
    effects
        ``(4, L)``: change of the score by each substitution; None where it was not computed.
    answer, probability
        The class that the model decides for and its probability; of values the predicted one, and None.
    abstained
        Whether the model keeps that answer to itself, being too little sure.
    truth
        The true class or value, where known.
    measured
        Whether answer and truth are values.
    sites
        Motifs found in it, in bases of the sequence without padding.
    zero, zero_words
        As for :class:`MotifPage`.
    cropped
        Bases of the whole sequence that were cropped before its first base here.
    cautions
        Sentences about this sequence alone.
    back, before, after
        Links to the page of the motifs and to the neighbouring sequences.
    name, version
        Of the experiment, and of strandloom.
    """

    id: str
    codes: Codes
    contributions: NDArray[np.floating]
    output: Output
    method: Method
    check: Check
    unit: str
    score: float
    effects: NDArray[np.floating] | None = None
    answer: str = ""
    probability: float | None = None
    truth: str = ""
    sites: tuple[NamedSite, ...] = ()
    zero: int = 1
    zero_words: str = "position in the sequence"
    cautions: tuple[str, ...] = ()
    back: PageLink | None = None
    before: PageLink | None = None
    after: PageLink | None = None
    name: str = ""
    version: str = ""
    score_note: str = ""
    abstained: bool = False
    cropped: int = 0
    measured: bool = False
