"""The compiled kernels equal the numpy ones, and both equal plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.io.kernels import Kernels
from strandloom.io.letters import letter_table
from strandloom.io.settings import LetterPolicy

FIELDS = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=30)
TABLE = letter_table(LetterPolicy(gap="remove"))


def _buffer(fields: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    buffer = np.frombuffer(b"".join(f + b"\n" for f in fields) + b"\n", np.uint8)
    ends = np.cumsum([len(f) + 1 for f in fields], dtype=np.int64) - 1
    return buffer, ends - np.array([len(f) for f in fields], np.int64), ends


@pytest.mark.parametrize("compile_after", [1 << 30, 0], ids=["numpy", "compiled"])
@given(fields=FIELDS)
@settings(deadline=None, max_examples=60)
def test_kernels_equal_plain_python(compile_after: int, fields: list[bytes]) -> None:
    kernels = Kernels(compile_after=compile_after)
    buffer, starts, ends = _buffer(fields)
    assert kernels.gather(buffer, starts, ends, 7).tobytes() == b"".join(f + b"\x07" for f in fields)
    assert kernels.select(buffer, starts, ends).tobytes() == b"".join(fields)
    words = kernels.word_ends(buffer, starts, ends)
    assert (words - starts).tolist() == [min([len(f), *(f.index(x) for x in b" \t" if x in f)]) for f in fields]
    encoded = kernels.encode(buffer, starts, ends, TABLE)
    kept = [[b for b in f if not TABLE[b] & 0x8000] for f in fields]
    assert encoded.codes.tolist() == [int(TABLE[b]) & 0xFF for row in kept for b in row]
    assert encoded.lengths.tolist() == [len(row) for row in kept]
    flags = [int(np.bitwise_or.reduce([int(TABLE[b]) >> 8 & 0x7F for b in f] or [0])) for f in fields]
    assert encoded.flags.tolist() == flags


def test_a_cache_that_cannot_be_written_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba raises where no cache folder can be written; the kernels are then compiled in memory."""
    import numba

    from strandloom.io import kernels

    real = numba.njit

    def refuse(*args: object, **options: object) -> object:
        if options.pop("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*args, **options)

    monkeypatch.setattr(numba, "njit", refuse)
    kernels.load_compiled.cache_clear()
    try:
        buffer, starts, ends = _buffer([b"AC", b"G"])
        assert Kernels(compile_after=0).gather(buffer, starts, ends, 10).tobytes() == b"AC\nG\n"
    finally:
        kernels.load_compiled.cache_clear()
