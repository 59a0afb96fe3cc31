"""Training of the published form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.fusion_grid import FusionGrid
from strandloom.workflows.taxonomy.fusion_settings import FusionTraining
from strandloom.workflows.taxonomy.fusion_training import FusionEpoch, FusionFit, train_fusion
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.ranges.ranges import POINTS, Ranges
from strandloom.workflows.taxonomy.reference import Reference

GRID = FusionGrid(rows=12, columns=24, sigma_km=800)
QUICK = FusionTraining(
    rates=(1e-2, 1e-5), trial_epochs=2, epochs=40, patience=10, halve_every=15, batch=8, changed=0.3, least_gain=0
)
PLACES = {
    "Clupea harengus": (60.0, -5.0),
    "Clupea pallasii": (55.0, -150.0),
    "Gadus morhua": (62.0, 3.0),
    "Salmo trutta": (50.0, 8.0),
}
HIGHER = {
    "Clupea": ("Actinopteri", "Clupeiformes", "Clupeidae"),
    "Gadus": ("Actinopteri", "Gadiformes", "Gadidae"),
    "Salmo": ("Actinopteri", "Salmoniformes", "Salmonidae"),
    "Anguilla": ("Actinopteri", "Anguilliformes", "Anguillidae"),
}
SEED = 5


def reference() -> Reference:
    """Five species of eight records; the two herrings have one sequence, and nothing is known of where the eel lives."""
    rng = np.random.default_rng(SEED)
    base = {genus: "".join(rng.choice(list("ACGT"), 40)) for genus in HIGHER}
    rows = [
        (*HIGHER[genus], genus, species, base[genus] + "ACGT" * (number % 3), f"{species} {number}")
        for species in (*PLACES, "Anguilla anguilla")
        for genus in species.split()[:1]
        for number in range(8)
    ]
    columns = ["class", "order", "family", "genus", "species", "sequence", "record_id"]
    return Reference.from_frame(pl.DataFrame(rows, schema=columns, orient="row"), name="five", marker=MARKERS["teleo"])


def evidence(own: Reference) -> RangeEvidence:
    rows = [
        (own.taxonomy.lookup(name), lat + north, lon + 2 * north, 1.0)
        for name, (lat, lon) in PLACES.items()
        for north in (-2.0, 0.0, 2.0)
    ]
    return RangeEvidence(
        replace(Ranges.empty(), points=pl.DataFrame(rows, schema=POINTS, orient="row")), len(own.taxonomy)
    )


@pytest.fixture(scope="module")
def fit() -> FusionFit:
    own = reference()
    return train_fusion(own, evidence(own), grid=GRID, settings=QUICK)


def test_the_best_choice_goes_on(fit: FusionFit) -> None:
    assert fit.best.choice.rate == 1e-2
    assert {epoch.choice for epoch in fit.epochs[:8]} == {epoch.choice for epoch in fit.epochs}
    assert all(epoch.choice == fit.best.choice for epoch in fit.epochs[8:])
    assert fit.best.validation == min(epoch.validation for epoch in fit.epochs)
    assert fit.held_out == 6
    assert not fit.model.network.training


def test_the_place_decides_between_species_with_one_sequence(fit: FusionFit) -> None:
    own = reference()
    herring = own.haplotype[own.species == own.taxonomy.lookup("Clupea harengus")][0]
    codes = own.codes[own.offsets[herring] : own.offsets[herring + 1]]
    offsets = np.arange(4) * len(codes)
    lat, lon = [60.0, 55.0, np.nan], [-5.0, -150.0, np.nan]
    found = fit.model.probabilities(np.tile(codes, 3), offsets, lat=lat, lon=lon)
    east, west = own.taxonomy.lookup("Clupea harengus"), own.taxonomy.lookup("Clupea pallasii")
    assert found[0, east] > 0.8
    assert found[1, west] > 0.8
    assert 0.2 < found[2, east] < 0.8
    alone = fit.model.probabilities(codes, offsets[:2])
    np.testing.assert_allclose(found[2], alone[0], atol=1e-6)


def test_a_species_without_range_is_called_anywhere(fit: FusionFit) -> None:
    own = reference()
    eel = own.taxonomy.lookup("Anguilla anguilla")
    at = own.haplotype[own.species == eel][0]
    codes = own.codes[own.offsets[at] : own.offsets[at + 1]]
    found = fit.model.probabilities(
        np.tile(codes, 3), np.arange(4) * len(codes), lat=[60, 55, np.nan], lon=[-5, -150, np.nan]
    )
    assert (found.argmax(axis=1) == eel).all()


def test_same_seed_same_weights_and_no_trace_in_the_generators() -> None:
    own = reference()
    quick = QUICK.model_copy(update={"rates": (1e-3,), "balances": ("records",), "epochs": 2})
    before = torch.get_rng_state()
    told: list[FusionEpoch] = []
    first = train_fusion(own, None, grid=GRID, settings=quick, on_epoch=told.append)
    second = train_fusion(own, None, grid=GRID, settings=quick)
    assert torch.equal(before, torch.get_rng_state())
    assert len(told) == 2
    assert np.isnan(told[0].located)
    assert told[0].penalty == 0
    for a, b in zip(first.model.state()[0].values(), second.model.state()[0].values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_small_a_reference_is_an_error() -> None:
    own = reference()
    single = own.to_frame().unique("species", keep="first", maintain_order=True)
    with pytest.raises(InputError, match="none with two records"):
        train_fusion(Reference.from_frame(single, name="x", marker=own.marker), None, grid=GRID)
