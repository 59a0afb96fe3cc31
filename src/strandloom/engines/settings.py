"""Names, rules and packages of the engines, without torch or any of their libraries."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from typing import get_args

from strandloom.bundle import EngineName, Manifest, StoredEngine
from strandloom.errors import UsageError

LARGEST_DROP = 0.002
"""An engine is kept only if each of ``METRICS`` on validation rows falls by less than this against fp32."""
METRICS = ("accuracy", "average_precision", "pearson", "r2")
"""The metrics that the rule looks at."""
BATCH_ROWS = 128
"""Sequences per pass at most (docs/performance.md)."""
BATCH_BASES = 128_000
"""Bases per pass: fewer sequences of more than 1,000 bases, which are no slower and take less memory."""
CALIBRATION_ROWS = 300
"""Training rows that settle the ranges of 8-bit numbers."""
VALIDATION_ROWS = 20_000
"""Validation rows that fp32 and an engine are compared on, at most."""
TORCH = "torch"
"""The default: torch in fp32, from the weights alone."""

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
FAMILIES: tuple[str, ...] = ("onnx", "openvino")
"""Of these the fastest variant that the bundle holds is taken; ``torch`` alone always means fp32."""
CHOICES: tuple[str, ...] = (TORCH, *FAMILIES, *ENGINES)
"""Everything that ``--engine`` takes."""

RUN_PACKAGES: dict[str, tuple[str, ...]] = {TORCH: (), "onnx": ("onnxruntime",), "openvino": ("openvino",)}
"""What the engines of a library need to predict."""
INSTALL = "pip install strandloom[fast]"


def library(name: EngineName) -> str:
    """``torch``, ``onnx`` or ``openvino``."""
    return name.split("-")[0]


def run_packages(name: EngineName) -> tuple[str, ...]:
    """What an engine needs to predict, beside what everyone has."""
    return RUN_PACKAGES[library(name)]


def make_packages(name: EngineName) -> tuple[str, ...]:
    """What is needed to make it and to measure it."""
    if library(name) == TORCH:
        return ()
    return ("onnx", *run_packages(name), *(("nncf",) if name == "openvino-int8" else ()))


def batch_rows(length: int) -> int:
    """Sequences per pass by default, for sequences of so many bases."""
    return max(1, min(BATCH_ROWS, BATCH_BASES // length))


def require(packages: Sequence[str], *, engine: str) -> None:
    """Make sure that packages are installed, without importing them.

    Raises
    ------
    UsageError
        One is not.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"the engine {engine} needs {' and '.join(missing)}, not installed here", hint=INSTALL)


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions by name."""
    return {name: importlib.metadata.version(name) for name in packages}


def choose(manifest: Manifest, asked: str, *, where: str | None = None) -> StoredEngine | None:
    """The stored engine that a user means; None for torch in fp32.

    Parameters
    ----------
    manifest
        Of the bundle.
    asked
        One of ``CHOICES``: ``onnx`` and ``openvino`` mean the variant that was measured the fastest.
    where
        The bundle, for the message.

    Raises
    ------
    UsageError
        There is no such engine, or the bundle does not hold it.
    """
    if asked == TORCH:
        return None
    if asked not in CHOICES:
        raise UsageError(f"unknown engine '{asked}'", where="--engine", hint="use " + ", ".join(CHOICES))
    fitting = [x for x in manifest.engines if asked in (x.name, library(x.name))]
    if fitting:
        return max(fitting, key=lambda x: x.sequences_per_second)
    held = ", ".join((TORCH, *(x.name for x in manifest.engines)))
    family = asked.split("-")[0]
    flag = f" --{family}" if family in FAMILIES else ""
    raise UsageError(
        f"the bundle holds no engine {asked} (it holds {held})",
        where=where,
        hint=f"make it with: strandloom export {where or 'BUNDLE'}{flag}",
    )
