"""The words about range files."""

from __future__ import annotations

import json

from strandloom.workflows.taxonomy.ranges.report import RangeFile, RangeReport


def test_words() -> None:
    file = RangeFile(
        path="cod.tsv",
        kind="records of species",
        rows=1200,
        used=1100,
        species=1,
        unmatched=3,
        examples=(("Gadus morua", "Gadus morhua"), ("Nemo", "")),
        notes=("2 rows without coordinates left out",),
    )
    assert file.lines() == (
        "cod.tsv: records of species, 1,200 rows; 1,100 of them about 1 species of the taxonomy",
        "  2 rows without coordinates left out",
        "  3 names not in the taxonomy: 'Gadus morua' (nearest: 'Gadus morhua'), 'Nemo', …",
    )
    report = RangeReport((file, RangeFile("map.tsv", "map of ecoregions", 9, 9)))
    assert report.lines()[-1] == "map.tsv: map of ecoregions, 9 rows"
    assert RangeReport.from_json(json.loads(json.dumps(report.to_json()))) == report
