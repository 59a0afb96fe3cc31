"""Motif files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from strandloom.errors import InputError, UsageError
from strandloom.io.motif_write import write_jaspar, write_meme
from strandloom.io.motifs import read_motifs
from strandloom.pwm import Matrix

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
        (MEME.replace(" 1 0 0 0", " 1 0 0 x"), ":7: a row of 'M1 first' is not four numbers"),
        (MEME.replace(" 1 0 0 0", " 1 0 0 nan"), ":7: a row of 'M1 first' is not four numbers"),
        (MEME.replace(" 1 0 0 0", " nan 0 0 0"), ":7: a row of 'M1 first' is not four numbers: nan 0 0 0"),
        (MEME.replace(" 1 0 0 0", " nan 0 0 0").replace("w= 2", ""), ":7: a row of 'M1 first' is not four numbers"),
        (MEME.replace(" 1 0 0 0", " one"), ":7: a row of 'M1 first' is not four numbers: one"),
        (MEME.replace(" 1 0 0 0", " 1 0 0 0 0"), ":7: a row of 'M1 first' is not four numbers"),
        (MEME.replace(" 1 0 0 0", " 1 0 0 1e999"), ":5: the matrix of 'M1 first' has a number too large"),
        (MEME.replace(" 1 0 0 0", " 1 0 -1 0"), ":5: the matrix of 'M1 first' has a negative number"),
        (
            MEME.replace(" 1 0 0 0", " 0 0 0 0"),
            ":5: the matrix of 'M1 first' has a negative number or a position without",
        ),
        (
            MEME.replace(" 1 0 0 0\n 0.25 0.25 0.25 0.25\n", "").replace("w= 2", ""),
            ":5: the motif 'M1 first' has no matrix",
        ),
        (MEME.replace("w= 2", "w= 3"), ":5: 'M1 first' says w= 3 but has 2 rows"),
        (MEME.replace("w= 2", "w= 1"), ":5: 'M1 first' says w= 1 but has 2 rows"),
        (MEME.replace("w= 1", "w= 2").removesuffix("URL http://example.org\n"), ":10: 'M2' says w= 2 but has 1 rows"),
        (MEME.replace("w= 1", "w= 2"), ":13: a row of 'M2' is not four numbers: URL http"),
        (MEME.replace("MOTIF M1 first\n", ""), ":5: a matrix stands before the first MOTIF line"),
        (MEME.replace("MOTIF M2", "MOTIF "), ":10: a motif has no name"),
        (MEME.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY"), ":3: the alphabet is ACDEFGHIKLMNPQRSTVWY; ACGT is needed"),
        ("MEME version 4\n", "no motif in the file"),
        (MEME.replace("M2", "M1 first"), ":10: the motif 'M1 first' stands twice"),
        (JASPAR.replace("T [ 0 4 ]", "T [ 0 ]"), ":1: the matrix of 'MA1 one' needs four rows"),
        (JASPAR.replace("[ 0 4 ]", "[ 0 0 ]"), "position without counts"),
        (JASPAR.replace("[ 0 4 ]", "[ 0 x ]"), ":5: a row of 'MA1 one'"),
        (JASPAR.replace("T [ 0 4 ]\n", ""), ":1: the matrix of 'MA1 one' needs four rows"),
        (JASPAR.replace("T [", "A ["), ":5: a row of 'MA1 one' is not a base with its counts"),
        (JASPAR.replace("T [", "U ["), ":5: a row of 'MA1 one' is not a base with its counts: U ["),
        (JASPAR.replace("T [ 0 4 ]", "T [ ]"), ":5: a row of 'MA1 one' is not a base with its counts"),
        (JASPAR.replace("T [ 0 4 ]", "T [ 0 -4 ]"), ":1: the matrix of 'MA1 one' has a negative number"),
        (JASPAR + "0 0\n", ":11: a row of 'MA2' is not a base with its counts"),
        (JASPAR.replace("MA2", "MA1 one"), ":6: the motif 'MA1 one' stands twice"),
        (JASPAR.replace("MA2", ""), ":7: a JASPAR file starts with"),
        ("A [ 1 ]\n", ":1: a JASPAR file starts with"),
        ("", "no motif in the file"),
    ],
)
def test_broken_files_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(InputError) as caught:
        read_motifs(tmp_path / "m.txt")
    assert message in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, data in (("cut.gz", b"\x1f\x8b\x08\x00"), ("latin.txt", b">M\xe9\n")):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    for name in ("cut.gz", "latin.txt", "folder", "missing.meme"):
        with pytest.raises(InputError, match="the motif file cannot be read") as caught:
            read_motifs(tmp_path / name)
        assert caught.value.where == str(tmp_path / name)


def test_what_surrounds_the_matrices_of_meme_itself(tmp_path: Path) -> None:
    """Lines of dashes, site lists and log-odds matrices are no rows; a matrix without a stated width ends where they begin."""
    around = MEME.replace(
        "\nMOTIF M2", "----\n\nSites of M1 here\nlog-odds matrix: alength= 4 w= 1\n -1 -1 2 -1\nMOTIF M2"
    )
    for text in (around, around.replace("w= 2", "")):
        (tmp_path / "m.meme").write_text(text.replace("log-odds", "\nlog-odds"))
        found = read_motifs(tmp_path / "m.meme")
        np.testing.assert_allclose(found["M1 first"], [[1, 0, 0, 0], [0.25] * 4])
        assert len(found) == 2


@pytest.mark.realdata
def test_jaspar_core_is_read_whole(real_data: Path) -> None:
    files = [p for p in sorted((real_data / "jaspar2022").iterdir()) if p.suffix == ".gz"]
    for path in files:
        found = read_motifs(path)
        assert len(found) > 1
        assert all(np.allclose(m.sum(axis=1), 1) for m in found.values())


# ------------------------------------------------------------------------------------------------------------- writing


def random_motifs(count: int = 12) -> dict[str, Matrix]:
    rng = np.random.default_rng(0)
    return {f"MA{i:04}.1 name{i}": rng.dirichlet([0.2] * 4, rng.integers(1, 25)) for i in range(count)}


WRITERS: list[Callable[..., None]] = [write_meme, write_jaspar]


@pytest.mark.parametrize("write", WRITERS)
def test_written_motifs_are_read_back(tmp_path: Path, write: Callable[..., None]) -> None:
    motifs = {**random_motifs(), "certain": np.eye(4)[[0, 3, 1]], "rare": np.array([[1e-7, 1 - 3e-7, 1e-7, 1e-7]])}
    write(tmp_path / "new" / "m.txt", motifs, sites={"certain": 3, "MA0003.1 name3": 1_000_000})
    found = read_motifs(tmp_path / "new" / "m.txt")
    assert list(found) == list(motifs)
    for name, matrix in motifs.items():
        np.testing.assert_allclose(found[name], matrix, rtol=1e-8, atol=1e-14)


def test_meme_as_others_read_it(tmp_path: Path) -> None:
    motifs, path = random_motifs(), tmp_path / "m.meme"
    write_meme(path, motifs, background=np.array([0.3, 0.2, 0.2, 0.3]), sites={"MA0000.1 name0": 137})
    text = path.read_text()
    assert text.startswith(
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n"
    )
    assert "MOTIF MA0000.1 name0\nletter-probability matrix: alength= 4 w= " in text
    assert text.count("nsites= 137 ") == 1
    assert text.count("nsites= 20 ") == len(motifs) - 1
    theirs = pytest.importorskip("memelite.io").read_meme(str(path))
    assert list(theirs) == list(motifs)
    for name, matrix in motifs.items():
        np.testing.assert_allclose(theirs[name].T, matrix, atol=1e-9)


def test_both_formats_as_biopython_reads_them(tmp_path: Path) -> None:
    parse = pytest.importorskip("Bio.motifs").parse
    motifs = random_motifs()
    for write, kind in ((write_meme, "minimal"), (write_jaspar, "jaspar")):
        write(tmp_path / kind, motifs, sites=dict.fromkeys(motifs, 10**8))  # Biopython rounds MEME's to counts
        with (tmp_path / kind).open() as handle:
            theirs = parse(handle, kind)
        assert len(theirs) == len(motifs)
        for motif, (name, matrix) in zip(theirs, motifs.items(), strict=True):
            identifier, alternative = name.split()
            assert motif.name == (identifier if kind == "minimal" else alternative)
            counts = np.array([motif.counts[base] for base in "ACGT"]).T
            np.testing.assert_allclose(counts / counts.sum(axis=1, keepdims=True), matrix, atol=1e-7)
            np.testing.assert_allclose(counts.sum(axis=1), 10**8, rtol=1e-6)


def test_counts_are_whole_where_they_are(tmp_path: Path) -> None:
    counts = np.array([[3, 0, 4, 0], [7, 0, 0, 0], [1, 2, 3, 1]])
    write_jaspar(tmp_path / "m.jaspar", {"M one": counts / 7}, sites={"M one": 7})
    assert (tmp_path / "m.jaspar").read_text() == ">M\tone\nA [ 3 7 1 ]\nC [ 0 0 2 ]\nG [ 4 0 3 ]\nT [ 0 0 1 ]\n"


def test_names_are_cleaned(tmp_path: Path) -> None:
    given = ["one", " two\n three\t", "pattern 1", "pattern 2", "a b c"]
    for write in WRITERS:
        write(tmp_path / "m.txt", {name: np.eye(4)[[0, 1]] for name in given})
        assert list(read_motifs(tmp_path / "m.txt")) == ["one", "two three", "pattern_1", "pattern_2", "a_b_c"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("motifs", "message"),
    [
        ({}, "there is no motif to write"),
        ({" ": np.eye(4)}, "a motif has no name"),
        ({"a b": np.eye(4), "a  b": np.eye(4)}, "two motifs would be called 'a_b'"),
        ({"M": np.ones((4, 7))}, r"M: a matrix \(w, 4\) is needed"),
        ({"M": np.ones((2, 4))}, "M: the rows of the matrix are not probabilities"),
        ({"M": np.full((2, 4), np.nan)}, "M: the rows of the matrix are not probabilities"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, write: Callable[..., None], motifs: dict[str, Matrix], message: str
) -> None:
    (tmp_path / "m.txt").write_text("old")
    with pytest.raises(UsageError, match=message):
        write(tmp_path / "m.txt", motifs)
    assert (tmp_path / "m.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.txt"]
