"""FASTA and FASTQ in one compiled pass: blocks of bytes to codes, ids and descriptions, gathered until a piece is full."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.io.kernels import Bytes, Encoded, Positions, load_compiled

MORE, ODD, FULL = 0, 1, 2
"""Why a scan stops: the next record is not complete, is not of the plain form, or has no room."""
MOST_RECORDS = 1 << 16
"""Records gathered at once."""


class Scanned(NamedTuple):
    """N consecutive records."""

    encoded: Encoded
    texts: Bytes
    """The sequences of the flagged rows as written, each followed by a newline; valid until the next scan."""
    edges: Positions
    """int64 (flagged rows + 1,): where they begin and end."""
    ids: bytes
    """Each followed by a newline; empty where a record has none."""
    descriptions: bytes
    """Each followed by a newline; nothing where they were not asked for."""
    places: Positions
    """int64 (N,): lines of the headers."""


class Scan:
    """Records taken in so far, in arrays that the next block of bytes continues.

    Parameters
    ----------
    format
        ``fasta`` or ``fastq``.
    table
        Look-up table of the letters, uint16 ``(256,)``.
    rows, bases
        Most records to gather, and the bases after which no further record is begun.
    described
        Whether to gather descriptions.
    """

    def __init__(
        self, format: Literal["fasta", "fastq"], table: NDArray[np.uint16], *, rows: int, bases: int, described: bool
    ) -> None:
        self._run, self._table, self._bases, self._described = getattr(load_compiled(), format), table, bases, described
        self._texts = [np.empty(0, np.uint8) for _ in range(4)]  # codes, ids, descriptions, flagged rows
        self._begin(min(rows, MOST_RECORDS))

    def _begin(self, most: int) -> None:
        self._rows, self._flags = np.empty((3, most), np.int64), np.empty(most, np.uint8)
        self._state = np.zeros(5, np.int64)  # rows, and bytes of each of the four

    def __len__(self) -> int:
        return int(self._state[0])

    def add(self, buffer: Bytes, at: int, line: int) -> tuple[int, int, int]:
        """Take in records of a buffer, from byte ``at`` and line number ``line`` on.

        Returns
        -------
        tuple
            Byte and line after the last whole record, and why it is the last: ``MORE``, ``ODD`` or ``FULL``.
        """
        for i, used in enumerate(self._state[1:].tolist()):
            if len(self._texts[i]) <= used + len(buffer):
                grown = np.empty(used + used // 2 + len(buffer) + 1, np.uint8)
                grown[:used] = self._texts[i][:used]
                self._texts[i] = grown
        at, line, why = self._run(
            buffer, at, line, self._table, self._bases, self._described, *self._texts, self._rows, self._flags, self._state
        )  # fmt: skip
        return at, line, why

    def take(self) -> Scanned:
        """The records gathered; none are left."""
        n, bases, named, told, _ = self._state.tolist()
        codes, ids, descriptions, texts = self._texts
        lengths, written, places = self._rows[:, :n]
        flags = self._flags[:n]
        edges = np.concatenate(([0], np.cumsum(written[flags != 0])))
        found = Scanned(
            Encoded(codes[:bases].copy(), lengths, flags),
            texts[: edges[-1]],
            edges,
            ids[:named].tobytes(),
            descriptions[:told].tobytes(),
            places,
        )
        self._begin(len(self._flags))
        return found
