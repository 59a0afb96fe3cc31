"""Settings of the readers: what to do with letters other than ``A C G T``."""

from __future__ import annotations

from typing import Literal

from strandloom.settings import Settings


class LetterPolicy(Settings):
    """What happens to each kind of letter, as written in the file; everything met is counted."""

    ambiguous: Literal["keep", "error", "skip"] = "keep"
    """IUPAC codes other than N (R Y S W K M B D H V): keep as own codes, stop with an error, or skip the sequence."""

    n: Literal["keep", "error", "skip"] = "keep"
    """The letter N: keep as its own code, stop with an error, or skip the sequence."""

    gap: Literal["keep", "remove", "error", "skip"] = "keep"
    """Gaps (- and .): keep as a code, remove them from the sequence, stop with an error, or skip the sequence."""

    unknown: Literal["error", "skip", "n"] = "error"
    """Anything that is no DNA letter: stop with an error, skip the sequence, or read it as N."""

    lower_case: Literal["upper", "n"] = "upper"
    """Lower-case (soft-masked) letters: read as upper case, or as N."""

    empty: Literal["error", "skip"] = "error"
    """A sequence without any letter: stop with an error, or skip it."""
