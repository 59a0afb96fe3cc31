"""ONNX Runtime on the CPU: the graph in fp32, or quantised to 8 bits with ranges from training rows."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.engines.source import INPUT, OUTPUT, Source

QUANTISED = ("Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Concat")
"""Operators in 8 bits. Where and softmax stay in fp32: padding is masked with the least number there is, which has no place in 8 bits."""


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
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        """Calibration batches as the quantiser asks for them."""

        def __init__(self) -> None:
            self.batches: Iterator[NDArray[np.float32]] = source.calibration_batches()

        def get_next(self) -> dict[str, Any] | None:
            """The next batch; None at the end."""
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)  # it warns through the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
            quant_pre_process(onnx.load_from_string(source.graph), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(made),
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
            return {"onnx": made.read_bytes()}
    finally:
        logger.setLevel(before)
