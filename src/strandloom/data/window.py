"""Sequences of any length into one rectangle: which window of each is kept and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.settings import Settings

if TYPE_CHECKING:  # settings modules stay light
    from strandloom.io.records import Records

Anchor = Literal["left", "right", "centre"]
_BLOCK_CELLS = 1 << 22  # the index matrix of one block stays near 32 MB


class WindowSettings(Settings):
    """The length policy: how long the model's input is and what happens to other lengths."""

    length: int | None = Field(None, ge=1)
    """Columns of the model's input (bases); null: the longest sequence, or the 99.5th percentile where the longest is
    more than twice the median."""

    anchor: Anchor = "left"
    """Where shorter and longer sequences are aligned: their left end, right end or centre."""

    too_long: Literal["crop", "error"] = "crop"
    """What happens to a sequence longer than the window: crop it (away from the anchor), or stop with an error."""


class Placed(NamedTuple):
    """Sequences in a rectangle."""

    codes: NDArray[np.uint8]
    """uint8 ``(N, L)``, padded."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``, bases kept per row."""


@dataclass(frozen=True)
class Window:
    """A fitted window: ``length`` columns, sequences aligned at ``anchor``.

    Base ``i`` of a sequence of ``n`` bases stands in column ``i`` (left), ``i + length - n`` (right) or
    ``i + (length - n) // 2`` (centre, rounded down); what falls outside is cropped.
    """

    length: int
    anchor: Anchor = "left"
    too_long: Literal["crop", "error"] = "crop"
    note: str = ""
    """How the length was chosen, in plain words."""

    def shift(self, lengths: ArrayLike) -> NDArray[np.int64]:
        """Column of the first base of sequences of ``lengths`` ``(N,)``; negative where the start is cropped."""
        free = self.length - np.asarray(lengths, np.int64)
        if self.anchor == "left":
            return np.zeros_like(free)
        return free if self.anchor == "right" else free // 2

    def left_edge(self, lengths: ArrayLike) -> NDArray[np.int64]:
        """First column that holds a base, ``(N,)``, for sequences of ``lengths`` ``(N,)``."""
        return np.maximum(self.shift(lengths), 0)

    def cropped(self, lengths: ArrayLike) -> int:
        """How many of the sequences are longer than the window."""
        return int(np.count_nonzero(np.asarray(lengths) > self.length))

    def place(self, records: Records) -> Placed:
        """Pad and crop ragged records to the window.

        Parameters
        ----------
        records
            N sequences.

        Raises
        ------
        InputError
            A sequence is longer than the window and the policy is ``error``.
        """
        lengths = np.diff(records.offsets)
        if self.too_long == "error" and self.cropped(lengths):
            row = int(np.argmax(lengths > self.length))
            raise InputError(
                f"{lengths[row]} bases, longer than the window of {self.length}",
                where=f"record '{records.ids[row]}'",
                hint="raise data.window.length, or set data.window.too_long: crop",
            )
        kept = np.minimum(lengths, self.length).astype(np.int32)
        if len(lengths) and (lengths == self.length).all():
            first, last = int(records.offsets[0]), int(records.offsets[-1])
            return Placed(records.codes[first:last].reshape(-1, self.length).copy(), kept)
        out = np.full((len(lengths), self.length), DNA.pad, np.uint8)
        shift = self.shift(lengths)
        if len(records.codes) == 0:
            return Placed(out, kept)
        columns = np.arange(self.length)
        rows = max(1, _BLOCK_CELLS // self.length)
        for start in range(0, len(lengths), rows):
            block = slice(start, start + rows)
            base = columns - shift[block, None]  # (rows, L): which base of its sequence each cell holds
            inside = (base >= 0) & (base < lengths[block, None])
            base += records.offsets[:-1][block, None]
            np.copyto(out[block], records.codes.take(base, mode="clip"), where=inside)
        return Placed(out, kept)


def fit_window(lengths: ArrayLike, settings: WindowSettings) -> Window:
    """The window for sequences of these lengths.

    Parameters
    ----------
    lengths
        Bases per sequence, ``(N,)``.
    settings
        The policy; its own length wins when given.

    Raises
    ------
    InputError
        No sequence has any base, so no length can be chosen.
    """
    lengths = np.asarray(lengths)
    longest = int(lengths.max(initial=0))
    if settings.length is not None:
        return Window(settings.length, settings.anchor, settings.too_long, f"set to {settings.length} bases")
    if longest == 0:
        raise InputError("no sequence has any base", hint="check which column or file holds the sequences")
    median = float(np.median(lengths))
    length, note = longest, f"the longest sequence, {longest:,} bases"
    if longest > 2 * median and settings.too_long == "crop":
        length = max(1, int(np.ceil(np.quantile(lengths, 0.995))))
        if length < longest:
            over = int(np.count_nonzero(lengths > length))
            note = (
                f"{length:,} bases, the 99.5th percentile, because the longest ({longest:,}) is more than twice "
                f"the median ({median:,.0f}); {over:,} longer {'sequence is' if over == 1 else 'sequences are'} cropped"
            )
    return Window(length, settings.anchor, settings.too_long, note)
