"""Models by name: what they are called, and how a changed bundle is taken anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from strandloom.errors import BundleError, UsageError
from strandloom.predict import load
from strandloom.serve.answerers import columns_of
from strandloom.serve.metrics import Metrics
from strandloom.serve.models import Models, sources_of
from strandloom.serve.settings import ServeSettings


def test_names(bundles: Path, tmp_path: Path) -> None:
    oral = bundles / "oral"
    assert sources_of([oral / "bundle"])[0].name == "oral"
    assert sources_of([oral])[0].folder == oral / "bundle"
    assert (
        sources_of([f"mouth={oral}"])[0] == ("mouth", oral / "bundle")
        or sources_of([f"mouth={oral}"])[0].name == "mouth"
    )
    shutil.copytree(oral / "bundle", tmp_path / "Ma run, 2" / "bundle")
    assert sources_of([tmp_path / "Ma run, 2" / "bundle"])[0].name == "Ma-run-2"
    with pytest.raises(UsageError, match="two models"):
        sources_of([oral / "bundle", oral])
    with pytest.raises(UsageError, match="no name"):
        sources_of([f"../x={oral}"])
    with pytest.raises(UsageError, match="no bundle"):
        sources_of([])


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle here"):
        Models(sources_of([tmp_path]), ServeSettings(), Metrics())


def test_columns_are_those_of_predict(bundles: Path) -> None:
    for name in ("oral", "marks", "leader"):
        predictor = load(bundles / name / "bundle", device="cpu")
        assert columns_of(predictor.manifest) == predictor.predict(["ACGT"]).columns


def test_a_changed_bundle_answers_and_a_broken_one_does_not(untrained: Any, tmp_path: Path) -> None:
    folder = untrained(tmp_path / "own" / "bundle")
    models = Models(sources_of([folder]), ServeSettings(threads=1), Metrics())
    model = models.find("own")
    before, digest = model.predictor.predict(["ACGTTGCA"]), model.digest
    assert models.reload() == []
    untrained(folder, seed=7)
    assert models.reload() == ["own"]
    assert model.digest != digest
    assert not model.predictor.predict(["ACGTTGCA"]).equals(before)
    digest = model.digest
    (folder / "weights.safetensors").write_bytes(b"broken")
    (folder / "bundle.json").write_text((folder / "bundle.json").read_text() + "\n")
    assert models.reload() == []
    assert "changed after" in (model.reload_error or "")
    assert model.digest == digest
    assert len(model.predictor.predict(["ACGT"])) == 1
    untrained(folder, seed=8)
    assert models.reload() == ["own"]
    assert model.reload_error is None
    models.close()
