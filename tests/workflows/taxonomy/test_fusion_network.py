"""The network of the published form and its loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from strandloom.workflows.taxonomy.fusion_network import FusionNetwork, fusion_loss

WIDTH, CELLS, SPECIES = 21, 12, 7


def inputs(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    bases = nn.functional.one_hot(torch.randint(0, 4, (rows, WIDTH), generator=generator), 4).transpose(1, 2)
    return bases.float().contiguous(), torch.rand(rows, CELLS + 1, generator=generator)


def network() -> FusionNetwork:
    torch.manual_seed(1)
    return FusionNetwork(WIDTH, CELLS, SPECIES)


def test_it_is_the_published_stack() -> None:
    own = network().eval()
    bases, place = inputs(5)
    x = bases
    for at in (0, 3):
        conv, norm = own.sequence[at], own.sequence[at + 1]
        assert isinstance(conv, nn.Conv1d)
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        x = nn.functional.conv1d(x, conv.weight, conv.bias, padding=1)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        x = ((x - norm.running_mean[:, None]) * scale[:, None] + norm.bias[:, None]).relu()
    x = nn.functional.max_pool1d(x, 2)  # (B, 128, 10)
    assert x.shape == (5, 128, 10)
    both = torch.cat([x.transpose(1, 2).flatten(1), own.place(place)], dim=1)
    torch.testing.assert_close(own(bases, place), own.join(both).log_softmax(1), rtol=1e-4, atol=1e-5)
    sizes = [tuple(x.weight.shape) for x in own.modules() if isinstance(x, nn.Linear)]
    assert sizes == [(128, CELLS + 1), (64, 128), (256, 1280 + 64), (SPECIES, 256)]


def test_rows_do_not_see_each_other() -> None:
    own = network().eval()
    bases, place = inputs(6)
    with torch.no_grad():
        whole = own(bases, place)
        one = torch.cat([own(bases[i : i + 1], place[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(whole, one, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole.exp().sum(1), torch.ones(6))


def test_the_penalty_is_mass_out_of_range_less_mass_in_range() -> None:
    logs = torch.from_numpy(np.log([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]]))
    signs = torch.tensor(
        [[1, -1, 0], [0, 0, 0]], dtype=torch.int8
    )  # no data of the third species, no place of the second row
    loss = fusion_loss(logs, torch.tensor([2, 1]), signs)
    np.testing.assert_allclose(float(loss.penalty), (0.2 - 0.3) / 2)
    np.testing.assert_allclose(float(loss.truth), -(np.log(0.5) + np.log(0.6)) / 2)
    np.testing.assert_allclose(float(loss.total()), float(loss.truth) + 0.5 * float(loss.penalty))


def test_species_without_data_are_not_penalised() -> None:
    logs = torch.zeros(1, 3, requires_grad=True)
    raw = logs.log_softmax(1)
    unknown = fusion_loss(raw, torch.tensor([0]), torch.tensor([[0, 0, 0]], dtype=torch.int8))
    assert unknown.penalty.item() == 0
    unknown.penalty.backward()
    assert not logs.grad.any()  # type: ignore[union-attr]
