"""Raw scores of many sequences: batches of one fixed size, so that no row depends on how many came with it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.training.arrays import tensor
from strandloom.training.onehot import one_hot, one_hot_table, reverse_complement
from strandloom.training.settings import Precision, Strand

BATCH, BATCH_BASES = 256, 256_000
"""Rows, and bases, of a forward pass: activations of usual models stay in the cache, and long sequences do not fill the memory."""


def batch_rows(length: int) -> int:
    """Rows of a forward pass for sequences of so many bases."""
    return max(1, min(BATCH, BATCH_BASES // max(length, 1)))


def logits(
    model: nn.Module,
    codes: NDArray[np.uint8] | Tensor,
    lengths: NDArray[np.int32] | Tensor | None = None,
    *,
    strand: Strand = "one",
    batch_size: int | None = None,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    anchor: str = "left",
) -> NDArray[np.float32]:
    """Raw scores of a model, averaged over both strands under ``strand="both"``.

    Every forward pass has exactly ``batch_size`` rows: the last is filled up with copies of its first row, whose scores
    are dropped. So a row's scores are the same bits wherever it stands, for a given ``batch_size``.

    Parameters
    ----------
    model
        Moved to ``device`` and run in evaluation mode; its mode is put back.
    codes
        uint8 (N, L); may be memory-mapped, only a batch at a time is read.
    lengths
        Bases per row, int (N,); None when every row fills all L columns. Only used under ``strand="both"``.
    batch_size
        Rows per forward pass; None: :func:`batch_rows`.
    precision
        ``fp32`` unless the caller wants speed above all.
    anchor
        Where rows shorter than L stand.

    Returns
    -------
    ndarray
        float32 (N, K).
    """
    where = torch.device(device)
    rows = codes if isinstance(codes, Tensor) else tensor(codes)
    sizes = lengths if lengths is None or isinstance(lengths, Tensor) else tensor(lengths)
    table = one_hot_table(where)
    batch_size = batch_size or batch_rows(rows.shape[1])
    model.to(where)
    training = model.training
    model.eval()
    parts: list[Tensor] = []
    try:
        with torch.inference_mode(), torch.autocast(where.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            for start in range(0, max(len(rows), 1), batch_size):
                block, size = _filled(rows, sizes, start, batch_size)
                block = block.to(where)
                scores = model(one_hot(block, table)).float()
                if strand == "both":
                    turned = reverse_complement(block, None if size is None else size.to(where), anchor)
                    scores = (scores + model(one_hot(turned, table)).float()) / 2
                parts.append(scores[: len(rows) - start].cpu())
    finally:
        model.train(training)
    return torch.cat(parts).numpy()


def _filled(rows: Tensor, sizes: Tensor | None, start: int, count: int) -> tuple[Tensor, Tensor | None]:
    """Rows ``start : start + count``, filled up to ``count`` with the first of them (with pads when there is none)."""
    block = rows[start : start + count]
    size = None if sizes is None else sizes[start : start + count]
    missing = count - len(block)
    if not missing:
        return block, size
    if not len(block):  # no row at all: one pass over zeros tells K
        return block.new_zeros((count, rows.shape[1])), None
    filled = torch.cat([block, block[:1].expand(missing, -1)])
    return filled, None if size is None else torch.cat([size, size[:1].expand(missing)])
