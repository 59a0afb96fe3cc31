"""Arrays (NPY, NPZ, HDF5, MATLAB), streamed by rows: codes ``(N, L)``, one-hot ``(N, C, L)`` or ``(N, L, C)`` with a base order."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.errors import InputError, SettingsError, nearest
from strandloom.io.array_files import StoredRows, open_hdf5, open_mat5
from strandloom.io.detect import Detected
from strandloom.io.letters import Letters, Pieced
from strandloom.io.names import ID_NAMES, SEQUENCE_NAMES
from strandloom.io.stream import ByteStream
from strandloom.io.strings import numbered

_ARRAY_NAMES = ("codes", "onehot", "one_hot", "x", "sequence", "sequences", "seqs", *SEQUENCE_NAMES)
_CHUNK = 1 << 24


def base_order(order: str | None) -> NDArray[np.uint8]:
    """Channel number to code, uint8 ``(4,)``, of an order such as ``"AGCT"`` (None: ``ACGT``; U stands for T).

    Raises
    ------
    SettingsError
        The order does not name each base once.
    """
    letters = (order or DNA.bases).upper().replace("U", "T")
    if sorted(letters) != sorted(DNA.bases):
        raise SettingsError(
            f"'{order}' is no order of the four bases",
            where="data.order",
            hint="write each of A C G T once, for example AGCT",
        )
    return DNA.encode(letters)


class RowArray:
    """The rows of one stored array, read from the first to the last.

    Parameters
    ----------
    file
        Decompressed bytes from the start of an NPY file.
    where
        The file, for messages.
    """

    def __init__(self, file: IO[bytes] | ByteStream, where: str) -> None:
        self._file, self.where = file, where
        self.shape, fortran, self.dtype = self._header()
        if self.dtype.hasobject:
            raise InputError(
                "the array holds Python objects, which are not read",
                where=where,
                hint="save codes or one-hot as numbers",
            )
        if not self.shape:
            raise InputError("the array has no rows (it is a single number)", where=where)
        self._whole: NDArray[Any] | None = None
        self._done = 0
        if fortran and len(self.shape) > 1:
            flat = np.frombuffer(self._bytes(int(np.prod(self.shape)) * self.dtype.itemsize), self.dtype)
            self._whole = flat.reshape(self.shape, order="F")

    def _header(self) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        import io

        start = self._bytes(8)
        width = 2 if start[6:7] == b"\1" else 4
        size = self._bytes(width)
        text = self._bytes(min(int.from_bytes(size, "little"), 1 << 20))
        source = io.BytesIO(start + size + text)
        try:
            version = np.lib.format.read_magic(source)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return read(source)
        except (ValueError, SyntaxError) as error:
            raise InputError(
                f"the NPY header is damaged: {error}", where=self.where, hint="save the array again"
            ) from error

    def _bytes(self, size: int) -> bytes:
        parts = []
        while size > 0:
            try:
                part = self._file.read(min(size, _CHUNK))
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                raise InputError(
                    f"the array is damaged: {error}", where=self.where, hint="copy or save the file again"
                ) from error
            if not part:
                raise InputError(
                    "the file ends inside the array: it is cut short",
                    where=self.where,
                    hint="copy or save the file again",
                )
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def read(self, rows: int) -> NDArray[Any]:
        """The next ``rows`` rows (fewer at the end), ``(rows, ...)``."""
        first, self._done = self._done, min(self._done + rows, self.shape[0])
        if self._whole is not None:
            return self._whole[first : self._done]
        shape = (self._done - first, *self.shape[1:])
        return np.frombuffer(self._bytes(int(np.prod(shape)) * self.dtype.itemsize), self.dtype).reshape(shape)


def array_names(path: Path, detected: Detected) -> list[str]:
    """Names of the arrays in an NPZ, HDF5 or MATLAB file; none of an NPY."""
    if detected.format == "npy":
        return []
    with ExitStack() as stack:
        return list(_open(path, detected, stack))


def _open(path: Path, detected: Detected, stack: ExitStack) -> dict[str, StoredRows]:
    """The arrays of a file by name."""
    if detected.format == "npy":
        return {"": RowArray(stack.enter_context(ByteStream(path, detected.compression)), str(path))}
    if detected.format == "hdf5":
        return open_hdf5(path, stack)
    if detected.format == "mat":
        return open_mat5(path, stack)
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        return {
            name.removesuffix(".npy"): RowArray(
                stack.enter_context(archive.open(name)), f"{path}, array '{name.removesuffix('.npy')}'"
            )
            for name in archive.namelist()
        }
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"the archive is damaged: {error}", where=path, hint="copy or save the file again") from error


def read_arrays(
    path: Path,
    detected: Detected,
    letters: Letters,
    *,
    sequence: str | None,
    id_column: str | None,
    order: str | None,
    columns: bool,
    block_rows: int,
) -> Generator[Pieced, None, None]:
    """Pieces of an array file, in order.

    The other arrays of a file with N entries become columns (``(N, K)`` arrays as ``name_0 ...``). Pads at both ends,
    and zeros at the end of one-hot, are padding and left out; zeros elsewhere in one-hot are gaps, which encode to
    zeros again.

    Parameters
    ----------
    path, detected
        The file and what :func:`~strandloom.io.detect.detect` says of it.
    letters
        The encoder.
    sequence, id_column
        Names of arrays in an NPZ; None finds them.
    order
        Base order of codes 0-3 or of the channels.
    columns
        Whether to read the other arrays of an NPZ.
    block_rows
        Rows per piece.
    """
    if order is None and detected.format in ("hdf5", "mat"):
        raise SettingsError(
            f"in which order do the channels of {path.name} stand for the bases?",
            where="data.order",
            hint="AGCT in the files of DeepSEA and DanQ, ACGT in most others",
        )
    bases = base_order(order)
    with ExitStack() as stack:
        arrays = _open(path, detected, stack)
        main = _main_array(arrays, sequence, path)
        stored = arrays[main]
        total = stored.shape[0]
        if total == 0:
            raise InputError("the array has no rows", where=stored.where)
        decode = _decoder(stored, bases)
        if columns and detected.format in ("hdf5", "mat"):
            _same_rows(arrays, main, path)
        others = {
            k: v
            for k, v in arrays.items()
            if k != main and v.shape[0] == total and len(v.shape) <= 2 and v.dtype.kind in "biufSU"
        }
        id_name = id_column or next((x for x in ID_NAMES if x in others and len(others[x].shape) == 1), None)
        if id_name is not None and id_name not in others:
            raise InputError(
                f"there is no array '{id_name}' of {total} ids", where=path, hint="choose an array with data.id"
            )
        used = {k: v for k, v in others.items() if columns or k == id_name}
        wide = int(np.prod(stored.shape[1:])) * stored.dtype.itemsize
        step = max(1, min(block_rows, _CHUNK // max(wide, 1)))
        for first in range(0, total, step):
            codes, lengths = decode(stored.read(step), first)
            n = len(lengths)
            read = {name: array.read(n) for name, array in used.items()}
            ids = numbered(first + 1, n)
            if id_name is not None:
                ids = _series("id", read.pop(id_name)).cast(pl.String)
            frame = pl.DataFrame([s for name, values in read.items() for s in _columns(name, values)])
            ends = np.cumsum(lengths)
            text = DNA.decode_table[codes]  # so that one policy and one set of messages serves every format
            yield letters.encode(
                np.append(text, np.uint8(10)),
                ends - lengths,
                ends,
                ids=ids,
                columns=frame,
                places=np.arange(first + 1, first + n + 1),
            )


def _same_rows(arrays: Mapping[str, StoredRows], main: str, path: Path) -> None:
    """In HDF5 and MATLAB files arrays may stand the other way round: where one does, no row would have a label."""
    total = arrays[main].shape[0]
    tables = {
        name: one.shape for name, one in arrays.items() if name != main and len(one.shape) == 2 and 1 not in one.shape
    }
    if tables and total not in {shape[0] for shape in tables.values()}:
        name, shape = next(iter(tables.items()))
        turned = ", which stand the other way round" if total in shape[1:] else ""
        raise InputError(
            f"'{main}' holds {total:,} sequences, and '{name}' {shape[0]:,} rows{turned}",
            where=path,
            hint="the first axis counts rows (the last one in MATLAB 7.3 and files that agree on it): save one array transposed",
        )


def _main_array(arrays: Mapping[str, StoredRows], sequence: str | None, path: Path) -> str:
    if sequence is not None and "" not in arrays:
        if sequence in arrays:
            return sequence
        close = nearest(sequence, arrays)
        raise InputError(
            f"there is no array '{sequence}'; arrays: {', '.join(arrays)}",
            where=path,
            hint=f"did you mean '{close}'?" if close else None,
        )
    if len(arrays) == 1:
        return next(iter(arrays))
    lower = {name.lower(): name for name in arrays}
    for name in _ARRAY_NAMES:
        if name in lower:
            return lower[name]
    fits = [name for name, a in arrays.items() if len(a.shape) == 3 and 4 in a.shape[1:]]
    if len(fits) == 1:
        return fits[0]
    raise InputError(
        f"which array holds the sequences? arrays: {', '.join(arrays)}",
        where=path,
        hint="name one with data.sequence or --sequence",
    )


def _decoder(
    stored: StoredRows, bases: NDArray[np.uint8]
) -> Callable[[NDArray[Any], int], tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """The function from stored rows (and the number of the first) to codes uint8 (total,) and lengths int64 (n,)."""
    shape, kind = stored.shape, stored.dtype.kind
    if len(shape) == 2 and kind in "iu":
        return lambda rows, first: _from_codes(rows, first, bases, stored.where)
    if len(shape) == 3 and kind in "biuf":
        if DNA.channels not in shape[1:]:
            raise InputError(
                f"an array of shape {shape} is no one-hot: neither axis 1 nor axis 2 has 4 channels", where=stored.where
            )
        last = shape[1] != DNA.channels  # (N, 4, 4) reads as (N, C, L)
        return lambda rows, first: _from_one_hot(rows.swapaxes(1, 2) if last else rows, first, bases, stored.where)
    raise InputError(
        f"an array of shape {shape} and type {stored.dtype} holds no sequences",
        where=stored.where,
        hint="give codes (N, L) as whole numbers, or one-hot (N, 4, L) or (N, L, 4)",
    )


def _from_codes(
    rows: NDArray[Any], first: int, bases: NDArray[np.uint8], where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Codes ``(n, L)`` in a file's base order to ours; pads at both ends are left out."""
    wrong = (rows < 0) | (rows >= DNA.size)
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise InputError(
            f"code {rows[i, j]} at position {j + 1} means nothing",
            where=f"{where}, row {first + i + 1}",
            hint=f"codes run from 0 to {DNA.pad}",
        )
    table = np.arange(DNA.size, dtype=np.uint8)
    table[: len(bases)] = bases
    codes = table[rows]
    letter = codes != DNA.pad
    after = np.logical_or.accumulate(letter, axis=1)
    before = np.logical_or.accumulate(letter[:, ::-1], axis=1)[:, ::-1]
    inside = after & before
    holes = inside & ~letter
    if holes.any():
        i, j = np.argwhere(holes)[0]
        raise InputError(
            f"padding at position {j + 1} stands inside the sequence",
            where=f"{where}, row {first + i + 1}",
            hint=f"write {DNA.gap} for a gap or {DNA.any} for N",
        )
    return codes[inside], inside.sum(axis=1, dtype=np.int64)


def _from_one_hot(
    rows: NDArray[Any], first: int, bases: NDArray[np.uint8], where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """One-hot ``(n, C, L)`` to codes; equal shares of several bases are an ambiguity code."""
    present = rows != 0
    count = present.sum(axis=1)
    share = 1 / np.maximum(count, 1)
    total = rows.sum(axis=1, dtype=np.float64)
    even = np.isclose(np.where(present, rows, share[:, None]), share[:, None], atol=1e-3).all(axis=1)
    even |= (count <= 1) & (count == total)
    if not even.all():
        i, j = np.argwhere(~even)[0]
        values = ", ".join(f"{x:g}" for x in rows[i, :, j].astype(float))
        raise InputError(
            f"({values}) at position {j + 1} is no base",
            where=f"{where}, row {first + i + 1}",
            hint="one-hot holds a 1, equal shares of several bases, or zeros for padding",
        )
    bits = np.zeros((len(rows), rows.shape[2]), np.uint8)
    for channel, base in enumerate(bases.tolist()):
        bits |= present[:, channel].astype(np.uint8) << np.uint8(base)
    codes = _bits_to_code()[bits]
    inside = np.logical_or.accumulate((bits != 0)[:, ::-1], axis=1)[:, ::-1]
    return codes[inside], inside.sum(axis=1, dtype=np.int64)


def _bits_to_code() -> NDArray[np.uint8]:
    """Set of bases (bit b: base b) to code, uint8 ``(16,)``; no base is a gap."""
    table = np.full(16, DNA.gap, np.uint8)
    for code, letter in enumerate(DNA.letters):
        table[sum(1 << DNA.bases.index(b) for b in DNA.members[letter])] = code
    return table


def _columns(name: str, values: NDArray[Any]) -> list[pl.Series]:
    if values.ndim == 1:
        return [_series(name, values)]
    return [_series(f"{name}_{i}", values[:, i]) for i in range(values.shape[1])]


def _series(name: str, values: NDArray[Any]) -> pl.Series:
    if values.dtype.kind == "S":
        return pl.Series(name, [x.decode("utf-8", "replace") for x in values.tolist()], dtype=pl.String)
    if values.dtype.kind == "U":
        return pl.Series(name, values.tolist(), dtype=pl.String)
    return pl.Series(name, np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))
