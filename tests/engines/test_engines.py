"""Engines: every family of networks gives the scores of torch fp32, also for padded rows and other batch sizes."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import torch

from strandloom.bundle import EngineName
from strandloom.engines.catalog import make_files, open_engine
from strandloom.engines.settings import ENGINES, MAKE_PACKAGES
from strandloom.engines.source import Source
from strandloom.models.build import build
from strandloom.models.settings import (
    LayersSettings,
    ModelSettings,
    MultiscaleSettings,
    ResidualSettings,
    TutorialSettings,
)

LENGTH, OUTPUTS = 40, 3
LAYERS: dict[str, Any] = {
    "blocks": [
        {"block": "conv", "filters": 8, "width": 5},
        {"block": "norm"},
        {"block": "activation", "function": "gelu"},
        {"block": "pool", "size": 2},
        {"block": "bilstm", "units": 4},
        {"block": "parallel", "branches": [[{"block": "attention_pool"}], [{"block": "global_pool"}]]},
    ]
}
FAMILIES: dict[str, ModelSettings] = {
    "residual": ResidualSettings(filters=16, channels=8, blocks=2, dense=8),
    "multiscale": MultiscaleSettings(filters=8, widths=(3, 7), dense=(8,)),
    "multiscale_tutorial": TutorialSettings(),
    "layers": LayersSettings.model_validate(LAYERS),
}
LARGEST: dict[EngineName, float] = {"torch-bf16": 0.1, "onnx-fp32": 1e-4, "onnx-int8": 0.4, "openvino-bf16": 0.15}
"""Largest difference of a score, in standard deviations of the scores (untrained weights; PERFORMANCE.md, section 3)."""


def needs(name: EngineName) -> pytest.MarkDecorator:
    """Skips where the extra is missing."""
    missing = [x for x in MAKE_PACKAGES[name] if importlib.util.find_spec(x) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: pip install strandloom[fast]")


def source(family: str) -> Source:
    """An untrained network of a family with whole, short and empty rows."""
    network = build(FAMILIES[family], channels=4, length=LENGTH, outputs=OUTPUTS).eval()
    codes = np.random.default_rng(1).integers(0, 4, (32, LENGTH), dtype=np.uint8)
    codes[1, 20:] = 16
    codes[2, :] = 16
    return Source(network, codes)


@pytest.mark.parametrize("family", FAMILIES)
def test_engines_score_as_fp32_does(family: str) -> None:
    """One graph a family serves every engine; those whose library is missing are left to the test below."""
    given = source(family)
    x = torch.from_numpy(next(given.calibration_batches(32)))
    with torch.inference_mode():
        expected = given.network(x)
        for name, largest in LARGEST.items():
            if any(importlib.util.find_spec(package) is None for package in MAKE_PACKAGES[name]):
                continue
            opened = open_engine(name, make_files(name, given), network=given.network, threads=1)
            assert not opened.training
            found = opened(x)
            assert (found.dtype, found.shape) == (torch.float32, (32, OUTPUTS))
            assert float((found - expected).abs().max()) < largest * float(expected.std()), name
            few = opened(x[1:4])
            assert float((few - found[1:4]).abs().max()) < largest * float(expected.std()), name


SLOW = [pytest.mark.slow]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[needs(name), *(SLOW if name == "openvino-int8" else [])]) for name in ENGINES]
)
def test_every_engine_is_made(name: EngineName) -> None:
    """The one family here is small, for nncf takes its time."""
    given = source("multiscale")
    given = Source(given.network, given.calibration[:8])
    files = make_files(name, given)
    suffixes = {"torch": set(), "onnx": {"onnx"}, "openvino": {"xml", "bin"}}
    assert set(files) == suffixes[name.split("-")[0]]
    opened = open_engine(name, files, network=given.network, threads=1)
    x = torch.from_numpy(next(given.calibration_batches(8)))
    with torch.inference_mode():
        assert torch.isfinite(opened(x)).all()
