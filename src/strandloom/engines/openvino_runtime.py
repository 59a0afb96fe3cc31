"""OpenVINO on the CPU: the graph in fp32 or bfloat16, or quantised to 8 bits by nncf with ranges from training rows."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from strandloom.bundle import EngineName
from strandloom.engines.source import Source

QUANTISED = "Convolution"
"""The operator in 8 bits."""


class OpenVINONetwork(nn.Module):
    """An OpenVINO model behind the interface of a network, compiled for each batch size that it meets.

    Parameters
    ----------
    xml, weights
        Content of the two files.
    threads
        Threads on the CPU.
    precision
        Arithmetic of what is not in 8 bits; ``bf16`` is fp32 where the processor has no bfloat16.
    """

    def __init__(self, xml: bytes, weights: bytes, *, threads: int, precision: Literal["f32", "bf16"]) -> None:
        super().__init__()
        import openvino

        self._core = openvino.Core()
        self._weights = (
            np.frombuffer(weights, np.uint8) if weights else np.zeros(1, np.uint8)
        )  # the model points into it
        self._model = self._core.read_model(model=xml, weights=openvino.Tensor(self._weights))
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: dict[int, Any] = {}
        self._busy = threading.Lock()  # one request, one output tensor

    def _request(self, batch: int, rest: tuple[int, ...]) -> Any:
        if batch not in self._compiled:
            model = self._model.clone()
            model.reshape([batch, *rest])  # fixed shapes compute faster than open ones
            self._compiled[batch] = self._core.compile_model(model, "CPU", self._config).create_infer_request()
        return self._compiled[batch]

    def forward(self, x: Tensor) -> Tensor:
        """One-hot float32 ``(B, C, L)`` to raw scores, float32 ``(B, K)``."""
        with self._busy:
            request = self._request(len(x), tuple(x.shape[1:]))
            request.infer([x.numpy()], share_inputs=True)
            return torch.from_numpy(
                np.array(request.get_output_tensor(0).data, np.float32)
            )  # a copy: the tensor is used again


def unchanged(source: Source) -> dict[str, bytes]:
    """Files of the fp32 and of the bfloat16 variant, suffix to content: the weights are fp32, the arithmetic is chosen when opened."""
    return _files(_read(source))


def int8(source: Source) -> dict[str, bytes]:
    """Files of the 8-bit variant, suffix to content.

    Only convolutions are in 8 bits. Dense layers gain no time, and OpenVINO 2026.4 computes some of them wrongly in 8 bits (one between
    ReLU and batch norm, by several standard deviations of the scores); sums and maxima would spend their 8 bits on ``source.MASKED``.
    Ranges are the least and the largest value of all calibration rows: nncf's default, the mean over batches of the largest, clips
    (errors of the scores up to 40 times as large).
    """
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(40)  # errors
    model = _read(source)
    others = {node.get_type_name() for node in model.get_ordered_ops()} - {QUANTISED, "Parameter", "Constant", "Result"}
    batches = list(source.calibration_batches())
    with _silent():
        made = nncf.quantize(
            model,
            nncf.Dataset(batches),
            subset_size=len(batches),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(types=sorted(others)),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
        )
    return _files(made)


MAKE: dict[EngineName, Callable[[Source], dict[str, bytes]]] = {
    "openvino-fp32": unchanged,
    "openvino-bf16": unchanged,
    "openvino-int8": int8,
}
"""How each variant is made."""


def _read(source: Source) -> Any:
    import openvino

    return openvino.Core().read_model(model=source.graph)


def _files(model: Any) -> dict[str, bytes]:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, str(path), compress_to_fp16=False)
        return {"xml": path.read_bytes(), "bin": path.with_suffix(".bin").read_bytes()}


@contextmanager
def _silent() -> Iterator[None]:
    """Without nncf's progress bars: they would stand among the results on stdout."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()):
        yield
