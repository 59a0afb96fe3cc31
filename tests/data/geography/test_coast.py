"""Land and sea at places that everybody knows."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from strandloom.data.geography.coast import RESOURCE, SPACING_KM, Land, coast_km, land, on_land
from strandloom.data.geography.sphere import great_circle_km

INLAND = {
    "Paris": (48.86, 2.35), "Winnipeg": (49.9, -97.14), "Alice Springs": (-23.7, 133.88), "South Pole": (-90.0, 12.0),
    "Vostok": (-78.46, 106.84), "McMurdo's hinterland": (-80.0, 150.0), "Chukotka": (67.0, 179.0), "Chukotka, west of 180": (67.0, -178.0),
}  # fmt: skip
AT_SEA = {
    "mid-Atlantic": (30.0, -40.0), "northern Bering Sea": (62.0, -170.5), "Bering Sea at 180": (60.0, 180.0), "off Fiji": (-18.0, -176.0),
    "North Pole": (90.0, 0.0), "Ross Sea": (-72.0, -180.0), "Caspian Sea": (41.5, 50.8),
}  # fmt: skip


@pytest.mark.parametrize("place", INLAND)
def test_far_inland(place: str) -> None:
    lat, lon = INLAND[place]
    assert on_land([lat], [lon]).all()
    assert coast_km([lat], [lon])[0] > 50


@pytest.mark.parametrize("place", AT_SEA)
def test_at_sea(place: str) -> None:
    lat, lon = AT_SEA[place]
    assert not on_land([lat], [lon]).any()
    assert coast_km([lat], [lon])[0] > 50


def test_distances_to_the_coast() -> None:
    lat = [48.86, 39.42, 55.3, -18.1]  # Paris, Berlengas, Prince of Wales Island, Suva
    lon = [2.35, -9.51, -132.5, 178.44]
    found = coast_km(lat, lon)
    assert found[0] == pytest.approx(150, abs=15)
    assert (found[1:] < 15).all()


@pytest.mark.parametrize(
    ("lat", "lon"), [(-16.92, 179.97), (-16.5, 179.4), (-16.8, -179.97), (-16.8, 180.03), (67.5, 180.0), (67.5, -180.0)]
)
def test_land_goes_on_across_the_antimeridian(lat: float, lon: float) -> None:
    assert on_land([lat], [lon]).all()


def test_the_cut_at_the_antimeridian_and_the_pole_are_no_coast() -> None:
    assert coast_km([67.5, -89.9], [180.0, 0.0]).min() > 100
    assert land().coast_points[0].min() > -86


def test_longitude_is_periodic_and_missing_places_stay_missing() -> None:
    lat, lon = np.array([48.86, 62.0, np.nan, 10.0]), np.array([2.35, -170.5, 3.0, np.nan])
    assert on_land(lat, lon).tolist() == [True, False, False, False] == on_land(lat, lon + 360).tolist()
    assert coast_km(lat, lon - 360) == pytest.approx(coast_km(lat, lon), nan_ok=True)
    assert np.isnan(coast_km(lat, lon)[2:]).all()
    assert on_land([], []).shape == coast_km([], []).shape == (0,)


def crossings(lat: float, lon: float, rings: tuple[np.ndarray, ...]) -> bool:
    """The slow twin: every side of every ring."""
    inside = False
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if (y1 <= lat) != (y2 <= lat) and lon < x1 + (lat - y1) * (x2 - x1) / (y2 - y1):
                inside = not inside
    return inside


def test_points_in_polygons_against_every_side() -> None:
    generator = np.random.default_rng(4)
    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    star = np.stack([40 * np.cos(angles), 30 * np.sin(angles)], axis=1) * generator.uniform(0.4, 1, (16, 1))
    world = Land((star, 0.2 * star[::-1]))
    lat, lon = generator.uniform(-40, 40, 300), generator.uniform(-50, 50, 300)
    lat[:16], lon[:16] = star[:, 1], star[:, 0]  # corners too
    assert world.contains(lat, lon).tolist() == [crossings(*p, world.rings) for p in zip(lat, lon, strict=True)]
    assert 0.1 < world.contains(lat, lon).mean() < 0.6


def test_holes_turn_against_outer_rings() -> None:
    def turn(ring: np.ndarray) -> float:
        x, y = ring.T
        return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))

    holes = [ring for ring in land().rings if turn(ring) > 0 and len(ring) > 8]
    assert [bool(ring[:, 0].min() > 46 and ring[:, 0].max() < 55) for ring in holes] == [True]  # the Caspian Sea
    assert max(land().rings, key=len).shape[0] > 5_000


def test_points_of_the_coast_lie_close() -> None:
    lat, lon = land().coast_points
    gaps = great_circle_km(lat[:-1], lon[:-1], lat[1:], lon[1:])
    assert np.quantile(gaps, 0.95) <= SPACING_KM * 1.01


def test_the_share_of_land_is_the_earths() -> None:
    z, lon = np.random.default_rng(2).uniform([-1, -180], [1, 180], (20_000, 2)).T
    assert on_land(np.degrees(np.arcsin(z)), lon).mean() == pytest.approx(0.292, abs=0.012)


def test_the_resource_is_small_and_plain() -> None:
    packed = files("strandloom.data.geography").joinpath(RESOURCE).read_bytes()
    assert packed[:2] == b"\x1f\x8b"
    assert len(packed) < 200_000
    assert all(np.abs(r).max() <= 180 and np.abs(r[:, 1]).max() <= 90 for r in land().rings)
