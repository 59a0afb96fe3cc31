"""Arrays: the same sequences from codes and one-hot in either layout and any base order."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import InputError, SettingsError
from strandloom.io.read import read_blocks, read_records
from strandloom.io.records import Records

ROWS = ["ACGTNRYA", "GGGGCC", "TT-TBDHV"]
CODES = np.full((3, 8), DNA.pad, np.uint8)
for _i, _row in enumerate(ROWS):
    CODES[_i, : len(_row)] = DNA.encode(_row)
ONE_HOT = DNA.one_hot(CODES)
AGCT = [0, 2, 1, 3]


def texts(records: Records) -> list[str]:
    o = records.offsets
    return [DNA.decode(records.codes[o[i] : o[i + 1]]) for i in range(len(records))]


@pytest.mark.parametrize("block_rows", [1, 2, 100])
@pytest.mark.parametrize(
    ("array", "order"),
    [
        (CODES, None),
        (CODES.astype(np.int64), None),
        (np.asfortranarray(CODES), None),
        (np.array([0, 2, 1, 3, *range(4, 17)], np.uint8)[CODES], "AGCT"),
        (ONE_HOT, None),
        (ONE_HOT.astype(np.float16), "acgu"),
        (ONE_HOT[:, AGCT], "AGCT"),
        (np.ascontiguousarray(ONE_HOT[:, AGCT].swapaxes(1, 2)), "AGCT"),
    ],
    ids=["codes", "int64", "fortran", "codes AGCT", "one-hot", "half", "AGCT", "AGCT last"],
)
def test_layouts(tmp_path: Path, array: np.ndarray, order: str | None, block_rows: int) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(
        tmp_path / "a.npz", x=array, y=np.array([1, 0, 1]), t=np.ones((3, 2)), id=np.array(["p", "q", "r"])
    )
    (tmp_path / "b.npy.gz").write_bytes(gzip.compress((tmp_path / "a.npy").read_bytes()))
    for name in ("a.npy", "b.npy.gz", "a.npz"):
        got = Records.concat(list(read_blocks(tmp_path / name, order=order, block_rows=block_rows)))
        assert texts(got) == ROWS
        assert (got.letters.n, got.letters.ambiguous, got.letters.gaps) == (1, 6, 1)
        if name == "a.npz":
            assert got.ids.to_list() == ["p", "q", "r"]
            assert got.columns.columns == ["y", "t_0", "t_1"]
            assert got.columns["y"].to_list() == [1, 0, 1]


def test_one_hot_survives(tmp_path: Path) -> None:
    """What is read encodes to the same one-hot again, padding inside (zeros) included."""
    array = ONE_HOT[:1].copy()
    array[0, :, 2] = 0
    np.save(tmp_path / "a.npy", array)
    got = read_records(tmp_path / "a.npy")
    np.testing.assert_allclose(DNA.one_hot(got.codes), array[0])
    assert got.letters.gaps == 1


def test_left_padding_of_codes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[16, 16, 0, 1], [0, 1, 2, 16]], np.uint8))
    assert texts(read_records(tmp_path / "a.npy")) == ["AC", "ACG"]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[0, 17]]), "code 17 at position 2"),
        (np.array([[-1, 0]]), "code -1"),
        (np.array([[0, 16, 1]]), "stands inside"),
        (np.zeros((2, 5, 7)), "neither axis"),
        (np.full((1, 4, 3), 0.4), "is no base"),
        (np.full((1, 4, 3), 2.0), "is no base"),
        (np.full((1, 4, 3), np.nan), "is no base"),
        (np.zeros((2, 3)), "holds no sequences"),
        (np.zeros((0, 3), np.uint8), "no rows"),
        (np.array(3), "a single number"),
        (np.array([["A", None]], object), "Python objects"),
    ],
    ids=["code", "negative", "hole", "no one-hot", "shares", "twos", "nan", "floats", "no rows", "scalar", "objects"],
)
def test_faults(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=words):
        read_records(tmp_path / "a.npy")


def test_cut_short_and_named_arrays(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, CODES)
    (tmp_path / "a.npy").write_bytes(buffer.getvalue()[:-3])
    with pytest.raises(InputError, match="cut short"):
        read_records(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", a=CODES, b=CODES)
    with pytest.raises(InputError, match="which array"):
        read_records(tmp_path / "a.npz")
    assert texts(read_records(tmp_path / "a.npz", sequence="b")) == ROWS
    with pytest.raises(SettingsError, match="each of A C G T once"):
        read_records(tmp_path / "a.npz", order="AACC")
