"""What an engine is made from: a trained network, training rows, and the network as an ONNX graph."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from strandloom.engines.settings import BATCH_ROWS
from strandloom.training.onehot import one_hot, one_hot_table

INPUT, OUTPUT = "onehot", "scores"
"""Names of the graph's input float32 ``(B, C, L)`` and output float32 ``(B, K)``."""
OPSET = 17
MASKED = -1e30


@dataclass(frozen=True, eq=False)
class Source:
    """A trained network of a bundle.

    Parameters
    ----------
    network
        Maps one-hot float32 ``(B, C, L)`` to raw scores ``(B, K)``; on the CPU, in evaluation mode.
    calibration
        Codes of training rows, uint8 ``(n, L)``, as the network meets them (under ``strand: both`` with their reverse complements).
    """

    network: nn.Module
    calibration: NDArray[np.uint8]

    def calibration_batches(self, rows: int = BATCH_ROWS) -> Iterator[NDArray[np.float32]]:
        """The calibration rows as one-hot float32 ``(b, C, L)``."""
        table = one_hot_table()
        for start in range(0, len(self.calibration), rows):
            yield one_hot(torch.from_numpy(self.calibration[start : start + rows].copy()), table).numpy()

    @cached_property
    def graph(self) -> bytes:
        """The network as ONNX, for any number of sequences of ``L`` bases.

        Raises
        ------
        Exception
            Whatever torch raises where it cannot express a network of the user's own; nothing narrower is promised by it.
        """
        example = one_hot(torch.from_numpy(self.calibration[:2].copy()), one_hot_table())
        made = io.BytesIO()
        # The tracing exporter is the quicker one; it knows the padding mask to be part of the graph (models.blocks.padding_mask).
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is the older one; what it traced is compared with fp32 below
            torch.onnx.export(
                self.network,
                (example,),
                made,  # type: ignore[arg-type]  # a buffer is fine for the tracing exporter
                dynamo=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=OPSET,
            )
        return _with_masks_in_bfloat16(made.getvalue())


def _with_masks_in_bfloat16(graph: bytes) -> bytes:
    """The graph with ``MASKED`` for the least fp32 number, by which padding is masked.

    That number has no place in bfloat16 and becomes minus infinity there, whose softmax over a row of nothing but padding is NaN.
    The scores in fp32 stay the same: either number has a softmax weight of zero beside any score, and equal weights among its like.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    constants = [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in (*model.graph.initializer, *constants):
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if (values <= np.finfo(np.float32).min).any():
            tensor.CopyFrom(numpy_helper.from_array(np.maximum(values, np.float32(MASKED)), tensor.name))
    return bytes(model.SerializeToString())
