from __future__ import annotations

import torch
from torch import nn

from strandloom.training.average import Average


def test_closed_form_and_buffers() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    average = Average(model, 0.5)
    expected = {name: x.detach().clone().double() for name, x in model.state_dict().items()}
    for step in range(30):
        with torch.no_grad():
            model[0].weight.fill_(step)
            model[1].running_mean.fill_(2 * step)
            model[1].num_batches_tracked.add_(1)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        for name in ("0.weight", "1.running_mean"):
            expected[name] = decay * expected[name] + (1 - decay) * model.state_dict()[name].double()
    for name in ("0.weight", "1.running_mean"):
        torch.testing.assert_close(average.state()[name].double(), expected[name], rtol=1e-5, atol=1e-5)
    assert average.state()["1.num_batches_tracked"] == 30
    assert not any(x.requires_grad for x in average.model.parameters())


def test_weights_that_move_in_memory_are_followed() -> None:
    """As those of an LSTM on a card do when cuDNN first runs it."""
    model = nn.Linear(1, 1)
    average = Average(model, 0.5)
    for one in (model, average.model):
        one.weight.data = one.weight.data.clone()
    with torch.no_grad():
        model.weight.fill_(1000.0)
    average.update(10**6)
    assert average.model.get_parameter("weight").item() > 400


def test_none_follows_the_model() -> None:
    model = nn.Linear(1, 1)
    assert Average(model, None).model is model
