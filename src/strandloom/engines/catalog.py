"""The engines by name: how each is made from a network, and how what was stored becomes a network again."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from strandloom.bundle import ENGINES as FOLDER
from strandloom.bundle import EngineName
from strandloom.engines.settings import MAKE_PACKAGES, RUN_PACKAGES, require
from strandloom.engines.source import Source


def make_files(name: EngineName, source: Source) -> dict[str, bytes]:
    """What an engine stores of a network, suffix to content; nothing for torch-bf16.

    Raises
    ------
    UsageError
        A package is not installed.
    Exception
        The library cannot express the network; which error it raises is its own affair.
    """
    require(MAKE_PACKAGES[name], engine=name)
    if name == "torch-bf16":
        return {}
    if name.startswith("onnx"):
        from strandloom.engines import onnx_runtime

        return onnx_runtime.fp32(source) if name == "onnx-fp32" else onnx_runtime.int8(source)
    from strandloom.engines import openvino_runtime

    return openvino_runtime.bf16(source) if name == "openvino-bf16" else openvino_runtime.int8(source)


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
    """
    require(RUN_PACKAGES[name], engine=name)
    if name == "torch-bf16":
        from strandloom.engines.torch_bf16 import BF16Network

        return BF16Network(network).eval()
    if name.startswith("onnx"):
        from strandloom.engines.onnx_runtime import OnnxNetwork

        return OnnxNetwork(files["onnx"], threads=threads).eval()
    from strandloom.engines.openvino_runtime import OpenVINONetwork

    return OpenVINONetwork(files["xml"], files["bin"], threads=threads).eval()


def stored_path(name: EngineName, member: int, suffix: str) -> str:
    """Where a file of an engine stands in the bundle."""
    return f"{FOLDER}/{name}/{member}.{suffix}"
