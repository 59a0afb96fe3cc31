"""What the report of an estimate shows, from its results."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from strandloom.report.numbers import percent
from strandloom.report.sources_page import SampleShares, SourceShare, SourcesPage, render_sources
from strandloom.version import VERSION
from strandloom.workflows.sources.collection import UNKNOWN
from strandloom.workflows.sources.composition import METHODS
from strandloom.workflows.sources.store import Loaded

if TYPE_CHECKING:
    from strandloom.workflows.sources.estimate import Estimated, SampleResult

WORDS = {
    "em": "the reads' answers as a mixture of how known genomes, relatives of them and reads like nothing are answered (EM), the mean over "
    "resamples",
    "confusion": "shares of the likeliest answers, corrected by how often practice reads are confused",
    "argmax": "shares of the likeliest answers, as published: biased, and without an unknown source",
}


def estimate_page(found: Estimated, loaded: Loaded, *, level: float, command: str, per_read: bool) -> str:
    """The HTML page."""
    from strandloom.workflows.sources.estimate import warnings_of

    sources = (*found.environments, UNKNOWN)
    files = [
        ("composition.tsv", "shares by every method (also .parquet and .ndjson)"),
        ("samples.tsv", "what was read, and warnings"),
    ]
    if per_read:
        files.append(("reads.parquet", "probabilities of every read"))
    return render_sources(
        SourcesPage(
            sources=sources,
            samples=tuple(_sample(x, tuple(warnings_of(x))) for x in found.samples),
            level=level,
            training=_training(loaded),
            confusion=tuple(tuple(float(v) for v in row) for row in loaded.calibration.confusion),
            methods=tuple((name, WORDS[name]) for name in METHODS),
            practice=tuple(
                (x["what"], x["right"], x["unknown"], x["samples"]) for x in loaded.facts.get("practice") or ()
            ),
            groups=tuple(
                (x["group"], x["environment"], x["genome"], x["genus"], x["bayes_genus"])
                for x in loaded.facts.get("held_out_by_group") or ()
            ),
            group_word="genus" if (loaded.facts.get("collection") or {}).get("kind") == "genomes" else "sample",
            files=tuple(files),
            command=command,
            version=VERSION,
            date=date.today().isoformat(),
        )
    )


def _sample(found: SampleResult, warnings: tuple[str, ...]) -> SampleShares:
    made = found.composition

    def numbers(values: np.ndarray) -> tuple[float | None, ...]:
        return tuple(None if np.isnan(v) else float(v) for v in values)

    own = made.shares[METHODS[0]]
    values = numbers(own.value)
    shares = tuple(
        SourceShare(v, float(low), float(high)) if v is not None else SourceShare(None, None, None)
        for v, low, high in zip(values, own.low, own.high, strict=True)
    )
    return SampleShares(
        found.sample,
        shares,
        tuple((name, numbers(made.shares[name].value)) for name in METHODS[1:]),
        found.facts.reads,
        found.facts.kept,
        "; ".join(found.facts.lines()),
        warnings,
    )


def _training(loaded: Loaded) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    collection = loaded.facts.get("collection") or {}
    members = collection.get("members") or []
    for environment in collection.get("environments") or ():
        names = [name for name, own, _ in members if own == environment]
        told.append(
            (str(environment), ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else ""))
        )
    held = loaded.facts.get("held_out")
    if held:
        for key, words in (
            ("left_out_genome", "reads of left-out genomes"),
            ("left_out_genus", "reads of left-out genera"),
        ):
            one = held[key]
            if one["model"] is None:  # it was not asked
                continue
            told.append(
                (
                    words,
                    f"{percent(one['model'])} right; 10-mer naive Bayes {percent(one['naive_bayes_10mers'])} (means over environments)",
                )
            )
    if collection.get("kind") == "reads":
        told.append(
            ("caution", "learned from reads of single samples: a run may be recognised instead of an environment")
        )
    return tuple(told)
