"""Sequences one after the other: cut, turned round, encoded and decoded without a loop over them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes

Offsets = NDArray[np.int64]


def cut(
    codes: Codes, offsets: Offsets, start: NDArray[np.integer], end: NDArray[np.integer], strand: NDArray[np.integer]
) -> tuple[Codes, Offsets]:
    """A part of each sequence, reverse complemented where ``strand`` is -1: uint8 ``(total,)``, int64 ``(N + 1,)``.

    Parameters
    ----------
    codes, offsets
        N sequences one after the other, uint8 ``(total,)`` and int64 ``(N + 1,)``.
    start, end
        int ``(N,)``: the part, in the coordinates of each sequence as it is.
    strand
        int ``(N,)``: -1 turns it round.
    """
    lengths = end - start
    bounds = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    inside = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)  # (total,)
    back = np.repeat(strand == -1, lengths)
    first = np.repeat(offsets[:-1] + start, lengths)
    last = np.repeat(offsets[:-1] + end - 1, lengths)
    out = codes[np.where(back, last - inside, first + inside)]
    return np.where(back, DNA.complement_table[out], out), bounds


def turned(codes: Codes, offsets: Offsets, strand: NDArray[np.integer]) -> Codes:
    """The sequences with those of ``strand`` -1 reverse complemented, uint8 ``(total,)``."""
    return cut(codes, offsets, np.zeros(len(offsets) - 1, np.int64), np.diff(offsets), strand)[0]


def encoded(sequences: pl.Series) -> tuple[Codes, Offsets]:
    """Texts, String ``(N,)``, as codes one after the other, uint8 ``(total,)`` (255: no letter), and offsets int64 ``(N + 1,)``."""
    lengths = sequences.str.len_bytes().to_numpy()
    joined = sequences.str.join("").item() if len(sequences) else ""
    codes = DNA.encode_table[np.frombuffer(joined.encode("utf-8"), np.uint8)]
    return codes, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def decoded(codes: Codes, offsets: Offsets) -> pl.Series:
    """Codes uint8 ``(total,)`` and offsets int64 ``(N + 1,)`` as upper-case texts, String ``(N,)``."""
    text = DNA.decode_table[codes].tobytes().decode("ascii")
    return pl.Series("sequence", [text[a:b] for a, b in pairwise(offsets.tolist())], pl.String)


def spans(offsets: Offsets, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], Offsets]:
    """Where the items of some owners stand, int64 ``(total,)``, and where each owner's begin among them, int64 ``(M + 1,)``."""
    lengths = np.diff(offsets)[rows]
    bounds = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    return np.repeat(offsets[:-1][rows] - bounds[:-1], lengths) + np.arange(bounds[-1]), bounds
