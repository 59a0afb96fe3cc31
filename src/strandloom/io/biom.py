"""BIOM tables, format version 2 (HDF5): what is not zero of a features × samples matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError

HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""


class Entries(NamedTuple):
    """The filled cells of a table, N of them."""

    sample: pl.Series
    """String (N,)."""
    id: pl.Series
    """String (N,)."""
    value: NDArray[np.float64]
    """float64 (N,)."""
    samples: int
    ids: int


def read_biom(path: Path) -> Entries:
    """Read a BIOM file by its observations (``observation/ids``, ``sample/ids``, ``observation/matrix``).

    Raises
    ------
    InputError
        The file is damaged or has not the groups of BIOM 2.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            ids, samples = _texts(file["observation/ids"]), _texts(file["sample/ids"])
            matrix = file["observation/matrix"]
            data = np.asarray(matrix["data"], np.float64)
            columns, edges = np.asarray(matrix["indices"], np.int64), np.asarray(matrix["indptr"], np.int64)
    except KeyError as error:
        raise InputError(
            f"this HDF5 file is no BIOM table: {error.args[0]}",
            where=path,
            hint="BIOM 2.1 is read (biom convert --to-hdf5)",
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"the BIOM file is damaged: {error}", where=path, hint="copy or write the file again"
        ) from error
    sound = len(edges) == len(ids) + 1 and len(columns) == len(data) == (edges[-1] if len(edges) else 0)
    if not sound or (np.diff(edges) < 0).any() or ((columns < 0) | (columns >= len(samples))).any():
        raise InputError("the BIOM file is damaged: its matrix does not fit its ids", where=path)
    rows = np.repeat(np.arange(len(ids)), np.diff(edges))
    return Entries(
        pl.Series("sample", samples, dtype=pl.String).gather(columns),
        pl.Series("id", ids, dtype=pl.String).gather(rows),
        data,
        len(samples),
        len(ids),
    )


def _texts(data: Any) -> list[str]:
    """A data set of strings, whether fixed or variable in length."""
    return [x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x) for x in np.asarray(data).ravel().tolist()]
