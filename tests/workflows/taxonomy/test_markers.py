"""Primer pairs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from strandloom.alphabet import DNA
from strandloom.errors import SettingsError
from strandloom.workflows.taxonomy.markers import MARKERS, Marker, marker_named
from strandloom.workflows.taxonomy.search import MASKS


def test_the_degenerate_consensus_covers_both_mifish_pairs() -> None:
    forward, reverse = DNA.encode("GTYGGTAAAWCTCGTGCCAGC"), DNA.encode("CAAACTRGGATTAGATACCCYACTATG")
    for name in ("mifish", "mifish-e"):
        marker = MARKERS[name]
        assert (MASKS[forward] & MASKS[DNA.encode(marker.forward)]).all()
        assert (MASKS[reverse] & MASKS[DNA.reverse_complement(DNA.encode(marker.reverse))]).all()


def test_a_name_and_its_nearest() -> None:
    assert marker_named(" MiFish ") is MARKERS["mifish"]
    with pytest.raises(SettingsError, match="no marker 'mifsh'; built in are mifish, mifish-e, riaz, teleo") as error:
        marker_named("mifsh")
    assert error.value.hint == "did you mean 'mifish'?"


def test_own_primers() -> None:
    marker = Marker(name="own", forward="acguACGI RYN", reverse="ACGTACGT", min_length=50, max_length=60)
    assert marker.forward == "ACGTACGNRYN"
    with pytest.raises(ValidationError, match="not E X"):
        Marker(name="own", forward="ACGTACGTXE", reverse="ACGTACGT", min_length=50, max_length=60)
    with pytest.raises(ValidationError, match="min_length 70 is above max_length 60"):
        Marker(name="own", forward="ACGTACGT", reverse="ACGTACGT", min_length=70, max_length=60)
