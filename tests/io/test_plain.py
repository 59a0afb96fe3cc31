"""Plain values and JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.io.plain import dump_json, plain, read_json, write_json


class Pair(NamedTuple):
    first: float
    second: float


def test_plain_refuses_what_json_cannot_hold():
    assert plain({"a": (np.float32(0.5), np.inf, True, None, "x")}) == {"a": [0.5, None, True, None, "x"]}
    with pytest.raises(TypeError, match="object"):
        plain(object())
    with pytest.raises(TypeError, match="PosixPath"):
        plain([{"here": Path("x")}])


def test_arrays_tuples_and_keys():
    found = plain({1: np.arange(2), "pair": Pair(0.5, float("nan")), "scalar": np.int64(3)})
    assert found == {"1": [0, 1], "pair": [0.5, None], "scalar": 3}
    assert type(found["scalar"]) is int


def test_json_is_always_valid(tmp_path: Path):
    path = tmp_path / "facts.json"
    write_json(path, {"path": Path("a/b"), "value": float("inf"), "word": "é"})
    assert read_json(path) == {"path": "a/b", "value": None, "word": "é"}
    assert json.loads(dump_json([float("nan")], indent=None)) == [None]


def test_a_missing_or_broken_file(tmp_path: Path):
    with pytest.raises(InputError, match="missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="not a readable JSON file"):
        read_json(tmp_path / "broken.json")
