"""The generator does what its settings say, and its ceiling is the published one."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.data.mixture import MotifSimulation, log_ratios
from strandloom.data.simulate import draw, generator_ceiling, simulate, write_simulation


def test_the_published_generator() -> None:
    settings = MotifSimulation()
    simulated = simulate(settings, 7)
    frame = simulated.frame
    assert frame.columns == ["id", "sequence", "label", "motif", "start", "split"]
    assert frame.height == 10_000
    assert frame["sequence"].str.len_bytes().unique().to_list() == [200]
    assert frame["id"].n_unique() == 10_000
    assert frame["label"].sum() == 5_000
    assert dict(frame["split"].value_counts().iter_rows()) == {"train": 6400, "validation": 1600, "test": 2000}
    positives = frame.filter(pl.col("label") == 1)
    assert (positives["sequence"].str.slice(0).is_not_null()).all()
    for sequence, motif, start in positives.select("sequence", "motif", "start").iter_rows():
        assert sequence[start : start + len(motif)] == motif
    shares = positives["motif"].value_counts()["count"].to_numpy() / 5_000
    assert np.allclose(shares, 0.25, atol=0.03)
    assert abs(positives["start"].mean() - 97.4) < 3  # type: ignore[operator]
    negatives = frame.filter(pl.col("label") == 0)
    assert negatives["start"].unique().to_list() == [-1]
    assert negatives["motif"].unique().to_list() == [""]
    runs = negatives["sequence"].str.contains("A{7}|C{7}|G{7}|T{7}").mean()
    by_chance = positives["sequence"].str.contains("A{7}|C{7}|G{7}|T{7}").mean()
    assert abs(runs - (0.3 + 0.7 * by_chance)) < 0.03  # type: ignore[operator]
    first = frame["label"][:1000].mean()
    assert 0.4 < first < 0.6  # type: ignore[operator]


def test_the_published_ceiling() -> None:
    """REFERENCE §7: accuracy .837, AUROC .907; about .81 for a strand-symmetric classifier."""
    found = generator_ceiling(MotifSimulation(), rows=20_000, seed=3)
    assert found.accuracy == pytest.approx(0.837, abs=0.01)
    assert found.roc_auc == pytest.approx(0.907, abs=0.01)
    assert found.strand_symmetric_accuracy == pytest.approx(0.81, abs=0.01)
    own = simulate(MotifSimulation(), 1).ceiling
    assert own.accuracy == pytest.approx(0.837, abs=0.015)
    assert own.rows == 10_000


def test_draws_follow_the_model() -> None:
    """Frequencies of all 4^6 sequences in a large sample agree with the exact ratios, and so does the best accuracy."""
    settings = MotifSimulation(
        n=200_000,
        length=6,
        motifs=("TAT", "GG"),
        positive_fraction=0.3,
        homopolymer_rate=0.5,
        homopolymer_length=3,
        gc=0.4,
    )
    ratio = log_ratios(np.array(list(product(range(4), repeat=6)), np.uint8), settings).one_strand
    drawn = draw(settings, np.random.default_rng(5))
    number = drawn.codes @ (4 ** np.arange(5, -1, -1))
    positive = np.bincount(number[drawn.positive], minlength=4**6)
    negative = np.bincount(number[~drawn.positive], minlength=4**6)
    common = (positive >= 20) & (negative >= 20)
    assert common.sum() > 300
    observed = np.log(positive[common] / 60_000) - np.log(negative[common] / 140_000)
    z = (observed - ratio[common]) / np.sqrt(1 / positive[common] + 1 / negative[common])
    assert np.mean(z**2) == pytest.approx(1, abs=0.25)
    assert (positive[np.isneginf(ratio)] == 0).all()
    best = np.mean((ratio[number] + np.log(0.3 / 0.7) > 0) == drawn.positive)
    assert generator_ceiling(settings, rows=50_000, seed=1).accuracy == pytest.approx(best, abs=0.005)


def test_seed_and_settings_decide_everything() -> None:
    settings = MotifSimulation(n=200, length=60)
    assert simulate(settings, 3).frame.equals(simulate(settings, 3).frame)
    assert not simulate(settings, 3).frame.equals(simulate(settings, 4).frame)


def test_matrices_iupac_gc_and_rates() -> None:
    settings = MotifSimulation(
        n=4000,
        length=50,
        motifs={"soft": ((0.9, 0.1, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0)), "code": "WWNCC"},
        motif_rates=(1, 3),
        planted_rate=0.8,
        gc=0.7,
        homopolymer_rate=0,
    )
    simulated = simulate(settings, 2)
    codes = simulated.codes
    assert abs(np.isin(codes, (1, 2)).mean() - 0.7) < 0.02
    planted = simulated.frame.filter(pl.col("start") >= 0)
    assert planted.height == pytest.approx(1600, abs=70)
    assert (planted["motif"] == "code").mean() == pytest.approx(0.75, abs=0.04)
    soft = planted.filter(pl.col("motif") == "soft").select("sequence", "start")
    words = [sequence[start : start + 3] for sequence, start in soft.iter_rows()]
    assert set(words) == {"ATG", "CTG"}
    assert words.count("ATG") / len(words) == pytest.approx(0.9, abs=0.05)


def test_written_table_reads_back(tmp_path: Path) -> None:
    simulated = simulate(MotifSimulation(n=50, length=40), 1)
    note = write_simulation(simulated, tmp_path / "sim.tsv")
    assert note == tmp_path / "sim.tsv.simulation.json"
    read = pl.read_csv(tmp_path / "sim.tsv", separator="\t")
    assert read["sequence"].to_list() == [DNA.decode(row) for row in simulated.codes]
    assert read["start"].to_list() == simulated.frame["start"].to_list()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sim.tsv", "sim.tsv.simulation.json"]
