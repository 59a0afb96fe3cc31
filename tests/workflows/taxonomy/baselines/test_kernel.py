"""The range kernel and the nearest ecoregion, with areas held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.data.geography.sphere import EARTH_RADIUS_KM, great_circle_km
from strandloom.workflows.taxonomy.baselines import kernel as module
from strandloom.workflows.taxonomy.baselines.kernel import NO_RANGE, ListedCentroids, nearness, rerank
from strandloom.workflows.taxonomy.baselines.types import CandidateProbabilities
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, CELLS, MEMBERS, Ranges
from strandloom.workflows.taxonomy.ranges.read import read_ranges

TAXONOMY = Taxonomy.from_frame(
    pl.DataFrame(
        [(f"{genus} {x}", genus, "Aidae", "Ones", "Fish") for genus, x in ("Aa", "Ab", "Ba", "Bb")],
        schema=list(RANKS),
        orient="row",
    )
)


def ranges() -> Ranges:
    """Species 0 in the area at 180° E and the one at 10° N, species 1 in the latter, species 2 in a basin, species 3 nowhere."""
    nothing = Ranges.empty()
    areas = [
        (0, "Dateline", "ecoregion", "1", None),
        (2, "North", "ecoregion", "2", None),
        (5, "River", "basin", "R", 9.0),
    ]
    return Ranges(
        points=nothing.points,
        areas=pl.DataFrame(areas, schema=AREAS, orient="row"),
        cells=pl.DataFrame(
            [(0, 0.0, 179.0), (0, 0.0, -179.0), (2, 10.0, 0.0), (5, 3.0, 3.0)], schema=CELLS, orient="row"
        ),
        members=pl.DataFrame([(0, 0), (0, 2), (1, 2), (2, 5)], schema=MEMBERS, orient="row"),
        bounds=nothing.bounds,
    )


def at(
    listed: ListedCentroids, lat: float, lon: float, what: str = "kernel", drop: list[int] | None = None
) -> list[float]:
    four = np.arange(4)
    dropped = None if drop is None else np.array(drop)
    return getattr(listed, what)(four, np.full(4, lat), np.full(4, lon), drop=dropped).tolist()


def test_closed_form() -> None:
    listed = ListedCentroids.from_ranges(ranges(), 4)
    assert listed.area.tolist() == [0, 2]
    assert np.allclose(listed.vectors[0], [-1, 0, 0]), "the mean of cells on both sides of the antimeridian lies on it"
    assert at(listed, 10, 0) == pytest.approx([1, 1, NO_RANGE, NO_RANGE])
    assert at(listed, 20, 0) == pytest.approx([np.exp(-1), np.exp(-1), NO_RANGE, NO_RANGE])
    assert at(listed, 0, -170)[0] == pytest.approx(np.exp(-1))
    assert at(listed, 0, 170)[0] == pytest.approx(np.exp(-1))
    assert at(listed, 0, -170, "nearest") == pytest.approx([10, np.degrees(_angle(0, -170, 10, 0)), np.inf, np.inf])
    assert np.isnan(at(listed, np.nan, 5)).all()
    assert np.isnan(at(listed, 5, np.nan, "nearest")).all()


def _angle(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    return float(great_circle_km(lat1, lon1, lat2, lon2)) / EARTH_RADIUS_KM


def test_held_out() -> None:
    whole = ListedCentroids.from_ranges(ranges(), 4)
    for what in ("kernel", "nearest"):
        pair = ListedCentroids.from_ranges(ranges().without([[0, 2]]), 4)
        assert at(pair, 12, 3, what) == pytest.approx(at(whole, 12, 3, what, drop=[2, -1, -1, -1]))
        area = ListedCentroids.from_ranges(ranges().without_areas([2]), 4)
        assert at(area, 12, 3, what) == pytest.approx(at(whole, 12, 3, what, drop=[2] * 4))
        assert at(area, 12, 3, what)[1] in (NO_RANGE, np.inf), "nothing is left of species 1"
        nothing = ListedCentroids.from_ranges(Ranges.empty(), 4)
        assert set(at(nothing, 12, 3, what)) < {NO_RANGE, np.inf}


def test_other_centroids() -> None:
    centroids = pl.DataFrame({"area": [0, 2, 9], "lat": [0.0, 50.0, 0.0], "lon": [90.0, 0.0, 0.0]}).cast(
        {"area": pl.Int32}
    )
    listed = ListedCentroids.from_ranges(ranges(), 4, centroids=centroids)
    assert at(listed, 50, 0, "nearest")[1] == pytest.approx(0, abs=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    listed = ListedCentroids.from_ranges(ranges(), 4)
    asked = rng.integers(0, 4, 50), rng.uniform(-90, 90, 50), rng.uniform(-180, 180, 50)
    drop = rng.choice([-1, 0, 2], 50)
    whole = listed.kernel(*asked, drop=drop)
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert np.array_equal(whole, listed.kernel(*asked, drop=drop))


def test_rerank() -> None:
    candidates = CandidateProbabilities(
        np.array([0, 2, 4, 6, 6]), np.array([0, 1, 0, 1, 2, 3], np.int32), np.array([0.2, 0.8, 0.2, 0.8, 0.7, 0.3])
    )
    calls = rerank(candidates, np.array([0.3, 0.1, 0.5, 0.5, np.nan, np.nan]), TAXONOMY)
    assert calls.taxon["species"].tolist() == [0, 1, 2, -1], "the score, the records, the records without a place"
    assert calls.confidence["species"] == pytest.approx([0.75, 0.5, 0.7, 0])
    calls = rerank(candidates, nearness(np.array([5, 9, np.inf, np.inf, 90, np.inf])), TAXONOMY)
    assert calls.taxon["species"].tolist() == [0, 1, 2, -1]
    assert calls.confidence["species"][2] == pytest.approx(1)


@pytest.mark.realdata
def test_published_figures(real_data: Path) -> None:
    """``fish_geo`` says .977 for the nearest centroid and .908 for the kernel; the formula that it gives comes to more."""
    folder = real_data / "fish_geo"
    table = pl.read_csv(folder / "geo_challenge_dev.tsv.gz", separator="\t")
    named = table.with_row_index("query").select("query", pl.col("candidates").str.split("|")).explode("candidates")
    names = named["candidates"].unique().sort()
    lineages = pl.DataFrame({rank: names if rank == "species" else [""] * len(names) for rank in RANKS})
    taxonomy = Taxonomy.from_frame(lineages)
    number = {name: i for i, name in enumerate(taxonomy.species)}
    candidates = CandidateProbabilities.from_counts(
        named["query"].to_numpy(),
        np.array([number[name] for name in named["candidates"]]),
        np.ones(len(named)),
        queries=table.height,
    )
    truth = np.array([number[name] for name in table["species"]])
    known = read_ranges([folder / "species_ecoregions.tsv.gz", folder / "ecoregion_cells_0p5deg.tsv.gz"], taxonomy)
    published = pl.read_csv(folder / "ecoregions.tsv.gz", separator="\t").select(
        pl.col("eco_code").cast(pl.String).alias("code"), lat="centroid_lat", lon="centroid_lon"
    )
    centroids = known.areas.join(published, on="code").select("area", "lat", "lon")
    listed = ListedCentroids.from_ranges(known, len(taxonomy), centroids=centroids)
    lat, lon = (table[x].to_numpy()[candidates.query] for x in ("lat", "lon"))
    right = [
        (rerank(candidates, score, taxonomy).taxon["species"] == truth).mean()
        for score in (
            listed.kernel(candidates.species, lat, lon),
            nearness(listed.nearest(candidates.species, lat, lon)),
        )
    ]
    assert right == pytest.approx([0.9462, 0.9766], abs=1e-4)
