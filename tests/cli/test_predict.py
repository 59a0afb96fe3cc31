"""``predict``: every format in and out with order and ids kept, the same answers for every batch and block size, odd but good input."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tiny_runs import csv, rows, strandloom

from strandloom.alphabet import DNA
from strandloom.predict import load, predict_file

ROWS = rows(37, seed=5)
IDS = [row[0] for row in ROWS]
SEQUENCES = [row[1] for row in ROWS]
NUMBERED = [str(i + 1) for i in range(len(ROWS))]


def fasta() -> bytes:
    return "".join(f">{i} about {i}\n{s[:13]}\n{s[13:]}\n" for i, s in zip(IDS, SEQUENCES, strict=True)).encode()


def fastq() -> bytes:
    return "".join(f"@{i}\n{s}\n+\n{'I' * len(s)}\n" for i, s in zip(IDS, SEQUENCES, strict=True)).encode()


def write_parquet(path: Path) -> None:
    pl.DataFrame({"id": IDS, "sequence": SEQUENCES, "label": [int(r[2]) for r in ROWS]}).write_parquet(path)


def write_npy(path: Path) -> None:
    codes = np.stack([DNA.encode(s) for s in SEQUENCES])
    np.save(path, np.eye(4, dtype=np.float32)[codes])


INPUTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a.fa": (lambda p: p.write_bytes(fasta()), IDS),
    "a.fasta.gz": (lambda p: p.write_bytes(gzip.compress(fasta())), IDS),
    "a.fq": (lambda p: p.write_bytes(fastq()), IDS),
    "a.fastq.gz": (lambda p: p.write_bytes(gzip.compress(fastq())), IDS),
    "a.csv": (lambda p: p.write_bytes(csv(ROWS)), IDS),
    "a.tsv.gz": (lambda p: p.write_bytes(gzip.compress(csv(ROWS, separator="\t"))), IDS),
    "a.parquet": (write_parquet, IDS),
    "a.ndjson": (lambda p: pl.DataFrame({"id": IDS, "sequence": SEQUENCES}).write_ndjson(p), IDS),
    "a.npy": (write_npy, NUMBERED),
    "a.txt": (lambda p: p.write_text("\n".join(SEQUENCES) + "\n"), NUMBERED),
    "crlf.csv": (lambda p: p.write_bytes(csv(ROWS, end="\r\n")), IDS),
    "bom.csv": (lambda p: p.write_bytes(b"\xef\xbb\xbf" + csv(ROWS)), IDS),
    "misnamed.csv": (lambda p: p.write_bytes(gzip.compress(csv(ROWS))), IDS),
    "lower.fa": (lambda p: p.write_bytes(fasta().replace(b"A", b"a").replace(b"G", b"g")), IDS),
    "rna.csv": (lambda p: p.write_bytes(csv([(r[0], r[1].replace("T", "U"), *r[2:]) for r in ROWS])), IDS),
    "crlf.fa": (lambda p: p.write_bytes(fasta().replace(b"\n", b"\r\n")), IDS),
    "other name.csv": (lambda p: p.write_bytes(csv(ROWS, header=("id", "dna", "label", "split"))), IDS),
}
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "p.tsv": lambda p: pl.read_csv(p, separator="\t", schema_overrides={"id": pl.String, "prediction": pl.String}),
    "p.csv": lambda p: pl.read_csv(p, schema_overrides={"id": pl.String, "prediction": pl.String}),
    "p.tsv.gz": lambda p: pl.read_csv(p, separator="\t", schema_overrides={"id": pl.String, "prediction": pl.String}),
    "p.parquet": pl.read_parquet,
    "p.ndjson": pl.read_ndjson,
}


@pytest.fixture(scope="module")
def expected(trained: Path) -> pl.DataFrame:
    """The answers of the Python API."""
    return load(trained / "run" / "bundle", device="cpu").predict(SEQUENCES, ids=IDS)


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(place: Path, bundle: Path, expected: pl.DataFrame, name: str) -> None:
    write, ids = INPUTS[name]
    write(place / name)
    done = strandloom("predict", bundle, name, "--out", "deep/er/p.parquet", "--device", "cpu").good()
    assert done.out == ""
    assert done.err.startswith("37 rows in ")
    found = pl.read_parquet(place / "deep" / "er" / "p.parquet")
    assert found.columns == ["id", "prediction", "p_0", "p_1", "abstain"]
    assert found["id"].to_list() == ids
    assert found.drop("id").equals(expected.drop("id"))


@pytest.mark.parametrize("name", READERS)
def test_outputs(place: Path, bundle: Path, expected: pl.DataFrame, name: str) -> None:
    (place / "a.csv").write_bytes(csv(ROWS))
    strandloom("predict", bundle, "a.csv", "--out", name).good()
    found = READERS[name](place / name)
    assert found.columns == expected.columns
    assert found["id"].to_list() == IDS
    assert found["prediction"].to_list() == expected["prediction"].to_list()
    assert np.allclose(found["p_1"].to_numpy(), expected["p_1"].to_numpy(), atol=1e-6)
    assert found["abstain"].to_list() == expected["abstain"].to_list()


def test_answers_depend_on_neither_batch_nor_block(place: Path, bundle: Path) -> None:
    odd = [(i, s[: 5 + 7 * k % 40] + "N" * (k % 3), y, p) for k, (i, s, y, p) in enumerate(ROWS)]
    (place / "a.csv").write_bytes(csv(odd))
    strandloom("predict", bundle, "a.csv", "--out", "whole.tsv").good()
    for size in (1, 2, 7, 36):
        strandloom("predict", bundle, "a.csv", "--out", f"{size}.tsv", "--batch-size", size).good()
        assert (place / f"{size}.tsv").read_bytes() == (place / "whole.tsv").read_bytes()
        predict_file(load(bundle, device="cpu"), "a.csv", out=f"block{size}.tsv", block_rows=size)
        assert (place / f"block{size}.tsv").read_bytes() == (place / "whole.tsv").read_bytes()


def test_ambiguous_letters_and_other_lengths_are_counted(place: Path, bundle: Path) -> None:
    (place / "a.fa").write_text(
        f">n\n{'N' * 30}\n>iupac\nACGTRYSWKMBDHVN\n>gaps\nACGT--..ACGT\n>long\n{'ACGT' * 20}\n>one\nA\n"
    )
    done = strandloom("predict", bundle, "a.fa", "--out", "p.ndjson").good()
    assert "1 sequence longer than 30 bases, cropped" in done.err
    assert "3 sequences shorter than 30 bases, padded" in done.err
    found = [json.loads(line) for line in (place / "p.ndjson").read_text().splitlines()]
    assert [row["id"] for row in found] == ["n", "iupac", "gaps", "long", "one"]
    assert all(abs(row["p_0"] + row["p_1"] - 1) < 1e-5 for row in found)


def test_duplicate_ids_stay_rows_of_their_own(place: Path, bundle: Path) -> None:
    (place / "a.fa").write_text(">x\nACGT\n>x\nGGGG\n")
    strandloom("predict", bundle, "a.fa", "--out", "p.csv").good()
    assert [line.split(",")[0] for line in (place / "p.csv").read_text().splitlines()] == ["id", "x", "x"]


def test_quiet_says_nothing_but_the_summary_and_device_file_is_written(place: Path, bundle: Path) -> None:
    (place / "a.csv").write_bytes(csv(ROWS))
    (place / "sink.tsv").symlink_to("/dev/null")
    strandloom("predict", bundle, "a.csv", "--out", "sink.tsv", "--quiet").good()
    assert (place / "sink.tsv").is_symlink()
