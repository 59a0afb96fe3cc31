"""DeepLIFT against shuffled references: how the differences of inputs share the difference of scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from strandloom.alphabet import Codes
from strandloom.explain.gradient import (
    Attributed,
    blocks,
    checked_references,
    cleared,
    encoded,
    hypothetical,
    input_gradient,
)
from strandloom.explain.rescale import Multipliers
from strandloom.explain.score import Explained


@torch.inference_mode(False)
def deeplift(
    score: Explained,
    codes: Codes,
    *,
    references: Codes,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Attributed:
    """DeepLIFT (Shrikumar et al. 2017, rescale rule) averaged over references (Lundberg & Lee 2017).

    ``scores[n, b, p]`` is the mean over references of ``Σ_c m[c, p] (1[c = b] - reference[c, p])`` with the multipliers ``m``: the
    hypothetical contributions of TF-MoDISco. Those of the bases that stand there sum to the score minus the mean score of the references.

    Parameters
    ----------
    score
        What is explained; moved to ``device``.
    codes
        uint8 ``(N, L)``.
    references
        uint8 ``(N, R, L)``: what each sequence is compared with; pads and gaps where the sequence has them.
    batch_size
        Rows in a pass, each sequence beside its references; the result does not depend on it beyond rounding.
    progress
        Called with the number of sequences done so far.

    Raises
    ------
    UsageError
        The score has no gradient in its input, or there are no references.

    Notes
    -----
    The rules are those of :class:`~strandloom.explain.rescale.Multipliers`. A pass costs one forward and one backward pass of R + 1 rows.
    """
    copies = checked_references(codes, references)
    score.to(device)
    out = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    predicted, baseline = np.zeros((2, len(codes)), np.float32)
    beside = min(copies, max(1, batch_size - 1))
    for rows in blocks(len(codes), max(1, batch_size // (1 + beside))):
        for part in blocks(copies, beside):
            taken = np.concatenate([codes[rows, None], references[rows, part]], axis=1)  # (n, 1 + r, L)
            n, group, length = taken.shape
            x = encoded(taken.reshape(-1, length), device).requires_grad_()
            with torch.enable_grad():
                with Multipliers(rows=len(x), group=group):
                    y = score(x)
                y = y.unflatten(0, (n, group))
                multipliers = input_gradient(y[:, 1:].sum(), x)
            multipliers, start = (t.detach().unflatten(0, (n, group))[:, 1:] for t in (multipliers, x))
            out[rows] += (hypothetical(multipliers, start).sum(dim=1) / copies).cpu().numpy()
            predicted[rows] = y[:, 0].detach().cpu().numpy()
            baseline[rows] += (y[:, 1:].detach().sum(dim=1) / copies).cpu().numpy()
        if progress is not None:
            progress(rows.stop)
    return Attributed(cleared(out, codes), predicted, baseline)
