"""VCF records as alleles: nothing is lost, and what cannot be scored says why."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from strandloom.errors import InputError
from strandloom.io.vcf import read_variants

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORDS = [
    "1\t10\trs1\tA\tG\t.\t.\t.",
    "1\t12\t.\tac\tA,ACC,<DEL>,*\t.\t.\t.",
    "2\t0\t.\tA\tG\t.\t.\t.",
    "2\t5\t.\tA\t.\t.\t.\t.",
    "2\t6\t.\tA\tG]17:198982]\t.\t.\t.",
    "2\t7\t.\tR\tG\t.\t.\t.",
    "2\t8\t.\tA\ta\t.\t.\t.",
]


@pytest.mark.parametrize("packed", [False, True])
def test_every_allele_is_a_row_or_has_a_reason(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("v.vcf.gz" if packed else "v.vcf")
    text = (HEAD + "\n".join(RECORDS) + "\n").encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    (block,) = read_variants(path)
    assert block.records == len(RECORDS)
    assert list(zip(block.line, block.chrom, block.pos, block.ref, block.alt, strict=True)) == [
        (3, "1", 10, "A", "G"), (4, "1", 12, "AC", "A"), (4, "1", 12, "AC", "ACC"),
    ]  # fmt: skip
    assert block.positions.tolist() == [9, 11, 11]
    reasons = [(one.line, one.alt, one.reason) for one in block.left_out]
    assert reasons == [
        (4, "<DEL>", "symbolic allele <DEL>"),
        (4, "*", "the allele is missing because of a deletion upstream (*)"),
        (5, "G", "the position is before the first base"),
        (6, ".", "no alternative allele"),
        (7, "G]17:198982]", "breakend"),
        (8, "G", "the reference allele holds R"),
        (9, "a", "the alternative allele is the reference"),
    ]


def test_blocks_hold_so_many_records(tmp_path: Path) -> None:
    path = tmp_path / "v.vcf"
    path.write_text(HEAD + "\n".join(RECORDS) + "\n")
    assert [block.records for block in read_variants(path, block_records=3)] == [3, 3, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\t10\t.\tA\tG\n", "v.vcf:1: a record stands before the line #CHROM"),
        ("##fileformat=VCFv4.2\n", "no line #CHROM"),
        (HEAD + "1\t10\tA\n", "v.vcf:3: the record has 3 fields"),
        (HEAD + "1\tten\t.\tA\tG\n", "v.vcf:3: the position 'ten' is no whole number"),
    ],
)
def test_files_that_are_no_vcf(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "v.vcf"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        list(read_variants(path))


def test_odd_positions_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "v.vcf"
    path.write_bytes(
        "\ufeff".encode() + HEAD.encode() + b"1\t100000000000000000000\t.\tA\tG\t.\t.\t.\r\n1\t3\t.\tA\tG\r\n"
    )
    (block,) = read_variants(path)
    assert block.left_out[0].reason == "the position is beyond any contig"
    assert (block.alt, block.rest) == (["G"], [(".", ".", ".")])
    path.write_text(HEAD + "1\t1_0\t.\tA\tG\n")
    with pytest.raises(InputError, match="'1_0' is no whole number"):
        list(read_variants(path))


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(gzip.compress((HEAD + "\n".join(RECORDS * 200)).encode())[:-20])
    with pytest.raises(InputError, match="cut off or damaged"):
        list(read_variants(path))
    with pytest.raises(InputError, match=r"none\.vcf"):
        list(read_variants(tmp_path / "none.vcf"))
