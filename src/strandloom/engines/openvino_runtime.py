"""OpenVINO on the CPU: the graph in bfloat16, or quantised to 8 bits by nncf with ranges from training rows."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from strandloom.engines.source import Source


class OpenVINONetwork(nn.Module):
    """An OpenVINO model behind the interface of a network, compiled for each batch size that it meets.

    Parameters
    ----------
    xml, weights
        Content of the two files.
    threads
        Threads on the CPU.
    """

    def __init__(self, xml: bytes, weights: bytes, *, threads: int) -> None:
        super().__init__()
        import openvino

        self._core = openvino.Core()
        self._weights = (
            np.frombuffer(weights, np.uint8) if weights else np.zeros(1, np.uint8)
        )  # the model points into it
        self._model = self._core.read_model(model=xml, weights=openvino.Tensor(self._weights))
        self._threads = threads
        self._compiled: dict[int, Any] = {}

    def _request(self, batch: int, rest: tuple[int, ...]) -> Any:
        if batch not in self._compiled:
            model = self._model.clone()
            model.reshape([batch, *rest])  # fixed shapes compute faster than open ones
            config = {
                "INFERENCE_NUM_THREADS": self._threads,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "bf16",  # fp32 where the processor has no bfloat16
                "ENABLE_CPU_PINNING": False,
            }
            self._compiled[batch] = self._core.compile_model(model, "CPU", config).create_infer_request()
        return self._compiled[batch]

    def forward(self, x: Tensor) -> Tensor:
        """One-hot float32 ``(B, C, L)`` to raw scores, float32 ``(B, K)``."""
        request = self._request(len(x), tuple(x.shape[1:]))
        request.infer([x.numpy()], share_inputs=True)
        return torch.from_numpy(
            np.array(request.get_output_tensor(0).data, np.float32)
        )  # a copy: the tensor is used again


def bf16(source: Source) -> dict[str, bytes]:
    """Files of the bfloat16 variant, suffix to content: weights stay in fp32, the arithmetic is bfloat16."""
    return _files(_read(source))


def int8(source: Source) -> dict[str, bytes]:
    """Files of the 8-bit variant, suffix to content."""
    with _offline():
        import nncf
    nncf.set_log_level(40)  # errors
    batches = [batch[:1] for batch in source.calibration_batches(1)]
    with _silent():
        made = nncf.quantize(
            _read(source), nncf.Dataset(batches), subset_size=len(batches), preset=nncf.QuantizationPreset.MIXED
        )
    return _files(made)


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
def _offline() -> Iterator[None]:
    """nncf reports each call to its makers unless their telemetry package is missing when it is first imported."""
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before


@contextmanager
def _silent() -> Iterator[None]:
    """Without nncf's progress bars: they would stand among the results on stdout."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()):
        yield
