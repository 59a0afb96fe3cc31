"""Networks that learn from drawn reads alone, through train, estimate and evaluate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import BundleError, UsageError
from strandloom.predict import load
from strandloom.workflows.sources import published, tokens
from strandloom.workflows.sources.collection import read_collection
from strandloom.workflows.sources.drawn_networks import drawer
from strandloom.workflows.sources.estimate import estimate_files
from strandloom.workflows.sources.evaluate import evaluate_file
from strandloom.workflows.sources.evidence import gather_without
from strandloom.workflows.sources.settings import SourceTraining
from strandloom.workflows.sources.simulate import MixtureSettings, simulate_sources
from strandloom.workflows.sources.store import load_model
from strandloom.workflows.sources.train import Trained, rehearse, train_sources


@pytest.fixture(scope="module", params=["published", "tokens"])
def made(
    request: pytest.FixtureRequest, genomes: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Trained]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "READS", 3000)
        patch.setattr(published, "CHECKED", 500)
        patch.setattr(published, "EPOCHS", 2)
        patch.setattr(tokens, "STEPS", 80)
        run = tmp_path_factory.mktemp("networks") / request.param
        settings = SourceTraining.model_validate({"model": request.param, "folds": 2, "table_bits": 16})
        return request.param, run, train_sources(genomes, out=run, settings=settings)


@pytest.fixture(scope="module")
def sample(genomes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "simulated"
    return simulate_sources(genomes, out=out, settings=MixtureSettings(samples=1, reads=2000, seed=4))


def test_estimate(made: tuple[str, Path, Trained], sample: Path, tmp_path: Path) -> None:
    estimate_files(made[1] / "bundle", [sample / "sample-1.fastq.gz"], out=tmp_path / "found", per_read=True)
    found = pl.read_csv(tmp_path / "found" / "composition.tsv", separator="\t").filter(pl.col("method") == "em")
    truth = pl.read_csv(sample / "truth.tsv", separator="\t")
    assert found["source"].to_list() == truth["source"].to_list() == ["mouth", "gut", "skin", "unknown"]
    assert found["proportion"].sum() == pytest.approx(1, abs=1e-4)
    assert len(pl.read_parquet(tmp_path / "found" / "reads.parquet")) == 2000
    if made[0] == "published":  # 3,000 reads are far too few for it
        assert found["proportion"].min() >= 0
        return
    assert found["proportion"][:3].arg_max() == 0
    assert found["proportion"][:3].arg_min() == 1  # the gut has 6 % of the reads


def test_the_bundle_answers_as_the_model(made: tuple[str, Path, Trained], sample: Path) -> None:
    from strandloom.workflows.sources.reads import ReadFacts, SampleFiles, prepared
    from strandloom.workflows.sources.settings import ReadSettings

    loaded = load_model(made[1] / "bundle")
    files = SampleFiles("x", sample / "sample-1.fastq.gz")
    block = next(iter(prepared(files, ReadSettings(), ReadFacts()))).reads
    one, other = made[2].model.answer(block, threads=1), loaded.model.answer(block, threads=1)
    np.testing.assert_allclose(one.log_posterior, other.log_posterior, atol=1e-5)


def test_evaluate(made: tuple[str, Path, Trained], genomes: Path, tmp_path: Path) -> None:
    evaluate_file(made[1] / "bundle", genomes, out=tmp_path / "judged")
    assert (tmp_path / "judged" / "report.html").is_file()


def test_what_each_is_judged_by(made: tuple[str, Path, Trained]) -> None:
    name, run, trained = made
    if name == "tokens":
        assert trained.held_out is not None
        assert 0.2 < trained.held_out.macro(trained.held_out.genome) < 1
        assert np.isnan(trained.held_out.genus).all()
        with pytest.raises(UsageError, match="only a published network"):
            load_model(run / "bundle", engine="onnx")
    else:
        assert trained.held_out is None
        assert (run / "check.tsv").is_file()


def test_tokens_of_another_length_are_refused(made: tuple[str, Path, Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    if made[0] == "published":
        pytest.skip("the published network has no tokens")
    monkeypatch.setattr("strandloom.workflows.sources.store.K", 11)
    with pytest.raises(BundleError, match="another version"):
        load_model(made[1] / "bundle")


def test_hidden_lineages_are_not_drawn(genomes: Path) -> None:
    collection = read_collection(genomes)
    rehearsal, _ = rehearse(collection, settings=SourceTraining(table_bits=16))
    hidden = rehearsal.lineages.bits(rehearsal.lineages.environment != 1) | rehearsal.lineages.own[4]
    reads, environment = drawer(rehearsal, hidden=hidden)(300, 5)
    assert set(environment.tolist()) == {1}
    view = np.full(300, rehearsal.lineages.own[4])
    met = gather_without(rehearsal.tables, rehearsal.counts, reads, view).environments[:, 1, 3]
    every = gather_without(rehearsal.tables, rehearsal.counts, reads, view | rehearsal.lineages.all).environments[
        :, 1, 3
    ]
    assert (every > met).mean() > 0.9  # long words of others than the hidden one


def test_a_network_of_tokens_is_not_asked_by_predict(made: tuple[str, Path, Trained]) -> None:
    if made[0] == "published":
        load(made[1] / "bundle")
        return
    with pytest.raises(BundleError, match="source model") as found:
        load(made[1] / "bundle")
    assert "sources estimate" in (found.value.hint or "")


def test_another_calibration_is_refused(made: tuple[str, Path, Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.workflows.sources.store.CALIBRATION_FORMAT", 3)
    with pytest.raises(BundleError, match="calibrated by another version"):
        load_model(made[1] / "bundle")
