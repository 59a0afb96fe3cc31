"""Training of the published form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.workflows.taxonomy.fusion_grid import FusionGrid
from strandloom.workflows.taxonomy.fusion_settings import FusionTraining
from strandloom.workflows.taxonomy.fusion_training import (
    FusionEpoch,
    FusionFit,
    changed_copies,
    draw_records,
    split_records,
    train_fusion,
    training_places,
)
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


def test_split_holds_out_records_of_species_that_keep_one() -> None:
    species = np.repeat(np.arange(40), np.arange(40) % 5 + 1).astype(np.int32)
    held = split_records(species, 0.15, np.random.default_rng(1))
    several = np.bincount(species)[species] > 1
    assert held.sum() == round(0.15 * several.sum())
    assert not held[~several].any()
    assert np.bincount(species[~held], minlength=40).all()
    most = split_records(species, 0.49999, np.random.default_rng(1))
    assert np.bincount(species[~most], minlength=40).all()


def test_square_root_draws() -> None:
    species = np.repeat([0, 1, 2], [400, 100, 25])
    once = draw_records(species, "records", np.random.default_rng(2))
    assert sorted(once.tolist()) == list(range(525))
    drawn = draw_records(species, "square root", np.random.default_rng(2))
    assert len(drawn) == 525
    share = np.bincount(species[drawn]) / 525
    np.testing.assert_allclose(share, np.array([20, 10, 5]) / 35, atol=0.01)
    times = np.bincount(drawn[drawn >= 500])[500:]
    assert set(times.tolist()) <= {3}  # every record of the rarest alike


def test_places_lie_in_the_range_or_are_missing() -> None:
    own = reference()
    known = evidence(own)
    species = np.repeat(np.arange(5), 400)
    lat, lon = training_places(known, species, np.random.default_rng(1), missing=0.4)
    assert np.isnan(lat).mean() == pytest.approx(0.4, abs=0.03)
    np.testing.assert_array_equal(np.isnan(lat), np.isnan(lon))
    for name, (north, east) in PLACES.items():
        rows = (species == own.taxonomy.lookup(name)) & ~np.isnan(lat)
        assert np.abs(lat[rows] - north).max() < 2.5
        assert np.abs(lon[rows] - east).max() < 4.5
    eel = lat[(species == own.taxonomy.lookup("Anguilla anguilla")) & ~np.isnan(lat)]
    assert np.ptp(eel) > 10  # anywhere that others live
    assert np.isnan(training_places(None, species, np.random.default_rng(1), missing=0.0)).all()


def test_copies_are_masked_and_misread_and_originals_stay() -> None:
    codes = torch.full((4000, 50), 2, dtype=torch.uint8)
    codes[:, -5:] = DNA.pad
    out = changed_copies(codes, rate=0.04, share=0.25, generator=torch.Generator().manual_seed(1))
    assert (out[:, -5:] == DNA.pad).all()
    bases = out[:, :45]
    rows = (bases != 2).any(dim=1)
    assert float(rows.float().mean()) == pytest.approx(0.25 * (1 - 0.96**45), abs=0.02)
    masked, misread = (bases == DNA.any).float().mean(), ((bases < 4) & (bases != 2)).float().mean()
    assert float(masked) == pytest.approx(0.005, rel=0.15)
    assert float(misread) == pytest.approx(0.005, rel=0.15)
    assert torch.equal(changed_copies(codes, rate=0.0, share=1.0, generator=torch.Generator()), codes)


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
