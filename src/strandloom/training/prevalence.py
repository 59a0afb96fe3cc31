"""Labels begin at their shares: with rare ones a network would spend its first epochs on learning to answer "no"."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def begin_at_prevalence(model: nn.Module, targets: Tensor) -> bool:
    """Set the bias of the last dense layer to the log odds of each label's share, half a row added to either side.

    Parameters
    ----------
    model
        Its last dense layer gives the raw scores, or nothing is changed.
    targets
        0/1 float ``(N, K)`` of the training rows.

    Returns
    -------
    bool
        Whether there was such a layer.
    """
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not dense or dense[-1].out_features != targets.shape[1] or dense[-1].bias is None:
        return False
    share = (targets.double().sum(0) + 0.5) / (len(targets) + 1.0)
    with torch.no_grad():
        dense[-1].bias.copy_(torch.logit(share))
    return True
