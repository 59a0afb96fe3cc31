"""The four published networks that are timed, as this package builds them; ``worker_keras.py`` builds the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Published:
    """One network and how its training is timed.

    Parameters
    ----------
    title
        Whose it is.
    model
        Its settings, as in an experiment.
    length, outputs, task
        Input bases L, outputs K, and what they are.
    batch, rows
        Rows of a step, and of the data that an epoch passes over.
    """

    title: str
    model: dict[str, Any]
    length: int
    outputs: int
    task: Literal["classes", "labels", "value"]
    batch: int
    rows: int


def _conv(filters: int, width: int, padding: str) -> list[dict[str, Any]]:
    return [
        {"block": "conv", "filters": filters, "width": width, "padding": padding},
        {"block": "activation", "function": "relu"},
    ]


def _dense(units: int) -> list[dict[str, Any]]:
    return [{"block": "dense", "units": units}, {"block": "activation", "function": "relu"}]


def _layers(*blocks: Any) -> dict[str, Any]:
    flat: list[dict[str, Any]] = []
    for block in blocks:
        flat += block if isinstance(block, list) else [block]
    return {"kind": "layers", "blocks": flat}


def _drop(rate: float) -> dict[str, Any]:
    return {"block": "dropout", "rate": rate}


FLATTEN = {"block": "flatten"}

NETWORKS = {
    "source": Published(
        "source-tracking CNN (Oskolkov)",
        _layers(_conv(512, 20, "same"), {"block": "pool", "size": 2}, _drop(0.2), FLATTEN, _dense(256), _drop(0.1)),
        length=80, outputs=4, task="classes", batch=512, rows=8192,
    ),
    "multiscale": Published(
        "multi-scale CNN with attention, as published",
        {"kind": "multiscale_tutorial"},
        length=200, outputs=2, task="classes", batch=256, rows=8192,
    ),
    "utr": Published(
        "yeast 5'UTR CNN (Cuperus; valid convolutions)",
        _layers(
            _conv(128, 13, "valid"), _drop(0.15), _conv(128, 13, "valid"), _drop(0.15), _conv(128, 13, "valid"), _drop(0.15),
            FLATTEN, _dense(64),
        ),
        length=70, outputs=1, task="value", batch=256, rows=8192,
    ),
    "danq": Published(
        "DanQ",
        _layers(
            _conv(320, 26, "valid"), {"block": "pool", "size": 13}, _drop(0.2), {"block": "bilstm", "units": 320}, _drop(0.5),
            FLATTEN, _dense(925),
        ),
        length=1000, outputs=919, task="labels", batch=64, rows=512,
    ),
}  # fmt: skip

CARD_ROWS = 8
"""On a card an epoch passes over so many times as many rows."""


def rows_on(device: str, name: str) -> int:
    """Rows of the timed epoch of a network on ``cpu`` or a card."""
    return NETWORKS[name].rows * (1 if device == "cpu" else CARD_ROWS)
