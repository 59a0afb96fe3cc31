"""A genome on disk: the same bases as pysam gives, built once, whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import InputError, OutputError
from strandloom.io.genome import Genome, open_genome

NAMES = ("chr1", "chr2", "M")
SIZES = (500, 130, 41)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    """Three contigs with N and lower case, in lines of 60."""
    generator = np.random.default_rng(1)
    text = ""
    for name, size in zip(NAMES, SIZES, strict=True):
        bases = "".join(generator.choice(list("ACGTNacgt"), size))
        text += f">{name} a note\n" + "\n".join(bases[i : i + 60] for i in range(0, size, 60)) + "\n"
    path = tmp_path / "g.fa"
    path.write_text(text)
    return path


def cut(genome: Genome, name: str, start: int, length: int, *, minus: bool = False) -> str:
    found = genome.windows(
        np.array([genome.number(name)]), np.array([start]), length=length, minus=np.array([minus])
    )  # fmt: skip
    return DNA.decode_table[found.codes[0]].tobytes().decode()


def test_windows_are_those_of_pysam(fasta: Path) -> None:
    pysam = pytest.importorskip("pysam")
    genome = open_genome(fasta)
    assert [(c.name, c.length) for c in genome.contigs] == list(zip(NAMES, SIZES, strict=True))
    generator = np.random.default_rng(2)
    contig = generator.integers(0, 3, 400)
    start = (generator.random(400) * (genome.sizes[contig] + 80)).astype(int) - 40
    minus = generator.random(400) < 0.5
    found = genome.windows(contig, start, length=50, minus=minus)
    with pysam.FastaFile(str(fasta)) as peer:
        padded = 0
        for i in range(400):
            name, size = NAMES[contig[i]], SIZES[contig[i]]
            first, last = max(start[i], 0), min(start[i] + 50, size)
            inside = peer.fetch(name, first, last).upper() if last > first else ""
            text = "-" * min(max(-start[i], 0), 50) + inside
            text = text.ljust(50, "-") if start[i] >= 0 or inside else "-" * 50
            if minus[i]:
                text = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
            assert DNA.decode_table[found.codes[i]].tobytes().decode() == text
            assert found.lengths[i] == len(inside)
            padded += len(inside) < 50
    assert found.padded == padded > 0


def test_it_is_read_once_and_again_when_it_changed(fasta: Path) -> None:
    first = open_genome(fasta)
    assert "was read into a memory map" in first.note
    assert open_genome(fasta).note == ""
    assert open_genome(fasta, verify=True).note == ""
    before = cut(first, "chr1", 0, 5)
    text = fasta.read_text().split("\n")
    text[1] = "TTTTT" + text[1][5:]
    fasta.write_text("\n".join(text))
    os.utime(fasta, ns=(1, 1))
    changed = open_genome(fasta)
    assert "had changed" in changed.note
    assert cut(changed, "chr1", 0, 5) == "TTTTT"
    assert before != "TTTTT"
    os.utime(fasta)  # touched, with the same bases
    assert open_genome(fasta).note == ""


def test_gz_is_the_same(fasta: Path, tmp_path: Path) -> None:
    packed = tmp_path / "p.fa.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    plain, other = open_genome(fasta), open_genome(packed, cache=tmp_path / "cache")
    np.testing.assert_array_equal(plain.codes, other.codes)
    assert (tmp_path / "cache" / "genome.json").is_file()


def test_damage_is_mended(fasta: Path) -> None:
    whole = np.array(open_genome(fasta).codes)
    folder = fasta.with_name("g.fa.strandloom")
    (folder / "codes.bin").write_bytes(b"short")
    np.testing.assert_array_equal(open_genome(fasta).codes, whole)
    flipped = bytearray((folder / "codes.bin").read_bytes())
    flipped[3] ^= 1
    (folder / "codes.bin").write_bytes(bytes(flipped))
    np.testing.assert_array_equal(open_genome(fasta, verify=True).codes, whole)
    (folder / "genome.json").write_text("{")
    np.testing.assert_array_equal(open_genome(fasta).codes, whole)


def test_names(fasta: Path) -> None:
    genome = open_genome(fasta)
    assert genome.numbers(["M", "chr2", "M"]).tolist() == [2, 1, 2]
    with pytest.raises(InputError, match="no contig '1'") as caught:
        genome.number("1", where="peaks.bed:3")
    assert "the genome calls it 'chr1'" in str(caught.value)
    assert str(caught.value).startswith("peaks.bed:3")


@pytest.mark.parametrize(
    ("text", "words"),
    [(">a\nACGT\n>a\nGG\n", "the name 'a' stands twice"), (">a\nAC!T\n", "a"), ("", "empty")],
)
def test_what_is_no_genome_leaves_nothing(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        open_genome(path)
    assert [x.name for x in tmp_path.iterdir()] == ["bad.fa"]


def test_a_full_disk_leaves_nothing(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("strandloom.io.genome.os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        open_genome(fasta, cache=fasta.parent / "cache")
    assert [x.name for x in fasta.parent.iterdir()] == ["g.fa"]
    held = open_genome(fasta)
    assert "held in memory" in held.note
    assert [x.name for x in fasta.parent.iterdir()] == ["g.fa"]
    monkeypatch.undo()
    np.testing.assert_array_equal(held.codes, open_genome(fasta).codes)


def test_the_index_says_what_it_was_made_of(fasta: Path) -> None:
    open_genome(fasta)
    known = json.loads((fasta.with_name("g.fa.strandloom") / "genome.json").read_text())
    assert known["bases"] == sum(SIZES)
    assert known["source"]["bytes"] == fasta.stat().st_size
