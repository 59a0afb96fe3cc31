"""Models as bundles and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Never

import numpy as np
import pytest

from strandloom.bundle import Bundle, Part, read_bundle, write_bundle
from strandloom.errors import BundleError
from strandloom.workflows.taxonomy.model import Member, TaxonomyModel
from strandloom.workflows.taxonomy.store import RANGES, REFERENCE, is_taxonomy, load_model, to_bundle


def probabilities(model: TaxonomyModel) -> np.ndarray:
    own = model.match.reference
    evidence = model.evidence(own.codes, own.offsets)
    place = np.arange(len(evidence)) % 4 - 1
    places = model.ranges.places(np.array([60.0, -10.0, 0.0]), np.array([5.0, 180.0, 10.0])) if model.ranges else None
    return model.posterior(evidence, model.sequence_scores(evidence), place=place, places=places).probability


def test_a_model_there_and_back_answers_bit_for_bit(trained: SimpleNamespace, tmp_path: Path) -> None:
    before = trained.trained.model
    bundle = to_bundle(before, name="tiny", threshold=0.8, card="# A card\n", facts={"a": [1, None]})
    write_bundle(tmp_path, bundle)
    read = read_bundle(tmp_path)
    assert is_taxonomy(read)
    assert (read.manifest.abstain_threshold, read.manifest.members, read.card) == (0.8, 1, "# A card\n")
    assert read.manifest.labels == before.match.reference.taxonomy.species
    assert read.parts[REFERENCE].facts["training"] == {"a": [1, None]}
    for model in (load_model(tmp_path), load_model(read), load_model(str(tmp_path))):
        assert np.array_equal(probabilities(model), probabilities(before))
        own = model.match.reference
        assert own.to_frame().drop("method").equals(before.match.reference.to_frame().drop("method"))
        assert own.marker == before.match.reference.marker
        assert not model.members[0].answers.training


def test_a_model_without_ranges(trained: SimpleNamespace, tmp_path: Path) -> None:
    before = trained.trained.model
    plain = TaxonomyModel(before.match, None, tuple(Member(x.answers, None) for x in before.members) * 2)
    write_bundle(tmp_path, to_bundle(plain, name="plain", threshold=0.9, card=""))
    model = load_model(tmp_path)
    assert model.ranges is None
    assert [member.places for member in model.members] == [None, None]
    assert np.array_equal(probabilities(model), probabilities(plain))


def test_nothing_in_it_is_executed(trained: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Never:
        raise AssertionError("something was unpickled")

    for name in ("pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load"):
        monkeypatch.setattr(name, refuse)
    load_model(trained.folder / "run" / "bundle")
    files = {x.suffix for x in (trained.folder / "run" / "bundle").rglob("*") if x.is_file()}
    assert files == {".json", ".md", ".safetensors"}


def changed(bundle: Bundle, part: str, **facts: object) -> Bundle:
    own = bundle.parts[part]
    return replace(bundle, parts=bundle.parts | {part: Part(own.arrays, own.facts | facts)})


def test_what_is_refused(trained: SimpleNamespace, tmp_path: Path) -> None:
    bundle = read_bundle(trained.folder / "run" / "bundle")
    for other in (
        changed(bundle, REFERENCE, answer_features=["one"]),
        changed(bundle, RANGES, place_features=["one"]),
        changed(bundle, REFERENCE, format=99),
    ):
        with pytest.raises(BundleError, match="trained by another version of strandloom") as error:
            load_model(other)
        assert "train the model again" in str(error.value.hint)
    with pytest.raises(BundleError, match="holds no taxonomy model") as error:
        load_model(replace(bundle, parts={}))
    assert "strandloom taxonomy train" in str(error.value.hint)
    arrays = {name: x for name, x in bundle.parts[REFERENCE].arrays.items() if name != "codes"}
    lacking = Part(arrays, bundle.parts[REFERENCE].facts)
    with pytest.raises(BundleError, match="incomplete: 'codes'"):
        load_model(replace(bundle, parts=bundle.parts | {REFERENCE: lacking}))
    weights = tuple({k: v for k, v in own.items() if k != "answers.weigh.bias"} for own in bundle.weights)
    with pytest.raises(BundleError, match=r"incomplete(?s:.*)weigh\.bias"):
        load_model(replace(bundle, weights=weights))
    with pytest.raises(BundleError, match="no bundle here"):
        load_model(tmp_path)


def test_json_is_valid_where_a_figure_is_no_number(trained: SimpleNamespace, tmp_path: Path) -> None:
    bundle = to_bundle(
        trained.trained.model, name="x", threshold=0.9, card="", facts={"held_out": {"right": float("nan")}}
    )
    write_bundle(tmp_path, bundle)

    def refuse(name: str) -> Never:
        raise AssertionError(f"{name} is no JSON")

    text = (tmp_path / "parts" / f"{REFERENCE}.json").read_text()
    assert json.loads(text, parse_constant=refuse)["training"] == {"held_out": {"right": None}}
