"""Samples to compositions: what comes out, and what becomes of bad files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.sources.collection import Collection
from strandloom.workflows.sources.draws import ReadProfile
from strandloom.workflows.sources.estimate import Estimated, estimate_files
from strandloom.workflows.sources.pool import read_pool
from strandloom.workflows.sources.reads import SampleFiles, expected_reads, sample_files
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings
from strandloom.workflows.sources.simulate import MixtureSettings, simulate_sources
from strandloom.workflows.sources.train import Trained

Made = tuple[Path, Trained]
QUICK = EstimateSettings(resamples=40)


@pytest.fixture(scope="module")
def samples(genomes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples of 1,500 reads, up to half of them foreign."""
    out = tmp_path_factory.mktemp("samples") / "S"
    settings = MixtureSettings(samples=3, reads=1500, foreign=0.5, seed=3)
    return simulate_sources(genomes, out=out, settings=settings, foreign=[genomes.parent / "foreign.fa.gz"])


@pytest.fixture(scope="module")
def estimated(trained: Made, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Estimated:
    out = tmp_path_factory.mktemp("estimate") / "E"
    return estimate_files(trained[0], [samples / "samples.tsv"], out=out, per_read=True, settings=QUICK, threads=1)


def one(trained: Made, path: Path, out: Path, **more: object) -> Estimated:
    return estimate_files(trained[0], [path], out=out, settings=QUICK, threads=1, **more)  # type: ignore[arg-type]


def test_shares_are_near_the_truth(estimated: Estimated, samples: Path) -> None:
    truth = pl.read_csv(samples / "truth.tsv", separator="\t")
    found = pl.read_csv(estimated.folder / "composition.tsv", separator="\t")
    assert found.columns == ["sample", "source", "proportion", "low", "high", "method"]
    em = found.filter(pl.col("method") == "em")
    assert em["source"].to_list()[:4] == ["mouth", "gut", "skin", "unknown"]
    assert em.group_by("sample").agg(pl.sum("proportion"))["proportion"].to_list() == pytest.approx([1.0] * 3, abs=1e-4)
    both = em.join(truth, on=["sample", "source"], suffix="_true")
    assert (both["proportion"] - both["proportion_true"]).abs().mean() < 0.06
    assert (both["low"] <= both["proportion"] + 1e-9).all()
    assert (both["high"] >= both["proportion"] - 1e-9).all()
    unknown = both.filter(pl.col("source") == "unknown")
    argmax = found.filter((pl.col("method") == "argmax") & (pl.col("source") == "unknown"))
    assert argmax["proportion"].to_list() == [0.0] * 3
    assert (unknown["proportion"] - unknown["proportion_true"]).abs().max() < 0.15


def test_every_read_is_written(estimated: Estimated) -> None:
    reads = pl.read_parquet(estimated.folder / "reads.parquet")
    assert reads.columns == ["sample", "id", "prediction", "p_mouth", "p_gut", "p_skin", "p_unknown"]
    assert reads.height == 4500
    total = reads.select(pl.sum_horizontal("p_mouth", "p_gut", "p_skin", "p_unknown")).to_series()
    assert total.to_list() == pytest.approx([1.0] * 4500, abs=1e-4)
    assert reads["id"][0] == "r1"


def test_other_files(estimated: Estimated) -> None:
    assert pl.read_parquet(estimated.folder / "composition.parquet").height == 36
    assert json.loads((estimated.folder / "estimate.json").read_text())["samples"][0]["reads"] == 1500
    page = (estimated.folder / "report.html").read_text()
    assert "Where the reads come from" in page
    assert "sample-3" in page
    assert estimated.lines()[0].startswith("sample-1: ")


def test_the_same_again_whatever_the_threads(
    trained: Made, samples: Path, estimated: Estimated, tmp_path: Path
) -> None:
    estimate_files(trained[0], [samples / "samples.tsv"], out=tmp_path / "E", settings=QUICK, threads=2)
    assert (tmp_path / "E" / "composition.tsv").read_text() == (estimated.folder / "composition.tsv").read_text()


def test_few_reads_have_wide_intervals(trained: Made, samples: Path, tmp_path: Path) -> None:
    lines = gzip.decompress((samples / "sample-1.fastq.gz").read_bytes()).decode().splitlines()[:20]
    (tmp_path / "few.fastq").write_text("\n".join(lines) + "\n")
    found = one(trained, tmp_path / "few.fastq", tmp_path / "E")
    shares = found.samples[0].composition.shares["em"]
    assert found.samples[0].composition.reads == 5
    assert (shares.high - shares.low).max() > 0.3
    assert "only 5 reads" in (tmp_path / "E" / "samples.tsv").read_text()


def test_a_file_cut_short_gives_what_came_before(trained: Made, samples: Path, tmp_path: Path) -> None:
    text = gzip.decompress((samples / "sample-1.fastq.gz").read_bytes()) * 30
    data = gzip.compress(text)  # what is inflated together with the damage is lost: 256 KiB at most
    (tmp_path / "cut.fastq.gz").write_bytes(data[: len(data) * 3 // 4])
    found = one(trained, tmp_path / "cut.fastq.gz", tmp_path / "E")
    assert found.fault is not None
    assert "cut short" in str(found.fault)
    assert 10_000 < found.samples[0].composition.reads < 45_000
    assert "reading stopped after" in (tmp_path / "E" / "samples.tsv").read_text()


def test_damage_at_the_start_is_an_error(trained: Made, tmp_path: Path) -> None:
    (tmp_path / "bad.fastq").write_text("@r1\nACGTACGT\n+\nIII\n")
    with pytest.raises(InputError, match="8 bases but 3 quality values"):
        one(trained, tmp_path / "bad.fastq", tmp_path / "E")
    assert not (tmp_path / "E").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">p\nMKVLAAGIVGLLLAQWERTYIPASDFGHKLCVNM\n", "no DNA letter|not DNA|protein"),
        (">a\n" + "N" * 80 + "\n", "no stretch of known bases"),
        (">a\nACGTACGTAC\n", "too short"),
    ],
)
def test_what_cannot_be_used_is_said(trained: Made, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.fa").write_text(text)
    with pytest.raises(InputError, match=words):
        one(trained, tmp_path / "x.fa", tmp_path / "E")


def test_an_empty_sample_beside_others(trained: Made, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.fa").write_text(">a\nACGTACGTAC\n")
    found = estimate_files(
        trained[0], [tmp_path / "tiny.fa", samples / "sample-1.fastq.gz"], out=tmp_path / "E", settings=QUICK, threads=1
    )
    assert found.samples[0].composition.reads == 0
    assert "no read can be used" in found.lines()[0]
    frame = pl.read_csv(tmp_path / "E" / "composition.tsv", separator="\t")
    tiny = frame.filter((pl.col("sample") == "tiny") & (pl.col("method") == "em"))
    assert tiny["proportion"].null_count() == 4
    assert tiny["low"].to_list() == [0.0] * 4
    assert tiny["high"].to_list() == [1.0] * 4


def pairs(samples: Path, folder: Path, *, lost: int = 0) -> list[Path]:
    lines = gzip.decompress((samples / "sample-1.fastq.gz").read_bytes()).decode().splitlines()
    first, second = folder / "x_R1.fastq", folder / "x_R2.fastq"
    first.write_text("\n".join(lines[:2000]) + "\n")
    second.write_text("\n".join(lines[2000 : 4000 - 4 * lost]) + "\n")
    return [first, second]


def test_mates_make_one_sample(trained: Made, samples: Path, tmp_path: Path) -> None:
    files = pairs(samples, tmp_path)
    assert [x.sample for x in sample_files(files)] == ["x"]
    found = estimate_files(trained[0], files, out=tmp_path / "E", per_read=True, settings=QUICK, threads=1)
    assert found.samples[0].composition.reads == 1000
    assert pl.read_parquet(tmp_path / "E" / "reads.parquet").height == 500


def test_mates_that_are_not_as_many(trained: Made, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends 3 reads"):
        estimate_files(trained[0], pairs(samples, tmp_path, lost=3), out=tmp_path / "E", settings=QUICK, threads=1)


def test_numbered_samples_are_no_mates(tmp_path: Path) -> None:
    def names(*files: str) -> list[str]:
        for name in files:
            (tmp_path / name).write_text(">a\nACGT\n")
        return [x.sample for x in sample_files([tmp_path / name for name in files])]

    assert names("sample-1.fa", "sample-2.fa") == ["sample-1", "sample-2"]
    assert names("s_1.fa", "s_2.fa", "s_3.fa") == ["s_1", "s_2", "s_3"]
    assert names("t_1.fa", "t_2.fa") == ["t"]
    assert names("u_R1_001.fa", "u_R2_001.fa", "u_3.fa") == ["u", "u_3"]


def test_an_empty_mate_is_an_error(trained: Made, samples: Path, tmp_path: Path) -> None:
    files = pairs(samples, tmp_path)
    lines = files[0].read_text().splitlines()
    lines[5], lines[7] = "", ""
    files[0].write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"x_R1.fastq:\d+"):
        estimate_files(trained[0], files, out=tmp_path / "E", settings=QUICK, threads=1)


def test_one_read_says_next_to_nothing(trained: Made, samples: Path, tmp_path: Path) -> None:
    lines = gzip.decompress((samples / "sample-1.fastq.gz").read_bytes()).decode().splitlines()[:4]
    (tmp_path / "one.fastq").write_text("\n".join(lines) + "\n")
    shares = one(trained, tmp_path / "one.fastq", tmp_path / "E").samples[0].composition.shares["em"]
    assert (shares.high - shares.low).max() > 0.8


def test_two_samples_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.fa").write_text(">a\nACGT\n")
    with pytest.raises(InputError, match="a sample called 's'"):
        sample_files([tmp_path / "a" / "s.fa", tmp_path / "b" / "s.fa"])
    with pytest.raises(InputError, match="no such file"):
        sample_files([tmp_path / "none.fa"])


def test_adapters_are_cut_off(trained: Made, samples: Path, tmp_path: Path) -> None:
    lines = gzip.decompress((samples / "sample-1.fastq.gz").read_bytes()).decode().splitlines()
    adapter = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCAC"
    for i in range(1, 4000, 8):
        lines[i] = (lines[i][:60] + adapter)[:80]
    (tmp_path / "a.fastq").write_text("\n".join(lines) + "\n")
    found = one(trained, tmp_path / "a.fastq", tmp_path / "E")
    assert 480 <= found.samples[0].facts.adapters <= 620  # 500, and ends that look like its first three bases
    left = one(trained, tmp_path / "a.fastq", tmp_path / "F", reads=ReadSettings(adapters="none"))
    assert left.samples[0].facts.adapters == 0


def test_bases_of_low_quality_are_cut_off(trained: Made, tmp_path: Path) -> None:
    (tmp_path / "q.fastq").write_text(
        "".join(f"@r{i}\n{'ACGTTGCA' * 10}\n+\n{'I' * 50}{'#' * 30}\n" for i in range(20))
    )
    found = one(trained, tmp_path / "q.fastq", tmp_path / "E", reads=ReadSettings(quality=20))
    assert found.samples[0].facts.low_quality == 20
    assert found.samples[0].facts.bases == 20 * 50


def test_simulated_shares_are_those_of_the_reads(samples: Path, collection: Collection, genomes: Path) -> None:
    truth = pl.read_csv(samples / "truth.tsv", separator="\t")
    lines = gzip.decompress((samples / "sample-2.fastq.gz").read_bytes()).decode().splitlines()[::4]
    named = [line.split("genome=")[1].split()[0] for line in lines]
    gut = sum(name.startswith("gut") for name in named) / len(named)
    assert truth.filter((pl.col("sample") == "sample-2") & (pl.col("source") == "gut"))["proportion"][
        0
    ] == pytest.approx(gut)
    assert read_pool([genomes.parent / "foreign.fa.gz"]).members == 1
    assert np.isclose(truth.filter(pl.col("sample") == "sample-2")["proportion"].sum(), 1)
    assert ReadProfile().length == len(
        gzip.decompress((samples / "sample-2.fastq.gz").read_bytes()).decode().splitlines()[1]
    )
    assert len(collection.environments) == 3


def test_a_table_of_counts_is_refused_in_words(tmp_path: Path) -> None:
    counts = tmp_path / "counts.tsv"
    counts.write_text("taxon\ts1\ts2\nBacteroides\t5\t9\n")
    with pytest.raises(InputError, match="no column 'sample'") as found:
        sample_files([counts])
    assert "sources taxa" in (found.value.hint or "")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["fastq", "fasta"])
def test_expected_reads(tmp_path: Path, packed: bool, form: str) -> None:
    generator = np.random.default_rng(3)
    reads = ["".join(generator.choice(list("ACGT"), 80)) for _ in range(9000)]
    records = [f"@r{i}\n{x}\n+\n{'I' * 80}\n" if form == "fastq" else f">r{i}\n{x}\n" for i, x in enumerate(reads)]
    data = "".join(records).encode() * 3
    file = tmp_path / ("x.gz" if packed else "x")
    file.write_bytes(gzip.compress(data) if packed else data)
    assert expected_reads(SampleFiles("x", file)) == pytest.approx(27_000, rel=0.1)
    assert expected_reads(SampleFiles("x", file, file)) == pytest.approx(54_000, rel=0.1)


def test_samples_are_written_in_pieces(genomes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = MixtureSettings(samples=1, reads=250, seed=3)
    whole = simulate_sources(genomes, out=tmp_path / "whole", settings=settings)
    monkeypatch.setattr("strandloom.workflows.sources.simulate._RECORDS", 100)
    pieces = simulate_sources(genomes, out=tmp_path / "pieces", settings=settings)
    one, other = (gzip.decompress((x / "sample-1.fastq.gz").read_bytes()) for x in (whole, pieces))
    assert one == other
    assert one.count(b"\n") == 1000


def test_the_page_says_what_practice_is_called(estimated: Estimated) -> None:
    page = (estimated.folder / "report.html").read_text()
    assert "reads like nothing: read backwards" in page
    assert "Reads answered rightly when a genus, or a part of it, was left out of training" in page
    assert "Mouthella0" in page


def test_a_sample_is_the_same_whatever_stands_before_it(trained: Made, samples: Path, tmp_path: Path) -> None:
    second = samples / "sample-2.fastq.gz"
    alone = one(trained, second, tmp_path / "alone")
    both = estimate_files(
        trained[0], [samples / "sample-1.fastq.gz", second], out=tmp_path / "both", settings=QUICK, threads=1
    )
    for name in ("em", "confusion", "argmax"):
        np.testing.assert_array_equal(
            alone.samples[0].composition.shares[name].value, both.samples[1].composition.shares[name].value
        )
