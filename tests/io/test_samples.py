"""Sample metadata: column names in the wild, coordinates, dates, types, replicates; and every fault with its rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.samples import Samples, read_samples

SHAPE = {
    "sample": pl.String, "lat": pl.Float64, "lon": pl.Float64, "date": pl.String, "depth": pl.Float64, "sample_type": pl.String,
    "replicate_of": pl.String,
}  # fmt: skip


def read(path: Path, text: str) -> Samples:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return read_samples(path)


@pytest.mark.parametrize("sample", ["sample_id", "#SampleID", "sample-id", "sampleid", "Sample Name", "id"])
@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ("latitude", "longitude"),
        ("Lat", "Long"),
        ("decimalLatitude", "decimalLongitude"),
        ("Latitude_dd", "Longitude_dd"),
        ("lat", "lon"),
    ],
)
def test_names_of_columns(tmp_path: Path, sample: str, lat: str, lon: str) -> None:
    found = read(tmp_path / "s.tsv", f"{sample}\t{lat}\t{lon}\nS1\t60\t-170\nS2\t\tNA\n")
    assert found.frame.schema == SHAPE
    assert found.frame.rows() == [
        ("S1", 60, -170, None, None, "sample", None),
        ("S2", None, None, None, None, "sample", None),
    ]
    assert found.facts.without_coordinates == 1
    assert found.facts.columns == {"sample": (sample,), "lat": (lat,), "lon": (lon,)}


@pytest.mark.parametrize(
    "text",
    [
        's,lat,lon\n1,"39,425","-9,51"\n',
        "s;lat;lon\n1;39,425;-9,51\n",
        "s\tlat\tlon\n1\t39°25'30\"N\t9.51 W\n",
        "s\tlat\tlon\n1\t39 25.5 N\t9 30.6 W\n",
        "s\tlat_lon\n1\t39.425 N 9.51 W\n",
        "s\tlat_lon\n1\t39.425, -9.51\n",
        "s\tcoordinates\n1\t39°25'30\"N, 9°30'36\"W\n",
    ],
)
def test_ways_to_write_a_place(tmp_path: Path, text: str) -> None:
    found = read(tmp_path / "s.txt", "sample" + text[1:])
    assert found.frame["lat"].to_list() == pytest.approx([39.425])
    assert found.frame["lon"].to_list() == pytest.approx([-9.51])


@pytest.mark.parametrize(
    ("header", "values", "date"),
    [
        ("date", "2020-01", "2020-01"), ("eventDate", "2020-01-05T10:00Z", "2020-01-05"), ("collection_date", "2020", "2020"),
        ("year\tmonth\tday", "2023.0\t8.0\t30.0", "2023-08-30"), ("collection_year\tcollection_month", "2021\t6", "2021-06"),
        ("year", "NA", None),
    ],
)  # fmt: skip
def test_dates(tmp_path: Path, header: str, values: str, date: str | None) -> None:
    found = read(tmp_path / "s.tsv", f"sample\tx\t{header}\nS1\ty\t{values}\n")
    assert found.frame["date"].to_list() == [date]
    assert found.frame.columns == [*SHAPE, "x"]


@pytest.mark.parametrize(
    ("header", "values", "depth"),
    [
        ("depth", "10-20 m", 15), ("depth_m", "10.0", 10), ("minimumDepthInMeters", "4", 4),
        ("minimumDepthInMeters\tmaximumDepthInMeters", "10\t30", 20), ("minimumDepthInMeters\tmaximumDepthInMeters", "10\t", 10),
    ],
)  # fmt: skip
def test_depths(tmp_path: Path, header: str, values: str, depth: float) -> None:
    assert read(tmp_path / "s.tsv", f"sample\tx\t{header}\nS1\ty\t{values}\n").frame["depth"].to_list() == [depth]


def test_types(tmp_path: Path) -> None:
    found = read(tmp_path / "s.csv", "sample,sample_type\nS1,pcr_blank\nS2,\nS3,sample\n")
    assert found.frame["sample_type"].to_list() == ["pcr_blank", "sample", "sample"]
    found = read(tmp_path / "s.csv", "sample,control\nS1,TRUE\nS2,no\nS3,negative\nS4,\n")
    assert found.frame["sample_type"].to_list() == ["control", "sample", "negative", "sample"]


def test_replicates(tmp_path: Path) -> None:
    found = read(tmp_path / "s.csv", "sample,extraction_ID,replicate\nS1-A,E1,A\nS1-B,E1,B\nX,,A\n")
    assert found.frame["replicate_of"].to_list() == ["E1", "E1", None]
    assert found.frame["replicate"].to_list() == ["A", "B", "A"]
    found = read(tmp_path / "s.csv", "sample,replicate\nS1-A,A\nS1_b,B\nS2,2\nS3-A,\n")
    assert found.frame["replicate_of"].to_list() == ["S1", "S1", None, None]


def test_directives_of_qiime_are_skipped(tmp_path: Path) -> None:
    found = read(
        tmp_path / "s.tsv", "sample-id\tlatitude\tlongitude\n#q2:types\tnumeric\tnumeric\nS1\t60\t5\n# a note\t\t\n"
    )
    assert found.frame["sample"].to_list() == ["S1"]


def test_other_columns_stay_as_given(tmp_path: Path) -> None:
    found = read(tmp_path / "s.csv.gz", "sample_id,sample,habitat,total_reads\nS1,tube 7,kelp,007\n")
    assert found.frame.row(0, named=True) | {
        "sample": "S1",
        "sample_given": "tube 7",
        "habitat": "kelp",
        "total_reads": "007",
    } == (found.frame.row(0, named=True))


def test_what_is_told(tmp_path: Path) -> None:
    found = read(tmp_path / "s.csv", "sample,lat,lon,date,depth\nS1,60,,03/04/2020,surface\nS2,0,0,spring,10\n")
    assert found.facts.without_coordinates == 1
    assert found.facts.notes == (
        "1 sample has a latitude or a longitude alone, so no location",
        "1 sample has latitude 0 and longitude 0: is it meant?",
        "the date 'spring' could not be read and is left out",
        "day and month cannot be told apart in the date '03/04/2020': the year alone is kept; write them as 2020-06-01",
        "the depth 'surface' could not be read and is left out",
    )
    assert found.frame["lat"].to_list() == [None, 0]
    found = read(tmp_path / "s.csv", "sample,x\nS1,1\n")
    assert found.facts.notes == ("no column holds coordinates, so every sample is without a location",)
    assert found.facts.without_coordinates == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample,lat,lon\nS1,60,5\nS2,60,200\n", ":3: a sample has coordinates that cannot be used:\n"),
        ("sample,lat,lon\nS1,60,5\nS2,60,200\n", ":3, sample 'S2': the longitude 200 is not between -180 and 180"),
        ("sample,lat,lon\nS1,60,200\n", "hint: latitudes run from -90 to 90"),
        ("sample,lat,lon\nS1,-168.9,60\nS2,-171,61\n", "2 samples have coordinates that cannot be used:\n"),
        ("sample,lat,lon\nS1,-168.9,60\nS2,-171,61\n", ":3, sample 'S2': the latitude -171 is not between -90 and 90"),
        ("sample,lat,lon\nS1,-168.9,60\nS2,-171,61\n", "hint: latitude and longitude look swapped: swap the two columns"),
        ("sample,lat,lon\nS1,9.5 W,39.4 N\n", "hint: latitude and longitude look swapped: swap the two columns"),
        ("sample,lat,lon\nS1,171,95\n", "hint: latitudes run from -90 to 90"),
        ("sample,lat,lon\nS1,north,5\n", ":2, sample 'S1': 'north' is no coordinate"),
        ("sample,lat,lon\nS1,north,5\n", "hint: write decimal degrees"),
        ("sample,lat,lon\n" + "".join(f"S{i},99,5\n" for i in range(8)), "… and 3 more"),
        ("sample,lat\nS1,5\n", "the table has 'lat' but no longitude; columns: sample, lat"),
        ("sample,lat\nS1,5\nS2,5\nS1,6\nS2,6\n", ":4: the sample 'S1' stands twice, the first time at line 2 (so do S2)"),
        ("sample,lat\nS1,5\n,5\n", ":3: the column 'sample' is empty"),
        ("site,lat\nS1,5\n", "no column names the samples; columns: site, lat"),
        ("sample,lat\n#q2:types,numeric\n", "the table has no samples"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.csv", text)
    assert message in str(caught.value)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("study", "samples", "located", "dated", "grouped"),
    [
        ("edna_nbs23", 537, 441, 432, True),
        ("edna_berlengas", 35, 35, 35, False),
        ("edna_nearshore_mock", 603, 171, 477, True),
    ],
)
def test_real_studies(real_data: Path, study: str, samples: int, located: int, dated: int, grouped: bool) -> None:
    found = read_samples(real_data / study / "samples.tsv.gz")
    assert (found.facts.samples, samples - found.facts.without_coordinates) == (samples, located)
    assert found.frame["date"].drop_nulls().len() == dated
    assert (found.frame["replicate_of"].null_count() == 0) == grouped
    assert found.facts.notes == ()
