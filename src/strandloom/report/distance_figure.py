"""The page of ``strandloom sources genera``: samples by their distance, and the genera typical of each environment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.report.numbers import fixed, percent
from strandloom.report.report import Card, Section, page
from strandloom.report.svg import COLOURS, Canvas, Figure, Key
from strandloom.report.tables import Cell, Table, text
from strandloom.report.verdict import Verdict

SHOWN = 12
"""Genera of each environment on the page."""


def distance_figure(
    distance: NDArray[np.float64], samples: Sequence[str], environment: Sequence[int], environments: Sequence[str]
) -> Figure:
    """Distances of samples in the order of their clusters: the darker, the more alike; a strip tells the environment.

    Parameters
    ----------
    distance
        float64 ``(N, N)``, 0 to 2.
    """
    count = len(samples)
    cell = min(14.0, 640.0 / count)
    left, top = 40.0, 30.0
    side = cell * count
    draw = Canvas(
        "distances",
        "Samples by distance",
        f"{count} samples in the order of their clusters",
        left + side + 12,
        top + side + 12,
    )
    near = np.clip(1 - distance / max(float(distance.max()), 1e-9), 0, 1)
    draw.box(left, top, side, side, "well")
    for i in range(count):
        tip = f"{samples[i]} ({environments[environment[i]]})"
        draw.box(left + i * cell, top - 14, cell - 0.5, 10, f"f{environment[i] % COLOURS}", tip=tip)
        draw.box(left - 14, top + i * cell, 10, cell - 0.5, f"f{environment[i] % COLOURS}", tip=tip)
        for j in range(count):
            if near[i, j] > 0.02:
                draw.box(left + j * cell, top + i * cell, cell, cell, "f0", opacity=round(float(near[i, j]) ** 2, 2))
    keys = tuple(Key(name, e % COLOURS, "box") for e, name in enumerate(environments))
    return Figure(
        draw.svg(),
        "Samples by distance",
        "The darker, the more alike (Spearman). Point at the strip for a sample's name.",
        keys,
        wide=True,
    )


def distance_page(
    distance: NDArray[np.float64],
    samples: Sequence[str],
    environment: Sequence[int],
    environments: Sequence[str],
    typical: pl.DataFrame,
    *,
    words: str,
    title: str,
    version: str,
    command: str,
) -> str:
    """The HTML page; ``typical`` has the columns ``environment, genus, strength, there, often, q``, the strongest first."""
    tables = []
    for name in environments:
        own = typical.filter(pl.col("environment") == name).head(SHOWN)
        rows = tuple(
            (
                text(r["genus"]),
                Cell(fixed(r["strength"], 2)),
                Cell(percent(r["there"], 0)),
                Cell(percent(r["often"], 0)),
                Cell(fixed(r["q"])),
            )
            for r in own.iter_rows(named=True)
        )
        head = (text("genus"), *(Cell(x) for x in ("strength", "of it is there", "of the samples", "q")))
        if rows:
            tables.append(Table(str(name), head, rows, {}))
    cards = [
        Card("Samples", str(len(samples))),
        Card("Typical genera", str(typical.height)),
        Card("Environments", str(len(environments))),
    ]
    return page(
        "report.html",
        {
            "heading": title,
            "kicker": "strandloom sources genera",
            "description": "",
            "version": version,
            "verdict": Verdict(words[0].upper() + words[1:] + ".", "good" if typical.height else "fair", ()),
            "cards": cards,
            "sections": [
                Section(
                    "samples",
                    "Are the environments different?",
                    figures=(distance_figure(distance, samples, environment, environments),),
                ),
                Section(
                    "genera",
                    "Genera typical of each environment",
                    lead=f"The {SHOWN} strongest; all are in genera.tsv. Strength: share of the genus that lies there, "
                    "times share of its samples that have it.",
                    tables=tuple(tables),
                ),
                Section("again", "Do it again", command=command),
            ],
            "motifs": [],
        },
    )
