"""HDF5 and MATLAB arrays in the layout of DeepSEA's files, written by h5py and scipy, read back row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest
import scipy.io
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.data.load import load
from strandloom.data.settings import DataSettings
from strandloom.errors import InputError, SettingsError
from strandloom.io.read import column_names, read_blocks, read_records

ORDER = "AGCT"
ROWS, LENGTH, LABELS = 57, 20, 6


@pytest.fixture
def arrays() -> tuple[list[str], NDArray[np.uint8], NDArray[np.uint8]]:
    """Texts, their one-hot ``(N, 4, L)`` in the order A, G, C, T, and labels ``(N, K)``."""
    generator = np.random.default_rng(1)
    texts = ["".join(generator.choice(list("ACGT"), LENGTH)) for _ in range(ROWS)]
    texts[3] = texts[3][:5] + "N" + texts[3][6:]
    hot = np.array([[[c == base for c in text] for base in ORDER] for text in texts]).astype(np.uint8)
    return texts, hot, (generator.random((ROWS, LABELS)) < 0.3).astype(np.uint8)


def matlab_73(path: Path, **named: NDArray[Any]) -> Path:
    """As MATLAB 7.3 saves: HDF5 behind 512 bytes of head, axes the other way round, the class in an attribute."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in named.items():
            stored = file.create_dataset(
                name, data=array.transpose(*range(array.ndim)[::-1]), chunks=True, compression="gzip"
            )
            stored.attrs["MATLAB_class"] = np.bytes_("uint8")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return path


def files(folder: Path, hot: NDArray[np.uint8], y: NDArray[np.uint8]) -> dict[str, Path]:
    """The same rows in every kind of file."""
    deepsea = folder / "deepsea.mat"
    with h5py.File(deepsea, "w") as file:  # (1000, 4, N) and (919, N)
        file["trainxdata"], file["traindata"] = hot.transpose(2, 1, 0), y.T
    plain = folder / "plain.h5"
    with h5py.File(plain, "w") as file:
        file["group/x"], file["group/y"] = hot, y
    for name, packed in (("packed.mat", True), ("open.mat", False)):
        scipy.io.savemat(folder / name, {"validxdata": hot, "validdata": y, "about": "text"}, do_compression=packed)
    return {
        "deepsea": deepsea, "plain": plain, "matlab 7.3": matlab_73(folder / "m73.mat", trainxdata=hot, traindata=y),
        "matlab 5, packed": folder / "packed.mat", "matlab 5, open": folder / "open.mat",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["deepsea", "plain", "matlab 7.3", "matlab 5, packed", "matlab 5, open"])
def test_every_kind_gives_the_same_rows(tmp_path: Path, arrays: Any, kind: str) -> None:
    texts, hot, y = arrays
    path = files(tmp_path, hot, y)[kind]
    records = read_records(path, order=ORDER, block_rows=10)
    assert [DNA.decode(one) for one in np.split(records.codes, records.offsets[1:-1])] == [
        text.replace("N", "-")
        for text in texts  # a column of zeros
    ]
    name = next(c for c in records.columns.columns if c.endswith("_0")).removesuffix("_0")
    assert records.columns.select(f"{name}_{k}" for k in range(LABELS)).to_numpy().tolist() == y.tolist()
    assert name in column_names(path)
    data = DataSettings(table=str(path), order=ORDER, target=name)
    dataset = load(data, task="labels")
    assert dataset.target is not None
    assert dataset.target.values.tolist() == y.tolist()
    assert dataset.target.names[-1] == f"{name}_{LABELS - 1}"


def test_blocks_are_read_one_by_one(tmp_path: Path, arrays: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of MATLAB 5 as of HDF5 only the rows of a block are touched."""
    _, hot, y = arrays
    taken: list[int] = []
    from strandloom.io import array_files

    plain = array_files.AxisRows.read

    def watched(self: Any, rows: int) -> Any:
        found = plain(self, rows)
        taken.append(len(found))
        return found

    monkeypatch.setattr(array_files.AxisRows, "read", watched)
    for path in files(tmp_path, hot, y).values():
        taken.clear()
        next(iter(read_blocks(path, order=ORDER, block_rows=8)))
        assert max(taken) <= 8
        assert sum(taken) <= 3 * 2 * 8


def test_the_order_of_bases_must_be_said(tmp_path: Path, arrays: Any) -> None:
    _, hot, y = arrays
    for path in files(tmp_path, hot, y).values():
        with pytest.raises(SettingsError, match="in which order do the channels"):
            read_records(path)


def test_arrays_that_stand_the_other_way_round(tmp_path: Path, arrays: Any) -> None:
    _, hot, y = arrays
    turned = tmp_path / "turned.mat"
    scipy.io.savemat(turned, {"validxdata": hot, "validdata": y.T})
    with pytest.raises(
        InputError, match=r"'validxdata' holds 57 sequences, and 'validdata' 6 rows, which stand the other way round"
    ):
        read_records(turned, order=ORDER)
    no_bases = tmp_path / "nobases.mat"
    scipy.io.savemat(no_bases, {"x": hot[:, :3], "y": y})
    with pytest.raises(InputError, match="no one-hot"):
        read_records(no_bases, order=ORDER)


def test_broken_files(tmp_path: Path, arrays: Any) -> None:
    _, hot, y = arrays
    made = files(tmp_path, hot, y)
    for kind in ("matlab 5, packed", "matlab 5, open", "plain"):
        path = tmp_path / "cut"
        path.write_bytes(made[kind].read_bytes()[:-900])
        with pytest.raises(InputError):
            read_records(path, order=ORDER)
    empty = tmp_path / "empty.mat"
    scipy.io.savemat(empty, {"about": "text"})
    with pytest.raises(InputError, match="no array of numbers"):
        read_records(empty, order=ORDER)


def test_a_frame_of_an_array_keeps_its_order() -> None:
    from strandloom.data.targets import array_columns

    frame = pl.DataFrame({f"y_{i}": [0, 1] for i in range(12)} | {"y_other": [0, 1]})
    assert array_columns(frame, ["y"]) == [f"y_{i}" for i in range(12)]
    assert array_columns(frame, ["y_3", "z"]) == ["y_3", "z"]
