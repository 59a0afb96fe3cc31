"""Species names of range files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.lineage import Taxonomy
from strandloom.workflows.taxonomy.ranges.match import SpeciesMatcher

NAMES = ["Clupea harengus", "Gadus morhua", "Salmo trutta"]
TAXONOMY = Taxonomy.from_frame(
    pl.DataFrame({"species": NAMES, "genus": [x.split()[0] for x in NAMES]}).with_columns(
        pl.lit("").alias(rank) for rank in ("family", "order", "class")
    )
)
FILE = Path("fish.tsv")


def test_names_as_people_write_them() -> None:
    names = pl.Series(
        [
            "Gadus_morhua",
            "Gadus morhua Linnaeus, 1758",
            "Salmo (Salmo) trutta",
            "gadus morhua",
            None,
            "Gadus morua",
            "Gadus sp.",
        ]
    )
    found = SpeciesMatcher(TAXONOMY).match(names, FILE)
    assert found.numbers.tolist() == [1, 1, 2, 1, -1, -1, -1]
    assert (found.species, found.unmatched, found.nameless) == (2, 2, 1)
    assert found.examples[0] == ("Gadus morua", "Gadus morhua")


def test_no_species_at_all_is_an_error() -> None:
    matcher = SpeciesMatcher(TAXONOMY)
    with pytest.raises(InputError) as caught:
        matcher.match(pl.Series(["Gadus morua", "Homo sapiens", "Gadus morua"]), FILE)
    text = str(caught.value)
    assert "fish.tsv: no range can be read: none of its 2 species names is in the taxonomy" in text
    assert "('Gadus morua', 'Homo sapiens')" in text
    assert "did you mean 'Gadus morhua' for 'Gadus morua'?" in text
    with pytest.raises(InputError, match="its only species name is not in the taxonomy") as caught:
        matcher.match(pl.Series(["Homo sapiens"]), FILE)
    assert "for example 'Clupea harengus'" in str(caught.value)
    with pytest.raises(InputError, match="no row names a species"):
        matcher.match(pl.Series([None], dtype=pl.String), FILE)
