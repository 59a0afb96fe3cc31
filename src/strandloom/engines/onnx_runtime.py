"""ONNX Runtime on the CPU: the graph in fp32, or in 8 bits with ranges from training rows or from each batch."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.bundle import EngineName
from strandloom.engines.source import INPUT, OUTPUT, Source

QUANTISED = ("Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Concat")
"""Operators in 8 bits. Where and softmax stay in fp32: padding is masked with the least number there is, which has no place in 8 bits."""
DYNAMIC = ("MatMul", "Gemm", "LSTM")
"""Operators in 8 bits where the ranges are those of each batch: convolutions have no quick form of it."""


class OnnxNetwork(nn.Module):
    """An ONNX file behind the interface of a network.

    Parameters
    ----------
    graph
        Content of the file.
    threads
        Threads on the CPU.
    """

    def __init__(self, graph: bytes, *, threads: int) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def forward(self, x: Tensor) -> Tensor:
        """One-hot float32 ``(B, C, L)`` to raw scores, float32 ``(B, K)``."""
        (scores,) = self._session.run([OUTPUT], {INPUT: x.numpy()})
        return torch.from_numpy(scores)


def fp32(source: Source) -> dict[str, bytes]:
    """Files of the fp32 variant, suffix to content."""
    return {"onnx": source.graph}


def int8(source: Source) -> dict[str, bytes]:
    """Files of the 8-bit variant, suffix to content: weights per channel, activations with ranges from the calibration rows."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        """Calibration batches as the quantiser asks for them."""

        def __init__(self) -> None:
            self.batches: Iterator[NDArray[np.float32]] = source.calibration_batches()

        def get_next(self) -> dict[str, Any] | None:
            """The next batch; None at the end."""
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    with _prepared(source) as (prepared, made, exact):
        quantize_static(
            prepared,
            made,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            nodes_to_exclude=exact,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
        return {"onnx": Path(made).read_bytes()}


def int8_dynamic(source: Source) -> dict[str, bytes]:
    """Files of the variant with 8-bit weights in dense and recurrent layers, suffix to content; each batch has its own ranges."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _prepared(source) as (prepared, made, exact):
        quantize_dynamic(
            prepared,
            made,
            op_types_to_quantize=list(DYNAMIC),
            nodes_to_exclude=exact,
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
        return {"onnx": Path(made).read_bytes()}


MAKE: dict[EngineName, Callable[[Source], dict[str, bytes]]] = {
    "onnx-fp32": fp32,
    "onnx-int8": int8,
    "onnx-int8-dynamic": int8_dynamic,
}
"""How each variant is made."""


@contextmanager
def _prepared(source: Source) -> Iterator[tuple[str, str, list[str]]]:
    """The graph as a file for a quantiser, where its work goes, and the nodes that stay in fp32: those that give the scores.

    Eight bits for the last layer gain no time and cost the most: they are the resolution of the scores, and clip those beyond the
    calibration rows'.
    """
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)  # the quantisers warn through the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared, made = str(Path(folder) / "prepared.onnx"), str(Path(folder) / "int8.onnx")
            quant_pre_process(onnx.load_from_string(source.graph), prepared, skip_symbolic_shape=True)
            exact = [node.name for node in onnx.load(prepared).graph.node if OUTPUT in node.output]
            yield prepared, made, exact
    finally:
        logger.setLevel(before)
