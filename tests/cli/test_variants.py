"""``variants`` and ``encode`` from the command line."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
from tiny_runs import strandloom

QUICK = ("--set", "encoder.values=20", "--set", "encoder.segments=2", "--set", "encoder.filters=8", "--set", "encoder.channels=8",
         "--set", "encoder.blocks=1", "--set", "encoder.epochs=1", "--set", "forest.trees=5", "--set", "forest.leaf=[3]")  # fmt: skip


def test_variants_of_a_trained_bundle(bundle: Path, tmp_path: Path) -> None:
    draw = random.Random(1)
    text = "".join(draw.choice("ACGT") for _ in range(300))
    (tmp_path / "g.fa").write_text(f">c1\n{text}\n")
    other = "A" if text[99] != "A" else "C"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "v.vcf").write_text(head + f"c1\t100\trs1\t{text[99]}\t{other},<DEL>\t.\t.\t.\n")
    options = ("--genome", tmp_path / "g.fa", "--vcf", tmp_path / "v.vcf")
    done = strandloom("variants", bundle, *options, "--out", tmp_path / "v.tsv")
    assert done.code == 0, done.err
    assert "1 allele of 1 record scored" in done.err
    assert "1 × symbolic allele <DEL>" in done.err
    frame = pl.read_csv(tmp_path / "v.tsv", separator="\t")
    assert frame["id"].to_list() == ["rs1"]
    strandloom("variants", bundle, *options, "--out", tmp_path / "v.tsv").fails(1, "the file exists already", "hint: ")
    strandloom("variants", bundle, *options, "--out", tmp_path / "w.tsv", "--output", "none").fails(
        2, "no output 'none'"
    )


def test_encode_a_table_and_sequences(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = [
        ("".join(draw.choice("ACGT") for _ in range(40)), "ab"[i % 2], ("train", "train", "validation", "test")[i % 4])
        for i in range(160)
    ]
    (tmp_path / "t.csv").write_text("sequence,label,split\n" + "".join(",".join(row) + "\n" for row in rows))
    done = strandloom("encode", "fit", tmp_path / "t.csv", "--out", tmp_path / "C", *QUICK)
    assert done.code == 0, done.err
    assert "The forest on the encoder's values" in done.out
    strandloom("encode", "apply", tmp_path / "C/bundle", tmp_path / "t.csv", "--out", tmp_path / "v.parquet").good()
    assert pl.read_parquet(tmp_path / "v.parquet").shape == (160, 21)
    strandloom(
        "encode", "apply", tmp_path / "C/bundle", tmp_path / "t.csv", "--out", tmp_path / "a.tsv", "--answers"
    ).good()
    assert pl.read_csv(tmp_path / "a.tsv", separator="\t").columns == ["id", "prediction", "p_a", "p_b", "abstain"]
    alone = strandloom("encode", "fit", tmp_path / "t.csv", "--no-labels", "--out", tmp_path / "D", *QUICK)
    assert alone.code == 0, alone.err
    strandloom(
        "encode", "apply", tmp_path / "D/bundle", tmp_path / "t.csv", "--out", tmp_path / "b.tsv", "--answers"
    ).fails(2, "learned without labels")
    (tmp_path / "e.yaml").write_text("data: {table: t.csv}\n")
    strandloom("encode", "fit", tmp_path / "e.yaml", "--window", 9, "--out", tmp_path / "E").fails(
        2, "names its window"
    )
