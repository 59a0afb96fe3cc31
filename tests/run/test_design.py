"""Designs of a real bundle: files, judge, trust, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.design.settings import DesignSettings
from strandloom.errors import InputError, OutputError, SettingsError, UsageError
from strandloom.experiment import check_experiment
from strandloom.predict import load
from strandloom.run import RunResult, run_experiment
from strandloom.run.design import design_bundle
from strandloom.settings_file import check_settings

BLOCKS = [{"block": "conv", "filters": 12, "width": 7}, {"block": "activation"}, {"block": "global_pool"}]


def table(path: Path, *, seed: int, outputs: int = 1) -> Path:
    """A value that grows with the number of TATA in 30 bases, and its opposite."""
    generator = np.random.default_rng(seed)
    rows = []
    for i in range(400):
        bases = "".join(generator.choice(list("ACGT"), 30, p=[0.35, 0.15, 0.15, 0.35]))
        value = bases.count("TA") + generator.normal() * 0.2
        rows.append((f"s{i}", bases, value, 5 - value, "high" if value > 4 else "low"))
    pl.DataFrame(rows, schema=["id", "sequence", "y", "z", "level"], orient="row").write_csv(path)
    return path


def trained(folder: Path, *, seed: int = 1, seeds: int = 2, **data: Any) -> RunResult:
    task = data.pop("task", "value")
    raw = {
        "data": {"table": str(table(folder / f"t{seed}.csv", seed=seed)), "target": "y", "strand": "one", **data},
        "task": task, "split": {"kind": "random"}, "model": {"kind": "layers", "blocks": BLOCKS},
        "training": {"epochs": 6, "batch_size": 32, "augmentation": {"shift": 0}, "optimizer": {"learning_rate": 0.02}},
        "evaluation": {"resamples": 20, "kmer_sizes": [3]},
    }  # fmt: skip
    return run_experiment(check_experiment(raw), out=folder / f"RUN{seed}-{seeds}-{task}-{len(data)}", seeds=seeds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("design")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return trained(folder).folder / "bundle"


@pytest.fixture(scope="module")
def judge(folder: Path) -> Path:
    return trained(folder, seed=2, seeds=1).folder / "bundle"


def asked(**raw: Any) -> DesignSettings:
    return check_settings(DesignSettings, raw, where="design")


def starts(path: Path, *texts: str) -> Path:
    path.write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(texts)))
    return path


def test_files_and_numbers(bundle: Path, judge: Path, tmp_path: Path) -> None:
    begun = starts(tmp_path / "s.fa", "ACGTACGTCCGGACGTACGTCCGGACGTAC", "CCGGCCGGCCGGCCGGCCGGCC")
    found = design_bundle(
        bundle, out=tmp_path / "D", starts=begun, random=2, judge=judge, settings=asked(rounds=6, rules={"start_codons": "forbid"}),
        command="strandloom design …",
    )  # fmt: skip
    designs = pl.read_csv(tmp_path / "D" / "designs.tsv", separator="\t")
    assert designs["id"].to_list() == ["s0", "s1", "random-1", "random-2"]
    assert (designs["predicted"] > designs["predicted_start"]).all()
    assert (designs["judge"] > designs["judge_start"]).all()
    assert not any("ATG" in x for x in designs["design"].to_list())
    assert [len(x) for x in designs["design"].to_list()] == [30, 22, 30, 30]
    edits = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in designs.select("start", "design").iter_rows()]
    assert designs["edits"].to_list() == edits
    again = load(bundle).predict(designs["design"].to_list())
    assert again["y"].to_list() == pytest.approx(designs["predicted"].to_list(), abs=1e-4)
    steps = pl.read_csv(tmp_path / "D" / "steps.tsv", separator="\t")
    assert steps.filter(pl.col("round") == 0)["change"].to_list() == [""] * 4
    first = steps.filter(pl.col("id") == "s1")
    was, now, change = first["sequence"][0], first["sequence"][1], first["change"][1]
    assert was[int(change[1:-1]) - 1] == change[0]
    assert now[int(change[1:-1]) - 1] == change[-1]
    facts = json.loads((tmp_path / "D" / "design.json").read_text())
    assert facts["designs"] == 4
    assert facts["without_atg"] == 4
    assert facts["outputs"][0]["judge"] > facts["outputs"][0]["judge_start"]
    assert facts["region"]["disagreement"][0] > 0
    fasta = (tmp_path / "D" / "designs.fasta").read_text()
    assert fasta.startswith(">s0 y=")
    page = (tmp_path / "D" / "report.html").read_text()
    assert "4 designs of 4 starts" in page
    assert found.sentence in page.replace("&#39;", "'")
    assert "strandloom design …" in page


def test_trust_is_a_limit_where_asked(bundle: Path, tmp_path: Path) -> None:
    free = design_bundle(bundle, out=tmp_path / "free", random=3, settings=asked(rounds=25))
    held = design_bundle(bundle, out=tmp_path / "held", random=3, settings=asked(rounds=25, trust={"limit": True}))
    inside = pl.read_csv(tmp_path / "held" / "designs.tsv", separator="\t")
    assert inside["trusted"].all()
    assert not inside["beyond"].any()
    assert free.designs.finals.merit.mean() >= held.designs.finals.merit.mean()


def test_classes_are_designed_by_log_odds(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, seed=3, seeds=1, task="classes", target="level")
    settings = asked(goals=[{"output": "high"}], rounds=4, method="gradient", population=10)
    found = design_bundle(run.folder / "bundle", out=tmp_path / "D", random=2, settings=settings)
    first = found.designs.steps.take(found.designs.round == 0)
    assert (found.designs.finals.merit > first.merit).all()
    with pytest.raises(SettingsError, match="does not say which it means"):
        design_bundle(run.folder / "bundle", out=tmp_path / "E", random=2)


def test_two_outputs(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, seed=4, seeds=1, target=["y", "z"])
    settings = asked(goals=[{"output": "y", "aim": "max"}, {"output": "z", "aim": 2.0}], rounds=3)
    design_bundle(run.folder / "bundle", out=tmp_path / "D", random=2, settings=settings)
    designs = pl.read_csv(tmp_path / "D" / "designs.tsv", separator="\t")
    assert {"predicted_y", "predicted_z", "predicted_start_y"} <= set(designs.columns)
    other = trained(folder, seed=5, seeds=1).folder / "bundle"
    with pytest.raises(UsageError, match="the judge predicts y, z, the model y"):
        design_bundle(other, out=tmp_path / "E", random=2, judge=run.folder / "bundle")


def test_what_cannot_be_asked(bundle: Path, judge: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to begin from"):
        design_bundle(bundle, out=tmp_path / "D")
    with pytest.raises(InputError, match="31 bases, and the model reads 30"):
        design_bundle(bundle, out=tmp_path / "D", starts=starts(tmp_path / "l.fa", "A" * 31))
    with pytest.raises(UsageError, match="do not fit"):
        design_bundle(bundle, out=tmp_path / "D", random=1, length=40)
    with pytest.raises(SettingsError, match="goal 99 for y lies outside the values of training"):
        design_bundle(
            bundle, out=tmp_path / "D", random=1, settings=asked(goals=[{"aim": 99.0}], trust={"limit": True})
        )
    with pytest.raises(SettingsError, match="only several networks of measured values can disagree"):
        design_bundle(judge, out=tmp_path / "D", random=1, settings=asked(trust={"disagreement": 0.1}))
    with pytest.raises(InputError, match="start 's0': a start must be made of A, C, G and T"):
        design_bundle(bundle, out=tmp_path / "D", starts=starts(tmp_path / "n.fa", "ACGTNACGT"))
    assert not (tmp_path / "D").exists()
    reached = design_bundle(
        bundle, out=tmp_path / "R", random=3, settings=asked(goals=[{"aim": 5.0}], method="beam", rounds=20)
    )
    assert "3 of 3 reached 5" in reached.sentence
    noted = design_bundle(bundle, out=tmp_path / "D", random=1, settings=asked(goals=[{"aim": 99.0}], rounds=2))
    assert "lies outside the values of training" in noted.notes[0]
    assert "0 of 1 reached 99" in noted.sentence
    with pytest.raises(OutputError, match="exists already"):
        design_bundle(bundle, out=tmp_path / "D", random=1)
    alone = design_bundle(judge, out=tmp_path / "J", random=1, settings=asked(rounds=2))
    assert any("train with --seeds 3" in note for note in alone.notes)
    with pytest.raises(UsageError, match="the judge is the model that designs"):
        design_bundle(bundle, out=tmp_path / "K", random=1, judge=bundle)


def test_a_repaired_start_keeps_its_own_value(bundle: Path, tmp_path: Path) -> None:
    given = "ATGATGATGATGCCCGGGCCCATGATG"
    design_bundle(
        bundle, out=tmp_path / "D", starts=starts(tmp_path / "s.fa", given),
        settings=asked(rounds=3, rules={"start_codons": "forbid"}, broken_starts="repair"),
    )  # fmt: skip
    row = pl.read_csv(tmp_path / "D" / "designs.tsv", separator="\t").row(0, named=True)
    assert row["start"] == given
    assert row["predicted_start"] == pytest.approx(load(bundle).predict(given)["y"][0], abs=1e-4)
    assert "ATG" not in row["design"]


def test_classes_do_not_say_how_far_they_are_trusted(folder: Path, tmp_path: Path) -> None:
    run = trained(folder, seed=6, seeds=1, task="classes", target="level")
    goals = [{"output": "high"}]
    found = design_bundle(run.folder / "bundle", out=tmp_path / "D", random=2, settings=asked(goals=goals, rounds=2))
    assert "how far the model can be trusted is not known" in found.sentence
    assert "log odds of high from" in found.sentence
    with pytest.raises(SettingsError, match="models of classes do not say"):
        design_bundle(
            run.folder / "bundle", out=tmp_path / "E", random=2, settings=asked(goals=goals, trust={"limit": True})
        )


def test_the_gradient_is_that_of_the_networks(folder: Path, bundle: Path) -> None:
    """What the gradient climbs is what the networks answer, on one strand and on both."""
    import torch

    from strandloom.run.design_oracle import differentiable

    both = trained(folder, seed=7, seeds=1, strand="both").folder / "bundle"
    for path in (bundle, both):
        predictor = load(path)
        codes = np.random.default_rng(1).integers(0, 4, (5, 30)).astype(np.uint8)
        values = differentiable(predictor)
        assert values is not None
        x = torch.nn.functional.one_hot(torch.from_numpy(codes.astype(np.int64)), 4).transpose(1, 2).float()
        own = predictor.scores(codes, np.full(5, 30, np.int32)).network
        np.testing.assert_allclose(values(x).detach().numpy(), own, atol=1e-4)


def test_no_design_is_said(bundle: Path, tmp_path: Path) -> None:
    """Nothing is as similar to training as was asked for."""
    settings = asked(rounds=2, trust={"limit": True, "similarity": 1.0})
    found = design_bundle(bundle, out=tmp_path / "D", random=2, settings=settings)
    assert found.sentence == "No design came of 2 starts."
    assert found.without == (
        ("random-1", "nothing inside the trusted region was met"), ("random-2", "nothing inside the trusted region was met"),
    )  # fmt: skip
    assert (tmp_path / "D" / "report.html").is_file()
