"""Primer pairs: the stretch of 12S that a study amplifies, and the built-in ones for fish."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from strandloom.alphabet import DNA
from strandloom.errors import SettingsError, nearest
from strandloom.settings import Settings

AUTO = "auto"
"""The name that stands for the built-in marker under which most records can be used."""


class Marker(Settings):
    """A primer pair and the length of what it amplifies."""

    name: str = Field(min_length=1)
    """What the marker is called."""
    forward: str = Field(min_length=8, max_length=60)
    """Forward primer, 5' to 3', IUPAC letters."""
    reverse: str = Field(min_length=8, max_length=60)
    """Reverse primer, 5' to 3' as ordered: the reverse complement of the reference strand."""
    min_length: int = Field(ge=10)
    """Shortest insert, in bases without the primers."""
    max_length: int = Field(le=10_000)
    """Longest insert, in bases without the primers."""
    gene: str = ""
    """The gene it lies in."""
    citation: str = ""
    """Where the primers were published."""

    @field_validator("forward", "reverse", mode="before")
    @classmethod
    def _written_plainly(cls, value: object) -> object:
        return "".join(value.split()).upper().replace("U", "T").replace("I", "N") if isinstance(value, str) else value

    @field_validator("forward", "reverse")
    @classmethod
    def _of_bases(cls, value: str) -> str:
        odd = sorted({letter for letter in value if letter not in DNA.letters or letter == "-"})
        if odd:
            raise ValueError(f"a primer is written in A C G T and the IUPAC ambiguity letters, not {' '.join(odd)}")
        return value

    @model_validator(mode="after")
    def _lengths_in_order(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError(f"min_length {self.min_length} is above max_length {self.max_length}")
        return self


_MIYA = "Miya et al. 2015, R. Soc. Open Sci. 2:150088, doi 10.1098/rsos.150088"
MARKERS: dict[str, Marker] = {
    marker.name: marker
    for marker in (
        Marker(
            name="mifish",
            forward="GTCGGTAAAACTCGTGCCAGC",
            reverse="CATAGTGGGGTATCTAATCCCAGTTTG",
            min_length=140,
            max_length=220,
            gene="12S rRNA",
            citation=f"MiFish-U: {_MIYA}",
        ),
        Marker(
            name="mifish-e",
            forward="GTTGGTAAATCTCGTGCCAGC",
            reverse="CATAGTGGGGTATCTAATCCTAGTTTG",
            min_length=140,
            max_length=220,
            gene="12S rRNA",
            citation=f"MiFish-E, for sharks and rays: {_MIYA}",
        ),
        Marker(
            name="riaz",
            forward="ACTGGGATTAGATACCCC",
            reverse="TAGAACAGGCTCCTCTAG",
            min_length=80,
            max_length=130,
            gene="12S rRNA",
            citation="12S-V5: Riaz et al. 2011, Nucleic Acids Res. 39:e145, doi 10.1093/nar/gkr732",
        ),
        Marker(
            name="teleo",
            forward="ACACCGCCCGTCACTCT",
            reverse="CTTCCGGTACACTTACCATG",
            min_length=40,
            max_length=90,
            gene="12S rRNA",
            citation="teleo: Valentini et al. 2016, Mol. Ecol. 25:929, doi 10.1111/mec.13428",
        ),
    )
}
"""The built-in markers by name. ``mifish`` and ``mifish-e`` differ in 4 bases, so each finds the sites of the other."""


def marker_named(name: str) -> Marker:
    """A built-in marker.

    Raises
    ------
    SettingsError
        There is none of that name; the message lists them and the hint names the nearest.
    """
    found = MARKERS.get(name.strip().lower())
    if found is None:
        close = nearest(name.strip().lower(), [*MARKERS, AUTO])
        raise SettingsError(
            f"there is no marker '{name}'; built in are {', '.join(MARKERS)}",
            where="marker",
            hint=f"did you mean '{close}'?" if close else "give your own primers as forward, reverse and lengths",
        )
    return found
