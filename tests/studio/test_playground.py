"""Variants as people type them, and designs from a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from strandloom.bundle import Bundle, Manifest, write_bundle
from strandloom.errors import UsageError
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings
from strandloom.studio.pages.playground import designed, variants_of


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


def test_designs_of_a_class(tmp_path: Path) -> None:
    model = LayersSettings.model_validate(
        {"blocks": [{"block": "conv", "filters": 4, "width": 5}, {"block": "global_pool"}]}
    )
    about = Manifest.model_validate(
        {"strandloom": "0", "name": "t", "task": "classes", "length": 20, "labels": ("no", "yes"), "model": model}
    )
    module = build(model, channels=4, length=20, outputs=2, seed=1)
    weights = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    write_bundle(tmp_path / "bundle", Bundle(about, (weights,), {}, ""))
    found = designed(tmp_path / "bundle", {"output": "yes", "aim": "max"}, count=3, rounds=2)
    assert len(found) == 3
    assert all(any(len(str(x)) == 20 for x in row.values()) for row in found)
