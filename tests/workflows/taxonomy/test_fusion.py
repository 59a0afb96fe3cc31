"""Asking and storing the published form."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from strandloom.alphabet import DNA
from strandloom.errors import BundleError, UsageError
from strandloom.workflows.taxonomy.fusion import FusionModel, rectangle
from strandloom.workflows.taxonomy.fusion_grid import FusionGrid
from strandloom.workflows.taxonomy.fusion_network import FusionNetwork
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.posterior import UNKNOWN
from strandloom.workflows.taxonomy.ragged import encoded

ROWS = [
    ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Gadus morhua", "Gadus", "Gadidae", "", "Actinopteri"),
    ("Nemo unknown", "", "", "", ""),
    ("Salmo trutta", "Salmo", "Salmonidae", "Salmoniformes", "Actinopteri"),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(ROWS, schema=list(RANKS), orient="row"))
CODES, OFFSETS = encoded(pl.Series(["ACGTACGTNRAC", "GGGTTT", "ACGTACGTACGTACGTACGT", "TTTTCCCCAAAA", "AC"]))
LAT, LON = np.array([60.0, np.nan, -3.0, 10.0, 55.0]), np.array([3.0, 2.0, np.nan, 179.9, -150.0])


def model() -> FusionModel:
    torch.manual_seed(4)
    grid = FusionGrid(rows=6, columns=12, sigma_km=900)
    network = FusionNetwork(12, grid.cells, len(ROWS))
    with torch.no_grad():
        list(network.join.parameters())[-2].mul_(40)  # not all alike
    return FusionModel(network.eval(), grid, TAXONOMY)


def test_rectangle_pads_and_crops_on_the_right() -> None:
    out = rectangle(CODES, OFFSETS, 8)
    texts = [DNA.decode_table[row].tobytes().decode() for row in out]
    assert texts == ["ACGTACGT", "GGGTTT--", "ACGTACGT", "TTTTCCCC", "AC------"]
    assert (out[1, 6:] == DNA.pad).all()


def test_blocks_do_not_matter_and_rows_sum_to_one() -> None:
    own = model()
    whole = own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON)
    assert whole.shape == (5, 5)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON, batch=2), whole, atol=1e-6)


def test_no_place_is_the_sequence_alone() -> None:
    own = model()
    alone = own.probabilities(CODES, OFFSETS)
    there = own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON)
    np.testing.assert_allclose(there[1:3], alone[1:3], atol=1e-6)
    assert np.abs(there[[0, 3, 4]] - alone[[0, 3, 4]]).max(axis=1).min() > 1e-4


def test_longitude_is_periodic() -> None:
    own = model()
    shifted = own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON - 360)
    np.testing.assert_allclose(shifted, own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON), atol=1e-5)


@pytest.mark.parametrize("threshold", [0.3, 0.9])
def test_calls_are_sums_of_species(threshold: float) -> None:
    own = model()
    found = own.calls(CODES, OFFSETS, threshold=threshold, lat=LAT, lon=LON, batch=2)
    each = own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON).astype(np.float64)
    assert len(found) == 5
    for row in range(5):
        narrowest = UNKNOWN
        for rank, name in reversed(list(enumerate(RANKS))):
            sums: dict[str, float] = {}
            for species, taxon in enumerate(TAXONOMY.column(name)):
                if taxon:
                    sums[taxon] = sums.get(taxon, 0) + each[row, species]
            best = max(sums, key=sums.__getitem__)
            assert TAXONOMY.taxa(name).names[found.taxon[rank, row]] == best
            assert found.probability[rank, row] == pytest.approx(sums[best], abs=1e-6)
            narrowest = rank if sums[best] >= threshold else narrowest
        assert found.rank[row] == narrowest
    assert not found.spread.any()
    assert not found.unknown.any()


def test_a_rank_without_taxa_is_not_called() -> None:
    bare = Taxonomy.from_frame(pl.DataFrame([(x[0], "", "", "", "") for x in ROWS], schema=list(RANKS), orient="row"))
    own = model()
    found = FusionModel(own.network, own.grid, bare).calls(CODES, OFFSETS, threshold=0.0)
    assert (found.taxon[1:] == -1).all()
    assert (found.probability[1:] == 0).all()


def test_no_sequences() -> None:
    found = model().calls(CODES[:0], OFFSETS[:1], threshold=0.9)
    assert len(found) == 0


def test_stored_and_read_again() -> None:
    own = model()
    arrays, facts = own.state()
    again = FusionModel.from_state(arrays, facts, taxonomy=TAXONOMY)
    assert again.grid == own.grid
    np.testing.assert_array_equal(
        again.probabilities(CODES, OFFSETS, lat=LAT, lon=LON), own.probabilities(CODES, OFFSETS, lat=LAT, lon=LON)
    )


def test_damaged_states() -> None:
    arrays, facts = model().state()
    with pytest.raises(BundleError, match="newer"):
        FusionModel.from_state(arrays, {**facts, "format": 99}, taxonomy=TAXONOMY)
    with pytest.raises(BundleError, match="incomplete"):
        FusionModel.from_state({k: v for k, v in arrays.items() if k != "place.0.weight"}, facts, taxonomy=TAXONOMY)
    with pytest.raises(BundleError, match="incomplete"):
        FusionModel.from_state(arrays, {"format": 1}, taxonomy=TAXONOMY)
    other = Taxonomy.from_frame(TAXONOMY.to_frame().head(3))
    with pytest.raises(BundleError, match="knows 5 species, its taxonomy 3"):
        FusionModel.from_state(arrays, facts, taxonomy=other)


def test_too_few_places() -> None:
    with pytest.raises(UsageError, match="2 places for 5 sequences"):
        model().probabilities(CODES, OFFSETS, lat=[1, 2], lon=[1, 2])
