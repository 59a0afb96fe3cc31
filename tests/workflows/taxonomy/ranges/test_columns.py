"""Coordinates and numbers of range files, and the messages about bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, read_text_frame
from strandloom.workflows.taxonomy.ranges.columns import limits, numbers, places


def table(path: Path, rows: list[str], *, header: str = "lat\tlon") -> TextFrame:
    file = path / "t.tsv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return read_text_frame(file)


def test_coordinates_as_people_write_them(tmp_path: Path) -> None:
    found = places(table(tmp_path, ["1.5\t-2", "39,5\t9.5 W", "39°30'00\"N\t9°30'W", "NA\t3"]), "lat", "lon")
    np.testing.assert_allclose(found.lat, [1.5, 39.5, 39.5, np.nan])
    np.testing.assert_allclose(found.lon, [-2, -9.5, -9.5, 3])
    assert found.notes == ("4 coordinates with a decimal comma or in degrees and minutes were understood",)
    assert places(table(tmp_path, ["1\t2"]), "lat", "lon").notes == ()


def test_swapped(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        places(table(tmp_path, ["10\t20", "-132.5\t55.3", "150\t-80"]), "lat", "lon")
    assert str(caught.value) == (
        f"{tmp_path}/t.tsv:3: 2 rows have coordinates that cannot be used:\n"
        f"{tmp_path}/t.tsv:3: the latitude -132.5 is not between -90 and 90\n"
        f"{tmp_path}/t.tsv:4: the latitude 150 is not between -90 and 90\n"
        "hint: latitude and longitude look swapped: swap the columns 'lat' and 'lon'"
    )
    with pytest.raises(InputError, match="swap the columns"):
        places(table(tmp_path, ["9.5 W\t39.5 N"]), "lat", "lon")


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("99\t100", "latitudes run from -90 to 90"),
        ("200\t10", "latitudes run from -90 to 90"),
        ("50\t-181", "longitudes from -180"),
        ("50\t200", "the longitudes run from 0 to 360: subtract 360 from those above 180"),
        ("x\t10", "write decimal degrees"),
    ],
)
def test_what_is_likely_meant(tmp_path: Path, row: str, hint: str) -> None:
    with pytest.raises(InputError, match=r"t\.tsv:2: a row has coordinates that cannot be used") as caught:
        places(table(tmp_path, [row]), "lat", "lon")
    assert hint in str(caught.value)


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^.*: 1,000 rows have") as caught:
        places(table(tmp_path, ["95\t170"] * 1000), "lat", "lon")
    assert str(caught.value).count("not between") == 5
    assert "… and 995 more" in str(caught.value)


def test_limits(tmp_path: Path) -> None:
    found = table(tmp_path, ["1\t", "\t181"])
    np.testing.assert_array_equal(limits(found, "lat", "latitude"), [1, np.nan])
    assert np.isnan(limits(found, None, "latitude")).all()
    with pytest.raises(InputError, match="the longitude 181 is not between"):
        limits(found, "lon", "longitude")


def test_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, ["1,5\tNA", "2\t-1", "3\tmany"])
    assert numbers(found, "lat").tolist() == [1.5, 2, 3]
    assert np.isnan(numbers(found, None)).all()
    with pytest.raises(InputError, match=r"t\.tsv:3: 2 rows have numbers that cannot be used") as caught:
        numbers(found, "lon", least=0)
    assert "'many' in the column 'lon'" in str(caught.value)
