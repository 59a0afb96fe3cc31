"""Text columns from byte buffers and back, without a Python object per row."""

from __future__ import annotations

import numpy as np
import polars as pl

from strandloom.io.kernels import Bytes, Kernels, Positions

_DELIMITERS = (0x0A, 0x1F, 0x1E, 0x00)


def text_series(kernels: Kernels, buffer: Bytes, starts: Positions, ends: Positions, *, name: str) -> pl.Series:
    """The rows ``[starts, ends)`` of a buffer as a String series ``(N,)``.

    Bytes that are not UTF-8 become ``U+FFFD``. Every row must be followed by at least one byte in the buffer.
    """
    if len(starts) == 0:
        return pl.Series(name, [], dtype=pl.String)
    for delimiter in _DELIMITERS:
        joined = kernels.gather(buffer, starts, ends, delimiter)
        if np.count_nonzero(joined == delimiter) == len(starts):
            break
    else:
        rows = zip(starts.tolist(), ends.tolist(), strict=True)
        return pl.Series(name, [buffer[a:b].tobytes().decode("utf-8", "replace") for a, b in rows], dtype=pl.String)
    return split_text(joined.tobytes(), delimiter, name=name)


def split_text(joined: bytes, delimiter: int, *, name: str) -> pl.Series:
    """Rows that are each followed by ``delimiter``, an ASCII character none of them holds, as a String series; at least one."""
    text = joined[:-1].decode("utf-8", "replace")  # a delimiter is ASCII, so no row spills into the next
    return pl.Series(name, [text]).str.split(chr(delimiter)).explode(empty_as_null=False, keep_nulls=True)


def text_bytes(series: pl.Series) -> tuple[Bytes, Positions, Positions]:
    """The UTF-8 bytes of a String series ``(N,)`` with the rows' ``starts`` and ``ends``; null is an empty row."""
    filled = series.fill_null("")
    ends = np.cumsum(filled.str.len_bytes().to_numpy().astype(np.int64))
    joined = filled.str.join("").item() if len(filled) else ""
    return np.frombuffer((joined + "\n").encode(), np.uint8), ends - np.diff(ends, prepend=0), ends


def numbered(first: int, count: int) -> pl.Series:
    """The numbers ``first, first + 1, ...`` as text, String ``(count,)``."""
    return pl.Series("id", np.arange(first, first + count)).cast(pl.String)
