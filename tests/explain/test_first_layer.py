"""First-layer kernels of every network: found where they are, and computed as the network computes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.errors import UsageError
from strandloom.explain.first_layer import first_kernels
from strandloom.models.build import build
from strandloom.models.settings import (
    ConvBlockSettings,
    GlobalPoolBlockSettings,
    LayersSettings,
    ModelSettings,
    MultiscaleSettings,
    NormBlockSettings,
    ResidualSettings,
)

LAYERS = LayersSettings(
    blocks=(
        ConvBlockSettings(filters=6, width=5, padding="same"),
        NormBlockSettings(),
        ConvBlockSettings(filters=4, width=3),  # its 6 channels are no bases
        GlobalPoolBlockSettings(),
    )
)


def one_hot(rows: int = 3, length: int = 60, seed: int = 1) -> Tensor:
    codes = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (rows, length)))
    return F.one_hot(codes, 4).float().transpose(1, 2)


@pytest.mark.parametrize(
    ("settings", "filters", "widths"),
    [
        (ResidualSettings(), ResidualSettings().filters, None),
        (MultiscaleSettings(), sum(MultiscaleSettings().filters_by_width), set(MultiscaleSettings().widths)),
        (LAYERS, 6, {5}),
    ],
)
def test_our_networks(settings: ModelSettings, filters: int, widths: set[int] | None) -> None:
    found = first_kernels(build(settings, channels=4, length=60, outputs=2), 60)
    assert sum(len(x.weight) for x in found) == filters
    assert all(x.weight.shape[1] == 4 for x in found)
    assert widths is None or {x.span for x in found} == widths


def test_the_tutorial_network() -> None:
    from strandloom.models.tutorial import Tutorial

    found = first_kernels(Tutorial(channels=4, outputs=1), 60)
    assert [x.span for x in found] == [3, 7, 15, 25]


def shaken(module: nn.Module) -> nn.Module:
    """Batch norms with statistics and gains of their own."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
    return module.eval()


def test_a_norm_behind_kernels_of_several_widths_is_folded_in() -> None:
    from strandloom.models.blocks import ConvBlock
    from strandloom.models.channels_last import channels_last

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = ConvBlock(4, 10, (5, 9))

        def forward(self, x: Tensor) -> Tensor:
            return self.block(channels_last(x)).amax(dim=(2, 3))

    net = shaken(Net())
    x = one_hot()
    with torch.no_grad():
        truth = net.block(channels_last(x))[:, :, 0]  # (B, 10, L)
        own = [F.relu(F.conv1d(x, k.weight, k.bias)) for k in first_kernels(net, 60)]
    assert [len(k[0]) for k in own] == [5, 5]
    torch.testing.assert_close(own[0], truth[:, :5, 2:-2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(own[1], truth[:, 5:, 4:-4], atol=1e-5, rtol=1e-4)


class Foreign(nn.Module):
    """A network as others write it: rows of one, zeros put on by hand, the norm after the non-linearity."""

    def __init__(self, conv: nn.Module, *, rows: str) -> None:
        super().__init__()
        self.conv, self.rows, self.act = conv, rows, nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (3, 3))
        x = x[:, :, None] if self.rows == "one" else x[:, None] if self.rows == "bases" else x
        return self.act(self.conv(x)).flatten(2).amax(dim=2)


@pytest.mark.parametrize(
    ("conv", "rows"),
    [
        (nn.Conv1d(4, 3, 5, dilation=2), "none"),
        (nn.Conv2d(4, 3, (1, 5), dilation=(1, 2)), "one"),
        (nn.Conv2d(1, 3, (4, 5), dilation=(1, 2)), "bases"),
    ],
)
def test_foreign_networks(conv: nn.Module, rows: str) -> None:
    net = Foreign(conv, rows=rows).train()
    (found,) = first_kernels(net, 60)
    assert net.training
    assert (found.name, found.span, found.dilation) == ("conv", 9, 2)
    assert found.activation is net.act
    x = one_hot()
    with torch.no_grad():
        inner = F.conv1d(F.pad(x, (3, 3)), found.weight, found.bias, dilation=2)
        torch.testing.assert_close(net.act(inner).amax(dim=2), net(x))


def test_a_network_without_kernels_says_so() -> None:
    with pytest.raises(UsageError, match="no convolution over the four bases"):
        first_kernels(nn.Sequential(nn.Flatten(), nn.Linear(240, 2)), 60)
