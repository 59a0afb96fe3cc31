"""The whole way from files to a model, on a tiny world."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from strandloom.errors import InputError, OutputError
from strandloom.workflows.taxonomy.posterior import call, tally
from strandloom.workflows.taxonomy.ranges.ranges import Ranges
from strandloom.workflows.taxonomy.reference import write_reference
from strandloom.workflows.taxonomy.settings import TaxonomyTraining
from strandloom.workflows.taxonomy.store import load_model
from strandloom.workflows.taxonomy.train import train_model, train_taxonomy

SHORT = TaxonomyTraining(members=1, answer_epochs=2, place_epochs=2)


def test_location_decides_where_sequences_are_the_same(trained: SimpleNamespace, tiny: SimpleNamespace) -> None:
    model = trained.model
    own, lives = model.match.reference, tiny.world()[1]
    for genus in ("Alpha", "Beta", "Gamma", "Delta"):
        pair = [own.taxonomy.lookup(f"{genus} {x}") for x in ("australis", "borealis")]
        haplotype = int(own.haplotype[np.argmax(own.species == pair[0])])
        codes = own.codes[own.offsets[haplotype] : own.offsets[haplotype + 1]]
        evidence = model.evidence(codes, np.array([0, len(codes)]))
        spots = [(s, tiny.centres[code]) for s in pair for code in lives[own.taxonomy.species[s]]]
        places = model.ranges.places(*np.array([place for _, place in spots]).T)
        query, place = np.zeros(5, np.int64), np.array([-1, 0, 1, 2, 3])
        found = model.posterior(evidence, model.sequence_scores(evidence), query=query, place=place, places=places)
        calls = call(tally(found, evidence, model.taxa(evidence)), threshold=0.9)
        assert 0.4 < calls.probability[0, 0] < 0.65
        assert calls.taxon[0, 1:].tolist() == [s for s, _ in spots]
        assert calls.probability[0, 1:].min() > 0.7
        assert calls.probability[1].min() > 0.9


def test_what_the_folder_holds(trained: SimpleNamespace) -> None:
    run = trained.folder / "run"
    assert sorted(x.name for x in run.iterdir()) == ["bundle", "environment.json", "taxonomy.json"]
    facts = json.loads((run / "taxonomy.json").read_text())
    assert facts["reference"] == {
        "name": "reference",
        "records": len(trained.built.reference),
        "species": 24,
        "marker": "mifish",
    }
    assert facts["command"] == "strandloom taxonomy train"
    assert facts["settings"]["answer_epochs"] == 60
    assert [x["network"] for x in facts["epochs"]] == ["answers"] * 60 + ["places"] * 80
    assert facts["held_out"] == trained.trained.held_out.to_json()
    assert len(facts["ranges"]["files"] if isinstance(facts["ranges"], dict) else facts["ranges"]) == 3
    assert {"practice", "network 1"} <= set(facts["seconds"])
    assert json.loads((run / "environment.json").read_text())


def test_figures_of_held_out_records(trained: SimpleNamespace) -> None:
    held = trained.trained.held_out
    assert held.sequence.queries == held.located.queries
    assert held.located_sequence.right["species"] < held.located.right["species"]
    assert held.located.right["species"] > 0.9
    assert held.sequence.right["genus"] == 1
    assert 0 <= held.sequence.species_ece <= 1
    for figure in (held.sequence.right["species"], held.located.right["species"]):
        assert f"{figure:.1%}" in held.sentence()
    card = (trained.folder / "run" / "bundle" / "card.md").read_text()
    assert card.startswith("# reference: species from mifish sequences")
    assert f"| by sequence alone | {held.sequence.queries} | {held.sequence.right['species']:.3f} |" in card
    assert "Ranges of 24 species." in card
    assert "at a place drawn from the range" in card
    assert "## Limits" in card


def test_same_seed_same_model(tiny: SimpleNamespace) -> None:
    reference = tiny.reference(tiny.random_rows(3, species=14))
    areas = {code: tiny.block(*place) for code, place in tiny.centres.items()}
    ranges = tiny.ranges(areas=areas, listed=[(s, x) for s in range(14) for x in list(areas)[s % 5 : s % 5 + 2]])
    states = []
    for seed in (1, 1, 2):
        own = train_model(reference, ranges, settings=SHORT.model_copy(update={"seed": seed})).model.members[0]
        assert own.places is not None
        states.append(own.answers.state_dict() | own.places.state_dict())
    assert all((states[0][name] == states[1][name]).all() for name in states[0])
    assert any((states[0][name] != states[2][name]).any() for name in states[0])


def test_a_folder_is_not_overwritten(trained: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given: dict[str, Any] = {"out": out, "settings": SHORT, "threads": 1}
    said: list[str] = []
    train_taxonomy(trained.folder / "reference", [], say=said.append, **given)
    model = load_model(out / "bundle")
    assert model.ranges is None
    assert "No ranges: locations do not matter." in (out / "bundle" / "card.md").read_text()
    assert any("what the sequence says" in line for line in said)
    before = (out / "taxonomy.json").read_bytes()
    with pytest.raises(OutputError, match="the folder exists already"):
        train_taxonomy(trained.folder / "reference", [], **given)
    assert (out / "taxonomy.json").read_bytes() == before
    train_taxonomy(trained.folder / "reference", trained.files, force=True, **given)
    assert load_model(out / "bundle").ranges is not None


def test_what_cannot_be_trained(trained: SimpleNamespace, tmp_path: Path, tiny: SimpleNamespace) -> None:
    rows = tiny.random_rows(1)
    single = list({row[0]: row for row in rows}.values())
    for own in (single, [rows[0]] * 3):
        with pytest.raises(InputError, match="records of species with several records") as error:
            train_model(tiny.reference(own), None, settings=SHORT)
        assert "two or more records" in str(error.value.hint)
    write_reference(tmp_path / "single", tiny.reference(single))
    with pytest.raises(InputError, match="0 records of species with several records"):
        train_taxonomy(tmp_path / "single", [], out=tmp_path / "run", settings=SHORT)
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="no reference folder"):
        train_taxonomy(tmp_path, [], out=tmp_path / "run")
    odd = tmp_path / "odd.csv"
    odd.write_text("species,lat,lon\nHomo sapiens,1,1\n")
    with pytest.raises(InputError, match="its only species name is not in the taxonomy"):
        train_taxonomy(trained.folder / "reference", [odd], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def small(tiny: SimpleNamespace, records: int) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(1)
    return [
        (f"Aaa sp{i}", "Aaa", "Aaaidae", "", "Actinopteri", tiny.changed(text, rng, 1))
        for i, text in enumerate(tiny.bases(rng, 90) for _ in range(3))
        for _ in range(records)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_small_reference_of_which_nothing_may_be_held_out(seed: int, tiny: SimpleNamespace) -> None:
    got = train_model(tiny.reference(small(tiny, 2)), None, settings=SHORT.model_copy(update={"seed": seed}))
    assert got.held_out.sentence()


def test_ranges_of_species_with_a_single_record_alone(tiny: SimpleNamespace) -> None:
    rows = [
        *small(tiny, 6),
        ("Bbb alone", "Bbb", "Bbbidae", "", "Actinopteri", tiny.bases(np.random.default_rng(2), 90)),
    ]
    reference = tiny.reference(rows)
    ranges = tiny.ranges(points=[(reference.taxonomy.lookup("Bbb alone"), 60.0, 5.0, 1.0)])
    got = train_model(reference, ranges, settings=SHORT)
    assert got.held_out.located is None


def test_ranges_that_are_limits_alone_are_refused(tiny: SimpleNamespace) -> None:
    ranges: Ranges = tiny.ranges(bounds=[(0, 10.0, 20.0)])
    with pytest.raises(InputError, match="limits of species only"):
        train_model(tiny.reference(small(tiny, 6)), ranges, settings=SHORT)
