"""Distances on the globe, against the haversine formula."""

from __future__ import annotations

import numpy as np
import pytest

from strandloom.data.geography.sphere import (
    EARTH_RADIUS_KM,
    chord_of_km,
    great_circle_km,
    km_of_chord,
    nearest_km,
    unit_vectors,
)

HALF = np.pi * EARTH_RADIUS_KM


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """The slow twin."""
    a, b, c, d = np.radians([lat1, lon1, lat2, lon2])
    root = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(root)))


def points(number: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.uniform(-90, 90, number), generator.uniform(-180, 360, number)


def test_distances_are_those_of_the_haversine_formula() -> None:
    (a, b), (c, d) = points(200), points(200, 2)
    wanted = [haversine(*four) for four in zip(a, b, c, d, strict=True)]
    assert great_circle_km(a, b, c, d) == pytest.approx(wanted, rel=1e-9, abs=1e-6)


def test_shapes_broadcast() -> None:
    a, b = points(5)
    assert great_circle_km(a[:, None], b[:, None], a, b).shape == (5, 5)
    assert np.diagonal(great_circle_km(a[:, None], b[:, None], a, b)) == pytest.approx(np.zeros(5), abs=1e-9)
    assert great_circle_km(0, 0, 0, 1).shape == ()


@pytest.mark.parametrize(
    ("pair", "km"),
    [
        ((0, 179.5, 0, -179.5), HALF / 180),
        ((65, -190, 65, 170), 0),
        ((90, 12, 90, -100), 0),
        ((90, 0, 89, 77), HALF / 180),
        ((90, 0, -90, 55), HALF),
        ((12, 34, -12, 34 - 180), HALF),
        ((59.0, 10.0, 59.0, 10.00001), 0.000573),
    ],
)
def test_antimeridian_poles_opposite_and_near_points(pair: tuple[float, ...], km: float) -> None:
    assert float(great_circle_km(*pair)) == pytest.approx(km, rel=1e-3, abs=1e-9)


def test_chords_and_kilometres_are_inverse() -> None:
    km = np.linspace(0, HALF, 50)
    assert km_of_chord(chord_of_km(km)) == pytest.approx(km, abs=1e-3)
    assert float(chord_of_km(2 * HALF)) == 2
    a, b = unit_vectors([10.0, -80.0], [20.0, 260.0])
    assert float(km_of_chord(np.linalg.norm(a - b))) == pytest.approx(haversine(10, 20, -80, 260), rel=1e-9)


def test_unit_vectors_have_unit_length_and_period() -> None:
    lat, lon = points(40)
    assert np.linalg.norm(unit_vectors(lat, lon), axis=1) == pytest.approx(np.ones(40))
    assert unit_vectors(lat, lon) == pytest.approx(unit_vectors(lat, lon + 360), abs=1e-12)


def test_nearest_place_against_all_distances() -> None:
    (a, b), (c, d) = points(60), points(25, 3)
    every = great_circle_km(a[:, None], b[:, None], c, d)  # (N, P)
    found = nearest_km(a, b, c, d)
    assert found.place.tolist() == every.argmin(axis=1).tolist()
    assert found.km == pytest.approx(every.min(axis=1), rel=1e-9)
    assert found.place.dtype == np.int64


def test_nearest_across_the_antimeridian_and_with_nothing_there() -> None:
    assert nearest_km([60.0], [179.9], [60.0, 60.0], [170.0, -179.9]).place.tolist() == [1]
    none = nearest_km([1.0, 2.0], [3.0, 4.0], [], [])
    assert none.place.tolist() == [-1, -1]
    assert np.isinf(none.km).all()
    assert len(nearest_km([], [], [1.0], [2.0]).km) == 0
