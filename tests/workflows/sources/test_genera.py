"""Genera typical of environments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from strandloom.errors import InputError
from strandloom.workflows.sources.genera import (
    false_discovery_rates,
    genera_of,
    indicators,
    read_abundances,
    spearman_distance,
)


def table(folder: Path) -> Path:
    generator = np.random.default_rng(1)
    sites = ["gut"] * 6 + ["skin"] * 6
    rows = ["body_site\t" + "\t".join(sites), "Bacteria\t" + "\t".join(["1.0"] * 12)]
    for name, gut, skin in (("Bacteroides", 8, 0.01), ("Cutibacterium", 0, 9), ("Everywhere", 5, 5)):
        values = [generator.gamma(2) * (gut if site == "gut" else skin) for site in sites]
        rows.append(f"Bacteria|X|Y|Z|W|{name}\t" + "\t".join(f"{v:.6f}" for v in values))
    (folder / "a.tsv").write_text("\n".join(rows) + "\n")
    return folder / "a.tsv"


def test_the_narrowest_rank_is_read(tmp_path: Path) -> None:
    found = read_abundances(table(tmp_path))
    assert found.genera == ("Bacteroides", "Cutibacterium", "Everywhere")
    assert found.environments == ("gut", "skin")
    assert found.shares.sum(1) == pytest.approx(np.ones(12))


def test_typical_genera_are_found(tmp_path: Path) -> None:
    frame = genera_of(table(tmp_path), out=tmp_path / "O")
    rows = {r["genus"]: r for r in frame.iter_rows(named=True)}
    assert rows["Bacteroides"]["environment"] == "gut"
    assert rows["Bacteroides"]["strength"] > 0.9
    assert rows["Bacteroides"]["q"] < 0.05
    assert rows["Cutibacterium"]["environment"] == "skin"
    assert rows["Everywhere"]["q"] > 0.05
    assert "Samples by distance" in (tmp_path / "O" / "report.html").read_text()


def test_indicator_values_are_those_of_the_definition() -> None:
    shares = np.array([[0.5, 0.5], [1.0, 0.0], [0.2, 0.8], [0.0, 1.0]])
    found = indicators(shares, np.array([0, 0, 1, 1]), 2, seed=1)
    assert found.there.tolist() == pytest.approx([0.75 / 0.85, 0.9 / 1.15])
    assert found.often.tolist() == [1.0, 1.0]
    assert found.environment.tolist() == [0, 1]


def test_spearman_distance_is_scipys() -> None:
    shares = np.random.default_rng(2).random((5, 30))
    shares[:, :4] = 0
    expected = 1 - np.asarray(spearmanr(shares.T).statistic)
    np.testing.assert_allclose(spearman_distance(shares), expected, atol=1e-12)


def test_q_values() -> None:
    assert false_discovery_rates(np.array([0.01, 0.5, 0.02, 0.9])).tolist() == pytest.approx([0.04, 2 / 3, 0.04, 0.9])


def test_no_environment_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("g1\t1\t2\ng2\t3\t4\n")
    with pytest.raises(InputError, match="no row names the environments"):
        read_abundances(tmp_path / "x.tsv")


@pytest.mark.realdata
def test_genera_of_the_human_body(real_data: Path, tmp_path: Path) -> None:
    frame = genera_of(real_data / "hmp_tables" / "hmp_16s_genus_55samples.tsv.gz", out=tmp_path / "O")
    first = dict(
        frame.filter(frame["q"] <= 0.05)
        .group_by("environment", maintain_order=True)
        .first()
        .select("environment", "genus")
        .iter_rows()
    )
    assert first["gut"] == "Faecalibacterium"
    assert first["vagina"] == "Lactobacillus"
    assert first["oral"] == "Capnocytophaga"
