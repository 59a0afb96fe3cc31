"""Variants against a plain way to score them: two texts, two predictions; and files that lose nothing."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import InputError, OutputError, UsageError
from strandloom.experiment import check_experiment
from strandloom.io.genome import open_genome
from strandloom.io.vcf import read_variants
from strandloom.predict import Predictor, load, predict_file
from strandloom.run.folder import HeldError, held
from strandloom.run.train import run_experiment
from strandloom.workflows.variants import run as job
from strandloom.workflows.variants.run import score_vcf
from strandloom.workflows.variants.windows import cut_pairs, place

LENGTH = 40
HEAD = "##fileformat=VCFv4.2\n##contig=<ID=c1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome of two contigs, a VCF with every kind of record, and models of labels, classes and values."""
    folder = tmp_path_factory.mktemp("variants")
    generator = np.random.default_rng(1)
    contigs = {name: "".join(generator.choice(list("ACGT"), size)) for name, size in (("c1", 400), ("c2", 90))}
    (folder / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    records = []
    for name, text in contigs.items():
        for at in range(0, len(text), 7):
            ref = text[at]
            other = next(x for x in "ACGT" if x != ref)
            records.append((name, at + 1, ref, other))
            if at + 4 < len(text):
                records.append((name, at + 1, text[at : at + 4], text[at]))
                records.append((name, at + 1, ref, f"{ref}GG,{other}"))
    wrong = "A" if contigs["c1"][9] != "A" else "C"
    records += [
        ("c1", 5, "N", "A"),
        ("c1", 10, wrong, "G"),
        ("c9", 3, "A", "G"),
        ("c2", 89, contigs["c2"][88:] + "A", "A"),
        ("c1", 20, contigs["c1"][19], "<INS>"),
        ("c1", 30, contigs["c1"][29:59], contigs["c1"][29]),
    ]
    lines = "".join(f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t0/1\n" for chrom, pos, ref, alt in records)
    (folder / "v.vcf").write_text(HEAD + lines)
    (folder / "v.vcf.gz").write_bytes(gzip.compress((HEAD + lines).encode()))
    rows = []
    for i in range(240):
        text = "".join(generator.choice(list("ACGT"), LENGTH))
        rows.append(
            (
                text,
                ("train", "train", "validation", "test")[i % 4],
                int("GG" in text),
                int("TA" in text),
                text.count("G"),
            )
        )
    frame = pl.DataFrame(rows, schema=["sequence", "split", "a", "b", "y"], orient="row")
    frame.write_csv(folder / "t.csv")
    for name, task, target, seeds in (
        ("labels", "labels", ["a", "b"], 2),
        ("classes", "classes", "a", 1),
        ("values", "value", "y", 2),
    ):
        raw: dict[str, Any] = {
            "data": {"table": str(folder / "t.csv"), "target": target, "strand": "both"}, "task": task, "split": {"kind": "column"},
            "model": {"kind": "layers", "blocks": [
                {"block": "conv", "filters": 8, "width": 5}, {"block": "activation", "function": "gelu"}, {"block": "global_pool"},
            ]}, "training": {
                "epochs": 4, "batch_size": 16, "augmentation": {"shift": 0}, "optimizer": {"learning_rate": 0.02},
            },
            "evaluation": {"resamples": 0, "kmer_sizes": [3]},
        }  # fmt: skip
        run_experiment(check_experiment(raw), out=folder / name, seeds=seeds)
    return folder


def texts(contig: str, pos: int, ref: str, alt: str, genome: dict[str, str]) -> tuple[str, str]:
    """Windows as texts: both begin at the same base; beyond the contig there is nothing."""
    text, at = genome[contig], pos - 1
    changed = text[:at] + alt + text[at + len(ref) :]
    begin = at - LENGTH // 2
    return text[max(begin, 0) : begin + LENGTH], changed[max(begin, 0) : begin + LENGTH]


def contigs_of(folder: Path) -> dict[str, str]:
    lines = (folder / "g.fa").read_text().splitlines()
    return {name[1:]: text for name, text in zip(lines[::2], lines[1::2], strict=True)}


def test_windows_are_the_texts_with_either_allele(place_of: Path) -> None:
    genome, known = open_genome(place_of / "g.fa"), contigs_of(place_of)
    (block,) = read_variants(place_of / "v.vcf")
    placed = place(block, genome, length=LENGTH)
    pair = cut_pairs(block, placed, genome, length=LENGTH)
    assert len(pair.reference) < len(placed.rows)
    for n, row in enumerate(placed.rows.tolist()):
        before, after = texts(block.chrom[row], block.pos[row], block.ref[row], block.alt[row], known)
        own = pair.reference[pair.which[n]]
        assert DNA.decode(own[own != DNA.pad]) == before
        other = pair.alternative[n]
        assert DNA.decode(other[other != DNA.pad]) == after
    reasons = Counter(one.reason.split(":")[0] for one in placed.left_out)
    assert reasons == {
        "the reference allele is not the genome's": 2, "the genome has no such contig": 1, "it ends beyond the contig of 90 bases": 1,
        "symbolic allele <INS>": 1, "an allele is longer than the 20 bases that fit": 1,
    }  # fmt: skip


def rows_of(predictor: Predictor, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers to windows: probabilities or values, and log odds or values."""
    lengths = np.full(len(codes), LENGTH, np.int32)
    scores = predictor.scores(codes, lengths).blended
    if predictor.manifest.task == "value":
        return scores, scores
    labels = predictor.manifest.task == "labels"
    p = predictor.label_probabilities(scores) if labels else predictor.decision.apply(scores).probabilities
    return p, np.log(p / (1 - p))


@pytest.mark.parametrize("task", ["labels", "classes", "values"])
@pytest.mark.parametrize("shifts", [1, 3])
def test_effects_are_the_difference_of_two_predictions(place_of: Path, tmp_path: Path, task: str, shifts: int) -> None:
    predictor = load(place_of / task / "bundle")
    out = tmp_path / "v.tsv"
    found = score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out, shifts=shifts)
    frame = pl.read_csv(out, separator="\t")
    genome = open_genome(place_of / "g.fa")
    (block,) = read_variants(place_of / "v.vcf")
    placed = place(block, genome, length=LENGTH)
    assert len(frame) == found.scored == len(placed.rows)
    assert found.alleles == found.scored + found.left_out == len(block) + len(block.left_out)
    name = predictor.manifest.labels[-1]
    end = "" if len(predictor.manifest.labels) == 1 else f"_{name}"
    effects = []
    for shift in (0,) if shifts == 1 else (-1, 0, 1):
        pair = cut_pairs(block, placed, genome, length=LENGTH, shift=shift)
        (_, before), (_, after) = rows_of(predictor, pair.reference[pair.which]), rows_of(predictor, pair.alternative)
        effects.append(after[:, -1] - before[:, -1])
    column = "difference" if task == "values" else "log_odds_ratio"
    assert frame[f"{column}{end}"].std() > 1e-3
    assert frame[f"{column}{end}"].to_numpy() == pytest.approx(np.mean(effects, axis=0), abs=2e-4)
    assert (f"sd{end}" in frame.columns) == (predictor.manifest.members > 1)
    left = pl.read_csv(f"{out}.left_out.tsv", separator="\t")
    assert len(left) == found.left_out == 6
    assert left["line"].is_sorted()


@pytest.mark.parametrize("task", ["labels", "values"])
def test_reference_answers_are_those_of_predict(place_of: Path, tmp_path: Path, task: str) -> None:
    """Also where a window lies over an end of its contig."""
    predictor = load(place_of / task / "bundle")
    found = score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=tmp_path / "v.tsv")
    assert found.padded > 10
    frame = pl.read_csv(tmp_path / "v.tsv", separator="\t")
    places = tmp_path / "places.tsv"
    frame.select("chrom", start=pl.col("pos") - 1, end=pl.col("pos")).write_csv(places, separator="\t")
    predict_file(predictor, places, out=tmp_path / "p.tsv", genome=place_of / "g.fa")
    said = pl.read_csv(tmp_path / "p.tsv", separator="\t")
    name, column = ("b", "reference_b") if task == "labels" else ("y", "reference")
    assert frame[column].to_numpy() == pytest.approx(said[name].to_numpy(), abs=2e-5)


def test_places_that_cannot_be_read_are_skipped_and_windows_over_ends_said(place_of: Path, tmp_path: Path) -> None:
    predictor, genome = load(place_of / "values/bundle"), place_of / "g.fa"
    (tmp_path / "p.bed").write_text("track name=x\nc1\t0\t10\nc9\t1\t2\nc1\t100\t110\nc2\t500\t510\n")
    with pytest.raises(InputError, match="no contig 'c9'"):
        predict_file(predictor, tmp_path / "p.bed", out=tmp_path / "p.tsv", genome=genome)
    found = predict_file(predictor, tmp_path / "p.bed", out=tmp_path / "p.tsv", genome=genome, on_bad_row="skip")
    assert pl.read_csv(tmp_path / "p.tsv", separator="\t")["id"].to_list() == ["c1:0-10", "c1:100-110"]
    assert found.lines()[1:] == [
        "1 window over an end of the contig, padded there",
        "2 rows skipped:",
        "  the genome has no contig 'c9' (line 3)",
        "  the place 500 to 510 lies beyond its contig 'c2' of 90 bases (line 5)",
    ]


def test_long_substitutions_under_shifts(place_of: Path, tmp_path: Path) -> None:
    text = contigs_of(place_of)["c1"]
    vcf = tmp_path / "m.vcf"
    lines = [f"c1\t201\t.\t{text[200 : 200 + n]}\t{text[100 : 100 + n]}\t.\t.\t." for n in (2, 12, 16, 20)]
    vcf.write_text(HEAD + "\n".join(lines) + "\n")
    found = score_vcf(load(place_of / "values/bundle"), place_of / "g.fa", vcf, out=tmp_path / "v.tsv", shifts=9)
    assert (found.scored, found.left_out) == (3, 1)
    assert "longer than the 16 bases that fit" in (tmp_path / "v.tsv.left_out.tsv").read_text()
    with pytest.raises(UsageError, match="fewer shifts"):
        score_vcf(load(place_of / "values/bundle"), place_of / "g.fa", vcf, out=tmp_path / "w.tsv", shifts=50)


def test_other_names_of_contigs(place_of: Path, tmp_path: Path) -> None:
    predictor = load(place_of / "values/bundle")
    vcf = tmp_path / "m.vcf"
    base = contigs_of(place_of)["c1"][9]
    other = "A" if base != "A" else "C"
    vcf.write_text(HEAD + f"chr1\t10\t.\t{base}\t{other}\t30\tPASS\tDP=5;strandloom=old\n")
    (tmp_path / "alias.tsv").write_text("chr1\tc1\n")
    score_vcf(predictor, place_of / "g.fa", vcf, out=tmp_path / "v.vcf", alias=tmp_path / "alias.tsv")
    record = (tmp_path / "v.vcf").read_text().splitlines()[-1].split("\t")
    assert record[5:7] == ["30", "PASS"]
    assert record[7].startswith("DP=5;strandloom=y|")
    assert record[7].count("strandloom=") == 1
    score_vcf(
        predictor, place_of / "g.fa", tmp_path / "v.vcf", out=tmp_path / "again.vcf", alias=tmp_path / "alias.tsv"
    )
    assert (tmp_path / "again.vcf").read_text() == (tmp_path / "v.vcf").read_text()
    with pytest.raises(OutputError, match="this is the input file"):
        score_vcf(predictor, place_of / "g.fa", vcf, out=vcf, force=True)


def test_contigs_that_only_some_records_lack(place_of: Path, tmp_path: Path) -> None:
    """Whole blocks without a known contig are listed, not an error."""
    base = contigs_of(place_of)["c1"][9]
    other = "A" if base != "A" else "C"
    vcf = tmp_path / "m.vcf"
    vcf.write_text(HEAD + "c9\t10\t.\tA\tG\t.\t.\t.\n" * 7 + f"c1\t10\t.\t{base}\t{other}\t.\t.\t.\n")
    for name in ("v.tsv", "v.parquet"):
        found = score_vcf(
            load(place_of / "values/bundle"), place_of / "g.fa", vcf, out=tmp_path / name, block_records=3
        )
        assert (found.scored, found.left_out) == (1, 7)
    assert pl.read_parquet(tmp_path / "v.parquet").shape[0] == 1


def test_formats_say_the_same(place_of: Path, tmp_path: Path) -> None:
    predictor = load(place_of / "labels/bundle")
    outs = {name: tmp_path / f"v.{name}" for name in ("tsv", "parquet", "csv.gz", "vcf", "vcf.gz")}
    for out in outs.values():
        score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf.gz", out=out, block_records=50)
    table = pl.read_csv(outs["tsv"], separator="\t")
    assert pl.read_parquet(outs["parquet"]).columns == table.columns
    packed = pl.read_csv(outs["csv.gz"])
    assert packed["log_odds_ratio_a"].to_list() == pytest.approx(table["log_odds_ratio_a"].to_list())
    assert pl.read_parquet(outs["parquet"])["log_odds_ratio_a"].to_list() == pytest.approx(
        table["log_odds_ratio_a"].to_list(), abs=2e-6
    )
    (again,) = read_variants(outs["vcf"])
    assert again.chrom == table["chrom"].to_list()
    assert again.alt == table["alt"].to_list()
    text = outs["vcf"].read_text()
    assert text == gzip.decompress(outs["vcf.gz"].read_bytes()).decode()
    assert "##contig=<ID=c1>" in text
    assert "##INFO=<ID=strandloom" in text
    first = next(line for line in text.splitlines() if not line.startswith("#"))
    assert first.split("\t")[7].startswith("strandloom=")
    assert len(first.split("\t")) == 8


def test_a_killed_run_goes_on_and_gives_the_same(
    place_of: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = load(place_of / "labels/bundle")
    whole, out = tmp_path / "whole.tsv", tmp_path / "v.tsv"
    score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=whole, block_records=40)
    plain, calls = job.score_variants, []

    def dies(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*arguments, **more)

    monkeypatch.setattr(job, "score_variants", dies)
    with pytest.raises(KeyboardInterrupt):
        score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out, block_records=40)
    assert not out.exists()
    assert (tmp_path / "v.tsv.partial/000001.tsv").is_file()
    monkeypatch.setattr(job, "score_variants", plain)
    found = score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out, block_records=40)
    assert found.continued == 80
    assert out.read_bytes() == whole.read_bytes()
    assert Path(f"{out}.left_out.tsv").read_bytes() == Path(f"{whole}.left_out.tsv").read_bytes()
    assert not (tmp_path / "v.tsv.partial").exists()


def test_a_kill_while_blocks_are_joined(place_of: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, out = load(place_of / "labels/bundle"), tmp_path / "v.tsv"
    plain = shutil.rmtree

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", dies)
    with pytest.raises(KeyboardInterrupt):
        score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out)
    monkeypatch.setattr(shutil, "rmtree", plain)
    assert out.is_file()
    content = out.read_bytes()
    found = score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out)
    assert found.continued == found.records
    assert out.read_bytes() == content
    with pytest.raises(OutputError, match="exists already"):
        score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out)


def test_two_processes_do_not_share_an_output(place_of: Path, tmp_path: Path) -> None:
    predictor, out = load(place_of / "labels/bundle"), tmp_path / "v.tsv"
    folder = tmp_path / "v.tsv.partial"
    folder.mkdir()
    with held(folder), pytest.raises(HeldError, match="another process is writing these variants"):
        score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=out)


def test_other_settings_begin_anew(place_of: Path, tmp_path: Path) -> None:
    predictor = load(place_of / "labels/bundle")
    folder = tmp_path / "v.tsv.partial"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"weights": "others"}))
    (folder / "000000.tsv").write_text("nonsense\n")
    (folder / "000000.left_out.tsv").write_text("")
    found = score_vcf(predictor, place_of / "g.fa", place_of / "v.vcf", out=tmp_path / "v.tsv", outputs=["b"])
    assert found.continued == 0
    frame = pl.read_csv(tmp_path / "v.tsv", separator="\t")
    assert [c for c in frame.columns if c.endswith(("_a", "_b"))] == [
        "reference_b", "alternative_b", "difference_b", "log_odds_ratio_b", "sd_b",
    ]  # fmt: skip


def test_mistakes(place_of: Path, tmp_path: Path) -> None:
    predictor, genome, vcf = load(place_of / "labels/bundle"), place_of / "g.fa", place_of / "v.vcf"
    with pytest.raises(UsageError, match="names no format"):
        score_vcf(predictor, genome, vcf, out=tmp_path / "v.txt")
    with pytest.raises(UsageError, match="no output 'c'"):
        score_vcf(predictor, genome, vcf, out=tmp_path / "v.tsv", outputs=["c"])
    (tmp_path / "there.tsv").write_text("x")
    with pytest.raises(OutputError, match="exists already"):
        score_vcf(predictor, genome, vcf, out=tmp_path / "there.tsv")
    named = tmp_path / "chr.vcf"
    named.write_text(HEAD + "chrc1\t10\t.\tA\tG\t.\t.\t.\tGT\t0/1\n")
    with pytest.raises(InputError, match=r"chr\.vcf: the genome has no contig 'chrc1'"):
        score_vcf(predictor, genome, named, out=tmp_path / "v.tsv")
    named.write_text(HEAD + "c1\t10\t.\tN\tG\t.\t.\t.\tGT\t0/1\n")
    with pytest.raises(
        InputError, match="no allele of 1 record could be scored; the commonest reason: the reference allele"
    ):
        score_vcf(predictor, genome, named, out=tmp_path / "v.tsv")
    assert not list(tmp_path.glob("*.partial"))
