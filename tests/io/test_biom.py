"""BIOM 2 files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.io.biom import HDF5, read_biom


def write(path: Path, *, ids: list[str], samples: list[str], matrix: list[list[float]], fixed: bool = False) -> Path:
    """A table as the BIOM 2.1 format has it, by observation."""
    dense = np.array(matrix, float)
    rows, columns = np.nonzero(dense)
    kind: object = "S10" if fixed else h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs["format-version"] = [2, 1]
        file.create_dataset("observation/ids", data=np.array(ids, object).astype("S10") if fixed else ids, dtype=kind)
        file.create_dataset(
            "sample/ids", data=np.array(samples, object).astype("S10") if fixed else samples, dtype=kind
        )
        file["observation/matrix/data"] = dense[rows, columns]
        file["observation/matrix/indices"] = columns.astype(np.int32)
        file["observation/matrix/indptr"] = np.searchsorted(rows, np.arange(len(ids) + 1)).astype(np.int32)
    return path


@pytest.mark.parametrize("fixed", [True, False])
def test_entries(tmp_path: Path, fixed: bool) -> None:
    path = write(
        tmp_path / "a.biom", ids=["A", "B", "C"], samples=["S1", "S2"], matrix=[[1, 0], [0, 0], [2, 3]], fixed=fixed
    )
    assert path.read_bytes().startswith(HDF5)
    found = read_biom(path)
    assert list(zip(found.sample, found.id, found.value, strict=True)) == [
        ("S1", "A", 1),
        ("S1", "C", 2),
        ("S2", "C", 3),
    ]
    assert (found.samples, found.ids) == (2, 3)


def test_an_hdf5_file_of_something_else(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(InputError, match="no BIOM table"):
        read_biom(tmp_path / "a.h5")


def test_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.biom", ids=["A"], samples=["S1"], matrix=[[1]])
    with h5py.File(path, "r+") as file:
        file["observation/matrix/indices"][0] = 7
    with pytest.raises(InputError, match="does not fit its ids"):
        read_biom(path)
    (tmp_path / "b.biom").write_bytes(HDF5 + b"xx")
    with pytest.raises(InputError, match="damaged"):
        read_biom(tmp_path / "b.biom")
