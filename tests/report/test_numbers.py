"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.report import numbers as n

NB = "\N{NO-BREAK SPACE}"
ODD = [None, math.nan, math.inf, -math.inf, "text", True, object()]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("write", [n.fixed, n.signed, n.general, n.percent, n.count, n.duration, n.size])
def test_what_is_no_number_is_a_dash(write, value):
    assert write(value) == n.MISSING


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (n.fixed(0.7142), "0.714"),
        (n.fixed(-0.25, 2), "−0.25"),
        (n.fixed(-0.0001), "0.000"),
        (n.fixed(12345.678, 1), "12,345.7"),
        (n.signed(0.5, 1), "+0.5"),
        (n.signed(-0.5, 1), "−0.5"),
        (n.general(1204322, 3), "1,204,322"),
        (n.general(0.00321), "0.00321"),
        (n.general(1.5), "1.5"),
        (n.general(0), "0"),
        (n.general(3.2e-7, 2), "3.2e−7"),
        (n.interval(0.69, 0.73, 2), "0.69–0.73"),
        (n.interval(-0.1, 0.2, 1), "−0.1 to 0.2"),
        (n.interval(None, 0.2), ""),
        (n.percent(0.011), f"1.1{NB}%"),
        (n.percent(0.5), f"50{NB}%"),
        (n.percent(0.00001), f"< 0.1{NB}%"),
        (n.percent(0), f"0{NB}%"),
        (n.count(5920), "5,920"),
        (n.duration(0.85), "850 ms"),
        (n.duration(42), "42 s"),
        (n.duration(200), "3 min 20 s"),
        (n.duration(7500), "2 h 5 min"),
        (n.duration(3599.7), "1 h"),
        (n.size(17_400_123), "17.4 MB"),
    ],
)
def test_examples(said, wanted):
    assert said == wanted


@given(st.text(max_size=60), st.integers(4, 30))
def test_shorten_keeps_ends_and_length(words, length):
    short = n.shorten(words, length)
    assert len(short) <= max(length, 0)
    if len(words) <= length:
        assert short == words
    else:
        assert short[0] == words[0]
        assert short[-1] == words[-1]
