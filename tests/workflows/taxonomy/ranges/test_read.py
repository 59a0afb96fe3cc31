"""Range files as people have them, in any mix, and what is said of the bad ones."""

from __future__ import annotations

import gzip
import re
import time
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError, UsageError
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.ranges.ranges import Ranges
from strandloom.workflows.taxonomy.ranges.read import read_ranges

NAMES = ["Clupea harengus", "Clupea pallasii", "Gadus morhua", "Salmo trutta"]


def taxonomy_of(names: list[str]) -> Taxonomy:
    frame = pl.DataFrame({"species": names, "genus": [x.split()[0] for x in names]})
    return Taxonomy.from_frame(frame.with_columns(pl.lit("").alias(rank) for rank in ("family", "order", "class")))


TAXONOMY = taxonomy_of(NAMES)
FILES = {
    "cells.tsv": "species\tlat\tlon\tn\tsource\nGadus morhua\t60.25\t5.25\t12\tx\nGadus_morhua\t-10\t179.9\t0\tx\n"
    "Homo sapiens\t1\t1\t1\tx\n",
    "list.csv": "species,eco_code\nClupea harengus,20002\nClupea harengus,20001\nGadus morhua,20001.0\n",
    "map.tsv": "lat\tlon\teco_code\n60.25\t5.25\t20001\n60.75\t5.25\t20001\n-70.25\t-179.75\t20002\n",
    "names.tsv": "eco_code\tecoregion\trealm\n20001\tNorth Sea\tArctic\n",
    "rivers.tsv": "species\tbasin\nSalmo trutta\tRhine\n",
    "places.tsv": "basin\tlat\tlon\tarea_km2\nRhine\t48\t8\t185000\n",
    "limits.tsv": "species\tlat_max\tlat_min\tlon_west\tlon_east\ttemp_min\ttemp_max\tclimate\n"
    "Clupea pallasii\t70\t33\t120\t-110\t\t9.5\tboreal\n",
}


def written(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(text)
        paths.append(path)
    return paths


def every(folder: Path) -> list[Path]:
    return written(folder, **FILES)


def error_of(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_ranges(written(folder, f__tsv=text), TAXONOMY)
    return str(caught.value)


def check(ranges: Ranges) -> None:
    assert ranges.points.rows() == [(2, 60.25, 5.25, 12.0)]
    assert ranges.areas.select("name", "kind", "code").rows() == [
        ("North Sea", "ecoregion", "20001"),
        ("20002", "ecoregion", "20002"),
        ("Rhine", "basin", "Rhine"),
    ]
    assert ranges.areas["area_km2"].to_list() == [None, None, 185_000.0]
    assert sorted(ranges.members.rows()) == [(0, 0), (0, 1), (2, 0), (3, 2)]
    assert ranges.cells.height == 4
    assert ranges.bounds.rows() == [(1, 33.0, 70.0, 120.0, -110.0, None, 9.5)]


def test_any_mix_in_any_order(tmp_path: Path) -> None:
    files = every(tmp_path)
    for order in (files, files[::-1], files[3:] + files[:3]):
        ranges = read_ranges(order, TAXONOMY)
        check(ranges)
        assert [file.path for file in ranges.report.files] == [str(path) for path in order]
    told = "\n".join(ranges.report.lines())
    assert "cells.tsv: records of species, 3 rows; 1 of them about 1 species of the taxonomy" in told
    assert "1 row with a count of 0 (absence) left out" in told
    assert "1 name not in the taxonomy: 'Homo sapiens'" in told


def test_gzip_and_parquet(tmp_path: Path) -> None:
    files = []
    for path in every(tmp_path):
        if path.name in ("list.csv", "limits.tsv"):
            packed = path.with_suffix(path.suffix + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
        else:
            packed = path.with_suffix(".parquet")
            pl.read_csv(path, separator="\t").write_parquet(packed)
        files.append(packed)
    check(read_ranges(files, TAXONOMY))


def test_parts_read_alone_merge_to_the_whole(tmp_path: Path) -> None:
    cells, listing, mapping, names, *others = every(tmp_path)
    parts = [read_ranges(x, TAXONOMY) for x in ([cells], [listing, mapping, names], others[:2], others[2:])]
    check(parts[0].merge(*parts[1:]))


def test_darwin_core(tmp_path: Path) -> None:
    header = "gbifID\tspecies\tdecimalLatitude\tdecimalLongitude\tindividualCount\tdepth\teventDate\toccurrenceStatus\n"
    rows = [
        "1\tGadus morhua\t60.5\t5.1\t3\t100\t2020-06-01\tPRESENT",
        "2\tGadus morhua\t61\t5\t\t\t2020\tABSENT",
        "3\tClupea harengus\t61\t4\t\t\t\tPRESENT",
        "4\tMus musculus\t61\t4\t\t\t\tPRESENT",
    ]
    (path,) = written(tmp_path, gbif__csv=header + "\n".join(rows) + "\n")
    ranges = read_ranges([path], TAXONOMY)
    assert sorted(ranges.points.select("species", "lat", "lon", "n", "depth", "month").rows()) == [
        (0, 61.0, 4.0, 1.0, None, None),
        (2, 60.5, 5.1, 3.0, 100.0, 6.0),
    ]
    (file,) = ranges.report.files
    assert (file.kind, file.rows, file.used, file.species, file.unmatched) == ("GBIF records", 4, 2, 2, 1)
    assert file.notes == ("1 left out: recorded as absent",)
    (path,) = written(tmp_path, mice__csv=header + rows[3] + "\n")
    with pytest.raises(InputError, match=r"its only species name is not in the taxonomy \('Mus musculus'\)"):
        read_ranges([path], TAXONOMY)


def test_covariates_and_rows_that_tell_nothing(tmp_path: Path) -> None:
    text = (
        "species\tlat\tlon\tcount\tdepth\tmonth\nGadus morhua\t60\t5\t\t10,5\t3\nGadus morhua\tNA\t5\t1\t\t\n"
        "Gadus morhua\t0\t0\t1\t\t\n\t50\t5\t1\tdeep\t\n"
    )
    ranges = read_ranges(written(tmp_path, f__tsv=text), TAXONOMY)
    assert ranges.points.rows() == [(2, 60.0, 5.0, 1.0, 10.5, 3.0)]
    assert ranges.report.files[0].notes == (
        "1 row without coordinates left out",
        "1 row at latitude 0 and longitude 0 left out",
        "1 row without a count taken as one record",
        "1 value of the column 'depth' that is no number left out",
        "1 row without a species name left out",
    )


@pytest.mark.parametrize("name", ["cells.tsv", "list.csv", "rivers.tsv", "limits.tsv"])
def test_a_file_of_other_species_is_an_error(tmp_path: Path, name: str) -> None:
    files = {path.name: path for path in every(tmp_path)}
    with pytest.raises(InputError, match=rf"{re.escape(name)}: no range can be read: .*in the taxonomy"):
        read_ranges([files[name]], taxonomy_of(["Danio rerio"]))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["list.csv"], "list.csv: the ecoregions of species are listed here, but no file says where they lie"),
        (["map.tsv"], "map.tsv: the ecoregions lie here, but no file says which species live in them"),
        (["names.tsv"], "names.tsv: names of ecoregions alone tell no range"),
        (
            ["list.csv", "names.tsv"],
            "list.csv: the ecoregions of species are listed here, but no file says where they lie",
        ),
        (["rivers.tsv"], "rivers.tsv: the basins of species are listed here, but no file says where they lie"),
        (["places.tsv"], "places.tsv: the basins lie here, but no file says which species live in them"),
        (["rivers.tsv", "map.tsv"], "map.tsv: the ecoregions lie here"),
    ],
)
def test_a_list_without_its_map_and_the_reverse(tmp_path: Path, names: list[str], message: str) -> None:
    files = {path.name: path for path in every(tmp_path)}
    with pytest.raises(InputError) as caught:
        read_ranges([files[name] for name in names], TAXONOMY)
    assert message in str(caught.value)
    assert "hint: give also " in str(caught.value)


def test_bad_rows_are_named(tmp_path: Path) -> None:
    head = "species,lat,lon,n\nGadus morhua,60,5,1\n"
    text = error_of(tmp_path, head + "Gadus morhua,-132.5,55.3,1\n")
    assert text.startswith(f"{tmp_path}/f.tsv:3: a row has coordinates that cannot be used")
    assert "swap the columns 'lat' and 'lon'" in text
    text = error_of(tmp_path, head + "Gadus morhua,60,5,-2\n")
    assert "f.tsv:3: a row has numbers that cannot be used" in text
    text = error_of(tmp_path, "species,lat,lon,n\nGadus morhua,60,5,0\n")
    assert "no row about a species of the taxonomy can be used: 1 row with a count of 0" in text
    text = error_of(
        tmp_path, "species,lat_max,lat_min\nGadus morhua,30,60\nClupea harengus,30,20\nSalmo trutta,30,50\n"
    )
    assert "f.tsv:2: 2 of 3 rows have a southern limit north of the northern one, the first 60 and 30" in text
    assert "swap the columns 'lat_min' and 'lat_max'" in text
    text = error_of(tmp_path, "species,lat_max,lat_min\nGadus morhua,95,60\n")
    assert "the latitude 95 is not between -90 and 90" in text
    text = error_of(tmp_path, "species,length\nGadus morhua,95\n")
    assert "this is no range file that is understood; columns: species, length" in text


def test_a_few_crossed_limits_are_left_out(tmp_path: Path) -> None:
    text = "species,lat_max,lat_min\nGadus morhua,30,60\nClupea harengus,30,20\nSalmo trutta,,\nClupea pallasii,9,\n"
    ranges = read_ranges(written(tmp_path, f__csv=text), TAXONOMY)
    assert ranges.bounds.select("species", "lat_min", "lat_max").rows() == [(0, 20.0, 30.0), (1, None, 9.0)]
    assert ranges.report.files[0].notes == (
        "1 row with a southern limit north of the northern one left out (a lost sign?)",
        "1 row without any limit left out",
    )


def test_no_file_and_the_same_file_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no range file is given"):
        read_ranges([], TAXONOMY)
    path = every(tmp_path)[0]
    with pytest.raises(UsageError, match="given twice"):
        read_ranges([path, path], TAXONOMY)
    with pytest.raises(InputError, match="nothing"):
        read_ranges([tmp_path / "nothing.tsv"], TAXONOMY)


@pytest.mark.realdata
def test_fish_geo(real_data: Path) -> None:
    folder = real_data / "fish_geo"
    stems = (
        "species_ecoregions",
        "ecoregion_cells_0p5deg",
        "ecoregions",
        "occurrence_cells_0p5deg",
        "species_drainage_basins",
        "basins",
        "species_bounds_fishbase",
    )
    listing = pl.read_csv(folder / "species_ecoregions.tsv.gz", separator="\t")
    taxonomy = taxonomy_of(listing["species"].unique().sort().to_list())
    start = time.perf_counter()
    ranges = read_ranges([folder / f"{stem}.tsv.gz" for stem in stems], taxonomy)
    assert time.perf_counter() - start < 20
    assert ranges.members.join(ranges.areas.filter(pl.col("kind") == "ecoregion"), on="area").height == listing.height
    assert ranges.areas["kind"].value_counts().sort("kind")["count"].to_list() == [3119, 232]
    assert ranges.areas.row(0)[1:4] == ("North Greenland", "ecoregion", "20001")
    assert ranges.cell_size() == 0.5
    assert ranges.report.files[-1].notes == (
        "68 rows with a southern limit north of the northern one left out (a lost sign?)",
    )
