"""The ``explain:`` section of an experiment, and the defaults of ``strandloom explain``: torch-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from strandloom.explain.attribution import Method
from strandloom.settings import Settings


class ExplainSettings(Settings):
    """Which bases matter, which motifs the network has learned, and what they are called."""

    method: Literal["auto"] | Method = "auto"
    """How bases are scored; auto: ``deeplift``, or ``mutagenesis`` where the network has no gradients."""

    output: str | tuple[str, ...] | None = None
    """The label, or labels, that are explained; null: the second of two classes (the first is its opposite); of more, the 12 most often
    predicted."""

    rows: Annotated[int, Field(ge=1)] = 2000
    """Sequences that are explained, drawn with the seed, as many of each predicted class as there are; motifs are found in them."""

    references: Annotated[int, Field(ge=1, le=1000)] = 20
    """Dinucleotide-preserving shuffles of a sequence that it is compared with (``deeplift``, ``integrated_gradients``)."""

    motifs: str | None = None
    """MEME or JASPAR file of known motifs that the found ones are matched with; null: no names."""

    filters: bool = True
    """Whether the first-layer filters are turned into matrices too."""

    backgrounds: Annotated[int, Field(ge=10, le=100_000)] = 200
    """Shuffled sequences that a motif is put into to measure its effect."""

    pages: Annotated[int, Field(ge=0, le=1000)] = 6
    """Sequences that get a page of their own: those with the clearest scores, evenly from both ends."""

    first_base: int = 1
    """Number of the first base of a sequence in figures; -249 makes the 250th base +1 (there is no 0)."""

    position: str = "position in the sequence"
    """What positions count, as it stands on the axes: ``distance from the TSS``."""

    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of all draws."""
