"""What a sample is, from the words people write in ``sample_type``: a field sample, a blank, a positive control or a mock community."""

from __future__ import annotations

from typing import Literal, get_args

import polars as pl

from strandloom.io.coordinate_text import is_missing

SampleKind = Literal["sample", "blank", "positive", "mock", "unknown"]
SAMPLE_KINDS: tuple[SampleKind, ...] = get_args(SampleKind)
"""Kinds of samples; ``unknown`` (words that are not understood) is treated as a field sample."""
FIELD_KINDS: tuple[SampleKind, ...] = ("sample", "unknown")
"""Kinds that are treated as field samples."""
_WORKPLACE = "extraction|field|filter|filtration|sampling|transport|cooler|equipment|reagent|kit|library|air"
_CLEAR = r"blank|negativ|no ?template|\bntc\b"
_BLANK = (
    rf"{_CLEAR}|\b(?:neg|nec|nc|eb|fb|blanco|branco)\b|pcr ?neg\b|\bneg ?(?:con|ctrl|ctl)|"
    rf"\b(?:{_WORKPLACE}) (?:control|ctrl|ctl)s?\b"
)
_POSITIVE = r"positiv|\b(?:pos|ptc|pc)\b|pcr ?pos\b|\bpos ?(?:con|ctrl|ctl)|pcr standard|standard curve"
_MOCK = r"\bmock|\bzymo|community standard"
_CONTROL = r"control|\b(?:ctrl|ctl)\b"
_SAMPLE = (
    r"\b(?:samples?|field|environmental|env|edna|e dna|biological|water|sea ?water|fresh ?water|river|lake|marine|surface|bottom|sediment|"
    r"soil|biofilm|bulk|filter|tissue|gut|stomach|diet|faeces|feces|scat)\b"
)
_CONTROL_NAME = rf"{_CLEAR}|\bmock|positive|\b(?:pos|neg) ?(?:control|ctrl|ctl)"


def sample_kinds(texts: pl.Series) -> pl.Series:
    """The kind of each sample, one of :data:`SAMPLE_KINDS`, String ``(N,)`` named ``kind``.

    Case, digits and punctuation do not matter (``PCR_blank2`` is a blank). An empty cell is a sample. ``control`` alone says neither
    which control nor whether the laboratory's or the study's is meant, so it is unknown.

    Parameters
    ----------
    texts
        String ``(N,)``, as written.
    """
    frame = pl.DataFrame({"given": texts.cast(pl.String).fill_null("")})
    text = _plain(frame["given"].unique(maintain_order=True).rename("given"))
    said = pl.col("text")
    negative, positive, mock = (said.str.contains(pattern) for pattern in (_BLANK, _POSITIVE, _MOCK))
    kind = (
        pl.when("silent")
        .then(pl.lit("sample"))
        .when(negative & positive)
        .then(pl.lit("unknown"))
        .when(negative)
        .then(pl.lit("blank"))
        .when(mock)
        .then(pl.lit("mock"))
        .when(positive)
        .then(pl.lit("positive"))
        .when(said.str.contains(_SAMPLE) & ~said.str.contains(_CONTROL))
        .then(pl.lit("sample"))
        .otherwise(pl.lit("unknown"))
    )
    known = text.select("given", kind.alias("kind"))
    return frame.join(known, on="given", how="left", maintain_order="left")["kind"]


def named_like_controls(names: pl.Series) -> pl.Series:
    """Whether the name of each sample is that of a control (``Blank-3``, ``NTC_1``), Boolean ``(N,)``."""
    return _plain(names.cast(pl.String).rename("given"))["text"].str.contains(_CONTROL_NAME)


def _plain(given: pl.Series) -> pl.DataFrame:
    """``given``, ``text`` (lower case letters, single spaces) and ``silent`` (nothing is said)."""
    silent = pl.Series("silent", [is_missing(x) for x in given.to_list()], dtype=pl.Boolean)
    words = given.str.replace_all(r"([a-z])([A-Z])", "$1 $2").str.to_lowercase().str.replace_all(r"[^a-z]+", " ")
    return pl.DataFrame([given, words.str.strip_chars().alias("text"), silent])
