"""The engines by name: how each is made from a network, and how what was stored becomes a network again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from strandloom.bundle import ENGINES as FOLDER
from strandloom.bundle import EngineName
from strandloom.engines.settings import TORCH, library, make_packages, require, run_packages
from strandloom.engines.source import Source
from strandloom.errors import BundleError


def make_files(name: EngineName, source: Source) -> dict[str, bytes]:
    """What an engine stores of a network, suffix to content; nothing for torch-bf16.

    Raises
    ------
    UsageError
        A package is not installed.
    Exception
        The library cannot express the network; which error it raises is its own affair.
    """
    require(make_packages(name), engine=name)
    _send_nothing()
    if name == "torch-bf16":
        return {}
    if library(name) == "onnx":
        from strandloom.engines import onnx_runtime

        return onnx_runtime.MAKE[name](source)
    from strandloom.engines import openvino_runtime

    return openvino_runtime.MAKE[name](source)


def open_engine(name: EngineName, files: Mapping[str, bytes], *, network: nn.Module, threads: int) -> nn.Module:
    """A network that an engine computes: one-hot float32 ``(B, C, L)`` to raw scores, float32 ``(B, K)``.

    Parameters
    ----------
    name
        The engine.
    files
        What it stored of this network, suffix to content.
    network
        The network in torch fp32.
    threads
        Threads on the CPU.

    Raises
    ------
    UsageError
        A package is not installed.
    BundleError
        A file is not among ``files``.
    """
    require(run_packages(name), engine=name)
    _send_nothing()
    try:
        if name == "torch-bf16":
            from strandloom.engines.torch_bf16 import BF16Network

            return BF16Network(network).eval()
        if library(name) == "onnx":
            from strandloom.engines.onnx_runtime import OnnxNetwork

            return OnnxNetwork(files["onnx"], threads=threads).eval()
        from strandloom.engines.openvino_runtime import OpenVINONetwork

        exact = name == "openvino-fp32"
        return OpenVINONetwork(files["xml"], files["bin"], threads=threads, precision="f32" if exact else "bf16").eval()
    except KeyError as error:
        raise BundleError(
            f"the bundle lists no file .{error.args[0]} of the engine {name}",
            hint="copy the bundle again, or make the engine again with: strandloom export",
        ) from None


def _send_nothing() -> None:
    """Keep ONNX Runtime, OpenVINO and nncf from reporting to their makers.

    ONNX Runtime 1.31 does so some seconds after it is first imported; ``disable_telemetry_events`` comes too late, only this variable
    stops it. The other two do without their telemetry package where it is not installed.
    """
    os.putenv("ORT_DISABLE_TELEMETRY", "1")  # for the library; nothing here reads it
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


@contextmanager
def torch_threads(name: EngineName | None, threads: int) -> Iterator[None]:
    """Torch's threads while an engine (None: torch itself) computes with ``threads``; then they are what they were.

    One beside another library: torch only encodes the batches then, and after each its idle threads would spin on the cores that
    the library needs (docs/performance.md). It is the count of the calling thread: two threads that predict at once share it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads if name is None or library(name) == TORCH else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stored_path(name: EngineName, member: int, suffix: str) -> str:
    """Where a file of an engine stands in the bundle."""
    return f"{FOLDER}/{name}/{member}.{suffix}"
