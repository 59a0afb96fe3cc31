"""Source tracking on counts of taxa."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.sources.taxa import read_taxa, track_taxa
from strandloom.workflows.sources.taxa_mixing import even_sources, mix_taxa

J = 60


def profiles(seed: int) -> np.ndarray:
    """Three sources and a fourth that stays unknown, each mostly of taxa of its own: float64 ``(4, J)``."""
    generator = np.random.default_rng(seed)
    found = generator.gamma(0.3, 1.0, (4, J)) * 0.05
    for k in range(4):
        found[k, 15 * k : 15 * (k + 1)] += generator.gamma(1.0, 1.0, 15)
    return found / found.sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("truth", "sampled"),
    [
        ((0.5, 0.3, 0.2, 0.0), (0.51, 0.28, 0.17, 0.04)),
        ((0.2, 0.2, 0.2, 0.4), (0.05, 0.08, 0.09, 0.78)),
        ((0.0, 0.0, 0.1, 0.9), (0.0, 0.0, 0.03, 0.97)),
    ],
)
def test_shares_are_those_of_sourcetracker(truth: tuple[float, ...], sampled: tuple[float, ...]) -> None:
    """``sampled``: PyPI's sourcetracker 2.0.1 on 1,000 reads of these (2 restarts, 100 passes).

    Its nearly even unknown source takes the rare taxa of known sources too: the second sink has more unknown than is true.
    """
    generator = np.random.default_rng(1)
    p = profiles(2)
    sink = generator.multinomial(20_000, np.array(truth) @ p)
    found = mix_taxa(sink, p[:3])
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares == pytest.approx(sampled, abs=0.09)


def test_an_empty_sink_has_no_shares() -> None:
    assert np.isnan(mix_taxa(np.zeros(J, int), profiles(1)[:3]).shares).all()


def test_samples_of_an_environment_weigh_the_same() -> None:
    joined = even_sources(np.array([[9.0, 1.0], [10.0, 90.0], [0.0, 5.0]]), np.array([0, 0, 1]), 2)
    assert joined == pytest.approx(np.array([[0.5, 0.5], [0.0, 1.0]]))


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    generator = np.random.default_rng(3)
    p = profiles(4)
    columns = {"taxon_id": [f"t{j}" for j in range(J)]}
    meta = ["SampleID\tEnv\tSourceSink"]
    for k, name in enumerate(("soil", "sea", "gut")):
        for i in range(2):
            columns[f"{name}{i}"] = generator.multinomial(3000, p[k]).tolist()
            meta.append(f"{name}{i}\t{name}\tSource")
    columns["x"] = generator.multinomial(3000, np.array([0.6, 0.4, 0, 0]) @ p).tolist()
    meta.append("x\tmix\tSink")
    pl.DataFrame(columns).write_csv(tmp_path / "counts.tsv", separator="\t")
    (tmp_path / "meta.tsv").write_text("\n".join(meta) + "\n")
    return tmp_path / "counts.tsv", tmp_path / "meta.tsv"


def test_files_in_and_out(tables: tuple[Path, Path], tmp_path: Path) -> None:
    frame = track_taxa(*tables, out=tmp_path / "O", leave_one_out=True)
    assert frame.columns == ["sample", "source", "proportion", "low", "high", "method"]
    shares = dict(frame.select("source", "proportion").iter_rows())
    assert shares["soil"] == pytest.approx(0.6, abs=0.06)
    assert shares["sea"] == pytest.approx(0.4, abs=0.06)
    assert (frame["low"] <= frame["proportion"]).all()
    left = pl.read_csv(tmp_path / "O" / "left_out.tsv", separator="\t")
    own = left.filter(pl.col("source") == pl.col("truth"))
    assert own.height == 6
    assert own["proportion"].min() > 0.7


def test_mistakes(tables: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_text("SampleID\tEnv\tSourceSink\nsoil0\tsoil\tWhat\n")
    with pytest.raises(InputError, match="neither Source nor Sink"):
        read_taxa(tables[0], tmp_path / "bad.tsv")
    (tmp_path / "none.tsv").write_text("SampleID\tEnv\nsoil0\tsoil\n")
    with pytest.raises(InputError, match="need the columns"):
        read_taxa(tables[0], tmp_path / "none.tsv")


@pytest.mark.realdata
def test_the_infant_gut_of_feast(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "hmp_tables"
    frame = track_taxa(
        folder / "feast_otu_example.tsv.gz", folder / "feast_metadata_example.tsv.gz", out=tmp_path / "O"
    )
    shares = dict(frame.select("source", "proportion").iter_rows())
    assert max(shares, key=lambda x: shares[x]) == "infant gut 2"
