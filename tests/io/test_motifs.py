"""Motif files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.io.motifs import read_motifs

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF M1 first
letter-probability matrix: alength= 4 w= 2 nsites= 20
 1 0 0 0
 0.25 0.25 0.25 0.25

MOTIF M2
letter-probability matrix: alength= 4 w= 1
 0 2 2 0
URL http://example.org
"""
JASPAR = ">MA1 one\nA [ 1 0 ]\nC [ 1 0 ]\nG [ 0 0 ]\nT [ 0 4 ]\n>MA2\n1 0\n0 1\n0 0\n0 0\n"


def test_meme(tmp_path: Path) -> None:
    (tmp_path / "m.meme").write_text(MEME)
    found = read_motifs(tmp_path / "m.meme")
    assert list(found) == ["M1 first", "M2"]
    np.testing.assert_allclose(found["M1 first"], [[1, 0, 0, 0], [0.25] * 4])
    np.testing.assert_allclose(found["M2"], [[0, 0.5, 0.5, 0]])


def test_jaspar(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text(JASPAR)
    found = read_motifs(tmp_path / "m.txt")
    np.testing.assert_allclose(found["MA1 one"], [[0.5, 0.5, 0, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(found["MA2"], [[1, 0, 0, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MEME.replace(" 1 0 0 0", " 1 0 0"), ":7: a row of 'M1 first' is not four numbers"),
        (MEME.replace("w= 2", "w= 3"), ":5: 'M1 first' says w= 3 but has 2 rows"),
        (MEME.replace("M2", "M1 first"), ":10: the motif 'M1 first' stands twice"),
        (JASPAR.replace("T [ 0 4 ]", "T [ 0 ]"), ":1: the matrix of 'MA1 one' needs four rows"),
        (JASPAR.replace("[ 0 4 ]", "[ 0 0 ]"), "position without counts"),
        (JASPAR.replace("[ 0 4 ]", "[ 0 x ]"), ":5: a row of 'MA1 one'"),
        ("A [ 1 ]\n", ":1: a JASPAR file starts with"),
        ("", "no motif in the file"),
    ],
)
def test_broken_files_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(InputError) as caught:
        read_motifs(tmp_path / "m.txt")
    assert message in str(caught.value)


@pytest.mark.realdata
def test_jaspar_core_is_read_whole(real_data: Path) -> None:
    files = [p for p in sorted((real_data / "jaspar2022").iterdir()) if p.suffix == ".gz"]
    for path in files:
        found = read_motifs(path)
        assert len(found) > 1
        assert all(np.allclose(m.sum(axis=1), 1) for m in found.values())
