"""Variants as people type them."""

from __future__ import annotations

import pytest

from strandloom.errors import UsageError
from strandloom.studio.pages.playground import variants_of


def test_lines_are_variants() -> None:
    found = variants_of("chr1 1,000 A G\n\nII:25 AC>A\nX\t7\tT\tTT\n")
    assert [(x["chrom"], x["pos"], x["ref"], x["alt"]) for x in found] == [
        ("chr1", 1000, "A", "G"),
        ("II", 25, "AC", "A"),
        ("X", 7, "T", "TT"),
    ]


@pytest.mark.parametrize("text", ["", "  ", "chr1 5 A", "chr1 x A G", "chr1 \u00b2 A G", "chr1 5 A G extra"])
def test_what_is_no_variant(text: str) -> None:
    with pytest.raises(UsageError):
        variants_of(text)
