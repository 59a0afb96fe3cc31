"""Numbers with their noun."""

from __future__ import annotations

from strandloom.words import plural


def test_one_has_no_plural() -> None:
    assert [plural(n, "row") for n in (0, 1, 2, 5920)] == ["0 rows", "1 row", "2 rows", "5,920 rows"]
    assert [plural(n, "taxon", "taxa") for n in (1, 3)] == ["1 taxon", "3 taxa"]
    assert plural(2, "species", "species") == "2 species"
