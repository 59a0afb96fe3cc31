"""Every error a user can meet: what was wrong, where, what was allowed, and a hint.

The command line prints ``str(error)`` and nothing else, so a message must stand on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class StrandloomError(Exception):
    """Base of the tree: ``message``, the place it concerns and what to do about it.

    Parameters
    ----------
    message
        One sentence: what was wrong and what was allowed.
    where
        The place: a file, ``file:line``, ``file, record 'id'`` or a settings path (``training.epochs``).
    hint
        What the user can do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | Path | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\nhint: {self.hint}" if self.hint else text


class InputError(StrandloomError):
    """A data file or a row in it cannot be used."""


class SettingsError(StrandloomError):
    """An experiment file or a setting is wrong."""

    exit_code = 2


class UsageError(StrandloomError):
    """A command or call was made the wrong way."""

    exit_code = 2


class OutputError(StrandloomError):
    """An output cannot be written (it exists, the disk is full, the folder is read-only)."""


class BundleError(StrandloomError):
    """A bundle is damaged, too new, or does not fit the input."""


class TrainingError(StrandloomError):
    """Training could not go on."""


class DivergedError(TrainingError):
    """The loss or a weight became NaN or infinite."""


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most like ``name``, or None when nothing comes close; one that differs in capitals only is the nearest."""
    allowed = list(allowed)
    same = [other for other in allowed if other.casefold() == name.casefold()]
    if same:
        return same[0]
    found = get_close_matches(name, allowed, n=1, cutoff=0.6)
    return found[0] if found else None
