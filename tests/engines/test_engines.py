"""Engines: every family of networks gives the scores of torch fp32, also for padded rows and other batch sizes."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import socket
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.bundle import EngineName, Manifest, StoredEngine
from strandloom.cli.predict import Engine
from strandloom.engines.catalog import make_files, open_engine, torch_threads
from strandloom.engines.settings import CHOICES, ENGINES, batch_rows, choose, make_packages
from strandloom.engines.source import Source
from strandloom.errors import BundleError, UsageError
from strandloom.models.build import build
from strandloom.models.settings import (
    BlockSettings,
    LayersSettings,
    ModelSettings,
    MultiscaleSettings,
    ResidualSettings,
    TutorialSettings,
    UtrSettings,
)

LENGTH, OUTPUTS = 40, 3
ROWS = 32
Block = dict[str, Any]


def layers(*blocks: Block) -> LayersSettings:
    """A network from blocks."""
    return LayersSettings.model_validate({"blocks": list(blocks)})


def conv(filters: int, width: int, **others: Any) -> Block:
    """A convolution."""
    return {"block": "conv", "filters": filters, "width": width, **others}


def function(name: str) -> Block:
    """An activation."""
    return {"block": "activation", "function": name}


def block(name: str, **others: Any) -> Block:
    """Any block."""
    return {"block": name, **others}


FAMILIES: dict[str, ModelSettings | None] = {
    "residual": ResidualSettings(filters=16, channels=8, blocks=2, dense=8),
    "residual, pooled": ResidualSettings(
        filters=16, stem_widths=(3, 8), channels=8, blocks=1, dense=8, heads=0, position="pool"
    ),
    "multiscale": MultiscaleSettings(filters=8, widths=(3, 7), dense=(8,)),
    "multiscale_tutorial": TutorialSettings(),
    "layers, masked": layers(
        conv(8, 5), block("norm"), function("gelu"), block("pool", size=2), block("dropout", rate=0.1),
        block("bilstm", units=4),
        block("residual", blocks=[block("norm", method="layer"), conv(8, 3, dilation=2)]),
        block(
            "parallel",
            branches=[[block("attention_pool")], [block("global_pool")], [block("global_pool", method="average")]],
        ),
    ),
    "layers, flat": layers(
        conv(8, 6, padding="valid", stride=2, bias=False), block("norm", method="group", groups=4), function("silu"),
        block("pool", method="average", size=3, stride=2), block("norm"), block("flatten"), block("norm"),
        block("dense", units=8), function("tanh"), block("norm", method="layer"),
    ),
    "layers, flat and dense": layers(
        conv(8, 5), function("relu"), block("pool", size=2), block("flatten"), function("relu"),
        block("dropout", rate=0.1), block("dense", units=8), function("relu"),
    ),
    "layers, last state": layers(
        conv(8, 5), function("relu"), block("bilstm", units=4, sequences=False), block("dense", units=8),
        function("softplus"),
    ),
    "layers, exponential": layers(
        conv(8, 8), function("exp"), block("pool", size=4), block("parallel", branches=[[function("sigmoid")], []]),
        block("flatten"),
    ),
    "layers, padded": layers(block("pad", left=3, right=2), conv(8, 5), function("relu"), block("global_pool")),
    "utr": UtrSettings(padding="same"),
    "custom": None,
}  # fmt: skip
"""Tiny networks in which every architecture and every block stands; None: a module of one's own."""
LARGEST: dict[EngineName, float] = {
    "torch-bf16": 0.1,
    "onnx-fp32": 1e-4,
    "onnx-int8": 0.25,
    "onnx-int8-dynamic": 0.25,
    "openvino-fp32": 1e-4,
    "openvino-bf16": 0.15,
    "openvino-int8": 0.25,
}
"""Largest difference of a score, in standard deviations of the scores (untrained weights, so these are small)."""


def missing(name: EngineName) -> list[str]:
    """Packages of the extra that are not there."""
    return [x for x in make_packages(name) if importlib.util.find_spec(x) is None]


def needs(name: EngineName) -> Any:
    """An engine as parameter, skipped where the extra is missing."""
    gone = missing(name)
    skip = pytest.mark.skipif(bool(gone), reason=f"needs {', '.join(gone)}: pip install strandloom[fast]")
    return pytest.param(name, marks=skip)


def source(family: str) -> Source:
    """An untrained network of a family with whole, short and empty rows."""
    settings = FAMILIES[family]
    if settings is None:
        torch.manual_seed(1)
        network: nn.Module = nn.Sequential(
            nn.Conv1d(4, 6, 5, padding=2), nn.ELU(), nn.Flatten(), nn.Linear(6 * LENGTH, OUTPUTS)
        )
    else:
        network = build(settings, channels=4, length=LENGTH, outputs=OUTPUTS)
    codes = np.random.default_rng(1).integers(0, 4, (ROWS, LENGTH), dtype=np.uint8)
    codes[1, 20:] = 16
    codes[2, :] = 16
    return Source(network.eval(), codes)


def test_every_architecture_and_every_block_stands_in_a_family() -> None:
    known = {one.model_fields["kind"].default for one in get_args(get_args(ModelSettings)[0])}
    large = {"deepsea", "danq"}  # lists of blocks, like utr, with tens of millions of weights
    assert {"custom" if one is None else one.kind for one in FAMILIES.values()} == known - large
    text = "".join(one.model_dump_json() for one in FAMILIES.values() if one is not None)
    blocks = {one.model_fields["block"].default for one in get_args(get_args(BlockSettings)[0])}
    assert set(re.findall(r'"block":"(\w+)"', text)) == blocks


@pytest.mark.parametrize("family", FAMILIES)
def test_engines_score_as_fp32_does(family: str) -> None:
    """One graph a family serves every engine; those whose library is missing are left to the test below."""
    given = source(family)
    x = torch.from_numpy(next(given.calibration_batches(ROWS)))
    with torch.inference_mode():
        expected = given.network(x)
        for name, largest in LARGEST.items():
            if missing(name):
                continue
            opened = open_engine(name, make_files(name, given), network=given.network, threads=1)
            assert not opened.training
            found = opened(x)
            assert (found.dtype, found.shape) == (torch.float32, (ROWS, OUTPUTS))
            assert float((found - expected).abs().max()) < largest * float(expected.std()), name
            for few in (slice(0, 1), slice(1, 4)):
                assert float((opened(x[few]) - expected[few]).abs().max()) < largest * float(expected.std()), name


@pytest.mark.parametrize("name", [needs(name) for name in ENGINES])
def test_every_engine_is_made(name: EngineName) -> None:
    given = source("layers, exponential")
    files = make_files(name, given)
    suffixes = {"torch": set(), "onnx": {"onnx"}, "openvino": {"xml", "bin"}}
    assert set(files) == suffixes[name.split("-")[0]]
    open_engine(name, files, network=given.network, threads=1)
    if files:
        with pytest.raises(BundleError, match=f"lists no file .* of the engine {name}"):
            open_engine(name, {}, network=given.network, threads=1)


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "torch-bf16"])
def test_a_missing_package_is_named_with_what_to_install(name: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    given = source("custom")
    monkeypatch.setattr("strandloom.engines.settings.importlib.util.find_spec", lambda _name: None)
    for act in (
        lambda: make_files(name, given),
        lambda: open_engine(name, {}, network=given.network, threads=1),
    ):
        with pytest.raises(UsageError, match=f"the engine {name} needs .*, not installed here") as caught:
            act()
        assert caught.value.hint == "pip install strandloom[fast]"


@pytest.mark.parametrize("name", [needs("onnx-int8"), needs("openvino-int8")])
def test_nothing_is_sent_anywhere(name: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    """nncf reports through Python; ONNX Runtime by itself, unless a variable that it reads when first imported forbids it."""
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, place: asked.append(place))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **_: asked.append(place) or [])
    given = source("custom")
    open_engine(name, make_files(name, given), network=given.network, threads=1)
    assert asked == []
    find = ctypes.CDLL(None).getenv
    find.restype = ctypes.c_char_p
    assert find(b"ORT_DISABLE_TELEMETRY") == b"1"


def test_torch_is_left_one_thread_beside_another_library_and_rows_are_by_rule() -> None:
    before = torch.get_num_threads()
    given: dict[EngineName | None, int] = {None: 3, "torch-bf16": 3, "onnx-fp32": 1, "openvino-int8": 1}
    for name, left in given.items():
        with torch_threads(name, 3):
            assert torch.get_num_threads() == left
        assert torch.get_num_threads() == before
    assert [batch_rows(length) for length in (1, 80, 1_000, 5_000, 10**6)] == [128, 128, 128, 25, 1]


def test_a_library_means_its_fastest_engine() -> None:
    assert tuple(Engine) == tuple(map(Engine, CHOICES))
    figures: Any = {
        "batch_size": 8, "threads": 1, "fp32_sequences_per_second": 1, "validation_rows": 9, "logit_difference": 0,
        "metrics": {}, "fp32_metrics": {},
    }  # fmt: skip
    engines = tuple(
        StoredEngine(name=name, sequences_per_second=speed, **figures)
        for name, speed in (("onnx-fp32", 5), ("onnx-int8-dynamic", 7), ("openvino-bf16", 9))
    )
    manifest = Manifest(
        strandloom="0", name="x", task="classes", length=9, labels=("a", "b"), model=TutorialSettings(), engines=engines
    )
    named = {asked: choose(manifest, asked) for asked in ("torch", "onnx", "openvino", "onnx-fp32")}
    assert {asked: one and one.name for asked, one in named.items()} == {
        "torch": None, "onnx": "onnx-int8-dynamic", "openvino": "openvino-bf16", "onnx-fp32": "onnx-fp32",
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"holds no engine openvino-fp32 \(it holds torch, onnx-fp32,") as caught:
        choose(manifest, "openvino-fp32", where="B")
    assert caught.value.hint == "make it with: strandloom export B --openvino"
    with pytest.raises(UsageError, match="unknown engine 'tpu'"):
        choose(manifest, "tpu")
